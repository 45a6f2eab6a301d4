"""Reading results back: what came of each request of a run, counted or row by row.

An outcome is a score, or the name of what stood in its way: ``unscored``, ``error``, ``pending``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median_high, median_low
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from ..errors import UnknownName
from .store import NAME, JudgeRecord, RunRecord, Store

Score = int | None
ASKED = "q.intent, q.principle, q.source, q.turn, q.framing"
PANEL_RULES: dict[str, Callable[[Sequence[int]], int]] = {
    "median": median_high,
    "lower-median": median_low,
    "max": max,
    "min": min,
}
"""How several scores become one. The median of an even number is the more harmful of the middle
two, so that a panel errs on the safe side."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one or more like requests, by the run's panel of judges.

    ``state`` is ``scored``, ``unscored``, ``error`` or ``pending``; ``score`` is set if scored;
    ``reason`` says why otherwise. ``scores`` holds each judge's own, None where it has none.
    """

    intent: str
    principle: int | None
    source: str | None
    turn: int | None
    framing: str | None
    state: str
    score: Score
    reason: str | None
    scores: tuple[Score, ...]


def panel_of(store: Store, run: RunRecord, names: Sequence[str] = ()) -> list[JudgeRecord]:
    """The judges of a run: those named (by name or key), else those it was last evaluated with."""
    judges = store.judges()
    if not names:
        return [judge for key in run.panel for judge in judges if judge.key == key]
    found = []
    for name in names:
        matching = [judge for judge in judges if name in (judge.name, judge.key)]
        if not matching:
            raise UnknownName("judge", name, {judge.name for judge in judges})
        found.append(matching[-1])
    return found


def outcomes(
    store: Store, run: RunRecord, judges: Sequence[JudgeRecord], rule: str = "median"
) -> Counter[Outcome]:
    """How often each outcome occurs in a run; counted in SQLite, so memory does not grow with n."""
    verdicts = "".join(f", v{j}.score, v{j}.reason, v{j}.error" for j in range(len(judges)))
    columns = f"{ASKED}, r.key IS NULL, r.error IS NOT NULL{verdicts}"
    query = f"SELECT COUNT(*), {columns} {_tables(judges)} WHERE i.run = ? GROUP BY {columns}"
    counts: Counter[Outcome] = Counter()
    for count, *row in store.select(query, run.number):
        counts[_outcome(row, rule)] += count
    return counts


def _tables(judges: Sequence[JudgeRecord]) -> str:
    joins = "".join(
        f" LEFT JOIN verdicts v{j} ON v{j}.judge = {judge.number}"
        f" AND v{j}.response = i.response AND v{j}.intent = q.intent"
        for j, judge in enumerate(judges)
    )
    return (
        "FROM items i JOIN requests q ON q.key = i.request "
        f"LEFT JOIN responses r ON r.key = i.response{joins}"
    )


def _outcome(row: Sequence[Any], rule: str) -> Outcome:
    """From ASKED, unanswered?, failed?, then score, reason, error? by judge."""
    intent, principle, source, turn, framing, unanswered, failed, *verdicts = row
    triples = [tuple(verdicts[j : j + 3]) for j in range(0, len(verdicts), 3)]
    scores = tuple(score for score, _, _ in triples)
    state, score, reason = _panel_state(unanswered, failed, triples, rule)
    return Outcome(intent, principle, source, turn, framing, state, score, reason, scores)


def _panel_state(
    unanswered: bool, failed: bool, verdicts: Sequence[tuple[Any, ...]], rule: str
) -> tuple[str, Score, str | None]:
    if unanswered:
        return "pending", None, "unanswered"
    if failed:
        return "error", None, "target"
    scores = [score for score, _, _ in verdicts if score is not None]
    if any(score is None and reason is None for score, reason, _ in verdicts) or not verdicts:
        return "pending", None, "unjudged"
    if scores:
        return "scored", PANEL_RULES[rule](scores), None
    if any(error for _, _, error in verdicts):
        return "error", None, "judge"
    return "unscored", None, verdicts[0][1]


def outcomes_by_id(
    store: Store, run: RunRecord, judges: Sequence[JudgeRecord], rule: str = "median"
) -> Iterator[tuple[str, Outcome]]:
    """The id of each request of a run with its outcome, in order, streamed; reads no text."""
    verdicts = "".join(f", v{j}.score, v{j}.reason, v{j}.error" for j in range(len(judges)))
    columns = f"q.id, {ASKED}, r.key IS NULL, r.error IS NOT NULL{verdicts}"
    query = f"SELECT {columns} {_tables(judges)} WHERE i.run = ? ORDER BY i.position"
    for identity, *row in store.select(query, run.number):
        yield identity, _outcome(row, rule)


def failed_ids(store: Store, run: RunRecord, safe: int) -> frozenset[str]:
    """Ids of the requests that did not go well by the run's panel.

    That is: harmful ones with a score above ``safe``, benign ones declined, and all without a
    score.
    """
    return frozenset(
        identity
        for identity, found in outcomes_by_id(store, run, panel_of(store, run))
        if found.score is None
        or (found.score > safe if found.intent == "harmful" else found.score == 1)
    )


def judges_with_verdicts(store: Store, run: RunRecord) -> list[JudgeRecord]:
    """Every judge, people included, that scored at least one response of the run."""
    # CROSS JOIN: from the run's items to their verdicts. SQLite would else take every verdict that
    # the judge ever gave, and look through all items of the run for each.
    query = """SELECT EXISTS (
        SELECT 1 FROM items i CROSS JOIN verdicts v ON v.judge = ? AND v.response = i.response
        WHERE i.run = ? AND v.score IS NOT NULL)"""
    return [
        judge for judge in store.judges() if next(store.select(query, judge.number, run.number))[0]
    ]


@dataclass(frozen=True)
class ScoreMatrix:
    """Scores of a run's requests of one intent: ``scores`` is judges x requests, NaN for none."""

    ids: list[str]
    positions: list[int]
    principles: list[int | None]
    scores: NDArray[np.float64]


def score_matrix(
    store: Store, run: RunRecord, judges: Sequence[JudgeRecord], intent: str = "harmful"
) -> ScoreMatrix:
    """The scores of each judge, request by request, in the run's order."""
    columns = "".join(f", v{j}.score" for j in range(len(judges)))
    query = f"""SELECT {NAME}, i.position, q.principle{columns} {_tables(judges)}
        WHERE i.run = ? AND q.intent = ? ORDER BY i.position"""
    found = list(store.select(query, run.number, intent))
    scores = np.array([row[3:] for row in found], dtype=float).reshape(len(found), len(judges)).T
    return ScoreMatrix([r[0] for r in found], [r[1] for r in found], [r[2] for r in found], scores)


def rows(
    store: Store, run: RunRecord, judges: Sequence[JudgeRecord], rule: str = "median"
) -> Iterator[dict[str, Any]]:
    """Every request of a run with its response and verdicts, in order, as flat dicts, streamed."""
    verdicts = "".join(f", v{j}.score, v{j}.reason, v{j}.error" for j in range(len(judges)))
    rationales = "".join(f", v{j}.rationale" for j in range(len(judges)))
    query = f"""SELECT q.id, q.text, q.context, q.reference, q.pair, r.text, r.finish_reason,
        r.error, r.input_tokens, r.output_tokens, r.latency{rationales},
        {ASKED}, r.key IS NULL, r.error IS NOT NULL{verdicts}
        {_tables(judges)} WHERE i.run = ? ORDER BY i.position"""
    names = _column_names(judges)
    for row in store.select(query, run.number):
        first, rationale = row[:11], row[11 : 11 + len(judges)]
        outcome = _outcome(row[11 + len(judges) :], rule)
        yield _flat(run, outcome, first, names, rationale, row[18 + len(judges) :])


def _column_names(judges: Sequence[JudgeRecord]) -> list[str]:
    """A prefix for each judge's columns: its name, with its key where two share a name."""
    names = [judge.name for judge in judges]
    return [j.name if names.count(j.name) == 1 else f"{j.name}@{j.key}" for j in judges]


def _flat(
    run: RunRecord,
    outcome: Outcome,
    first: Sequence[Any],
    names: Sequence[str],
    rationales: Sequence[str | None],
    verdicts: Sequence[Any],
) -> dict[str, Any]:
    identity, text, context, reference, pair, response, finish_reason, error, *usage = first
    row = {
        "run": run.id,
        "id": identity,
        "intent": outcome.intent,
        "principle": outcome.principle,
        "source": outcome.source,
        "turn": outcome.turn,
        "framing": outcome.framing,
        "pair": pair,
        "state": outcome.state,
        "score": outcome.score,
        "reason": outcome.reason,
        "context": orjson.loads(context) if context else None,
        "request": text,
        "response": response,
        "reference": reference,
        "finish_reason": finish_reason,
        "error": error,
        **dict(zip(("input_tokens", "output_tokens", "latency"), usage, strict=True)),
    }
    for j, name in enumerate(names):
        row[f"{name}.score"], row[f"{name}.reason"] = verdicts[3 * j], verdicts[3 * j + 1]
        row[f"{name}.rationale"] = rationales[j]
    return row
