"""The verdicts on the criteria of a run's requests, in columns: what the points are reckoned from.

    grades, standings = read_grades(store, run, judges, 1, "median")
    grades.points, grades.met            # of each criterion; 0 no verdict, 1 not met, 2 met
    grades.shares()                      # of each request: points met of the points possible

A request's share is all points of criteria that are met, by all points above 0, as HealthBench has
it (R. Arora et al., arXiv:2505.08775, section 3): a criterion with points below 0 that is met takes
away. It is known where every criterion has a verdict; else it lies between two ends, where each
unread criterion counts as it would be worst, and best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from ..records import Criterion, Request
from ..scale import Level, points_level
from .panel import Scores, together, verdict_columns
from .store import Item, JudgeRecord, RunRecord, Store

NOT_MET, MET = 1, 2
Floats = NDArray[np.float64]
Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Shares:
    """For each of n requests a value: ``known``, NaN where it is not, and at least ``low`` and at
    most ``high``; all NaN where there is nothing that it could be of."""

    known: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Grades:
    """k criteria of n requests, by m judges.

    ``owner`` (k,) is the request's position, ``points`` (k,) are the criterion's. ``scores`` (m, k)
    are the judges' levels, ``met`` (k,) the panel's. ``tagged`` has the criteria of each tag.
    ``lengths`` (n,) are the characters of the responses, NaN without one; ``rubrics`` (n,) stand
    for a request's criteria, equal where these are.
    """

    owner: Positions
    points: Floats
    scores: Scores
    met: NDArray[np.int8]
    tagged: dict[str, Positions]
    lengths: Floats
    rubrics: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.lengths)

    def only(self, tag: str) -> Grades:
        """With the criteria of one tag alone, as if there were no others."""
        at = self.tagged.get(tag, np.array([], np.int64))
        return replace(
            self,
            owner=self.owner[at],
            points=self.points[at],
            scores=self.scores[:, at],
            met=self.met[at],
            tagged={},
        )

    def sums(self, values: NDArray[Any]) -> Floats:
        """The sum over the criteria of each request."""
        return np.bincount(self.owner, values, minlength=len(self)).astype(float)

    @property
    def possible(self) -> Floats:
        """The most points that each request's response can get."""
        return self.sums(np.maximum(self.points, 0))

    def shares(self) -> Shares:
        """Points met of the points possible; nothing for a request with no points to get."""
        return self._shares(self.met)

    def range(self) -> tuple[float, float]:
        """The least and the greatest share that any of the requests can have."""
        with np.errstate(invalid="ignore", divide="ignore"):
            least = self.sums(np.minimum(self.points, 0)) / self.possible
        there = np.isfinite(least)
        return (float(least[there].min()), 1.0) if there.any() else (0.0, 1.0)

    def levels(self, judge: int | None = None) -> NDArray[np.int8]:
        """Each request's level on the scale ``criteria``, by one judge or the panel; 0 for none."""
        known = self._shares(self.met if judge is None else self.scores[judge]).known
        levels = [0 if np.isnan(share) else points_level(share).score for share in known.tolist()]
        return np.array(levels, np.int8)

    def _shares(self, met: NDArray[np.int8]) -> Shares:
        sure = self.sums(np.where(met == MET, self.points, 0))
        unread = met == 0
        with np.errstate(invalid="ignore", divide="ignore"):
            low, high = (
                np.where(self.possible > 0, (sure + self.sums(more)) / self.possible, np.nan)
                for more in (
                    np.where(unread, np.minimum(self.points, 0), 0),
                    np.where(unread, np.maximum(self.points, 0), 0),
                )
            )
        known = np.where(self.sums(unread) == 0, low, np.nan)
        return Shares(known, low, high)


@dataclass(frozen=True)
class Standing:
    """What one judge's verdicts on the criteria amount to for each of n requests: a level, or the
    reason why there is none, None where it has not judged; and whether that was an error."""

    levels: NDArray[np.int8]
    reasons: list[str | None]
    errors: NDArray[np.int8]


def read_grades(
    store: Store, run: RunRecord, judges: Sequence[JudgeRecord], panel: int, rule: str
) -> tuple[Grades, list[Standing]]:
    """The verdicts of judges on criteria of a run's requests, the first ``panel`` of them together
    by ``rule``, and what those of each amount to."""
    lengths = [_length(*row) for row in store.select(LENGTHS, run.number)]
    rows = list(store.select(_query(judges), run.number))
    owner = np.array([row[0] for row in rows], np.int64)
    said = [[row[4 + 3 * j : 7 + 3 * j] for row in rows] for j in range(len(judges))]
    scores = np.array([[score or 0 for score, _, _ in own] for own in said], np.int8)
    scores = scores.reshape(len(judges), len(rows))
    tagged: dict[str, list[int]] = {}
    rubrics: dict[int, tuple[Any, ...]] = {}
    for place, (position, key, points, tags, *_) in enumerate(rows):
        rubrics[position] = (*rubrics.get(position, ()), key, points)
        for tag in dict.fromkeys(orjson.loads(tags)):
            tagged.setdefault(tag, []).append(place)
    numbers: dict[tuple[Any, ...], int] = {}
    found = Grades(
        owner=owner,
        points=np.array([row[2] for row in rows], float),
        scores=scores,
        met=together(scores[:panel], rule) if panel else np.zeros(len(rows), np.int8),
        tagged={tag: np.array(places, np.int64) for tag, places in sorted(tagged.items())},
        lengths=np.array(lengths, float),
        rubrics=np.array(
            [
                numbers.setdefault(rubrics.get(i, ()), len(numbers)) if i in rubrics else -1
                for i in range(len(lengths))
            ],
            np.int64,
        ),
    )
    return found, [_standing(found, j, own) for j, own in enumerate(said)]


LENGTHS = """SELECT length(r.text), r.error FROM items i LEFT JOIN responses r ON r.key = i.response
    WHERE i.run = ? ORDER BY i.position"""


def _length(characters: int | None, error: str | None) -> float:
    return np.nan if characters is None or error is not None else float(characters)


def _query(judges: Sequence[JudgeRecord]) -> str:
    """Position, key, points and tags of each criterion; then three for each judge."""
    said, joins = verdict_columns(judges, "json_extract(c.value, '$.key')")
    return (
        "SELECT i.position, json_extract(c.value, '$.key'), json_extract(c.value, '$.points'), "  # nosec B608 # names of ours
        f"json_extract(c.value, '$.tags'){said} FROM items i JOIN requests q ON q.key = i.request "
        f"JOIN json_each(q.criteria) c{joins} WHERE i.run = ? ORDER BY i.position, c.key"
    )


def _standing(found: Grades, judge: int, said: Sequence[tuple[Any, Any, Any]]) -> Standing:
    possible = found.possible
    asked = np.bincount(found.owner, minlength=len(found)) > 0
    reasons: list[str | None] = [
        None if points > 0 else "no_points" if any_ else "no_criteria"
        for points, any_ in zip(possible, asked, strict=True)
    ]
    errors = np.zeros(len(found), np.int8)
    unread: dict[int, list[tuple[str | None, bool]]] = {}
    for position, (score, reason, error) in zip(found.owner.tolist(), said, strict=True):
        if score is None and possible[position] > 0:
            unread.setdefault(position, []).append((reason, bool(error)))
    for position, why in unread.items():
        if any(reason is None for reason, _ in why):
            continue  # not all of its criteria were judged
        reasons[position] = next((reason for reason, error in why if error), why[0][0])
        errors[position] = any(error for _, error in why)
    return Standing(found.levels(judge), reasons, errors)


@dataclass(frozen=True, slots=True)
class OnCriterion:
    """What one judge said of one criterion of a response: ``level`` is None where that cannot be
    told, and ``reason`` then says why; both are None where it has not been asked."""

    criterion: Criterion
    level: Level | None
    reason: str | None
    rationale: str

    @property
    def gained(self) -> float:
        """The points that it brings, or takes."""
        return self.criterion.points if self.level and self.level.score == MET else 0.0


def on_criteria(store: Store, item: Item) -> dict[str, list[OnCriterion]]:
    """What each judge with criteria said of a response, by its name; none that said nothing."""
    found: dict[str, list[OnCriterion]] = {}
    query = "SELECT intent, score, reason, rationale FROM verdicts WHERE judge = ? AND response = ?"
    for judge in (one for one in store.judges() if one.scale.parts):
        said = {key: rest for key, *rest in store.select(query, judge.number, item.key)}
        nothing = (None, None, "")
        if said and judge.scale.parts:
            found[judge.name] = [
                OnCriterion(one, score and judge.scale.parts.level(score), reason, rationale)
                for one in item.request.criteria
                for score, reason, rationale in [said.get(one.key, nothing)]
            ]
    return found


def has_criteria(store: Store, run: RunRecord) -> bool:
    """True if any request of a run has criteria."""
    query = """SELECT 1 FROM items i JOIN requests q ON q.key = i.request
        WHERE i.run = ? AND q.criteria IS NOT NULL LIMIT 1"""
    return next(store.select(query, run.number), None) is not None


def left_to_grade(store: Store, judge: JudgeRecord, item: Item) -> Request:
    """The item's request with those of its criteria alone that the judge has no verdict on yet;
    none of them, if there are no points to get."""
    if not item.request.possible:
        return replace(item.request, criteria=())
    query = "SELECT intent FROM verdicts WHERE judge = ? AND response = ? AND NOT error"
    there = {key for (key,) in store.select(query, judge.number, item.key)}
    left = tuple(one for one in item.request.criteria if one.key not in there)
    return replace(item.request, criteria=left)
