"""One-sided bounds of a rate and of a mean, right where a safe model lives. Pure.

    rate_bounds(0, 108, 0.95)                                  # Interval(low=0.0, high=0.027)
    mean_bounds(np.ones(108), Interval(1, 5), 0.95)            # Interval(low=1.0, high=1.11)
    mean_tails(np.ones(108), Interval(1, 5), 1.1)              # p of "at most", of "at least"

Every interval and every p-value of a mean that this program prints comes from here: the scorecard's
is the two bounds at 97.5% each, the gate's one bound at 95%, a difference's star the p-value of the
same bound. So they cannot contradict one another.

The bound is Gaffke's. It is the quantile of the mean under random weights, one value at the end of
the scale being added to those observed: so what was never seen is reckoned with, and two scores of
1 prove little. For values at the two ends of the scale it is Clopper's and Pearson's bound, and
exact; for others that it holds is a conjecture, for which no counter-example is known and which
`make bench-statistics` tries where it would hurt. Student's t, which wants many values and a
normal mean, lets through 11% instead of 5% where one response in twenty is a 5.
Sources: N. Gaffke, Mathematical Methods of Statistics 14 (2005); E. Learned-Miller, P. Thomas,
arXiv:1905.06208.

Clusters are weighted whole, and the value added weighs as much as the largest of them: with M the
largest size, a cluster's sum less t times its size lies between M (low - t) and M (high - t), and
that its mean is zero is what the mean being t says. The largest size seen stands for the largest
there is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .clusters import Clusters, Kinds, kinds_of
from .gamma_sums import at_most_zero
from .interval import Floats, Interval


class Tails(NamedTuple):
    """Two one-sided p-values: of "the mean is at most this" and of "the mean is at least this".

    A small ``at_most`` shows that the mean is above, a small ``at_least`` that it is below.
    """

    at_most: float
    at_least: float

    @property
    def two_sided(self) -> float:
        """Twice the smaller one, at most 1."""
        return min(1.0, 2 * min(self))


def rate_bounds(successes: int, n: int, confidence: float) -> Interval:
    """One-sided lower and upper bound of a rate, each at the confidence.

    Exact: C. Clopper, E. Pearson, Biometrika 26 (1934). It never errs more often than it says,
    also near 0 and 1. Nothing asked: 0 and 1.
    """
    from scipy.special import betaincinv

    low = betaincinv(successes, n - successes + 1, 1 - confidence) if successes else 0.0
    high = betaincinv(successes + 1, n - successes, confidence) if successes < n else 1.0
    return Interval(float(low), float(high))


def mean_bounds(
    values: Floats, scale: Interval, confidence: float, clusters: Clusters = None
) -> Interval:
    """One-sided lower and upper bound of the mean of values that lie within ``scale``.

    Each holds at the confidence; both together, as a two-sided interval, at 2 * confidence - 1.
    The method, its sources and what it rests on are at the head of this file. No values: the ends
    of the scale.
    """
    if not len(values):
        return scale
    kinds = kinds_of(values, clusters)
    return kinds_bounds(kinds, _totals(kinds, scale), confidence)


def mean_tails(values: Floats, scale: Interval, at: float, clusters: Clusters = None) -> Tails:
    """One-sided p-values of the mean being at most, and at least, ``at``.

    They agree with `mean_bounds`: ``at_most`` is below 1 - confidence where the lower bound at
    that confidence is above ``at``, and ``at_least`` likewise. No values: 1 and 1.
    """
    if not len(values):
        return Tails(1.0, 1.0)
    kinds = kinds_of(values, clusters)
    return kinds_tails(kinds, _totals(kinds, scale), at)


def kinds_bounds(kinds: Kinds, totals: Interval, confidence: float) -> Interval:
    """`mean_bounds` of clusters whose sum, with the largest size, would lie within ``totals``."""
    return Interval(
        _quantile(_with_one_more(kinds, totals.low), 1 - confidence),
        _quantile(_with_one_more(kinds, totals.high), confidence),
    )


def kinds_tails(kinds: Kinds, totals: Interval, at: float) -> Tails:
    """`mean_tails` of clusters whose sum, with the largest size, would lie within ``totals``."""
    below, above = (_with_one_more(kinds, total) for total in totals)
    # A mean that is the same whatever the weights is both at most and at least itself.
    return Tails(_share_at_most(below, at), _share_at_most(above._replace(sums=-above.sums), -at))


def mean_bounds_with_missing(
    values: Floats, scale: Interval, confidence: float, clusters: Clusters = None
) -> Interval:
    """`mean_bounds` that hold whatever the values that are missing (NaN) would have been.

    At each end they count as the worst for it. So a score that could not be read, or was lost
    because it was bad, can narrow no interval and open no gate.
    """
    low, high = (np.where(np.isnan(values), end, values) for end in scale)
    return Interval(
        mean_bounds(low, scale, confidence, clusters).low,
        mean_bounds(high, scale, confidence, clusters).high,
    )


def mean_tails_with_missing(
    values: Floats, scale: Interval, at: float, clusters: Clusters = None
) -> Tails:
    """`mean_tails` that hold whatever the values that are missing (NaN) would have been."""
    low, high = (np.where(np.isnan(values), end, values) for end in scale)
    return Tails(
        mean_tails(low, scale, at, clusters).at_most,
        mean_tails(high, scale, at, clusters).at_least,
    )


def _totals(kinds: Kinds, scale: Interval) -> Interval:
    largest = float(kinds.sizes.max())
    return Interval(largest * scale.low, largest * scale.high)


def _with_one_more(kinds: Kinds, total: float) -> Kinds:
    """The kinds and one more cluster, as large as the largest, with this sum."""
    largest = kinds.sizes.max()
    same = (kinds.sums == total) & (kinds.sizes == largest)
    if same.any():
        return kinds._replace(counts=kinds.counts + same)
    added = zip(kinds, (total, largest, 1.0), strict=True)
    return Kinds(*(np.append(column, value) for column, value in added))


def _share_at_most(kinds: Kinds, at: float) -> float:
    """The chance that the mean under random weights is at most ``at``."""
    scales = kinds.sums - at * kinds.sizes
    # What differs from zero by rounding only is zero.
    scales[np.abs(scales) < 1e-12 * (np.abs(kinds.sums) + np.abs(at) * kinds.sizes)] = 0.0
    if len(scales) == 2 and scales[0] * scales[1] < 0:
        return _beta_share(scales, kinds.counts)
    return at_most_zero(scales, kinds.counts)


def _beta_share(scales: Floats, shapes: Floats) -> float:
    """`at_most_zero` of two terms of opposite signs: one's share of both is a beta variable."""
    from scipy.special import betainc

    up, down = (0, 1) if scales[0] > 0 else (1, 0)
    border = -scales[down] / (scales[up] - scales[down])
    return float(betainc(shapes[up], shapes[down], border))


def _quantile(kinds: Kinds, chance: float) -> float:
    """The value that the mean under random weights is at most with the chance given."""
    from scipy.optimize import brentq

    means = kinds.sums / kinds.sizes
    low, high = float(means.min()), float(means.max())
    if high - low <= 1e-12 * (abs(low) + abs(high)):
        return low  # they differ by rounding only, if at all

    def beyond(at: float) -> float:
        return _share_at_most(kinds, at) - chance

    return float(brentq(beyond, low, high, xtol=1e-9 * (high - low), rtol=1e-12))
