"""What came of each request of a run: one table in columns, made by one query.

    found = read_outcomes(store, run, panel_of(store, run))
    found.score[found.intent.is_("harmful")]     # the panel's score of each, 0 where there is none
    found.state, found.reason                    # scored, unscored, error or pending, and why

Scorecards, comparisons, gates, corrections, agreement, explorer and export read this table, and
nothing else reads results by SQL. It holds no text: a few dozen bytes for each request.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnknownName
from ..scale import Scale
from .contents import check_request, check_texts, not_ours
from .grades import Grades, Standing, read_grades
from .order import in_order
from .panel import PANEL_RULES, Scores, together, verdict_columns
from .samples import LabelledSample
from .store import JudgeRecord, RunRecord, Store

STATES = ("scored", "unscored", "error", "pending")
SCORED, UNSCORED, ERROR, PENDING = range(4)
NO_VERDICT = ("unanswered", "target", "unjudged", None, "judge")
"""Why a request has no score, case by case of ``_states``, where no verdict says why."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Column:
    """A column of repeating values: ``codes`` say for each request which of ``values`` it has."""

    values: list[Any]
    codes: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, place: int) -> Any:
        return self.values[self.codes[place]]

    def is_(self, value: Any) -> Mask:
        """Which requests have this value."""
        code = self.values.index(value) if value in self.values else -1
        return np.asarray(self.codes == code)

    def there(self, among: Mask | NDArray[np.int64] | None = None) -> list[Any]:
        """The values that occur, sorted, None last."""
        used = np.unique(self.codes if among is None else self.codes[among])
        found = [self.values[code] for code in used]
        return sorted(found, key=lambda value: (value is None, value))


@dataclass(frozen=True)
class Outcomes:
    """A run's requests in its order: index is position. n requests, m judges.

    ``ids`` are the requests' own; ``text`` (n,) stands for text and context, equal where both are.
    ``turn`` and ``framing`` are set under pressure. ``state`` (n,) indexes STATES; ``reason`` says
    why there is no score. ``scores`` (m, n) are each judge's, ``score`` (n,) is the panel's:
    numbers of levels of the judge's scale, 0 where there is none. The first ``panel`` judges are
    the panel, all on one ``scale``; None without a judge. ``samples`` are those that judges beside
    the panel labelled, where they were read (trusted.py). Of a panel on the scale ``criteria``,
    ``grades`` are the verdicts on each criterion.
    """

    run: RunRecord
    judges: tuple[JudgeRecord, ...]
    panel: int
    rule: str
    scale: Scale | None
    ids: list[str]
    text: NDArray[np.uint64]
    intent: Column
    principle: Column
    source: Column
    language: Column
    turn: Column
    framing: Column
    pair: Column
    state: NDArray[np.int8]
    reason: Column
    scores: Scores
    score: Scores
    samples: tuple[LabelledSample, ...] = ()
    grades: Grades | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def of_side(self, side: str) -> Mask:
        """Which requests are of an intent; ``all`` is every one."""
        return np.ones(len(self), bool) if side == "all" else self.intent.is_(side)

    @cached_property
    def draws(self) -> NDArray[np.int64]:
        """One number for requests that were drawn together: turns, framings and repeats of one,
        and its twin."""
        groups: dict[str, int] = {}
        return np.array([groups.setdefault(name, len(groups)) for name in self._drawn()], np.int64)

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """The positions in the order in which the run asks, each draw whole (see order.py)."""
        return np.array(in_order(self.run.id, enumerate(self._drawn())), np.int64)

    @property
    def stopped(self) -> Mapping[str, Any] | None:
        """How a gate stopped the run early; None where it did not, or all was asked since."""
        return self.run.stopped if (self.state == PENDING).any() else None

    def _drawn(self) -> Iterator[str]:
        """What each request's draw is called."""
        # A pair is named by a word of its own or by the id of one of the two.
        pairs = (self.pair.values[code] for code in self.pair.codes.tolist())
        return (pair or own for pair, own in zip(pairs, self.ids, strict=True))

    @property
    def members(self) -> tuple[JudgeRecord, ...]:
        """The judges of the panel."""
        return self.judges[: self.panel]

    @property
    def others(self) -> tuple[JudgeRecord, ...]:
        """The judges beside the panel."""
        return self.judges[self.panel :]


def read_outcomes(
    store: Store,
    run: RunRecord,
    panel: Sequence[JudgeRecord],
    others: Sequence[JudgeRecord] = (),
    rule: str = "median",
) -> Outcomes:
    """The outcomes of a run by a panel of judges; ``others`` have their own scores beside.

    Raises UnknownName for a rule that is none of PANEL_RULES.
    """
    if rule not in PANEL_RULES:
        raise UnknownName("rule", rule, PANEL_RULES)
    judges = (*panel, *others)
    reading = _Reading(len(judges))
    for chunk in _chunks(store.select(_query(judges), run.number)):
        try:
            reading.add(list(zip(*chunk, strict=True)))
        except (TypeError, ValueError, OverflowError, AttributeError):
            raise not_ours(store.path) from None
    reading.check(store.path)
    grades = _graded(store, run, judges, len(panel), rule, reading)
    scores = reading.scores()
    state, why = _states(reading, len(panel))
    level = together(scores[: len(panel)], rule)
    if grades:  # a criterion counts that any of the panel has a verdict on
        level = grades.levels()
        state[(state == UNSCORED) & (level > 0)] = SCORED
        why.codes[state == SCORED] = NO_VERDICT.index(None)
    score = np.where(state == SCORED, level, 0).astype(np.int8)
    intent, principle, source, language, turn, framing, pair = reading.columns()
    return Outcomes(
        run,
        judges,
        len(panel),
        rule,
        panel[0].scale if panel else None,
        reading.ids,
        np.array(reading.text, np.uint64),
        intent,
        principle,
        source,
        language,
        turn,
        framing,
        pair,
        state,
        why,
        scores,
        score,
        grades=grades,
    )


def _graded(
    store: Store,
    run: RunRecord,
    judges: Sequence[JudgeRecord],
    panel: int,
    rule: str,
    reading: _Reading,
) -> Grades | None:
    """Fill in what the verdicts of judges with criteria amount to; the panel's verdicts on each, if
    it is one of such judges."""
    rows = [row for row, judge in enumerate(judges) if judge.scale.parts]
    if not rows:
        return None
    members = panel if rows[0] < panel else 0
    grades, standings = read_grades(store, run, [judges[row] for row in rows], members, rule)
    for row, standing in zip(rows, standings, strict=True):
        reading.put(row, standing)
    return grades if members else None


CHUNK = 4_096
CODED = "q.intent, q.principle, q.source, q.language, q.turn, q.framing, q.pair"


def _query(judges: Sequence[JudgeRecord]) -> str:
    """Id, text, context, the coded fields, unanswered?, failed?; then three for each judge."""
    verdicts, joins = verdict_columns(judges, "q.intent")
    return (
        f"SELECT q.id, q.text, q.context, {CODED}, r.key IS NULL, r.error IS NOT NULL{verdicts} "  # nosec B608 # names of ours
        "FROM items i JOIN requests q ON q.key = i.request "
        f"LEFT JOIN responses r ON r.key = i.response{joins} WHERE i.run = ? ORDER BY i.position"
    )


def _chunks(found: Iterator[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    while chunk := list(islice(found, CHUNK)):
        yield chunk


class _Coder:
    """Gives equal values one code, in order of first occurrence."""

    def __init__(self) -> None:
        self._index: dict[Any, int] = {}
        self._codes = array("i")

    def add(self, values: Iterable[Any]) -> None:
        index = self._index
        self._codes.extend([index.setdefault(value, len(index)) for value in values])

    @property
    def values(self) -> Collection[Any]:
        return self._index.keys()

    def column(self) -> Column:
        return Column(list(self._index), np.array(self._codes, np.int32))


class _Reading:
    """The columns as they are read, a chunk of rows at a time, so that no text is kept."""

    def __init__(self, judges: int) -> None:
        self.ids: list[str] = []
        self.text = array("Q")
        self.coded = [_Coder() for _ in range(7)]
        self.unanswered, self.failed = array("b"), array("b")
        self.score = [array("b") for _ in range(judges)]
        self.reason = [_Coder() for _ in range(judges)]
        self.error = [array("b") for _ in range(judges)]

    def add(self, columns: Sequence[Sequence[Any]]) -> None:
        ids, texts, contexts, *coded = columns[:10]
        self.ids += ids
        self.text.extend(map(_text_number, texts, contexts))
        for coder, values in zip(self.coded, coded, strict=True):
            coder.add(values)
        self.unanswered.extend(columns[10])
        self.failed.extend(columns[11])
        for j in range(len(self.score)):
            score, reason, error = columns[12 + 3 * j : 15 + 3 * j]
            self.score[j].extend([value or 0 for value in score])
            self.reason[j].add(reason)
            self.error[j].extend([value or 0 for value in error])

    def put(self, judge: int, standing: Standing) -> None:
        """What a judge's verdicts on criteria amount to, for verdicts that it did not give."""
        self.score[judge] = array("b", standing.levels.tolist())
        self.error[judge] = array("b", standing.errors.tolist())
        self.reason[judge] = _Coder()
        self.reason[judge].add(standing.reasons)

    def check(self, path: Path) -> None:
        """Raise MsbError for what msb did not write."""
        names = [name.removeprefix("q.") for name in CODED.split(", ")]
        values = [coder.values for coder in self.coded]
        check_request(str(path), {"id": self.ids, **dict(zip(names, values, strict=True))})
        for reason in self.reason:
            check_texts(str(path), "reason", reason.values)

    def columns(self) -> list[Column]:
        """Those of CODED, in its order."""
        return [coder.column() for coder in self.coded]

    def scores(self) -> Scores:
        """Judges x requests."""
        return np.array(self.score, np.int8).reshape(len(self.score), len(self.ids))


def _text_number(text: str, context: str | None) -> int:
    """A number that stands for text and context: 8 bytes, so two texts among a million share one
    with a chance of 3e-8."""
    content = text if context is None else f"{context}\n{text}"
    return int.from_bytes(blake2b(content.encode(), digest_size=8).digest())


def _states(reading: _Reading, panel: int) -> tuple[NDArray[np.int8], Column]:
    """What came of each request by the first ``panel`` judges, and why it has no score."""
    n = len(reading.ids)
    scored, unjudged, failed = np.zeros(n, bool), np.full(n, not panel), np.zeros(n, bool)
    reasons = [coder.column() for coder in reading.reason[:panel]]
    for j, reason in enumerate(reasons):
        score = np.array(reading.score[j], np.int8)
        scored |= score > 0
        unjudged |= (score == 0) & reason.is_(None)
        failed |= np.array(reading.error[j], bool)
    unanswered, target_failed = np.array(reading.unanswered, bool), np.array(reading.failed, bool)
    # The first case that holds says what came of a request.
    cases = [unanswered, target_failed, unjudged, scored, failed]
    states = [PENDING, ERROR, PENDING, SCORED, ERROR]
    state = np.select(cases, states, UNSCORED).astype(np.int8)
    given = reasons[0] if panel else Column([], np.zeros(n, np.int32))
    own = given.codes + len(NO_VERDICT)
    codes = np.select(cases, range(len(NO_VERDICT)), own).astype(np.int32)
    return state, Column([*NO_VERDICT, *given.values], codes)
