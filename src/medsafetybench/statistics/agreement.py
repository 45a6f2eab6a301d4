"""How far two judges, or a judge and people, agree on the same responses.

    cohen_kappa(judge, human, weights="quadratic")             # 0.71
    bootstrap(cohen_kappa, judge, human)                       # Interval(point, low, high)
    krippendorff_alpha([judge, human, second], level="ordinal")

Scores are numbers on the scale 1-5, one per response; NaN or None marks a response that a rater
left unscored. Two-rater figures use the responses that both scored. Every figure is NaN where it
is undefined, never 0 or 1: no response scored by both, or (for kappa and alpha) raters who use
one and the same score throughout, for whom agreement by chance is already complete.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import MsbError

Floats = NDArray[np.float64]
Scores = ArrayLike | Sequence[float | None] | Sequence[Sequence[float | None]]
Level = Literal["nominal", "ordinal", "interval"]

SCALE = (1, 2, 3, 4, 5)


class Interval(NamedTuple):
    """A figure and the bounds of its interval, in the figure's own unit."""

    point: float
    low: float
    high: float


def exact(a: Scores, b: Scores) -> float:
    """Share of responses that got the same score from both."""
    x, y = _both(a, b)
    return _mean(x == y)


def within_one(a: Scores, b: Scores) -> float:
    """Share of responses whose two scores differ by at most one point."""
    x, y = _both(a, b)
    return _mean(np.abs(x - y) <= 1)


def bias(a: Scores, b: Scores) -> float:
    """Mean of ``a - b`` in points: above 0, ``a`` scores more harm than ``b`` does."""
    x, y = _both(a, b)
    return _mean(x - y)


def confusion(a: Scores, b: Scores) -> NDArray[np.int64]:
    """Counts, 5 x 5: row i, column j is how many got score i+1 from ``a`` and j+1 from ``b``.

    Raises MsbError for a score off the scale.
    """
    x, y = _both(a, b)
    if not np.isin(np.concatenate([x, y]), SCALE).all():
        raise MsbError("a confusion matrix takes whole scores from 1 to 5; recode the scores first")
    table = np.zeros((len(SCALE), len(SCALE)), dtype=np.int64)
    np.add.at(table, (x.astype(int) - 1, y.astype(int) - 1), 1)
    return table


def cohen_kappa(a: Scores, b: Scores, weights: Literal["quadratic"] | None = None) -> float:
    """Agreement of two raters beyond chance: 1 - observed / expected disagreement.

    Disagreement is 1 for any two scores that differ (Cohen 1960), or the squared difference of
    the scores (``quadratic``, Cohen 1968), which counts a 1 against a 5 sixteen times a 4 against
    a 5. 1 is perfect, 0 what two raters with these habits reach by chance.
    """
    x, y = _both(a, b)
    if weights not in (None, "quadratic"):
        raise MsbError(f"kappa has the weights None or 'quadratic', not {weights!r}")
    if not len(x):
        return float("nan")
    if weights == "quadratic":
        # The mean over all pairs of one rater's with the other's scores, in closed form.
        expected = x.var() + y.var() + (x.mean() - y.mean()) ** 2
        return _beyond_chance(_mean((x - y) ** 2), float(expected))
    values = np.unique(np.concatenate([x, y]))[:, None]
    chance = np.sum((x == values).mean(axis=1) * (y == values).mean(axis=1))
    return _beyond_chance(_mean(x != y), float(1 - chance))


def krippendorff_alpha(ratings: Scores, level: Level = "ordinal") -> float:
    """Krippendorff's alpha of any number of raters, any of whom may have left responses out.

    ``ratings`` is raters x responses, NaN where unscored. ``level`` says what a disagreement
    weighs: ``nominal`` all alike, ``interval`` the squared difference, ``ordinal`` the squared
    number of ratings that lie between the two ranks. Source: K. Krippendorff, Computing
    Krippendorff's Alpha-Reliability (2011).
    """
    table = np.atleast_2d(np.asarray(ratings, dtype=float))
    values = np.unique(table[~np.isnan(table)])
    counts = (table[:, :, None] == values).sum(axis=0).astype(float)  # responses x values
    raters = counts.sum(axis=1)
    counts, raters = counts[raters >= 2], raters[raters >= 2]
    if not len(counts):
        return float("nan")
    # Every ordered pair of ratings of one response; a response with m raters weighs m in all.
    shares = counts / (raters - 1)[:, None]
    coincidences = shares.T @ counts - np.diag(shares.sum(axis=0))
    totals = counts.sum(axis=0)
    distances = _distances(values, totals, level)
    observed = np.sum(coincidences * distances)
    expected = totals @ distances @ totals / (totals.sum() - 1)
    return _beyond_chance(float(observed), float(expected))


def bootstrap(
    statistic: Callable[..., float],
    *columns: Scores,
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """A figure with its percentile bootstrap interval, the responses being drawn again.

    The last axis of each column is the responses, so ``bootstrap(krippendorff_alpha, ratings)``
    keeps the raters of a response together. Draws in which the figure is undefined are left out;
    the bounds are NaN where it is undefined on the data or in every draw. Source: B. Efron,
    R. Tibshirani, An Introduction to the Bootstrap (1993), chapter 13. Raises MsbError for columns
    of different lengths.
    """
    arrays = [np.asarray(column, dtype=float) for column in columns]
    sizes = {array.shape[-1] for array in arrays}
    if len(sizes) != 1:
        raise MsbError(f"the columns to compare have {sorted(sizes)} entries; expected one length")
    point, size = float(statistic(*arrays)), sizes.pop()
    if np.isnan(point):
        return Interval(point, point, point)
    rng = np.random.default_rng(seed)
    figures = np.empty(draws)
    for draw in range(draws):
        chosen = rng.integers(size, size=size)
        figures[draw] = statistic(*(array[..., chosen] for array in arrays))
    figures = figures[~np.isnan(figures)]
    if not len(figures):
        return Interval(point, float("nan"), float("nan"))
    tail = (1 - confidence) / 2
    low, high = np.quantile(figures, [tail, 1 - tail])
    return Interval(point, float(low), float(high))


def _both(a: Scores, b: Scores) -> tuple[Floats, Floats]:
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


def _beyond_chance(observed: float, expected: float) -> float:
    """1 - observed / expected; NaN where chance alone already agrees in full."""
    return 1 - observed / expected if expected > 0 else float("nan")


def _distances(values: Floats, totals: Floats, level: Level) -> Floats:
    """What a disagreement between each two values weighs, values x values, 0 on the diagonal."""
    if level == "nominal":
        return 1.0 - np.eye(len(values))
    if level == "interval":
        return np.asarray((values[:, None] - values) ** 2)
    if level == "ordinal":
        # Ratings between two values, half of either end's: the difference of their mid-ranks.
        ranks = np.cumsum(totals) - totals / 2
        return np.asarray((ranks[:, None] - ranks) ** 2)
    raise MsbError(f"alpha has the levels nominal, ordinal and interval, not {level!r}")
