"""Bounds that hold however often one looks, and levels for a known number of looks. Pure.

    sequential_bounds(np.ones(120), Interval(1, 5), 0.95)     # valid after every request
    sequential_tails(unsafe, Interval(0, 1), at=0.05)         # p-values, valid at every look
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

import numpy as np

from ..errors import MsbError
from .bounds import Tails
from .clusters import Clusters, Kinds, kinds_of
from .interval import Floats, Interval

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
    mirrored = Interval(-scale.high, -scale.low)
    gains = (
        _log_capital(low, scale, at, largest),
        _log_capital(high._replace(sums=-high.sums), mirrored, -at, largest),
    )
    return Tails(*(min(1.0, math.exp(-gain)) for gain in gains))


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


def _log_capital(kinds: Kinds, scale: Interval, at: float, largest: int) -> float:
    """The logarithm of what bets on the mean being above ``at`` have grown to."""
    if at <= scale.low:
        return math.inf if (kinds.sums > at * kinds.sizes).any() else -math.inf
    above = (kinds.sums - at * kinds.sizes) / (largest * (at - scale.low))
    grown = np.log1p(np.outer(BETS, above)) @ kinds.counts
    best = float(grown.max())
    return best + math.log(float(np.exp(grown - best).mean()))


def _least_tenable(kinds: Kinds, scale: Interval, level: float, largest: int) -> float:
    """The least mean that bets against all lower ones have not ruled out."""
    from scipy.optimize import brentq

    if not len(kinds.sums) or (kinds.sums <= scale.low * kinds.sizes).all():
        return scale.low
    middle = float(kinds.sums @ kinds.counts / (kinds.sizes @ kinds.counts))

    def beyond(at: float) -> float:
        return _log_capital(kinds, scale, at, largest) - level

    least = scale.low + 1e-9 * (scale.high - scale.low)
    return scale.low if beyond(least) < 0 else float(brentq(beyond, least, middle, xtol=1e-9))
