"""The texts of a run: what was asked, answered and said by judges; streamed, or a page of them.

for row in texts(store, run, judges):       # one for each request, in the run's order
    row.request, row.response, row.rationales
excerpts(store, run, positions[:50])        # the beginnings, for a table
search(store, run, "insulin", 0, 4000)      # positions that hold a text
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from ..scale import SCALES, Level
from .store import NAME, JudgeRecord, RunRecord, Store

EXCERPT = 240
CHUNK = 500

Positions = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Texts:
    """One request of a run with its response, if there is one, and each judge's rationale.

    ``context`` is JSON, the turns before the request. ``thinking`` and ``notice`` stand beside the
    response; ``usage`` holds tokens in, out and of the thinking, and seconds, each None where
    unknown.
    """

    request: str
    context: str | None
    reference: str | None
    response: str | None
    finish_reason: str | None
    error: str | None
    thinking: str | None
    notice: str | None
    usage: tuple[Any, ...]
    rationales: tuple[str | None, ...]
    reasons: tuple[str | None, ...]


def texts(
    store: Store,
    run: RunRecord,
    judges: Sequence[JudgeRecord],
    positions: Sequence[int] | None = None,
) -> Iterator[Texts]:
    """The texts of every request in the run's order, or of those at these positions in theirs;
    streamed."""
    m = len(judges)
    said = "".join(f", v{j}.rationale" for j in range(m))
    why = "".join(f", v{j}.reason" for j in range(m))
    joins = "".join(
        f" LEFT JOIN verdicts v{j} ON v{j}.judge = {judge.number}"
        f" AND v{j}.response = i.response AND v{j}.intent = q.intent"
        for j, judge in enumerate(judges)
    )
    query = f"""SELECT q.text, q.context, q.reference, r.text, r.finish_reason, r.error,
        r.thinking, r.notice, r.input_tokens, r.output_tokens, r.thinking_tokens, r.latency
        {said}{why}
        FROM {{items}} JOIN requests q ON q.key = i.request
        LEFT JOIN responses r ON r.key = i.response{joins}
        WHERE i.run = ? ORDER BY {{order}}"""  # nosec B608 # names of ours
    for row in _selected(store, run, query, positions):
        request, context, reference, response, ended, error, thinking, notice = row[:8]
        yield Texts(
            request,
            context,
            reference,
            response,
            ended,
            error,
            thinking,
            notice,
            usage=row[8:12],
            rationales=row[12 : 12 + m],
            reasons=row[12 + m :],
        )


def _selected(
    store: Store, run: RunRecord, query: str, positions: Sequence[int] | None
) -> Iterator[tuple[Any, ...]]:
    if positions is None:
        yield from store.select(query.format(items="items i", order="i.position"), run.number)
        return
    picked = query.format(
        items="json_each(?) j CROSS JOIN items i ON i.position = j.value", order="j.key"
    )
    for start in range(0, len(positions), CHUNK):
        wanted = [int(position) for position in positions[start : start + CHUNK]]
        yield from store.select(picked, orjson.dumps(wanted).decode(), run.number)


def search(store: Store, run: RunRecord, text: str, start: int, stop: int) -> Positions:
    """Positions from start up to stop whose name, request or response holds the text.

    Case counts for letters beyond ASCII only, as in SQLite's LIKE.
    """
    pattern = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    query = rf"""SELECT i.position FROM items i JOIN requests q ON q.key = i.request
        LEFT JOIN responses r ON r.key = i.response
        WHERE i.run = ?1 AND i.position >= ?2 AND i.position < ?3
        AND (q.text LIKE ?4 ESCAPE '\' OR r.text LIKE ?4 ESCAPE '\' OR {NAME} LIKE ?4 ESCAPE '\')
        ORDER BY i.position"""  # nosec B608 # names of ours
    found = store.select(query, run.number, start, stop, pattern)
    return np.array([position for (position,) in found], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The beginnings of one request and its response, for a table."""

    position: int
    name: str
    request: str
    response: str | None
    error: str | None


def excerpts(store: Store, run: RunRecord, positions: Sequence[int]) -> list[Excerpt]:
    """Excerpts of the items at these positions, in the order given."""
    query = f"""SELECT i.position, {NAME}, substr(q.text, 1, {EXCERPT}),
        substr(r.text, 1, {EXCERPT}), r.error
        FROM json_each(?) j JOIN items i ON i.run = ? AND i.position = j.value
        JOIN requests q ON q.key = i.request LEFT JOIN responses r ON r.key = i.response
        ORDER BY j.key"""  # nosec B608 # names of ours
    wanted = orjson.dumps([int(position) for position in positions]).decode()
    return [Excerpt(*row) for row in store.select(query, wanted, run.number)]


def lengths(store: Store, run: RunRecord) -> NDArray[np.float64]:
    """Characters of each response in the run's order; NaN where there is none."""
    query = """SELECT length(r.text) FROM items i
        LEFT JOIN responses r ON r.key = i.response AND r.error IS NULL
        WHERE i.run = ? ORDER BY i.position"""
    return np.array([found for (found,) in store.select(query, run.number)], np.float64)


@dataclass(frozen=True, slots=True)
class Judged:
    """One judge's verdict on a response as a page shows it; ``created`` in seconds since 1970."""

    judge: str
    level: Level | None
    reason: str | None
    rationale: str
    thinking: str | None
    error: bool
    created: float


def verdicts(store: Store, key: bytes, intent: str) -> list[Judged]:
    """What every judge, people included, said of a response."""
    query = """SELECT j.name, j.scale, v.score, v.reason, v.rationale, v.thinking, v.error,
        v.created FROM judges j CROSS JOIN verdicts v
        ON v.judge = j.number AND v.response = ? AND v.intent = ? ORDER BY j.number"""
    return [
        Judged(name, SCALES[scale].level(score, intent) if score else None, *rest)
        for name, scale, score, *rest in store.select(query, key, intent)
    ]


def size(store: Store, run: RunRecord) -> int:
    """How many requests a run has."""
    query = "SELECT MAX(position) + 1 FROM items WHERE run = ?"
    found: int | None = list(store.select(query, run.number))[0][0]  # noqa: RUF015
    return found or 0
