"""Figures of agreement, each with its interval.

    pair_figures(judge, human).quadratic_kappa                 # Figure(point, low, high)
    alpha_figure([judge, human, second], level="ordinal")

Intervals: of the shares and of the bias as `bounds` has them. Of the others, quantiles of the
figure under random weights of the responses, one more response being added: for the low end one on
which the raters are as far apart as the scale allows, for the high end one on which they agree. So
a disagreement never seen is reckoned with, where the percentile bootstrap, in which it cannot
occur, holds the truth in 25 to 75% of cases. This extends Gaffke's bound from a mean to a ratio:
there is no proof for it, and docs/statistics.md has how often it holds. Where no disagreement was
seen kappa and alpha have no interval (NaN): what chance would give is not known then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .agreement import (
    SCALE,
    Figure,
    Level,
    Scores,
    Statistic,
    ac2_of,
    alpha_of,
    both_scored,
    kappa_of,
    patterns_of,
    point_of,
    quadratic_kappa_of,
)
from .clusters import Clusters
from .estimates import Estimate, estimate_mean, estimate_proportion
from .interval import CONFIDENCE, Floats, Interval, apart

DRAWS = 2000


class PairFigures(NamedTuple):
    """Two raters on the ``n`` responses both scored; ``bias`` is the mean of first less second."""

    n: int
    exact: Figure
    within_one: Figure
    kappa: Figure
    quadratic_kappa: Figure
    ac2: Figure
    bias: Figure


def pair_figures(
    a: Scores,
    b: Scores,
    clusters: Clusters = None,
    scale: Sequence[float] = SCALE,
    confidence: float = CONFIDENCE,
) -> PairFigures:
    """All figures of two raters, each with its interval. ``scale`` is the scores there are.

    ``clusters`` are of the responses, as in `clusters`. Raises MsbError for lists of different
    lengths.
    """
    x, y = both_scored(a, b)
    if clusters is not None:
        whole = np.asarray(a, dtype=float) + np.asarray(b, dtype=float)
        clusters = np.asarray(clusters)[~np.isnan(whole)]
    ends = Interval(min(scale), max(scale))

    def share(yes: NDArray[np.bool_]) -> Figure:
        return _figure(estimate_proportion(yes.astype(float), clusters, confidence))

    again = _Reweighted(np.stack([x, y]), clusters, ends, confidence)
    return PairFigures(
        n=len(x),
        exact=share(x == y),
        within_one=share(np.abs(x - y) <= 1),
        kappa=again.figure(kappa_of),
        quadratic_kappa=again.figure(quadratic_kappa_of),
        ac2=again.figure(ac2_of(scale), by_chance=False),
        bias=_figure(estimate_mean(x - y, apart(ends), clusters, confidence)),
    )


def alpha_figure(
    ratings: Scores,
    level: Level = "ordinal",
    clusters: Clusters = None,
    scale: Sequence[float] = SCALE,
    confidence: float = CONFIDENCE,
) -> Figure:
    """`krippendorff_alpha` with its interval; ``clusters`` are of the responses."""
    table = np.atleast_2d(np.asarray(ratings, dtype=float))
    twice = (~np.isnan(table)).sum(axis=0) >= 2
    groups = None if clusters is None else np.asarray(clusters)[twice]
    ends = Interval(min(scale), max(scale))
    return _Reweighted(table[:, twice], groups, ends, confidence).figure(alpha_of(level))


def _figure(found: Estimate | None) -> Figure:
    if found is None or found.interval is None:
        return Figure(np.nan, np.nan, np.nan)
    return Figure(found.value, *found.interval)


class _Reweighted:
    """The patterns of ratings that occur, and four more: two as far apart as the scale allows, two
    in agreement at its ends. ``weights`` are random ones of the patterns, ``added`` those of one
    more cluster, as large as the largest."""

    def __init__(
        self, ratings: Floats, clusters: Clusters, scale: Interval, confidence: float
    ) -> None:
        seen, codes = patterns_of(ratings)
        halves = np.arange(len(ratings)) < (len(ratings) + 1) // 2
        split = np.where(halves, scale.low, scale.high), np.where(halves, scale.high, scale.low)
        alike = (np.full(len(ratings), end) for end in scale)
        self.patterns = np.concatenate([seen, np.stack([*split, *alike], axis=1)], axis=1)
        self.counts = np.bincount(codes, minlength=seen.shape[1]).astype(float)
        self.tail = (1 - confidence) / 2
        self.any_differ = bool((np.nanmax(ratings, axis=0) > np.nanmin(ratings, axis=0)).any())
        kinds, often = _kinds(codes, clusters)
        rng = np.random.default_rng(0)
        self.weights = rng.standard_gamma(often, size=(DRAWS, len(often))) @ kinds
        self.added = rng.standard_gamma(1.0, size=DRAWS) * kinds.sum(axis=1).max(initial=1.0)

    def figure(self, statistic: Statistic, by_chance: bool = True) -> Figure:
        """The figure and its interval; none without a disagreement if ``by_chance`` would then not
        be known."""
        point = point_of(statistic, self.patterns, np.append(self.counts, np.zeros(4)))
        if np.isnan(point) or (by_chance and not self.any_differ):
            return Figure(point, np.nan, np.nan)
        low = min(self._quantile(statistic, place, self.tail) for place in (0, 1))
        high = max(self._quantile(statistic, place, 1 - self.tail) for place in (2, 3))
        return Figure(point, min(low, point), max(high, point))

    def _quantile(self, statistic: Statistic, place: int, chance: float) -> float:
        """Of the figure with one more response of the added pattern at that place."""
        more = np.zeros((DRAWS, 4))
        more[:, place] = self.added
        weights = np.concatenate([self.weights, more], axis=1)
        weights *= self.counts.sum() / weights.sum(axis=1, keepdims=True)
        return float(np.nanquantile(statistic(self.patterns, weights), chance))


def _kinds(codes: NDArray[np.int64], clusters: Clusters) -> tuple[Floats, Floats]:
    """The kinds of cluster, as counts of each pattern in them, and how often each kind occurs."""
    if clusters is None:
        often = np.bincount(codes).astype(float)
        return np.eye(len(often)), often
    _, groups = np.unique(clusters, return_inverse=True)
    table = np.zeros((groups.max() + 1, codes.max() + 1))
    np.add.at(table, (groups, codes), 1.0)
    kinds, counts = np.unique(table, axis=0, return_counts=True)
    return kinds, counts.astype(float)
