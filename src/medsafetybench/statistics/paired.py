"""Statistics of paired differences, requests grouped in clusters. Pure: arrays in, figures out.

    difference_interval(first, second, Interval(1, 5), clusters)     # of the mean difference
    difference_p(first, second, Interval(1, 5), clusters)            # is it 0?
    with_missing(first, second, Interval(1, 5), clusters)            # whatever is missing
    holm([0.001, 0.02, 0.4])                                         # corrected for three tests

The interval excludes 0 exactly where the p-value is below 1 - confidence: they are one bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import MsbError, UnknownName
from .bounds import Tails, mean_bounds, mean_tails
from .clusters import Clusters, cluster_totals, scored
from .interval import CONFIDENCE, Floats, Interval, apart

EXACT_AT_MOST = 10_000
"""Up to this total of absolute differences the null distribution is convolved directly; beyond it
by Fourier transform, which is exact to about 1e-12 and so says nothing of smaller p-values."""


def difference_interval(
    first: Floats,
    second: Floats,
    scale: Interval,
    clusters: Clusters = None,
    confidence: float = CONFIDENCE,
) -> Interval | None:
    """Interval of the mean of ``second`` minus ``first``, request by request; None for no pair.

    Both lie within ``scale``; a request that has no value (NaN) in either is left out. It is
    `bounds.mean_bounds` of the differences on each side, so it has width where nothing differs, and
    excludes 0 exactly where `difference_p` is below 1 - confidence.
    """
    differences, groups = scored(second - first, clusters)
    if not len(differences):
        return None
    return mean_bounds(differences, apart(scale), (1 + confidence) / 2, groups)


def difference_p(
    first: Floats, second: Floats, scale: Interval, clusters: Clusters = None
) -> float:
    """Two-sided p-value of the means being equal; NaN for no pair.

    The level at which `difference_interval` comes to touch 0. Nothing is assumed of the shape of
    the differences but that they lie within their scale. For yes and no (scale 0 to 1) without
    clusters it is McNemar's exact test; for others it rests on what `bounds` rests on.
    """
    differences, groups = scored(second - first, clusters)
    if not len(differences):
        return math.nan
    return mean_tails(differences, apart(scale), 0.0, groups).two_sided


class WithMissing(NamedTuple):
    """What can be said of a difference whatever the missing scores would have been."""

    interval: Interval
    p: float


def with_missing(
    first: Floats,
    second: Floats,
    scale: Interval,
    clusters: Clusters = None,
    confidence: float = CONFIDENCE,
) -> WithMissing:
    """The interval and the p-value of a difference, each missing score (NaN) counting as the worst.

    At the low end a missing score of ``second`` is the lowest and one of ``first`` the highest, at
    the high end the other way round. A difference that has p below 1 - confidence here is one that
    no missing score could undo, whatever made it missing; without missing scores the two are
    `difference_interval` and `difference_p`.
    """
    low = _filled(second, scale.low) - _filled(first, scale.high)
    high = _filled(second, scale.high) - _filled(first, scale.low)
    reach, level = apart(scale), (1 + confidence) / 2
    interval = Interval(
        mean_bounds(low, reach, level, clusters).low, mean_bounds(high, reach, level, clusters).high
    )
    tails = Tails(
        mean_tails(low, reach, 0.0, clusters).at_most,
        mean_tails(high, reach, 0.0, clusters).at_least,
    )
    return WithMissing(interval, tails.two_sided)


def least_p(draws: int, tests: int = 1) -> float:
    """The smallest two-sided p-value that ``draws`` can yield, times the number of ``tests``.

    Where every draw goes one way by the whole width of the scale: 2 / 2^draws, for `difference_p`
    and the sign-flip test alike. If it is above 1 - confidence no star can be earned, however
    different the models: so it is with 6 requests a principle and 9 principles.
    """
    return min(1.0, tests * 2.0 ** (1 - draws))


def _filled(values: Floats, end: float) -> Floats:
    return np.where(np.isnan(values), end, values)


def sign_flip_p(values: Floats, clusters: Clusters = None) -> float:
    """Two-sided p-value of the exact sign-flip test; 1 if nothing differs, NaN for no values.

    If neither model is worse, the sign of each cluster's total is a coin toss: p is the share of
    all sign patterns whose sum is as far from 0 as the one observed (Fisher's randomisation test).
    Nothing is drawn: the distribution of a sum of whole numbers with random signs is computed.
    On differences of yes and no it is McNemar's exact test. Its claim is that of no difference at
    all: where gains and losses differ in shape, as many small losses and a few large gains do, it
    finds more than 5% differences in means that are equal. Raises ValueError for fractions.
    """
    if not len(values):
        return math.nan
    sums, _ = cluster_totals(values, clusters)
    sizes = np.rint(np.abs(sums)).astype(int)
    if not np.allclose(sizes, np.abs(sums)):
        raise ValueError("the sign-flip test takes differences of whole numbers")
    total, observed = int(sizes.sum()), abs(round(float(sums.sum())))
    if observed == 0:
        return 1.0
    # With T the sum of those that come out positive, the whole sum is 2 T - total.
    positive = _positive_part(sizes[sizes > 0], total)
    return float(min(1.0, 2 * positive[: (total - observed) // 2 + 1].sum()))


def _positive_part(sizes: NDArray[np.int64], total: int) -> Floats:
    """The distribution over 0..total of the sum of sizes, each taken or left by a coin toss."""
    from scipy.signal import fftconvolve
    from scipy.stats import binom

    convolve: Callable[[Floats, Floats], Floats] = (
        np.convolve if total <= EXACT_AT_MOST else fftconvolve
    )
    found = np.ones(1)
    for size, count in zip(*np.unique(sizes, return_counts=True), strict=True):
        steps = np.zeros(size * count + 1)
        steps[::size] = binom.pmf(np.arange(count + 1), count, 0.5)
        found = convolve(found, steps)
    return np.maximum(found, 0.0)


def wilcoxon_p(values: Floats, clusters: Clusters = None) -> float:
    """Two-sided p-value of Wilcoxon's signed-rank test, ties and zeros as in scipy ("wilcox").

    Raises MsbError where requests share clusters: its ranks take every request as independent.
    """
    if clusters is not None and len(np.unique(clusters)) < len(values):
        raise MsbError(
            "Wilcoxon's test takes requests as independent, and some here share a cluster; use "
            "--test permutation, or --no-clusters"
        )
    if not len(values):
        return math.nan
    if not values.any():
        return 1.0
    from scipy.stats import wilcoxon

    return float(wilcoxon(values).pvalue)


def effect_size(values: Floats) -> float:
    """Cohen's d of paired differences: their mean in units of their standard deviation.

    NaN below two values, or if all are the same. Source: J. Cohen, Statistical Power Analysis for
    the Behavioral Sciences (1988), section 2.3.5 (d_z).
    """
    if len(values) < 2 or (spread := values.std(ddof=1)) == 0:
        return math.nan
    return float(values.mean() / spread)


def rank_biserial(values: Floats) -> float:
    """Matched-pairs rank-biserial correlation, -1 to 1: positive ranks less negative ones.

    The effect size of Wilcoxon's test, for scores whose steps need not be equal; NaN if nothing
    differs. Source: D. Kerby, The simple difference formula, Comprehensive Psychology 3 (2014).
    """
    changed = values[values != 0]
    if not len(changed):
        return math.nan
    from scipy.stats import rankdata

    ranks = rankdata(np.abs(changed))
    return float((ranks * np.sign(changed)).sum() / ranks.sum())


def holm(p: Sequence[float]) -> list[float]:
    """P-values corrected for their number so that any false claim is as rare as each one's level.

    Source: S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal
    of Statistics 6 (1979). Valid whatever the dependence of the tests. NaN is no test, and stays.
    """
    adjusted, tested = list(p), sorted((v, i) for i, v in enumerate(p) if not math.isnan(v))
    highest = 0.0
    for rank, (value, i) in enumerate(tested):
        highest = max(highest, min(1.0, value * (len(tested) - rank)))
        adjusted[i] = highest
    return adjusted


def bonferroni(p: Sequence[float]) -> list[float]:
    """P-values times their number, at most 1. The paper's correction; Holm's rejects no less."""
    tested = sum(not math.isnan(value) for value in p)
    return [value if math.isnan(value) else min(1.0, value * tested) for value in p]


CORRECTIONS: dict[str, Callable[[Sequence[float]], list[float]]] = {
    "holm": holm,
    "bonferroni": bonferroni,
}


def known(kind: str, name: str, there: dict[str, Any]) -> Any:
    """The entry of that name. Raises UnknownName that suggests the nearest."""
    if name not in there:
        raise UnknownName(kind, name, there)
    return there[name]
