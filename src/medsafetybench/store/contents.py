"""What stands in a store's cells: SQLite takes anything anywhere, and a store is passed around.

    check_contents(db, path)                # the small tables, when a store is opened
    checked_request(path, row)              # the large ones, as they are read

What msb did not write is refused in a line, before anybody computes with it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import orjson

from ..errors import MsbError
from ..records import FIELDS, INTENTS, Criterion, Request, Response
from ..scale import SCALES

LARGE = ("requests", "items", "responses", "verdicts", "batch_calls")
"""Tables that are checked where they are read: to look through them takes as long as to read."""

KINDS = {"INTEGER": "integer", "TEXT": "text", "REAL": "real", "BLOB": "blob"}
"""What SQLite calls a value, by what a column is declared as."""

JSON: Mapping[tuple[str, str], tuple[str, str]] = {
    ("runs", "settings"): ("object", ""),
    ("runs", "panel"): ("array", "text"),
    ("runs", "provenance"): ("array", "object"),
    ("runs", "stopped"): ("object", ""),
    ("runs", "tags"): ("array", "text"),
    ("judges", "settings"): ("object", ""),
    ("samples", "positions"): ("array", "integer"),
    ("series", "settings"): ("object", ""),
    ("looks", "judges"): ("array", "text"),
    ("judge_cards", "card"): ("object", ""),
    ("capability_targets", "settings"): ("object", ""),
}
"""Columns that hold JSON: of which kind, and of which kind the items of an array are."""

PARTS: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("runs", "settings"): {
        "$.benchmark.name": "text",
        "$.benchmark.sha256": "text",
        "$.benchmark.selection": "object",
        "$.target.model": "text",
    },
    ("runs", "stopped"): {"$.verdict": "text", "$.asked": "integer"},
    ("judge_cards", "card"): {"$.sha256": "text", "$.judge": "text", "$.scale": "text"},
}
"""What an object has to hold."""

MOST_TURNS = 10_000


def check_contents(db: sqlite3.Connection, path: Path) -> None:
    """Raise MsbError for a cell of a small table that is none of msb's."""
    tables = [n for (n,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        if table in LARGE or table.startswith("sqlite_"):
            continue
        for _, column, declared, required, _, _ in db.execute(f"PRAGMA table_info({table})"):
            wrong = _wrong(table, column, str(declared), bool(required))
            for query in wrong:
                if db.execute(f"SELECT EXISTS (SELECT 1 FROM {table} t{query})").fetchone()[0]:  # nosec B608 # names of ours
                    _refuse(str(path), table, column)
    if "judges" in tables:
        scales = {scale for (scale,) in db.execute("SELECT scale FROM judges")}
        if not scales <= SCALES.keys():
            _refuse(str(path), "judges", "scale")


def _wrong(table: str, column: str, declared: str, required: bool) -> Iterable[str]:
    """The ends of queries that find what may not stand in a column, each after the one that it
    relies on."""
    kind = KINDS[declared]
    allowed = {kind, *(() if required else ("null",)), *(("integer",) if kind == "real" else ())}
    # The key of a table is never NULL; SQLite does not say that it is required.
    yield f" WHERE typeof({column}) NOT IN ({_listed(allowed)})"
    if (table, column) not in JSON:
        return
    whole, items = JSON[table, column]
    yield f" WHERE {column} IS NOT NULL AND NOT json_valid({column})"
    yield f" WHERE {column} IS NOT NULL AND json_type({column}) <> '{whole}'"
    if items:
        yield f", json_each(t.{column}) e WHERE e.type <> '{items}'"
    for place, expected in PARTS.get((table, column), {}).items():
        yield (
            f" WHERE {column} IS NOT NULL AND "
            f"COALESCE(json_type({column}, '{place}'), '') <> '{expected}'"
        )


def _listed(kinds: Collection[str]) -> str:
    return ", ".join(f"'{kind}'" for kind in sorted(kinds))


def check_request(where: str, fields: Mapping[str, Collection[Any]]) -> None:
    """Raise MsbError unless these are values of a request's fields, each with those it has."""
    for name, values in fields.items():
        if not all(map(_OF_REQUEST[name], values)):
            _refuse(where, "requests", name)


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _text_or_none(value: Any) -> bool:
    return value is None or isinstance(value, str)


_OF_REQUEST = {
    **dict.fromkeys(("id", "text"), _text),
    **dict.fromkeys(
        ("source", "language", "framing", "pair", "reference", "context", "criteria"),
        _text_or_none,
    ),
    "intent": lambda value: value in INTENTS,
    "principle": lambda value: value is None or isinstance(value, int),
    "turn": lambda value: value is None or (isinstance(value, int) and 1 <= value <= MOST_TURNS),
}


def check_texts(where: str, name: str, values: Iterable[Any]) -> None:
    """Raise MsbError unless these are texts, or nothing."""
    if not all(map(_text_or_none, values)):
        _refuse(where, "responses", name)


def checked_request(path: Path, row: Sequence[Any]) -> Request:
    """The request whose fields stand in a row. Raises MsbError for what is none."""
    named = dict(zip(FIELDS, row, strict=True))
    check_request(str(path), {name: (value,) for name, value in named.items()})
    try:
        named["context"] = tuple(orjson.loads(named["context"] or "[]"))
        named["criteria"] = tuple(
            Criterion(str(one["text"]), float(one["points"]), tuple(one["tags"]))
            for one in orjson.loads(named["criteria"] or "[]")
        )
    except (ValueError, TypeError, KeyError):
        raise not_ours(path) from None
    return Request(**named)


def checked_response(path: Path, found: Response) -> Response:
    """The response, if it holds what one does. Raises MsbError."""
    said = (found.text, found.error, found.thinking, found.notice, found.finish_reason)
    check_texts(str(path), "text", said)
    return found


def _refuse(where: str, table: str, column: str) -> NoReturn:
    raise MsbError(
        f"{where}: {table} hold a {column} that msb did not write; ask whoever gave it to you for "
        "the store as msb wrote it"
    )


def not_ours(where: object) -> MsbError:
    """What is said of rows that cannot be what they are there for."""
    return MsbError(
        f"{where} holds rows that msb did not write; ask whoever gave it to you for the store as "
        "msb wrote it"
    )
