"""Any model that Inspect reaches, through Inspect's own model interface.

    InspectModel("anthropic/claude-...")          # inspect:anthropic/claude-...
    InspectModel("mockllm/model")                 # offline

Keys come from the environment, under the names that Inspect documents for each provider. Inspect
tries again after faults that may pass; what it gives up on is that one call's error.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..errors import MissingExtra, MsbError, StopRun
from ..records import RAW, Conversation, Response, Sampling
from .model import Meter
from .settings import Endpoint

if TYPE_CHECKING:
    from inspect_ai.model import GenerateConfig, Model, ModelOutput

FAILURES_IN_A_ROW = 25
"""Calls that may fail one after the other before the run stops: the next would fail too."""

FINISH_REASONS = {"max_tokens": "length", "model_length": "length", "unknown": None}
"""Where Inspect's word for why a model stopped is not ours."""


class InspectModel:
    """See the module's docstring. ``options`` are passed on to Inspect's ``get_model``.

    Raises MsbError for a provider that Inspect does not know, or a key that is missing.
    """

    def __init__(
        self,
        name: str,
        endpoint: Endpoint | None = None,
        meter: Meter | None = None,
        **options: Any,
    ) -> None:
        endpoint = endpoint or Endpoint()
        self.name = f"inspect:{name}"
        self.concurrency = endpoint.concurrency
        self.meter = meter or Meter()
        self._endpoint = endpoint
        self._model = _open(name, endpoint, options)
        self._failures = 0

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        """The name, with the revision or the address if one was given."""
        where = {"revision": self._endpoint.revision, "url": self._endpoint.url}
        given = {key: value for key, value in where.items() if value}
        return {"model": self.name, **dict(list(given.items())[:1])}

    async def complete(self, conversation: Conversation, sampling: Sampling) -> Response:
        """See ``Model.complete``. Calls that Inspect makes again by itself are not counted."""
        self.meter.call()
        messages, config = to_inspect(conversation), _config(sampling, self._endpoint)
        try:
            output = await self._model.generate(messages, config=config)
        except Exception as error:
            return self._failed(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
        if output.error:
            return self._failed(" ".join(output.error.split())[:300])
        self._failures = 0
        response = read_output(output)
        self.meter.tokens(response)
        return response

    def _failed(self, why: str) -> Response:
        self._failures += 1
        if self._failures >= FAILURES_IN_A_ROW:
            raise StopRun(f"{self.name}: {self._failures} calls in a row failed; the last: {why}")
        return Response(error=why)

    async def close(self) -> None:
        """Nothing: Inspect keeps its clients for others who use them."""


def _open(name: str, endpoint: Endpoint, options: Mapping[str, Any]) -> Model:
    try:
        from inspect_ai.model import get_model
    except ImportError:
        raise MissingExtra("inspect: models", "inspect") from None
    key = os.environ.get(endpoint.key_env) if endpoint.key_env else None
    if endpoint.key_env and not key:
        raise MsbError(f"no key: the variable {endpoint.key_env} is not set")
    if endpoint.template:
        raise MsbError(f"inspect:{name}: templates are for hf: models; drop the template")
    try:
        # Not memoised: two runs may want the same model with other settings.
        return get_model(name, base_url=endpoint.url, api_key=key, memoize=False, **options)
    except Exception as error:
        # Inspect marks its messages up for the terminal; one plain line is left of them.
        from rich.errors import MarkupError
        from rich.text import Text

        text = str(error)
        with suppress(MarkupError):
            text = Text.from_markup(text).plain
        raise MsbError(f"inspect:{name}: {' '.join(text.split())[:300]}") from None


def to_inspect(conversation: Conversation) -> list[Any]:
    """The conversation as Inspect's messages. Raises StopRun for a text without a chat."""
    from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser

    kinds: Mapping[str, Any] = {
        "system": ChatMessageSystem,
        "user": ChatMessageUser,
        "assistant": ChatMessageAssistant,
    }
    if conversation[0]["role"] == RAW:
        raise StopRun("inspect: models are asked through chat; drop the prompt style")
    return [kinds[turn["role"]](content=turn["content"]) for turn in conversation]


def _config(sampling: Sampling, endpoint: Endpoint) -> GenerateConfig:
    from inspect_ai.model import GenerateConfig

    known = GenerateConfig.model_fields
    settings: dict[str, Any] = {
        "temperature": sampling.temperature,
        "max_tokens": sampling.max_tokens,
        "seed": sampling.seed,
        "max_connections": endpoint.concurrency,
        "max_retries": endpoint.retries,
        "attempt_timeout": max(1, round(endpoint.timeout)),
    }
    for name, value in sampling.extra.items():
        if name not in known:
            raise StopRun(f"inspect: has no parameter {name!r}; see Inspect's GenerateConfig")
        settings[name] = value
    return GenerateConfig(**settings)


def read_output(output: ModelOutput) -> Response:
    """What a model said, as a response. Its reasoning, where there is any, is not part of it."""
    reason = output.stop_reason if output.choices else None
    usage = output.usage
    return Response(
        text=output.completion,
        finish_reason=FINISH_REASONS.get(reason, reason) if reason else None,
        input_tokens=usage.input_tokens if usage else None,
        output_tokens=usage.output_tokens if usage else None,
        latency=output.time,
    )
