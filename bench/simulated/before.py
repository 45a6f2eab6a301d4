"""What was computed before, for comparison: each by its usual formula. Not part of the package."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from scipy.special import stdtrit
from scipy.stats import binom

from .table import Floats

Pair = tuple[float, float]
Z = NormalDist().inv_cdf(0.975)


def student(values: Floats, confidence: float = 0.95) -> Pair | None:
    """Student's t interval of a mean, kept within 1 to 5."""
    if len(values) < 2:
        return None
    reach = float(stdtrit(len(values) - 1, (1 + confidence) / 2)) * values.std(ddof=1)
    reach /= math.sqrt(len(values))
    return max(1.0, float(values.mean() - reach)), min(5.0, float(values.mean() + reach))


def wilson(successes: int, n: int) -> Pair:
    rate, wide = successes / n, 1 + Z * Z / n
    centre = rate + Z * Z / (2 * n)
    reach = Z * math.sqrt(rate * (1 - rate) / n + Z * Z / (4 * n * n))
    return (centre - reach) / wide, (centre + reach) / wide


def bootstrap(values: Floats, rng: np.random.Generator, draws: int = 2000) -> Pair:
    """The percentile interval of a mean."""
    kinds, counts = np.unique(values, return_counts=True)
    drawn = rng.multinomial(len(values), counts / len(values), size=draws) @ kinds / len(values)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def sign_flip(differences: Floats) -> float:
    """Two-sided p-value of the exact sign-flip test of whole numbers."""
    sizes = np.abs(differences).astype(int)
    total, observed = int(sizes.sum()), abs(int(differences.sum()))
    if observed == 0:
        return 1.0
    chances = np.ones(1)
    for size, count in zip(*np.unique(sizes[sizes > 0], return_counts=True), strict=True):
        steps = np.zeros(size * count + 1)
        steps[::size] = binom.pmf(np.arange(count + 1), count, 0.5)
        chances = np.convolve(chances, steps)
    return min(1.0, 2 * float(chances[: (total - observed) // 2 + 1].sum()))


def upper_by_mean_size(sums: Floats, sizes: Floats, end: float, rng: np.random.Generator) -> float:
    """The gate's upper bound at 95%, the value added being as large as the mean size."""
    kinds, counts = np.unique(np.stack([sums, sizes]), axis=1, return_counts=True)
    weights = rng.standard_gamma(counts, size=(4000, len(counts)))
    added = sizes.mean() * rng.standard_gamma(1.0, size=4000)
    means = (weights @ kinds[0] + end * added) / (weights @ kinds[1] + added)
    return float(np.quantile(means, 0.95))


def betting(values: Floats, grid: int = 400) -> Pair:
    """The hedged betting interval of values from 0 to 1, tuned to their number (I. Waudby-Smith, A.
    Ramdas, Journal of the Royal Statistical Society B 86 (2024), theorem 3 and remark 3)."""
    n, level = len(values), math.log(2 / 0.05)
    counts = np.arange(1, n + 1)
    means = (0.5 + np.cumsum(values)) / (counts + 1)
    variances = (0.25 + np.cumsum((values - means) ** 2)) / (counts + 1)
    bets = np.sqrt(2 * level / (n * np.append(0.25, variances[:-1])))[:, None]
    at = (np.arange(grid) + 0.5) / grid
    apart = values[:, None] - at
    up = np.log1p(np.minimum(bets, 0.5 / at) * apart).cumsum(axis=0)
    down = np.log1p(-np.minimum(bets, 0.5 / (1 - at)) * apart).cumsum(axis=0)
    tenable = at[(np.maximum(up, down).max(axis=0) + math.log(0.5)) < math.log(1 / 0.05)]
    if not len(tenable):
        return float(means[-1]), float(means[-1])
    return float(tenable.min() - 0.5 / grid), float(tenable.max() + 0.5 / grid)


def ppi(y: Floats, yhat: Floats, others: Floats) -> Pair:
    """The PPI++ interval, with Student's quantile and residuals scaled by their leverage."""
    n, N = len(y), len(others)
    centred = yhat - yhat.mean()
    spread = np.concatenate([yhat, others]).var(ddof=1) * (1 / n + 1 / N)
    slope = float(np.mean((y - y.mean()) * centred) / n / spread) if spread > 0 else 0.0
    lambda_ = min(1.0, max(0.0, slope))
    errors = y - lambda_ * yhat
    pulls = centred**2 / (centred @ centred) if lambda_ else np.zeros(n)
    residuals = (errors - errors.mean()) / (1 - np.minimum(pulls, 0.9))
    variance = residuals @ residuals / (n - 1) / n + lambda_**2 * others.var(ddof=1) / N
    mean = float(errors.mean() + lambda_ * others.mean())
    reach = float(stdtrit(n - 1 - (lambda_ > 0), 0.975)) * math.sqrt(variance)
    return mean - reach, mean + reach


def percentile(
    statistic: Callable[[Floats], Floats], table: Floats, rng: np.random.Generator
) -> Pair:
    """The percentile interval of a figure of a table of counts (which gives one for each)."""
    n = int(table.sum())
    drawn = rng.multinomial(n, table.ravel() / n, size=400).reshape(-1, *table.shape)
    figures = statistic(drawn / n)
    low, high = np.nanquantile(figures, [0.025, 0.975])
    return float(low), float(high)


def greenwood(at_risk: Floats, left: Floats) -> Pair | None:
    """Greenwood's interval of a survival curve on the log-minus-log scale."""
    there = at_risk - left
    share = float(np.prod(there / at_risk))
    if not 0 < share < 1:
        return None
    reach = Z * math.sqrt(float((left / (at_risk * there)).sum())) / abs(math.log(share))
    return share ** math.exp(reach), share ** math.exp(-reach)


def tango(gained: float, lost: float, n: float, confidence: float) -> Pair:
    """Tango's score interval of a difference of paired proportions."""
    from scipy.optimize import bisect

    z, observed = NormalDist().inv_cdf((1 + confidence) / 2), (gained - lost) / n

    def score(difference: float) -> float:
        distance = gained - lost - n * difference
        if distance == 0:
            return 0.0
        b = -gained - lost + (2 * n - gained + lost) * difference
        c = -lost * difference * (1 - difference)
        part = (math.sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n)
        variance = n * (2 * part + difference * (1 - difference))
        return distance / math.sqrt(variance) if variance > 0 else math.copysign(99, distance)

    low = -1.0 if observed <= -1 else bisect(lambda d: score(d) - z, -1, observed)
    high = 1.0 if observed >= 1 else bisect(lambda d: -score(d) - z, observed, 1)
    return float(low), float(high)
