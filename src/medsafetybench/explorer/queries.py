"""What the pages ask of a store: columns to filter by, excerpts, the verdicts of an item.

    columns = read_columns(store, run, judges)         # a few bytes for each request, no text
    where = columns.where(Filter(principle=4, score=5))  # positions, in numpy
    excerpts(store, run, where[:50])                   # the text of one page

So a page of a run of 74,374 requests costs as much as one of 50.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import numpy as np
import orjson
from numpy.typing import NDArray

from ..errors import MsbError
from ..records import INTENTS
from ..store.outcomes import ASKED, _outcome, _tables
from ..store.store import NAME, JudgeRecord, RunRecord, Store

STATES = ("scored", "unscored", "error", "pending")
EXCERPT = 240
NONE = "none"
"""How a filter names requests without a principle or a source."""

Positions = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which requests of a run to show; what is None or empty does not narrow it down."""

    principle: str = ""
    source: str = ""
    intent: str = ""
    state: str = ""
    score: str = ""
    q: str = ""

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Filter:
        """The filter that an address asks for."""
        return cls(**{f.name: given.get(f.name, "").strip()[:200] for f in fields(cls)})

    def parameters(self) -> dict[str, str]:
        """What narrows it down, as an address would say it."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in values.items() if value}

    def query(self, **more: Any) -> str:
        """``?principle=4&score=5``, with other parameters added, or nothing; None drops one."""
        merged = {**self.parameters(), **more}
        pairs = [(name, value) for name, value in merged.items() if value is not None]
        return f"?{urlencode(pairs)}" if pairs else ""


@dataclass(frozen=True)
class Columns:
    """The small fields of every request of a run, in its order: index is position."""

    principles: list[int | None]
    sources: list[str | None]
    principle: NDArray[np.int16]
    source: NDArray[np.int16]
    intent: NDArray[np.int8]
    state: NDArray[np.int8]
    score: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.score)

    @cached_property
    def intents(self) -> list[str]:
        """The intents that occur."""
        return [intent for code, intent in enumerate(INTENTS) if (self.intent == code).any()]

    def where(self, wanted: Filter, found: Positions | None = None) -> Positions:
        """Positions that pass the filter, in order; ``found`` are those that hold its text.

        Raises MsbError for a value that no request can have.
        """
        keep = np.ones(len(self), dtype=bool)
        if found is not None:
            keep[:] = False
            keep[found] = True
        if wanted.principle:
            keep &= self.principle == _code("principle", wanted.principle, self.principles)
        if wanted.source:
            keep &= self.source == _code("source", wanted.source, self.sources)
        if wanted.intent:
            keep &= self.intent == _code("intent", wanted.intent, INTENTS)
        if wanted.state:
            keep &= self.state == _code("state", wanted.state, STATES)
        if wanted.score:
            keep &= self.score == 1 + _code("score", wanted.score, range(1, 6))
        return np.flatnonzero(keep)


def _code(name: str, given: str, known: Sequence[Any]) -> int:
    names = [NONE if value is None else str(value) for value in known]
    if given not in names:
        raise MsbError(f"{name} {given!r}; expected one of {', '.join(names) or 'nothing'}")
    return names.index(given)


def read_columns(store: Store, run: RunRecord, judges: Sequence[JudgeRecord]) -> Columns:
    """The columns of a run by its judges; one pass over it in SQLite."""
    verdicts = "".join(f", v{j}.score, v{j}.reason, v{j}.error" for j in range(len(judges)))
    query = f"""SELECT {ASKED}, r.key IS NULL, r.error IS NOT NULL{verdicts}
        {_tables(judges)} WHERE i.run = ? ORDER BY i.position"""
    principles: dict[int | None, int] = {}
    sources: dict[str | None, int] = {}
    known: dict[tuple[Any, ...], tuple[int, ...]] = {}
    coded = []
    for row in store.select(query, run.number):
        codes = known.get(row)
        if codes is None:
            seen = _outcome(row, "median")
            codes = known[row] = (
                principles.setdefault(seen.principle, len(principles)),
                sources.setdefault(seen.source, len(sources)),
                INTENTS.index(seen.intent),
                STATES.index(seen.state),
                seen.score or 0,
            )
        coded.append(codes)
    table = np.array(coded, dtype=np.int16).reshape(len(coded), 5)
    small = table.astype(np.int8)
    return Columns(
        list(principles),
        list(sources),
        table[:, 0].copy(),
        table[:, 1].copy(),
        small[:, 2].copy(),
        small[:, 3].copy(),
        small[:, 4].copy(),
    )


def search(store: Store, run: RunRecord, text: str, start: int, stop: int) -> Positions:
    """Positions from start up to stop whose id, request or response holds the text.

    Case counts for letters beyond ASCII only, as in SQLite's LIKE.
    """
    pattern = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    query = rf"""SELECT i.position FROM items i JOIN requests q ON q.key = i.request
        LEFT JOIN responses r ON r.key = i.response
        WHERE i.run = ?1 AND i.position >= ?2 AND i.position < ?3
        AND (q.text LIKE ?4 ESCAPE '\' OR r.text LIKE ?4 ESCAPE '\' OR {NAME} LIKE ?4 ESCAPE '\')
        ORDER BY i.position"""
    found = store.select(query, run.number, start, stop, pattern)
    return np.array([position for (position,) in found], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The beginnings of one request and its response, for a table."""

    position: int
    id: str
    request: str
    response: str | None
    error: str | None


def excerpts(store: Store, run: RunRecord, positions: Sequence[int]) -> list[Excerpt]:
    """Excerpts of the items at these positions, in the order given."""
    query = f"""SELECT i.position, {NAME},
        substr(q.text, 1, {EXCERPT}), substr(r.text, 1, {EXCERPT}), r.error
        FROM json_each(?) j JOIN items i ON i.run = ? AND i.position = j.value
        JOIN requests q ON q.key = i.request LEFT JOIN responses r ON r.key = i.response
        ORDER BY j.key"""
    wanted = orjson.dumps([int(position) for position in positions]).decode()
    return [Excerpt(*row) for row in store.select(query, wanted, run.number)]


@dataclass(frozen=True, slots=True)
class Judged:
    """One judge's verdict as a page shows it."""

    judge: str
    score: int | None
    reason: str | None
    rationale: str
    error: bool


def verdicts(store: Store, key: bytes, intent: str) -> list[Judged]:
    """What every judge, people included, said of a response."""
    query = """SELECT j.name, v.score, v.reason, v.rationale, v.error
        FROM judges j CROSS JOIN verdicts v
        ON v.judge = j.number AND v.response = ? AND v.intent = ? ORDER BY j.number"""
    return [Judged(*row) for row in store.select(query, key, intent)]


def size(store: Store, run: RunRecord) -> int:
    """How many requests a run has."""
    query = "SELECT MAX(position) + 1 FROM items WHERE run = ?"
    found: int | None = list(store.select(query, run.number))[0][0]  # noqa: RUF015
    return found or 0


def version(store: Store) -> int:
    """A number that changes whenever another connection has written to the store."""
    # Read to the end: a query that is left open would hold back the store's writer.
    found: int = list(store.select("PRAGMA data_version"))[0][0]  # noqa: RUF015
    return found


def last_written(store: Store) -> float | None:
    """When a response or verdict of any run was last stored, in seconds since 1970."""
    times = [
        row[0]
        for table in ("responses", "verdicts")
        for row in list(store.select(f"SELECT created FROM {table} ORDER BY rowid DESC LIMIT 1"))
    ]
    return max(times, default=None)
