"""The interval of a share that holds out over several turns, some leaving unseen. Pure.

survival_interval([108, 85], [18, 5])      # after two turns; between them 5 were lost from sight
"""

from __future__ import annotations

from collections.abc import Sequence

from .interval import CONFIDENCE, Interval


def survival_interval(
    at_risk: Sequence[int], left: Sequence[int], confidence: float = CONFIDENCE
) -> Interval:
    """Interval of the share that is still there after the turns given, one entry a turn.

    ``at_risk`` is how many were there before a turn and seen in it, ``left`` how many of these left
    in it. The beta product confidence procedure: a product of beta variables, matched by its first
    two moments to one. Without any who were lost from sight it is Clopper's and Pearson's exact
    interval, and so it has width where nobody, or everybody, has left. Source: M. Fay, E. Brittain,
    M. Proschan, Biostatistics 14 (2013) 723-736. Who is lost from sight must be no more and no less
    likely to leave. Nobody at risk: 0 to 1.
    """
    if not at_risk or not at_risk[0]:
        return Interval(0.0, 1.0)
    tail = (1 - confidence) / 2
    factors = [(n - d + 1, d) for n, d in zip(at_risk, left, strict=True) if d]
    there = at_risk[-1] - left[-1]
    low = _quantile([*factors, (there, 1)], tail) if there else 0.0
    return Interval(low, _quantile(factors, 1 - tail) if factors else 1.0)


def _quantile(factors: Sequence[tuple[int, int]], chance: float) -> float:
    """Of the beta variable that has the mean and variance of the product of these."""
    from scipy.special import betaincinv

    mean = square = 1.0
    for a, b in factors:
        mean *= a / (a + b)
        square *= a * (a + 1) / ((a + b) * (a + b + 1))
    total = (mean - square) / (square - mean**2)
    return float(betaincinv(mean * total, (1 - mean) * total, chance))
