"""Exports of promptfoo as records of ours; its own scores are not on our scale.

    read_promptfoo(Path("results.json"))      # promptfoo eval --output results.json (or .jsonl)

A record for each provider; two configurations of one provider, which have one name, are two.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import jsontext
from ..cells import count_of, seconds_of
from ..conversations import Asked, answer_in, chat_in, split
from ..errors import MsbError
from ..records import Conversation, Response
from ..tables import rows
from .gathering import Gathering
from .recorded import Recorded

Result = Mapping[str, Any]


def read_promptfoo(path: Path, intent: str | None = None) -> list[Recorded]:
    """The records in an export. Raises MsbError for what is none."""
    found = Gathering(path, "promptfoo", intent)
    configurations = _Configurations()
    for number, (where, result) in enumerate(_results(path), 1):
        prompt, provider = result.get("prompt"), result.get("provider")
        raw = prompt.get("raw") if isinstance(prompt, Mapping) else prompt
        name = _name(provider)
        if not isinstance(raw, str) or not name:
            raise MsbError(f"{where}: expected prompt.raw and provider.id")
        place = [result.get("testIdx"), result.get("promptIdx")]
        identity = "/".join("" if one is None else str(one) for one in place)
        asked, said = _asked(where, raw)
        found.add(
            configurations.name(name, result),
            identity if identity != "/" else str(result.get("id") or number),
            asked,
            _response(result),
            metadata=_metadata(result),
            said=said,
        )
    return found.records()


def _results(path: Path) -> list[tuple[str, Result]]:
    """Each result with where it stands."""
    if path.suffix.lower() != ".json":
        return list(rows(path))
    document = jsontext.read(path)
    results = document.get("results") if isinstance(document, Mapping) else None
    results = results.get("results") if isinstance(results, Mapping) else results
    if not isinstance(results, list):
        raise MsbError(f"{path}: expected results.results, as promptfoo writes them")
    numbered = [(f"{path}: result {number}", one) for number, one in enumerate(results, 1)]
    for where, one in numbered:
        if not isinstance(one, Mapping):
            raise MsbError(f"{where}: expected an object with prompt.raw and provider.id")
    return numbered


def _name(provider: Any) -> str:
    if isinstance(provider, Mapping):
        provider = provider.get("label") or provider.get("id")
    return provider if isinstance(provider, str) else ""


class _Configurations:
    """Tells the configurations of one provider apart: the columns that ask it the same prompt."""

    def __init__(self) -> None:
        self._columns: dict[tuple[str, str], list[str]] = {}

    def name(self, provider: str, result: Result) -> str:
        """The provider's name, with a number behind it from the second configuration on."""
        prompt, column = result.get("prompt"), result.get("promptIdx")
        labels = prompt if isinstance(prompt, Mapping) else {}
        template = result.get("promptId") or labels.get("id") or labels.get("label")
        if column is None or not template:
            return provider
        columns = self._columns.setdefault((provider, str(template)), [])
        if str(column) not in columns:
            columns.append(str(column))
        number = columns.index(str(column)) + 1
        return f"{provider} #{number}" if number > 1 else provider


def _asked(where: str, raw: str) -> tuple[Asked, Conversation]:
    try:
        messages = chat_in(raw, named=True)
        return (split(messages), messages) if messages else (Asked(raw), ())
    except ValueError as error:
        raise MsbError(f"{where}: prompt.raw: {error}") from None


def _metadata(result: Result) -> dict[str, Any]:
    test = result.get("testCase")
    test = test if isinstance(test, Mapping) else {}
    found = (result.get("vars"), test.get("vars"), test.get("metadata"))
    return {k: v for one in found if isinstance(one, Mapping) for k, v in one.items()}


def _response(result: Result) -> Response:
    reply = result.get("response")
    reply = reply if isinstance(reply, Mapping) else {}
    tokens = reply.get("tokenUsage")
    tokens = tokens if isinstance(tokens, Mapping) else {}
    output, latency, reason = (
        reply.get("output"),
        result.get("latencyMs"),
        reply.get("finishReason"),
    )
    took, error = seconds_of(latency), None
    if output is None:
        said = result.get("error") or reply.get("error") or "no output"
        error = " ".join(str(said).split())[:300]
    return Response(
        text=_text(output),
        finish_reason=reason if isinstance(reason, str) else None,
        input_tokens=count_of(tokens.get("prompt")),
        output_tokens=count_of(tokens.get("completion")),
        latency=None if took is None else took / 1000,
        error=error,
    )


def _text(output: Any) -> str:
    """The output as text; an object that is no message is what a model said in JSON."""
    try:
        return answer_in(output)
    except ValueError:
        return json.dumps(output, ensure_ascii=False)
