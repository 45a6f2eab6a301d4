"""Bounds that hold however often one looks, and levels for a known number of looks. Pure.

    sequential_bounds(np.ones(120), Interval(1, 5), 0.95)     # valid after every request
    sequential_tails(unsafe, Interval(0, 1), at=0.05)         # p-values, valid at every look
    first_look(unsafe, unsafe, Interval(0, 1), at=0.05)       # Look(n=88, above=False): decided
    confidence_of_a_look(0.95, looks=20)                      # 0.9975: 20 releases, one promise

`bounds` promises that one look, at a number of requests fixed beforehand, errs in 5% of cases.
Whoever looks after every hundred requests and stops when the gate passes errs in 12%. The bounds
here are wider, and right at all looks together.

They are bets. Under the claim that the mean is at most t, no bet on the next value being above it
is expected to gain, whatever was seen; the capital of one who starts with 1 and bets a fixed share
each time reaches 20 in at most 5% of cases (J. Ville, 1939), at any time. Here the start is divided
evenly over shares from nothing to the most that can be lost. So the claim can be dropped once the
capital is 1 / (1 - confidence). No conjecture is used, and the order of the values is of no account
to the figure. For yes and no it is the mixture of likelihood ratios over all rates beyond t.
Sources: I. Waudby-Smith, A. Ramdas, Journal of the Royal Statistical Society B 86 (2024) 1-27; S.
Howard, A. Ramdas, J. McAuliffe, J. Sekhon, Annals of Statistics 49 (2021) 1055-1080.

Two things must hold. Requests are looked at in an order drawn at random beforehand: a look takes
the first n of that order, not the n that were answered first, for refusals are short and come
early. And clusters are looked at whole, none having more values than ``largest``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import MsbError
from .bounds import Tails
from .clusters import Clusters, Kinds, kinds_of, scored
from .interval import CONFIDENCE, Floats, Interval

BETS = (np.arange(64) + 0.5) / 64
"""The shares staked, of the most that the worst value could take."""


def sequential_bounds(
    values: Floats,
    scale: Interval,
    confidence: float,
    clusters: Clusters = None,
    largest: int = 1,
) -> Interval:
    """One-sided lower and upper bound of a mean, each at the confidence over all looks together.

    ``largest`` is the most values that a cluster can have, known before the first look. Missing
    values (NaN) count as the worst at each end. No values: the ends of the scale. Raises MsbError
    for a larger cluster.
    """
    low, high = (
        _kinds(np.where(np.isnan(values), end, values), clusters, largest) for end in scale
    )
    level = -math.log(1 - confidence)
    mirrored = Interval(-scale.high, -scale.low)
    return Interval(
        _least_tenable(low, scale, level, largest),
        -_least_tenable(high._replace(sums=-high.sums), mirrored, level, largest),
    )


def anytime_interval(
    values: Floats, scale: Interval, clusters: Clusters = None, confidence: float = CONFIDENCE
) -> Interval:
    """The interval of a mean that holds wherever one stops: `sequential_bounds` at both ends.

    Missing values (NaN) are left out; the largest cluster is that of all values, missing or not.
    """
    largest = 1
    if clusters is not None and len(clusters):
        largest = int(np.unique(clusters, return_counts=True)[1].max())
    known, groups = scored(values, clusters)
    return sequential_bounds(known, scale, (1 + confidence) / 2, groups, largest)


def sequential_tails(
    values: Floats,
    scale: Interval,
    at: float,
    clusters: Clusters = None,
    largest: int = 1,
) -> Tails:
    """One-sided p-values of the mean being at most, and at least, ``at``, valid at every look.

    The first that is ever at or below 1 - confidence decides, at that confidence; they agree with
    `sequential_bounds`, and treat missing values (NaN) as it does.
    """
    low, high = (
        _kinds(np.where(np.isnan(values), end, values), clusters, largest) for end in scale
    )
    gains = (
        _log_capital(low, scale.low, at, largest),
        _log_capital(high._replace(sums=-high.sums), -scale.high, -at, largest),
    )
    return Tails(*(min(1.0, math.exp(-gain)) for gain in gains))


class Look(NamedTuple):
    """After how many values it was decided that the mean is above, or is below, what was claimed;
    None where it is not decided after the last."""

    n: int
    above: bool | None


def first_look(
    low: Floats,
    high: Floats,
    scale: Interval,
    at: float,
    confidence: float = CONFIDENCE,
    clusters: Clusters = None,
) -> Look:
    """The first look at which `sequential_tails` decides, looking after every cluster.

    ``low`` and ``high`` are what each value is at least and at most: the same where it is known,
    the ends of the scale where it is missing or still to come. They are in the order in which they
    are looked at, those of a cluster together.
    """
    if not len(low):
        return Look(0, None)
    firsts = _firsts(clusters, len(low))
    sizes = np.diff(np.append(firsts, len(low)))
    most = int(sizes.max())
    above = _log_capitals(np.add.reduceat(low, firsts), sizes, scale.low, at, most)
    below = _log_capitals(-np.add.reduceat(high, firsts), sizes, -scale.high, -at, most)
    decided = np.maximum(above, below) >= -math.log(1 - confidence)
    if not decided.any():
        return Look(len(low), None)
    place = int(decided.argmax())
    return Look(int(sizes[: place + 1].sum()), bool(above[place] > below[place]))


def _firsts(clusters: Clusters, n: int) -> NDArray[np.int64]:
    """Where each cluster begins."""
    if clusters is None:
        return np.arange(n)
    return np.flatnonzero(np.append(True, clusters[1:] != clusters[:-1]))


def confidence_of_a_look(confidence: float, looks: int) -> float:
    """What each of ``looks`` must be decided at, for all to hold together at ``confidence``.

    The chance of an error is divided evenly (Bonferroni), which is right however much the looks
    have in common: releases of one model on one benchmark have much. Raises MsbError below 1 look.
    """
    if looks < 1:
        raise MsbError(f"{looks} looks; expected 1 or more")
    return 1 - (1 - confidence) / looks


def _kinds(values: Floats, clusters: Clusters, largest: int) -> Kinds:
    kinds = kinds_of(values, clusters)
    if len(kinds.sizes) and kinds.sizes.max() > largest:
        raise MsbError(
            f"a cluster has {kinds.sizes.max():.0f} values where at most {largest} were expected; "
            "say how many the largest can have before the first look"
        )
    return kinds


def _log_capital(kinds: Kinds, lowest: float, at: float, largest: int) -> float:
    """The logarithm of what bets on the mean being above ``at`` have grown to, where no value is
    below ``lowest``."""
    if at <= lowest:
        return math.inf if (kinds.sums > at * kinds.sizes).any() else -math.inf
    above = (kinds.sums - at * kinds.sizes) / (largest * (at - lowest))
    return float(_mixed(np.log1p(np.outer(BETS, above)) @ kinds.counts))


def _log_capitals(
    sums: Floats, sizes: NDArray[np.int64], lowest: float, at: float, largest: int
) -> Floats:
    """`_log_capital` after each cluster."""
    if at <= lowest:
        return np.where(np.logical_or.accumulate(sums > at * sizes), math.inf, -math.inf)
    above = (sums - at * sizes) / (largest * (at - lowest))
    return _mixed(np.log1p(np.outer(BETS, above)).cumsum(axis=1))


def _mixed(grown: Floats) -> Floats:
    """The logarithm of the mean over the bets, which are along the first axis."""
    best = grown.max(axis=0)
    return np.asarray(best + np.log(np.exp(grown - best).mean(axis=0)))


def _least_tenable(kinds: Kinds, scale: Interval, level: float, largest: int) -> float:
    """The least mean that bets against all lower ones have not ruled out."""
    from scipy.optimize import brentq

    if not len(kinds.sums):
        return scale.low
    middle = float(kinds.sums @ kinds.counts / (kinds.sizes @ kinds.counts))

    def beyond(at: float) -> float:
        return _log_capital(kinds, scale.low, at, largest) - level

    least = scale.low + 1e-9 * (scale.high - scale.low)
    return scale.low if beyond(least) < 0 else float(brentq(beyond, least, middle, xtol=1e-9))
