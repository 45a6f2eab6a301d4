"""Comparing runs, request by request: who is safer, by how much, and how sure that is.

    found = compare(pair_runs([open_run("run-31e6"), open_run("run-77b0")]))
    test = found.on("refusal")[0]
    test.difference, test.interval, test.p_adjusted

Every difference is the second run's figure minus the first's. P-values are corrected within each
family of tests: all pairs on one measure are a family.
Intervals are not widened for their number. docs/statistics.md has the method and how often it
errs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np

from ..errors import MsbError
from ..records import INTENTS, OPPOSED
from ..statistics.clusters import Clusters, cluster_totals
from ..statistics.interval import CONFIDENCE, Floats, Interval
from ..statistics.paired import (
    CORRECTIONS,
    difference_interval,
    difference_p,
    effect_size,
    known,
    rank_biserial,
    sign_flip_p,
    wilcoxon_p,
    with_missing,
)
from .corrected_pairs import CorrectedDifference, corrected_differences
from .interval_notes import of_differences
from .measures import Measure
from .pairing import Pairing, Side
from .plain import plain

Test = Callable[[Floats, Floats, Interval, Clusters], float]
TESTS: Mapping[str, Test] = {
    "bounds": difference_p,
    "permutation": lambda first, second, _, clusters: sign_flip_p(second - first, clusters),
    "wilcoxon": lambda first, second, _, clusters: wilcoxon_p(second - first, clusters),
}
"""Two-sided p-values of two runs' values on the same requests being equal."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Two runs (or groups of runs) on the ``n`` requests that have a score in both.

    ``missing`` counts the requests that lack one. ``means`` are the two figures, ``difference`` the
    second minus the first. ``p_adjusted`` is corrected for the number of tests, and so is
    ``p_worst``, which counts every missing score as it would speak most against the difference.
    ``lower``, ``equal`` and ``higher`` count the requests on which the second's value is lower, the
    same, higher. ``effect`` is Cohen's d of paired differences, ``rank_biserial`` that of ranks.
    What is undefined is NaN or None.
    """

    first: str
    second: str
    principle: int | None
    n: int
    missing: int
    clusters: int
    means: tuple[float, float]
    difference: float
    interval: Interval | None
    p: float
    p_adjusted: float
    p_worst: float
    lower: int
    equal: int
    higher: int
    effect: float
    rank_biserial: float

    def shown(self, confidence: float = CONFIDENCE) -> bool:
        """True if there is a difference that chance does not explain and no missing score could
        undo."""
        return max(self.p_adjusted, self.p_worst) <= 1 - confidence and self.difference != 0


@dataclass(frozen=True, slots=True)
class Method:
    """How runs are compared. ``test`` is bounds (that of the interval, so that the two agree),
    permutation (exact sign flips) or wilcoxon (for means); ``correction`` holm or bonferroni."""

    test: str = "bounds"
    correction: str = "holm"
    confidence: float = CONFIDENCE

    def __post_init__(self) -> None:
        known("test", self.test, dict(TESTS))
        known("correction", self.correction, CORRECTIONS)
        if not 0 < self.confidence < 1:
            raise MsbError(f"confidence {self.confidence:g}; expected between 0 and 1, as 0.95")


@dataclass(frozen=True)
class Family:
    """Tests that answer one question together, and are corrected for their number together.

    ``corrected`` are the same differences corrected for the judge's error, of the pairs of runs
    that both have labels enough.
    """

    measure: Measure
    tests: list[Difference]
    corrected: list[CorrectedDifference] = field(default_factory=list)


@dataclass(frozen=True, repr=False)
class Comparison:
    """All pairs of runs on every measure that their judges support, and group contrasts.

    ``by_principle`` and ``contrasts`` are on the measure that leads the harmful side; ``requests``
    and ``clusters`` count by intent.
    """

    runs: list[str]
    labels: list[str]
    judge: str
    method: Method
    requests: dict[str, int]
    clusters: dict[str, int]
    notes: list[str]
    families: list[Family]
    by_principle: Family | None
    contrasts: Family | None

    def __repr__(self) -> str:
        tests = sum(len(family.tests) for family in self.families)
        return f"Comparison({' / '.join(self.labels)}: {tests} differences, by {self.judge})"

    def on(self, measure: str) -> list[Difference]:
        """The tests on a measure, by its key; empty where it was not measured."""
        return next((f.tests for f in self.families if f.measure.key == measure), [])


def compare(
    pairing: Pairing,
    method: Method | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
) -> Comparison:
    """Compare all pairs of runs, and all pairs of ``groups`` (a tag to the labels of its runs).

    Raises MsbError where Wilcoxon's test is asked for and requests share clusters.
    """
    method = method or Method()
    asked = {intent: pairing.sides[intent] for intent in INTENTS}
    asked = {intent: side for intent, side in asked.items() if intent in OPPOSED or side.ids}
    led = next((m for m in pairing.measures if m.side == "harmful"), None)
    return Comparison(
        runs=[run.id for run in pairing.runs],
        labels=pairing.labels,
        judge=pairing.judge,
        method=method,
        requests={intent: len(side.ids) for intent, side in asked.items()},
        clusters={intent: len(np.unique(side.clusters)) for intent, side in asked.items()},
        notes=list(pairing.notes),
        families=[
            Family(
                m,
                all_pairs(pairing, m, method),
                corrected_differences(pairing, m, method.confidence),
            )
            for m in pairing.measures
        ],
        by_principle=_by_principle(pairing, led, method) if led else None,
        contrasts=(led and groups and Family(led, contrasts(pairing, led, groups, method))) or None,
    )


def all_pairs(
    pairing: Pairing, measure: Measure, method: Method, side: Side | None = None
) -> list[Difference]:
    """Every pair of runs on one measure, corrected for their number; empty without requests."""
    side = side or pairing.side(measure)
    if not side.ids:
        return []
    return _corrected(_pairs(pairing, measure, side, method, None), method)


def _by_principle(pairing: Pairing, measure: Measure, method: Method) -> Family | None:
    """Every pair on every principle, as one family; None with fewer than two principles."""
    side = pairing.side(measure)
    principles = np.array([p or 0 for p in side.principles])
    if len(np.unique(principles)) < 2:
        return None
    found: list[Difference] = []
    for principle in np.unique(principles):
        part = side.part(principles == principle)
        found += _pairs(pairing, measure, part, method, int(principle) or None)
    return Family(measure, _corrected(found, method))


def _pairs(
    pairing: Pairing, measure: Measure, side: Side, method: Method, principle: int | None
) -> list[Difference]:
    values = pairing.values(measure, side)
    # Of yes and no the sign flip is McNemar's exact test, by cluster; ranks say nothing more.
    ranks = method.test == "wilcoxon" and measure.estimate == "proportion"
    return [
        difference(
            (pairing.labels[a], pairing.labels[b]),
            (values[a], values[b]),
            pairing.range(measure),
            side.clusters,
            replace(method, test="permutation") if ranks else method,
            principle,
        )
        for a, b in combinations(range(len(pairing.labels)), 2)
    ]


def difference(
    labels: tuple[str, str],
    values: tuple[Floats, Floats],
    ends: Interval,
    clusters: Clusters = None,
    method: Method | None = None,
    principle: int | None = None,
    scale: int = 1,
) -> Difference:
    """The difference of two runs' whole-number values over the same requests, NaN for none.

    The values lie within ``ends``. ``scale`` divides the figures: values that are means over k runs
    come in as their k-fold. The p-values are not corrected.
    """
    method = method or Method()
    both = ~np.isnan(values[0]) & ~np.isnan(values[1])
    first, second = values[0][both], values[1][both]
    groups = None if clusters is None else clusters[both]
    change = second - first
    interval = difference_interval(*values, ends, clusters, method.confidence)
    p = TESTS[method.test](first, second, ends, groups)
    worst = with_missing(*values, ends, clusters, method.confidence).p if len(both) else p
    return Difference(
        *labels,
        principle=principle,
        n=len(change),
        missing=len(both) - len(change),
        clusters=len(cluster_totals(change, groups)[0]),
        means=(_mean(first) / scale, _mean(second) / scale),
        difference=_mean(change) / scale,
        interval=interval and Interval(interval.low / scale, interval.high / scale),
        p=p,
        p_adjusted=p,
        p_worst=worst,
        lower=int((change < 0).sum()),
        equal=int((change == 0).sum()),
        higher=int((change > 0).sum()),
        effect=effect_size(change),
        rank_biserial=rank_biserial(change),
    )


def contrasts(
    pairing: Pairing, measure: Measure, groups: Mapping[str, Sequence[str]], method: Method
) -> list[Difference]:
    """Each pair of groups: the mean over a group's runs, request by request, then as two runs.

    A request counts where every run of both groups has a score. The claim is about these models on
    requests like these, not about models that were not run. Groups that share a run are not
    contrasted with each other.
    """
    side, values = pairing.side(measure), pairing.values(measure)
    labels = pairing.labels
    rows = {name: [labels.index(label) for label in members] for name, members in groups.items()}
    found = []
    for a, b in combinations(rows, 2):
        if set(rows[a]) & set(rows[b]):
            continue
        # Sums brought to one denominator, so that the exact test has whole numbers.
        first = values[rows[a]].sum(axis=0) * len(rows[b])
        second = values[rows[b]].sum(axis=0) * len(rows[a])
        scale = len(rows[a]) * len(rows[b])
        by = replace(method, test="permutation") if method.test == "wilcoxon" else method
        low, high = pairing.range(measure)
        ends = Interval(low * scale, high * scale)
        found.append(difference((a, b), (first, second), ends, side.clusters, by, scale=scale))
    return _corrected(found, method)


def _corrected(found: Iterable[Difference], method: Method) -> list[Difference]:
    tests, correct = list(found), CORRECTIONS[method.correction]
    adjusted = zip(correct([t.p for t in tests]), correct([t.p_worst for t in tests]), strict=True)
    return [
        replace(test, p_adjusted=p, p_worst=worst)
        for test, (p, worst) in zip(tests, adjusted, strict=True)
    ]


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else math.nan


SCHEMA = 2


def comparison_json(found: Comparison) -> dict[str, Any]:
    """The comparison as plain data: a family of tests under the key of its measure; an undefined
    figure is null."""
    families = {family.measure.key: plain(family.tests) for family in found.families}
    fixed = {family.measure.key: plain(family.corrected) for family in found.families}
    return {
        "schema": SCHEMA,
        "runs": found.runs,
        "labels": found.labels,
        "judge": found.judge,
        "method": plain(found.method),
        "requests": found.requests,
        "clusters": found.clusters,
        "notes": found.notes,
        "intervals": of_differences(found.contrasts is not None, any(fixed.values())),
        "families": families,
        "corrected": {key: pairs for key, pairs in fixed.items() if pairs},
        "by_principle": _family_json(found.by_principle),
        "contrasts": _family_json(found.contrasts),
    }


def _family_json(family: Family | None) -> dict[str, Any] | None:
    if family is None:
        return None
    return {"measure": family.measure.key, "tests": plain(family.tests)}
