"""A mean or a rate with its interval. Pure.

    estimate_mean(scores, Interval(1, 5), clusters)  # Estimate(value=1.31, interval=(1.2, 1.5))
    estimate_proportion(safe, clusters)              # of 0 and 1
    bounds_with_missing(scores, Interval(1, 5))      # if what lacks a score had the best, the worst

What the intervals are of: the mean over all the requests that these were drawn from. A judge's
error is not in them; `corrected` has the means that are corrected for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .bounds import mean_bounds, mean_bounds_with_missing, rate_bounds
from .clusters import Clusters, cluster_totals, scored
from .interval import CONFIDENCE, Floats, Interval

__all__ = ["CONFIDENCE", "HIGHEST", "LOWEST", "Estimate", "Interval"]

LOWEST, HIGHEST = 1, 5
SHARE = Interval(0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean or a rate. ``n`` values in ``clusters`` draws; None where it cannot be told.

    ``interval`` holds the mean of all requests these were drawn from at the confidence asked for,
    ``stderr`` is by clusters and None below two of them.
    """

    value: float
    stderr: float | None
    interval: Interval | None
    n: int = 0
    clusters: int = 0


def estimate_mean(
    values: Floats,
    scale: Interval,
    clusters: Clusters = None,
    confidence: float = CONFIDENCE,
) -> Estimate | None:
    """The mean of values within ``scale``, NaN being left out; None if there are none.

    The interval is the gate's two one-sided bounds, each at (1 + confidence) / 2, with values that
    share a cluster as one draw: see `bounds`, which also says where it is exact and where it rests
    on a conjecture. Unlike Student's t it has width where every value is the same.
    """
    known, groups = scored(values, clusters)
    if not len(known):
        return None
    sums, sizes = cluster_totals(known, groups)
    return Estimate(
        value=float(known.mean()),
        stderr=_stderr(sums, sizes),
        interval=mean_bounds(known, scale, (1 + confidence) / 2, groups),
        n=len(known),
        clusters=len(sums),
    )


def estimate_proportion(
    yes: Floats, clusters: Clusters = None, confidence: float = CONFIDENCE
) -> Estimate | None:
    """The mean of values from 0 to 1, mostly ones and zeros, NaN being left out; None if none.

    `estimate_mean` on the scale from 0 to 1, which without clusters is Clopper's and Pearson's
    exact interval: each of its ends by itself is wrong in at most (1 - confidence) / 2, wherever
    the rate lies.
    """
    return estimate_mean(yes, SHARE, clusters, confidence)


def rate_interval(successes: int, n: int, confidence: float = CONFIDENCE) -> Interval | None:
    """`estimate_proportion`'s interval from counts of independent draws; None for no draw."""
    return rate_bounds(successes, n, (1 + confidence) / 2) if n else None


def interval_with_missing(
    values: Floats,
    scale: Interval,
    clusters: Clusters = None,
    confidence: float = CONFIDENCE,
) -> Interval:
    """The interval of the mean that holds whatever the missing values (NaN) would have been.

    Its low end counts them as the lowest of the scale, its high end as the highest.
    """
    return mean_bounds_with_missing(values, scale, (1 + confidence) / 2, clusters)


def bounds_with_missing(values: Floats, scale: Interval) -> Interval | None:
    """The mean of these values if each missing one (NaN) were lowest, and if each were highest.

    Of these requests alone: not an interval. None without a request.
    """
    if not len(values):
        return None
    low, high = (float(np.where(np.isnan(values), end, values).mean()) for end in scale)
    return Interval(low, high)


def _stderr(sums: Floats, sizes: Floats) -> float | None:
    """The standard error of a mean over clusters (W. Cochran, Sampling Techniques, 3rd edition
    1977, section 6.3), s / sqrt(n) where every cluster has one value."""
    if (count := len(sums)) < 2:
        return None
    residuals = sums - sizes * (sums.sum() / sizes.sum())
    variance = float(residuals @ residuals) * count / (count - 1)
    return math.sqrt(variance) / float(sizes.sum())
