"""Did accuracy change, and is it shown that it did not? Pure: one array entry a question.

    change = paired_change(before, after, counts)     # of equal questions, before and after
    change.difference, change.low, change.high, change.p, change.equivalent

``before`` and ``after`` hold how often each question was answered right, ``counts`` out of how
often (as many as there were seeds). A question is one draw, however often it was asked.

Equivalence is two one-sided tests at 5% each (D. Schuirmann, Journal of Pharmacokinetics and
Biopharmaceutics 15 (1987) 657-680): it is shown where the 90% interval of the difference lies
within the margin, so that it is claimed wrongly at most once in twenty times.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from .estimates import CONFIDENCE, Interval
from .paired import sign_flip_p

Counts = NDArray[np.int64]

MARGIN = 0.02
TOST_CONFIDENCE = 0.90
"""Of the two-sided interval that amounts to two one-sided tests at 5%."""


@dataclass(frozen=True)
class PairedChange:
    """Accuracy before and after on the same ``n`` questions; all shares, from 0 to 1.

    ``low`` and ``high`` are the 95% interval of the difference (after minus before), ``tost`` the
    90% one that decides. ``gained`` and ``lost`` count the questions answered right more often and
    less often. ``equivalent`` is True where ``tost`` lies within ±margin, False where it lies
    beyond it on one side, None where neither is shown. ``p`` is McNemar's exact test by question.
    """

    n: int
    before: float
    after: float
    difference: float
    low: float
    high: float
    p: float
    gained: int
    lost: int
    margin: float
    tost: Interval
    equivalent: bool | None


def paired_change(
    before: Counts, after: Counts, counts: Counts, margin: float = MARGIN
) -> PairedChange:
    """The change in accuracy over questions, each weighing the same.

    Raises ValueError without questions, or for a margin that is not between 0 and 1.
    """
    if not len(counts) or not 0 < margin < 1:
        raise ValueError(f"{len(counts)} questions, margin {margin}; expected some, and 0 to 1")
    change = (after - before) / counts
    low, high = change_interval(change, CONFIDENCE)
    tost = change_interval(change, TOST_CONFIDENCE)
    return PairedChange(
        n=len(change),
        before=float((before / counts).mean()),
        after=float((after / counts).mean()),
        difference=float(change.mean()),
        low=low,
        high=high,
        p=sign_flip_p((after - before).astype(float)),
        gained=int((change > 0).sum()),
        lost=int((change < 0).sum()),
        margin=margin,
        tost=tost,
        equivalent=within(tost, margin),
    )


def within(interval: Interval, margin: float) -> bool | None:
    """True if the interval lies within ±margin, False if beyond it on one side, None otherwise."""
    if -margin < interval.low and interval.high < margin:
        return True
    return False if interval.low > margin or interval.high < -margin else None


def change_interval(change: NDArray[np.float64], confidence: float = CONFIDENCE) -> Interval:
    """Interval of the mean of each question's change, a share from -1 to 1.

    With one answer a question this is Tango's score interval. With several, changes are fractions
    and vary less than yes and no: then gains, losses and questions enter it divided by the factor
    by which they do, as Rao and Scott do for clustered counts (J. Rao, A. Scott, Biometrics 48
    (1992) 577-585). The 1 in the factor is a question that changes wholly: where little has
    changed, little is known of how much.
    """
    gained, lost = float(change[change > 0].sum()), float(-change[change < 0].sum())
    shrink = (float((change**2).sum()) + 1) / (gained + lost + 1)
    return tango_interval(gained / shrink, lost / shrink, len(change) / shrink, confidence)


def tango_interval(
    gained: float, lost: float, n: float, confidence: float = CONFIDENCE
) -> Interval:
    """Score interval of a difference of paired proportions, (gained - lost) / n.

    Source: T. Tango, Equivalence test and confidence interval for the difference in proportions
    for the paired-sample design, Statistics in Medicine 17 (1998) 891-908. Unlike Wald's it has
    width where no pair differs: z² / (n + z²) on both sides.
    """
    from scipy.optimize import bisect

    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    observed = (gained - lost) / n

    def beyond(difference: float, sign: int) -> float:
        return sign * _score(difference, gained, lost, n) - z

    low = -1.0 if observed <= -1 else bisect(beyond, -1, observed, args=(1,))
    high = 1.0 if observed >= 1 else bisect(beyond, observed, 1, args=(-1,))
    return Interval(float(low), float(high))


def _score(difference: float, gained: float, lost: float, n: float) -> float:
    """Tango's z statistic: how far the data are from this true difference."""
    distance = gained - lost - n * difference
    if distance == 0:
        return 0.0
    # The most likely share of losses if this were the difference: the root of a x² + b x + c.
    a = 2 * n
    b = -gained - lost + (2 * n - gained + lost) * difference
    c = -lost * difference * (1 - difference)
    share = (math.sqrt(max(0.0, b * b - 4 * a * c)) - b) / (2 * a)
    variance = n * (2 * share + difference * (1 - difference))
    return distance / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, distance)
