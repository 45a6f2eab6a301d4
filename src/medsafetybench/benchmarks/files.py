"""Benchmarks of the user's own: ``.csv``, ``.jsonl`` and ``.parquet`` files.

    {"text": "How do I ...?", "intent": "harmful", "principle": 4}

Only ``text`` is required; ``--column text=prompt`` maps a column of another name. A request may be
a conversation: ``messages`` (or messages where the text is expected) of which the last is the
user's, or a text after its ``context``; an answer at their end is the reference. It may carry
``criteria`` (see criteria.py). Errors name the
file, the line (or row), what was found and what was expected.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, get_args

from ..cells import shown, whole_of
from ..conversations import Asked, asked_in, chat_in, messages_of, split
from ..errors import MsbError
from ..fields import identity_in, text_in
from ..records import Intent, Message, Request, digest
from ..tables import is_blank, rows
from .benchmark import Benchmark
from .criteria import criteria_in

FIELDS = (
    *("id", "text", "intent", "principle", "source", "reference", "pair", "context", "language"),
)
COLUMNS = (*FIELDS, "messages", "criteria")


def file_benchmark(path: Path, columns: Mapping[str, str]) -> Benchmark:
    """The requests in a file of the user's. ``columns`` maps our field names to theirs.

    Reads the file through once, so that what is wrong with it is said before any work begins.
    """
    for field in columns:
        if field not in COLUMNS:
            raise MsbError(f"--column {field}=...: expected one of {', '.join(COLUMNS)}")
    benchmark = Benchmark(path.name, partial(_requests, path, dict(columns)))
    if not len(benchmark):
        raise MsbError(f"{path}: no requests in this file; expected at least one row")
    return benchmark


def listed(asked: Sequence[str | Mapping[str, Any] | Request], name: str = "list") -> Benchmark:
    """Requests in memory as a benchmark: texts, rows such as a file has, or Requests.

    Raises MsbError for none, and for one that is none of these, by its number.
    """
    names, requests = Names(), []
    for number, one in enumerate(asked, 1):
        where = f"request {number} of the {name}"
        if isinstance(one, Request):
            requests.append(names.claim(where, one))
            continue
        row = {"text": one} if isinstance(one, str) else one
        if not isinstance(row, Mapping):
            raise MsbError(f"{where}: {shown(one)}; expected a text, a row or a Request")
        requests.append(names.claim(where, request_in(where, row)))
    if not requests:
        raise MsbError(f"the {name} is empty; expected at least one request")
    return Benchmark(name, lambda: iter(requests))


def as_row(request: Request) -> dict[str, Any]:
    """The request as a row that reads back as it is."""
    context = [dict(turn) for turn in request.context] or None
    row = {field: getattr(request, field) for field in FIELDS} | {"context": context}
    if not request.criteria:
        return row
    criteria = [{"text": c.text, "points": c.points, "tags": c.tags} for c in request.criteria]
    return row | {"criteria": criteria}


def _requests(path: Path, columns: Mapping[str, str]) -> Iterator[Request]:
    names = Names()
    for where, row in rows(path):
        if not is_blank(row):
            yield names.claim(where, request_in(where, row, columns))


def request_in(
    where: str,
    row: Mapping[str, Any],
    columns: Mapping[str, str] | None = None,
    intent: str = "harmful",
) -> Request:
    """The request in a row of a table, without an id if the row gives it none.

    ``intent`` is for a row that does not say its own; with criteria it is one of care. Raises
    MsbError naming ``where``.
    """
    columns = columns or {}
    _check_columns(where, row, columns)
    row = {**row, **{field: row[column] for field, column in columns.items()}}
    asked = _asked(where, row, columns)
    if not asked.text.strip():
        raise MsbError(f"{where}: the text is empty; expected a request")
    if criteria := criteria_in(where, row):
        intent = "care"
    return Request(
        id=identity_in(where, row) or "",
        text=asked.text,
        intent=_intent(where, text_in(where, row, "intent") or intent),
        principle=_principle(where, row),
        source=text_in(where, row, "source"),
        reference=text_in(where, row, "reference") or asked.answer or None,
        pair=text_in(where, row, "pair"),
        context=asked.context,
        language=text_in(where, row, "language"),
        criteria=criteria,
    )


def _check_columns(where: str, row: Mapping[str, Any], columns: Mapping[str, str]) -> None:
    asked = set() if columns.get("messages", "messages") in row else {"text"}
    for field in sorted(columns.keys() | asked):
        column = columns.get(field, field)
        if column not in row:
            found = ", ".join(map(str, row)) or "none"
            raise MsbError(
                f"{where}: no column {column!r}; found: {found}. Map one with --column {field}=NAME"
            )


def _asked(where: str, row: Mapping[str, Any], columns: Mapping[str, str]) -> Asked:
    """What a row asks: the messages, or the text after its context."""
    field = "messages"
    try:
        messages = _messages(row, field, strict=field in columns or "text" not in row)
        field = "text"
        text = asked_in(row.get(field))
        field = "context"
        before = tuple(_messages(row, field, strict=field in columns) or ())
        field = "messages"
        conversation = split(messages) if messages else None
    except ValueError as error:
        raise MsbError(f"{where}: {field}: {error}") from None
    if conversation and text.text.strip() not in ("", conversation.text.strip()):
        raise MsbError(f"{where}: text and messages ask two things; leave one of them out")
    asked = conversation or text
    if before and asked.context not in ((), before):
        raise MsbError(f"{where}: what was said before is there twice; leave out the context")
    return replace(asked, context=asked.context or before)


def _messages(row: Mapping[str, Any], field: str, strict: bool) -> list[Message] | None:
    """The messages in a field, or None if it is empty.

    Unless ``strict``, a column of that name that holds something else, as the passage that a
    question is about, is another's and not ours.
    """
    value = row.get(field)
    if value in (None, "", "[]", []):
        return None
    return messages_of(value) if strict else chat_in(value)


class Names:
    """The requests of one file so far: each has a name of its own."""

    def __init__(self) -> None:
        self._claimed: dict[str, str] = {}

    def claim(self, where: str, request: Request) -> Request:
        """The request, under an id made of its content if it came without.

        A request that comes again without an id gets a number behind it. Raises MsbError for an id
        that was used before.
        """
        if request.id and request.name in self._claimed:
            before = self._claimed[request.name]
            raise MsbError(f"{where}: id {request.name!r} was used before, at {before}")
        if not request.id:
            made = content_id(request)
            ids = (f"{made}-{n}" if n > 1 else made for n in count(1))
            free = next(i for i in ids if i not in self._claimed)
            request = replace(request, id=free)
        self._claimed[request.name] = where
        return request


def content_id(request: Request) -> str:
    """The id of a request that came without one: the same wherever its row is read."""
    content = f"{request.intent}\n{request.principle}\n{request.text}"
    if request.context:
        content += f"\n{digest(request.context)}"
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _intent(where: str, value: str) -> Intent:
    for intent in get_args(Intent):
        if value.strip().lower() == intent:
            return intent  # type: ignore[no-any-return]
    raise MsbError(f"{where}: intent {value!r}; expected harmful, benign or care")


def _principle(where: str, row: Mapping[str, Any]) -> int | None:
    try:
        return whole_of(row.get("principle"))
    except ValueError:
        raise MsbError(
            f"{where}: principle {shown(row['principle'])}; expected a whole number such as 4"
        ) from None
