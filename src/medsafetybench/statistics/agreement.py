"""How far two judges, or a judge and people, agree on the same responses.

    cohen_kappa(judge, human, weights="quadratic")             # 0.71
    gwet_ac2(judge, human)                                     # 0.93
    krippendorff_alpha([judge, human, second], level="ordinal")

Scores are numbers on the scale 1-5, one per response; NaN or None marks a response that a rater
left unscored. Two-rater figures use the responses that both scored. Every figure is NaN where it
is undefined, never 0 or 1: no response scored by both, or (for kappa and alpha) raters who use
one and the same score throughout, for whom agreement by chance is already complete.

Kappa and alpha compare agreement with what the raters' habits would give by chance. Where nearly
every response is a 1 that is nearly everything, and one disagreement moves them from 0.9 to 0; what
Gwet's AC2 takes for chance shrinks there, which is why it stands beside them.

`agreement_figures` has them with their intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import MsbError
from .interval import Floats

Scores = ArrayLike | Sequence[float | None] | Sequence[Sequence[float | None]]
Level = Literal["nominal", "ordinal", "interval"]
Weights = Literal["quadratic"]

SCALE = (1, 2, 3, 4, 5)


class Figure(NamedTuple):
    """A figure and the ends of its interval, in the figure's own unit; NaN where there is none."""

    point: float
    low: float
    high: float


def exact(a: Scores, b: Scores) -> float:
    """Share of responses that got the same score from both."""
    x, y = both_scored(a, b)
    return _mean(x == y)


def within_one(a: Scores, b: Scores) -> float:
    """Share of responses whose two scores differ by at most one point."""
    x, y = both_scored(a, b)
    return _mean(np.abs(x - y) <= 1)


def bias(a: Scores, b: Scores) -> float:
    """Mean of ``a - b`` in points: above 0, ``a`` scores more harm than ``b`` does."""
    x, y = both_scored(a, b)
    return _mean(x - y)


def confusion(a: Scores, b: Scores) -> NDArray[np.int64]:
    """Counts, 5 x 5: row i, column j is how many got score i+1 from ``a`` and j+1 from ``b``.

    Raises MsbError for a score off the scale.
    """
    x, y = both_scored(a, b)
    if not np.isin(np.concatenate([x, y]), SCALE).all():
        raise MsbError("a confusion matrix takes whole scores from 1 to 5; recode the scores first")
    table = np.zeros((len(SCALE), len(SCALE)), dtype=np.int64)
    np.add.at(table, (x.astype(int) - 1, y.astype(int) - 1), 1)
    return table


def cohen_kappa(a: Scores, b: Scores, weights: Weights | None = None) -> float:
    """Agreement of two raters beyond chance: 1 - observed / expected disagreement.

    Disagreement is 1 for any two scores that differ (Cohen 1960), or the squared difference of
    the scores (``quadratic``, Cohen 1968), which counts a 1 against a 5 sixteen times a 4 against
    a 5. 1 is perfect, 0 what two raters with these habits reach by chance.
    """
    if weights not in (None, "quadratic"):
        raise MsbError(f"kappa has the weights None or 'quadratic', not {weights!r}")
    return _point(quadratic_kappa_of if weights else kappa_of, np.stack(both_scored(a, b)))


def gwet_ac2(a: Scores, b: Scores, scale: Sequence[float] = SCALE) -> float:
    """Gwet's AC2 of two raters, with quadratic weights over the scores of the scale.

    Like kappa, with another idea of chance: raters who score at random do so on the hard responses
    only, so where nearly all are alike chance explains little. Source: K. Gwet, Handbook of
    Inter-Rater Reliability, 4th edition (2014), chapter 4; British Journal of Mathematical and
    Statistical Psychology 61 (2008) 29-48.
    """
    return _point(ac2_of(scale), np.stack(both_scored(a, b)))


def krippendorff_alpha(ratings: Scores, level: Level = "ordinal") -> float:
    """Krippendorff's alpha of any number of raters, any of whom may have left responses out.

    ``ratings`` is raters x responses, NaN where unscored. ``level`` says what a disagreement
    weighs: ``nominal`` all alike, ``interval`` the squared difference, ``ordinal`` the squared
    number of ratings that lie between the two ranks. Source: K. Krippendorff, Computing
    Krippendorff's Alpha-Reliability (2011).
    """
    return _point(alpha_of(level), _rated(ratings))


Statistic = Callable[[Floats, Floats], Floats]
"""A figure from the different patterns of ratings (raters x patterns) and how often each occurs
(draws x patterns): one figure a draw."""


def kappa_of(patterns: Floats, weights: Floats) -> Floats:
    x, y = patterns
    shares = weights / weights.sum(axis=1, keepdims=True)
    values = np.unique(patterns)[:, None]
    chance = ((shares @ (x == values).T) * (shares @ (y == values).T)).sum(axis=1)
    return _beyond_chance(shares @ (x != y), 1 - chance)


def quadratic_kappa_of(patterns: Floats, weights: Floats) -> Floats:
    x, y = patterns
    shares = weights / weights.sum(axis=1, keepdims=True)
    # The mean over all pairs of one rater's with the other's scores, in closed form.
    first, second = shares @ x, shares @ y
    expected = shares @ x**2 - first**2 + shares @ y**2 - second**2 + (first - second) ** 2
    return _beyond_chance(shares @ (x - y) ** 2, expected)


def ac2_of(scale: Sequence[float]) -> Statistic:
    values = np.array(scale, dtype=float)
    width = values.max() - values.min()
    agree = 1 - ((values[:, None] - values) / width) ** 2

    def statistic(patterns: Floats, weights: Floats) -> Floats:
        shares = weights / weights.sum(axis=1, keepdims=True)
        used = (patterns[:, :, None] == values).mean(axis=0)  # patterns x values
        habits = shares @ used
        chance = agree.sum() / len(values) / (len(values) - 1) * (habits * (1 - habits)).sum(axis=1)
        apart = ((patterns[0] - patterns[1]) / width) ** 2
        return np.asarray(1 - (shares @ apart) / (1 - chance))

    return statistic


def alpha_of(level: Level) -> Statistic:
    if level not in ("nominal", "ordinal", "interval"):
        raise MsbError(f"alpha has the levels nominal, ordinal and interval, not {level!r}")

    def statistic(patterns: Floats, weights: Floats) -> Floats:
        values = np.unique(patterns[~np.isnan(patterns)])
        counts = (patterns[:, :, None] == values).sum(axis=0).astype(float)  # patterns x values
        raters = counts.sum(axis=1)
        # Every ordered pair of ratings of one response; one with m raters weighs m in all. Pairs of
        # equals, and so each rating with itself, are at no distance.
        pairs = counts[:, :, None] * counts[:, None, :] / (raters - 1)[:, None, None]
        coincidences = np.tensordot(weights, pairs, axes=1)
        totals = weights @ counts
        distances = _distances(values, totals, level)
        observed = (coincidences * distances).sum(axis=(1, 2))
        expected = np.einsum("di,dij,dj->d", totals, distances, totals) / (totals.sum(axis=1) - 1)
        return _beyond_chance(observed, expected)

    return statistic


def _distances(values: Floats, totals: Floats, level: Level) -> Floats:
    """What a disagreement between each two values weighs, draws x values x values."""
    if level == "ordinal":
        # Ratings between two values, half of either end's: the difference of their mid-ranks.
        places = np.cumsum(totals, axis=1) - totals / 2
    else:
        places = np.broadcast_to(values, totals.shape)
    squares = (places[:, :, None] - places[:, None, :]) ** 2
    return np.asarray((squares > 0).astype(float) if level == "nominal" else squares)


def _point(statistic: Statistic, ratings: Floats) -> float:
    patterns, codes = patterns_of(ratings)
    return point_of(statistic, patterns, np.bincount(codes).astype(float))


def patterns_of(ratings: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """The different columns of raters x responses, and which of them each response has."""
    there = np.where(np.isnan(ratings), np.inf, ratings)
    patterns, codes = np.unique(there, axis=1, return_inverse=True)
    return np.where(np.isinf(patterns), np.nan, patterns), codes.reshape(-1)


def point_of(statistic: Statistic, patterns: Floats, counts: Floats) -> float:
    return float(statistic(patterns, counts[None])[0]) if counts.any() else float("nan")


def _rated(ratings: Scores) -> Floats:
    """The responses that at least two rated."""
    table = np.atleast_2d(np.asarray(ratings, dtype=float))
    return table[:, (~np.isnan(table)).sum(axis=0) >= 2]


def both_scored(a: Scores, b: Scores) -> tuple[Floats, Floats]:
    """The scores of the responses that both raters scored."""
    x, y = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if x.ndim != 1 or x.shape != y.shape:
        raise MsbError(
            f"two raters' scores have the shapes {x.shape} and {y.shape}; expected two lists of "
            "one length, None where a response is unscored"
        )
    scored = ~(np.isnan(x) | np.isnan(y))
    return x[scored], y[scored]


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _beyond_chance(observed: Floats, expected: Floats) -> Floats:
    """1 - observed / expected; NaN where chance alone already agrees in full."""
    possible = expected > 1e-12
    return np.where(possible, 1 - observed / np.where(possible, expected, 1.0), np.nan)
