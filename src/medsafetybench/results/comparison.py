"""Comparing runs, request by request: who is safer, by how much, and how sure that is.

    found = compare(pair_runs([open_run("run-31e6"), open_run("run-77b0")]))
    found.harmfulness[0].difference, found.harmfulness[0].interval, found.harmfulness[0].p_adjusted

Every difference is the second run's figure minus the first's. P-values are corrected within each
family of tests: all pairs on harmfulness are one family, all pairs on refusal another, and so on.
Intervals are not widened for their number. docs/statistics.md has the method and how often it
errs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MsbError
from ..statistics.estimates import CONFIDENCE, Interval
from ..statistics.paired import (
    CORRECTIONS,
    DRAWS,
    TESTS,
    Floats,
    bootstrap_interval,
    cluster_totals,
    effect_size,
    known,
    rank_biserial,
    sign_flip_p,
)
from .pairing import Pairing, Side


@dataclass(frozen=True, slots=True)
class Difference:
    """Two runs (or groups of runs) on the ``n`` requests that have a score in both.

    ``means`` are the two figures, ``difference`` the second minus the first. ``lower``, ``equal``
    and ``higher`` count the requests on which the second's score is lower, the same, higher (for a
    rate: where only the first, both or neither, only the second declined). ``effect`` is Cohen's d
    of paired differences, ``rank_biserial`` that of ranks. What is undefined is NaN or None.
    """

    first: str
    second: str
    principle: int | None
    n: int
    clusters: int
    means: tuple[float, float]
    difference: float
    interval: Interval | None
    p: float
    p_adjusted: float
    lower: int
    equal: int
    higher: int
    effect: float
    rank_biserial: float


@dataclass(frozen=True, slots=True)
class Method:
    """How runs are compared. ``test`` is permutation or wilcoxon (for harmfulness; rates always use
    McNemar's exact test, by cluster), ``correction`` holm or bonferroni."""

    test: str = "permutation"
    correction: str = "holm"
    confidence: float = CONFIDENCE
    draws: int = DRAWS
    seed: int = 0

    def __post_init__(self) -> None:
        known("test", self.test, TESTS)
        known("correction", self.correction, CORRECTIONS)
        if not 0 < self.confidence < 1:
            raise MsbError(f"confidence {self.confidence:g}; expected between 0 and 1, as 0.95")


@dataclass(frozen=True)
class Comparison:
    """All pairs of runs on both sides, and group contrasts; each list is one family of tests.

    ``requests`` and ``clusters`` count by intent.
    """

    runs: list[str]
    labels: list[str]
    judge: str
    method: Method
    requests: dict[str, int]
    clusters: dict[str, int]
    notes: list[str]
    harmfulness: list[Difference]
    refusal: list[Difference]
    over_refusal: list[Difference]
    by_principle: list[Difference]
    contrasts: list[Difference]


Measure = Callable[[Floats], Floats]


def harmfulness(scores: Floats) -> Floats:
    """The score itself."""
    return scores


def declined(scores: Floats) -> Floats:
    """1 where the score is 1 (declines), 0 where it is another, NaN where there is none."""
    return np.where(np.isnan(scores), np.nan, scores == 1)


def compare(
    pairing: Pairing,
    method: Method | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
) -> Comparison:
    """Compare all pairs of runs, and all pairs of ``groups`` (a tag to the labels of its runs).

    Raises MsbError where Wilcoxon's test is asked for and requests share clusters.
    """
    method = method or Method()
    harmful, benign = pairing.sides["harmful"], pairing.sides["benign"]
    sizes: dict[str, int] = {intent: len(side.ids) for intent, side in pairing.sides.items()}
    draws: dict[str, int] = {
        intent: len(np.unique(side.clusters)) for intent, side in pairing.sides.items()
    }
    return Comparison(
        runs=pairing.runs,
        labels=pairing.labels,
        judge=pairing.judge,
        method=method,
        requests=sizes,
        clusters=draws,
        notes=list(pairing.notes),
        harmfulness=all_pairs(pairing.labels, harmful, harmfulness, method),
        refusal=all_pairs(pairing.labels, harmful, declined, method),
        over_refusal=all_pairs(pairing.labels, benign, declined, method),
        by_principle=_by_principle(pairing.labels, harmful, method),
        contrasts=contrasts(pairing.labels, harmful, groups, method) if groups else [],
    )


def all_pairs(
    labels: Sequence[str], side: Side, measure: Measure, method: Method
) -> list[Difference]:
    """Every pair of runs on one side, corrected for their number; empty without requests."""
    if not side.ids:
        return []
    return _corrected(_pairs(labels, side, measure, method, None), method)


def _by_principle(labels: Sequence[str], side: Side, method: Method) -> list[Difference]:
    """Every pair on every principle, as one family."""
    principles = np.array([p or 0 for p in side.principles])
    if len(np.unique(principles)) < 2:
        return []
    found: list[Difference] = []
    for principle in np.unique(principles):
        part = part_of(side, principles == principle)
        found += _pairs(labels, part, harmfulness, method, int(principle) or None)
    return _corrected(found, method)


def part_of(side: Side, chosen: NDArray[np.bool_]) -> Side:
    """The side with only the requests chosen."""
    at = np.flatnonzero(chosen)
    return Side(
        [side.ids[i] for i in at],
        [side.texts[i] for i in at],
        [side.principles[i] for i in at],
        [side.pairs[i] for i in at],
        side.scores[:, at],
        side.clusters[at],
    )


def _pairs(
    labels: Sequence[str], side: Side, measure: Measure, method: Method, principle: int | None
) -> Iterable[Difference]:
    values = measure(side.scores)
    test = "permutation" if measure is declined else method.test
    return [
        difference(
            (labels[a], labels[b]),
            (values[a], values[b]),
            side.clusters,
            replace(method, test=test),
            principle,
        )
        for a, b in combinations(range(len(labels)), 2)
    ]


def difference(
    labels: tuple[str, str],
    values: tuple[Floats, Floats],
    clusters: NDArray[Any] | None = None,
    method: Method | None = None,
    principle: int | None = None,
    scale: int = 1,
) -> Difference:
    """The difference of two runs' whole-number values over the same requests, NaN for none.

    ``scale`` divides the figures: values that are means over k runs come in as their k-fold. The
    p-value is not corrected: ``p_adjusted`` equals ``p``.
    """
    method = method or Method()
    both = ~np.isnan(values[0]) & ~np.isnan(values[1])
    first, second = values[0][both], values[1][both]
    groups = None if clusters is None else clusters[both]
    apart = second - first
    interval = bootstrap_interval(apart, groups, method.confidence, method.draws, method.seed)
    p = TESTS[method.test](apart, groups)
    return Difference(
        *labels,
        principle=principle,
        n=len(apart),
        clusters=len(cluster_totals(apart, groups)[0]),
        means=(_mean(first) / scale, _mean(second) / scale),
        difference=_mean(apart) / scale,
        interval=interval and Interval(interval.low / scale, interval.high / scale),
        p=p,
        p_adjusted=p,
        lower=int((apart < 0).sum()),
        equal=int((apart == 0).sum()),
        higher=int((apart > 0).sum()),
        effect=effect_size(apart),
        rank_biserial=rank_biserial(apart),
    )


def contrasts(
    labels: Sequence[str], side: Side, groups: Mapping[str, Sequence[str]], method: Method
) -> list[Difference]:
    """Each pair of groups: the mean over a group's runs, request by request, then as two runs.

    A request counts where every run of both groups has a score. The claim is about these models on
    requests like these, not about models that were not run. Groups that share a run are not
    contrasted with each other.
    """
    if not side.ids:
        return []
    rows = {name: [labels.index(label) for label in members] for name, members in groups.items()}
    found = []
    for a, b in combinations(rows, 2):
        if set(rows[a]) & set(rows[b]):
            continue
        # Sums brought to one denominator, so that the exact test has whole numbers.
        first = side.scores[rows[a]].sum(axis=0) * len(rows[b])
        second = side.scores[rows[b]].sum(axis=0) * len(rows[a])
        scale = len(rows[a]) * len(rows[b])
        by = replace(method, test="permutation")
        found.append(difference((a, b), (first, second), side.clusters, by, scale=scale))
    return _corrected(found, method)


def _corrected(found: Iterable[Difference], method: Method) -> list[Difference]:
    tests = list(found)
    adjusted = CORRECTIONS[method.correction]([test.p for test in tests])
    return [replace(test, p_adjusted=p) for test, p in zip(tests, adjusted, strict=True)]


def mcnemar_p(first: Floats, second: Floats, clusters: NDArray[Any] | None = None) -> float:
    """McNemar's exact test of two runs' yes (1) and no (0), by cluster where there are any.

    Source: Q. McNemar, Psychometrika 12 (1947); exact by the binomial distribution of the requests
    on which they differ. With clusters, the sign-flip test of each cluster's net difference.
    """
    both = ~np.isnan(first) & ~np.isnan(second)
    return sign_flip_p((second - first)[both], None if clusters is None else clusters[both])


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else math.nan
