"""Rows of one store united with those of another, by their keys; streamed, a chunk at a time.

    unite(source, store, Rows("responses", ("key",), ("text", "error")), better, alike).added

What is new is added. Where both have a row, the one that is there stands, unless the other is
``better`` (an answer in place of an error); the keys of those that are not ``alike`` are told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from .database import Database

CHUNK = 500

Row = tuple[Any, ...]
Pair = Callable[[Sequence[Any], Sequence[Any]], bool]
"""Of the fields of the row that is there and those of the one that came."""


@dataclass(frozen=True)
class Rows:
    """Which rows: of a table, by key and fields, those for which ``where`` holds in the source.

    ``mapped`` makes of a source's row the store's, as where both number a run differently.
    """

    table: str
    key: Sequence[str]
    fields: Sequence[str]
    where: str = "TRUE"
    mapped: Callable[[Row], Row] = tuple

    @property
    def columns(self) -> str:
        """Key and fields, for SQL."""
        return ", ".join((*self.key, *self.fields))


@dataclass
class United:
    """How many rows were added or put in place of worse ones, and the keys of those that differ."""

    added: int = 0
    differ: list[Row] = field(default_factory=list)


def unite(
    source: Database,
    store: Database,
    rows: Rows,
    better: Pair = lambda there, came: False,
    alike: Pair = lambda there, came: there == came,
    keep: Callable[[Row], bool] = lambda row: True,
) -> United:
    """Bring the rows over, in a transaction of the caller's; those that ``keep`` denies stay."""
    found = source.select(f"SELECT {rows.columns} FROM {rows.table} WHERE {rows.where}")  # nosec B608 # names of ours
    united, keys = United(), len(rows.key)
    held = f"INSERT OR REPLACE INTO {rows.table} ({rows.columns}) VALUES "  # nosec B608 # names of ours
    put = held + f"({', '.join('?' * (keys + len(rows.fields)))})"
    while chunk := list(islice(found, CHUNK)):
        came = [rows.mapped(row) for row in chunk if keep(row)]
        there = _there(store, rows, [row[:keys] for row in came])
        news = []
        for row in came:
            old = there.get(row[:keys])
            if old is None or better(old, row[keys:]):
                news.append(row)
            elif not alike(old, row[keys:]):
                united.differ.append(row[:keys])
        store.write_many(put, news)
        united.added += len(news)
    return united


def _there(store: Database, rows: Rows, keys: Sequence[Row]) -> dict[Row, Row]:
    """Those of these keys that the store has, each with its fields."""
    if not keys:
        return {}
    n = len(rows.key)
    marks = ", ".join([f"({', '.join('?' * n)})"] * len(keys))
    found = store.select(
        f"WITH wanted ({', '.join(rows.key)}) AS (VALUES {marks}) "  # nosec B608 # names of ours
        f"SELECT {rows.columns} FROM wanted CROSS JOIN {rows.table} USING ({', '.join(rows.key)})",
        *(part for key in keys for part in key),
    )
    return {row[:n]: row[n:] for row in found}
