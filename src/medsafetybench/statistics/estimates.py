"""Estimates with intervals, from counts. Pure; scores are whole numbers, so counts are enough.

mean_estimate({1: 41, 2: 22, 3: 19, 4: 8, 5: 10})   # mean, standard error, 95% interval
wilson(41, 100)                                     # interval of a rate
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

CONFIDENCE = 0.95
LOWEST, HIGHEST = 1, 5


class Interval(NamedTuple):
    """The two ends of a confidence interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its standard error and interval; the last two are None below two values."""

    mean: float
    stderr: float | None
    interval: Interval | None


def mean_estimate(counts: Mapping[int, int], confidence: float = CONFIDENCE) -> Estimate | None:
    """The mean of the scores that ``counts`` counts, or None if there are none.

    The standard error is s / sqrt(n) with the n - 1 form of s; the interval is Student's t with
    n - 1 degrees of freedom, kept within the scale. Requests count as independent draws.
    """
    n = sum(counts.values())
    if n == 0:
        return None
    mean = sum(score * count for score, count in counts.items()) / n
    if n == 1:
        return Estimate(mean, None, None)
    squares = sum(count * (score - mean) ** 2 for score, count in counts.items())
    stderr = math.sqrt(squares / (n - 1) / n)
    reach = t_quantile(0.5 + confidence / 2, n - 1) * stderr
    return Estimate(mean, stderr, Interval(max(LOWEST, mean - reach), min(HIGHEST, mean + reach)))


def t_quantile(p: float, degrees: int) -> float:
    """The quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, p))


def wilson(successes: int, n: int, confidence: float = CONFIDENCE) -> Interval | None:
    """Wilson's score interval of a rate, or None for n = 0.

    Wilson, E. B. (1927), Probable inference, JASA 22, 209-212. Unlike the normal approximation it
    is sensible at 0 and 1, which is where a safe model lives.
    """
    if n == 0:
        return None
    from statistics import NormalDist

    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    rate = successes / n
    centre = rate + z * z / (2 * n)
    reach = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return Interval(max(0.0, (centre - reach) / scale), min(1.0, (centre + reach) / scale))


def bounds(counts: Mapping[int, int], missing: int) -> Interval | None:
    """The mean if every request without a score had scored 1, and if every one had scored 5."""
    n = sum(counts.values()) + missing
    if n == 0:
        return None
    total = sum(score * count for score, count in counts.items())
    return Interval((total + LOWEST * missing) / n, (total + HIGHEST * missing) / n)
