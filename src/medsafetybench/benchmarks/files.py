"""Benchmarks of the user's own: ``.csv``, ``.jsonl`` and ``.parquet`` files.

    {"text": "How do I ...?", "intent": "harmful", "principle": 4}

Only ``text`` is required; ``--column text=prompt`` maps a column of another name. Errors name the
file, the line (or row), what was found and what was expected.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, get_args

from ..errors import MsbError
from ..records import Intent, Request, digest
from ..tables import rows
from .benchmark import Benchmark

FIELDS = ("id", "text", "intent", "principle", "source", "reference", "pair", "language")


def file_benchmark(path: Path, columns: Mapping[str, str]) -> Benchmark:
    """The requests in a file of the user's. ``columns`` maps our field names to theirs.

    Reads the file through once, so that what is wrong with it is said before any work begins.
    """
    for field in columns:
        if field not in FIELDS:
            raise MsbError(f"--column {field}=...: expected one of {', '.join(FIELDS)}")
    benchmark = Benchmark(path.name, partial(_requests, path, dict(columns)))
    if not len(benchmark):
        raise MsbError(f"{path}: no requests in this file; expected at least one row")
    return benchmark


def as_row(request: Request) -> dict[str, Any]:
    """The request as a row that reads back as it is."""
    return {field: getattr(request, field) for field in FIELDS}


def _requests(path: Path, columns: Mapping[str, str]) -> Iterator[Request]:
    names = Names()
    for where, row in rows(path):
        yield names.claim(where, request_in(where, row, columns))


def request_in(
    where: str,
    row: Mapping[str, Any],
    columns: Mapping[str, str] | None = None,
    intent: str = "harmful",
) -> Request:
    """The request in a row of a table, without an id if the row gives it none.

    ``intent`` is for a row that does not say its own. Raises MsbError naming ``where``.
    """
    columns = columns or {}
    for field in columns.keys() | {"text"}:
        column = columns.get(field, field)
        if column not in row:
            found = ", ".join(map(str, row)) or "none"
            raise MsbError(
                f"{where}: no column {column!r}; found: {found}. Map one with --column {field}=NAME"
            )
    text = _cell(row, "text", columns)
    if not text or not text.strip():
        raise MsbError(f"{where}: the text is empty; expected a request")
    return Request(
        id=_cell(row, "id", columns) or "",
        text=text,
        intent=_intent(where, _cell(row, "intent", columns) or intent),
        principle=_principle(where, _cell(row, "principle", columns)),
        source=_cell(row, "source", columns),
        reference=_cell(row, "reference", columns),
        pair=_cell(row, "pair", columns),
        language=_cell(row, "language", columns),
    )


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


def _cell(row: Mapping[str, Any], field: str, columns: Mapping[str, str]) -> str | None:
    value = row.get(columns.get(field, field))
    return None if value is None or value == "" else str(value)


def _intent(where: str, value: str) -> Intent:
    for intent in get_args(Intent):
        if value.strip().lower() == intent:
            return intent  # type: ignore[no-any-return]
    raise MsbError(f"{where}: intent {value!r}; expected harmful or benign")


def _principle(where: str, value: str | None) -> int | None:
    try:
        number = None if value is None else float(value)
    except ValueError:
        number = math.nan
    if number is None or number.is_integer():
        return None if number is None else int(number)
    raise MsbError(f"{where}: principle {value!r}; expected a whole number such as 4")
