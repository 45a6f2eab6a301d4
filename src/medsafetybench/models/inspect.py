"""Any model that Inspect reaches, through Inspect's own model interface.

    InspectModel("anthropic/claude-...")          # inspect:anthropic/claude-...
    InspectModel("mockllm/model")                 # offline

Keys come from the environment, under the names that Inspect documents for each provider. Inspect
tries again after faults that may pass; what it gives up on is that one call's error.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from ..cells import count_of, seconds_of
from ..errors import MissingExtra, MsbError, StopRun, one_line
from ..records import RAW, Conversation, Response, Sampling
from .health import Health
from .keys import key_in, response_without_key, without_key
from .model import Meter
from .settings import Endpoint
from .thinking import apart

if TYPE_CHECKING:
    from inspect_ai.model import GenerateConfig, Model, ModelOutput

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
        self._key = _key(endpoint)
        self._model = _open(name, endpoint, self._key, options)
        self._health = Health()

    @classmethod
    def open(cls, name: str, endpoint: Endpoint, role: str, meter: Meter | None) -> Self:
        """See ``opening``."""
        return cls(name, endpoint, meter)

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
            said = without_key(str(error), self._key)
            return self._failed(f"{type(error).__name__}: {one_line(said)}")
        if output.error:
            return self._failed(one_line(without_key(output.error, self._key)))
        response = response_without_key(read_output(output), self._key)
        if response.error:
            return self._failed(response.error)
        self._health.success()
        self.meter.tokens(response)
        return response

    def _failed(self, why: str) -> Response:
        if self._health.failure():
            failures = self._health.failures
            raise StopRun(f"{self.name}: {failures} calls in a row failed; the last: {why}")
        return Response(error=why)

    async def close(self) -> None:
        """Nothing: Inspect keeps its clients for others who use them."""


def _key(endpoint: Endpoint) -> str | None:
    """The key that was named; others Inspect finds by itself."""
    if not endpoint.key_env:
        return None
    if key := key_in(endpoint.key_env):
        return key
    raise MsbError(f"no key: the variable {endpoint.key_env} is not set")


def _open(name: str, endpoint: Endpoint, key: str | None, options: Mapping[str, Any]) -> Model:
    try:
        from inspect_ai.model import get_model
    except ImportError:
        raise MissingExtra("inspect: models", "inspect") from None
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
        raise MsbError(f"inspect:{name}: {one_line(text)}") from None


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
    """What a model said, as a response, its reasoning apart.

    Inspect puts a provider's words where an answer would be if a filter took it, or the prompt did
    not fit: those are a notice and an error.
    """
    given = output.stop_reason if output.choices else None
    usage = output.usage
    text = output.completion
    if given == "model_length" and usage is None:
        return Response(error=f"the prompt does not fit: {one_line(text)}", latency=output.time)
    reason = FINISH_REASONS.get(given, given) if given else None
    if reason == "content_filter" and _declined(output):
        reason = "stop"
    filtered = reason == "content_filter"
    return apart(
        Response(
            text="" if filtered else text,
            finish_reason=reason,
            input_tokens=count_of(usage.input_tokens) if usage else None,
            output_tokens=count_of(usage.output_tokens) if usage else None,
            latency=seconds_of(output.time),
            thinking=_reasoning(output) or None,
            thinking_tokens=count_of(usage.reasoning_tokens) if usage else None,
            notice=one_line(text) or None if filtered else None,
        )
    )


def _parts(output: ModelOutput) -> list[Any]:
    """The parts of what was said; none where it is one text."""
    content = output.message.content if output.choices else ""
    return [] if isinstance(content, str) else list(content)


def _declined(output: ModelOutput) -> bool:
    """True if the model itself refused, as some providers say in a field of its own."""
    return any(getattr(part, "refusal", None) for part in _parts(output))


def _reasoning(output: ModelOutput) -> str:
    """What the model thought, or what its provider tells of it."""
    thoughts = [part for part in _parts(output) if part.type == "reasoning"]
    told = (part.summary if part.redacted else part.reasoning for part in thoughts)
    return "\n\n".join(filter(None, told))
