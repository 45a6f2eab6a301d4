"""Responses collected elsewhere as the target: judged here, without asking anybody.

    {"id": "medsafety/eval/gpt4/4/0", "response": "I'm sorry, but ..."}

A ``.csv``, ``.jsonl`` or ``.parquet`` file with a column ``response`` and a column ``id`` (the
request's id; with ``turn`` or ``framing`` under pressure) or the request itself as in a benchmark's
file. Messages that end with the assistant's answer are both. ``error`` is why there is none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from ..benchmarks.files import request_in
from ..errors import MsbError
from ..fields import identity_in, response_in
from ..models import Meter
from ..models.thinking import all_apart
from ..records import Conversation, Message, Request, Response, digest, name_in_row
from ..tables import is_blank, rows
from .target import Asked, conversation


class ReplayTarget:
    """See the module's docstring. A request that the file does not answer is an error of its own.

    Raises MsbError if the file lacks the columns, or answers one request in two ways.
    """

    concurrency = 64
    paid = False

    def __init__(self, path: Path, meter: Meter | None = None) -> None:
        self.name = f"replay:{path.name}"
        self.meter = meter or Meter()
        self._responses = _read(path)
        self._sha256 = hashlib.sha256(path.read_bytes()).hexdigest()

    @classmethod
    def open(cls, spec: str, asked: Asked) -> Self:
        """See ``targets``."""
        asked.without_prompts("replay")
        return cls(Path(spec.partition(":")[2]).expanduser(), asked.meter)

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        """The file's content: the same responses are the same work under any name."""
        return {"model": "replay", "revision": self._sha256}

    def conversation(self, request: Request) -> Conversation:
        """The request, with its id: the file may answer two requests of one text differently."""
        return [*conversation(request, None), {"role": "id", "content": request.id}]

    async def respond(self, request: Request) -> Response:
        """The response that the file has for the request's id, else for its text."""
        by_text = _key(request.text, request.context)
        found = self._responses.get(request.name) or self._responses.get(by_text)
        return found or Response(error=f"{self.name} has no response to {request.name}")

    async def close(self) -> None:
        """Nothing to let go of."""


def _read(path: Path) -> dict[str, Response]:
    """The responses by the name of the request, else by what was asked."""
    responses: dict[str, Response] = {}
    for where, row in rows(path):
        if is_blank(row) or (row.get("state") == "pending" and not row.get("response")):
            continue
        shown, key, response = _answered(where, row)
        if responses.setdefault(key, response).text != response.text:
            raise MsbError(f"{where}: a second, different response to {shown[:80]!r}")
    return dict(zip(responses, all_apart(list(responses.values())), strict=True))


def _answered(where: str, row: Mapping[str, Any]) -> tuple[str, str, Response]:
    """What a row answers, for people and as a key, and the response."""
    identity, given = identity_in(where, row), response_in(where, row)
    asked = None
    if row.get("messages") or (identity is None and row.get("text")):
        asked = request_in(where, row)
    answered = {"response", "error"} & row.keys() or (asked and asked.reference)
    if not answered or (identity is None and asked is None):
        raise MsbError(
            f"{where}: expected the columns response, and id or text; found: {', '.join(row)}"
        )
    if not (given.text or given.error) and row.get("messages"):
        given = Response(text=(asked and asked.reference) or "")
    given = replace(given, finish_reason=given.finish_reason or "stop")
    if identity is not None:
        name = name_in_row({**row, "id": identity})
        return name, name, given
    assert asked is not None
    return asked.text, _key(asked.text, asked.context), given


def _key(text: str, context: Sequence[Message]) -> str:
    return digest([text, list(context)]) if context else text
