"""What figures and report are made of: the scorecards of runs, and how far their judges agree.

    evidence = gather([open_run("run-31e6"), open_run("run-77b0")])
    evidence[0].label, evidence[0].card.mean, evidence[0].agreement

Everything is read as counts, so memory does not grow with the number of requests.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MsbError
from ..evaluation import open_run
from ..results.run import Run
from ..results.scorecard import Scorecard
from ..statistics import agreement
from ..statistics.estimates import CONFIDENCE
from ..store.labels import PERSON
from ..store.outcomes import Outcome, judges_with_verdicts, outcomes, panel_of
from ..store.store import Store
from .display import name

Counts = NDArray[np.int64]
DRAWS = 2000


@dataclass(frozen=True)
class PairOfJudges:
    """Two judges on the ``n`` harmful requests that both scored.

    ``confusion[i][j]`` counts requests that the first scored i + 1 and the second j + 1. Each
    figure is (value, low, high) with a 95% bootstrap interval, NaN where it is undefined.
    """

    judges: tuple[str, str]
    confusion: Counts
    figures: Mapping[str, tuple[float, float, float]]

    @property
    def n(self) -> int:
        """Requests that both scored."""
        return int(self.confusion.sum())


@dataclass(frozen=True)
class Agreement:
    """All judges of a run, people included: Krippendorff's ordinal alpha, and every pair."""

    judges: list[str]
    alpha: float
    pairs: list[PairOfJudges]


@dataclass(frozen=True)
class Evidence:
    """One run: its scorecard, what it is made of, a name for it, and its judges' agreement."""

    card: Scorecard
    settings: Mapping[str, Any]
    label: str
    agreement: Agreement | None = None
    run: Run | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Selection:
    """Runs to show, and pairs of runs before and after a change; all of them among ``runs``."""

    runs: list[Run]
    pairs: list[tuple[str, str]] = field(default_factory=list)


def select(
    ids: Sequence[str],
    store: str | Path,
    before: Sequence[str] = (),
    after: Sequence[str] = (),
) -> Selection:
    """The runs named, each once, in order; without any name and pair, the last one.

    Raises MsbError if a run, or any at all, is missing, or a run before lacks its run after.
    """
    with Store.read(store) as opened:
        if not opened.runs():
            raise MsbError(f"no runs in {store}; `msb evaluate` makes one")
    if len(before) != len(after):
        raise MsbError(
            f"{len(before)} runs --before and {len(after)} --after; expected one after for each"
        )
    stages = [(open_run(b, store), open_run(a, store)) for b, a in zip(before, after, strict=True)]
    if same := [b.id for b, a in stages if b.id == a.id]:
        raise MsbError(f"{same[0]} is both --before and --after; expected two runs")
    named = [open_run(i, store) for i in ids or ([] if stages else ["last"])]
    runs = {run.id: run for run in [*named, *(run for pair in stages for run in pair)]}
    return Selection(list(runs.values()), [(b.id, a.id) for b, a in stages])


def in_pairs(
    evidence: Sequence[Evidence], pairs: Sequence[tuple[str, str]]
) -> list[tuple[Evidence, Evidence]]:
    """The evidence of each pair of runs."""
    of = {one.card.run: one for one in evidence}
    return [(of[before], of[after]) for before, after in pairs]


def gather(runs: Sequence[Run], judges: Sequence[str] = (), rule: str = "median") -> list[Evidence]:
    """Read what there is to show of these runs. ``judges`` and ``rule`` as in ``Run.summary``."""
    cards = [run.summary(judges, rule) for run in runs]
    found = []
    for run, card, label in zip(runs, cards, labels(cards), strict=True):
        with Store.read(run.store) as store:
            record = store.run(run.id)
            panel = panel_of(store, record, judges)
            others = [j for j in judges_with_verdicts(store, record) if j not in panel]
            raters = [*panel, *others]
            counts = outcomes(store, record, raters, rule) if len(raters) > 1 else Counter()
        agreed = agreement_of([judge.name for judge in raters], counts) if counts else None
        found.append(Evidence(card, record.settings, label, agreed, run))
    return found


def labels(cards: Sequence[Scorecard]) -> list[str]:
    """The targets' names; where two are the same, with the benchmark or else the run's id."""
    targets = [name(card.target) for card in cards]
    told = [f"{name(card.target, 40)} on {name(card.benchmark.name, 30)}" for card in cards]
    last = [f"{name(card.target, 40)} ({card.run})" for card in cards]
    return [
        next((text[i] for text in (targets, told) if text.count(text[i]) == 1), last[i])
        for i in range(len(cards))
    ]


def agreement_of(judges: Sequence[str], counts: Counter[Outcome]) -> Agreement | None:
    """Agreement on harmful requests, from how often each combination of scores occurs.

    None if no two judges scored the same request. Pairs with a person come first.
    """
    combos = Counter[tuple[int | None, ...]]()
    for outcome, count in counts.items():
        if outcome.intent == "harmful":
            combos[outcome.scores] += count
    pairs = []
    for a, b in sorted(combinations(range(len(judges)), 2), key=lambda p: not _human(judges, p)):
        confusion = _confusion(combos, a, b)
        if confusion.any():
            pairs.append(PairOfJudges((judges[a], judges[b]), confusion, pair_figures(confusion)))
    if not pairs:
        return None
    return Agreement(list(judges), _alpha(combos), pairs)


def _human(judges: Sequence[str], pair: tuple[int, int]) -> bool:
    return any(judges[i].startswith(PERSON) for i in pair)


def _confusion(combos: Counter[tuple[int | None, ...]], a: int, b: int) -> Counts:
    table = np.zeros((5, 5), dtype=np.int64)
    for scores, count in combos.items():
        first, second = scores[a], scores[b]
        if first is not None and second is not None:
            table[first - 1, second - 1] += count
    return table


def _alpha(combos: Counter[tuple[int | None, ...]]) -> float:
    rated = {s: n for s, n in combos.items() if sum(score is not None for score in s) > 1}
    scores = np.array(list(rated), dtype=float).T
    return agreement.krippendorff_alpha(np.repeat(scores, list(rated.values()), axis=1))


def pair_figures(
    confusion: Counts, draws: int = DRAWS, seed: int = 0
) -> dict[str, tuple[float, float, float]]:
    """How far two judges agree, each figure with its percentile bootstrap interval.

    Drawing n requests again, with replacement, is one multinomial draw of the 25 counts, so this
    takes as long for 74,374 requests as for 90. The values are those of ``judges.agreement``.
    """
    n = int(confusion.sum())
    drawn = np.random.default_rng(seed).multinomial(n, confusion.ravel() / n, size=draws)
    rows, columns = np.nonzero(confusion)
    repeats = confusion[rows, columns]
    first, second = np.repeat(rows + 1, repeats), np.repeat(columns + 1, repeats)
    points = (
        agreement.exact(first, second),
        agreement.within_one(first, second),
        agreement.cohen_kappa(first, second),
        agreement.cohen_kappa(first, second, weights="quadratic"),
        agreement.bias(first, second),
    )
    again = _figures(drawn.reshape(draws, 5, 5) / n)
    return {
        key: (point, *_ends(values))
        for (key, values), point in zip(again.items(), points, strict=True)
    }


def _figures(shares: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """The same figures of many tables of shares at once, tables x 5 x 5."""
    gap = np.arange(5)[:, None] - np.arange(5)[None, :]
    chance = shares.sum(axis=2)[:, :, None] * shares.sum(axis=1)[:, None, :]

    def mean(table: NDArray[np.float64], weights: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray((table * weights).sum(axis=(1, 2)))

    def beyond_chance(weights: NDArray[Any]) -> NDArray[np.float64]:
        with np.errstate(invalid="ignore", divide="ignore"):
            found = 1 - mean(shares, weights) / mean(chance, weights)
        return np.where(mean(chance, weights) > 0, found, np.nan)

    return {
        "exact": mean(shares, gap == 0),
        "within one": mean(shares, np.abs(gap) <= 1),
        "kappa": beyond_chance(gap != 0),
        "weighted kappa": beyond_chance(gap**2),
        "bias": mean(shares, gap),
    }


def _ends(values: NDArray[np.float64]) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    if not len(known):
        return math.nan, math.nan
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)
