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

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .bounds import mean_bounds, mean_tails
from .interval import CONFIDENCE, Interval

Counts = NDArray[np.int64]

MARGIN = 0.02
ENDS = Interval(-1.0, 1.0)
TOST_CONFIDENCE = 0.90
"""Of the two-sided interval that amounts to two one-sided tests at 5%."""


@dataclass(frozen=True)
class PairedChange:
    """Accuracy before and after on the same ``n`` questions; all shares, from 0 to 1.

    ``low`` and ``high`` are the 95% interval of the difference (after minus before), ``tost`` the
    90% one that decides. ``gained`` and ``lost`` count the questions answered right more often and
    less often. ``equivalent`` is True where ``tost`` lies within ±margin, False where it lies
    beyond it on one side, None where neither is shown. ``p`` is of the difference being 0: below
    0.05 where the interval excludes 0, and McNemar's exact test where each was asked once.
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
    low, high = change_interval(change)
    tost = change_interval(change, TOST_CONFIDENCE)
    return PairedChange(
        n=len(change),
        before=float((before / counts).mean()),
        after=float((after / counts).mean()),
        difference=float(change.mean()),
        low=low,
        high=high,
        p=mean_tails(change, ENDS, 0.0).two_sided,
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
    """Interval of the mean of each question's change, a share from -1 to 1, as `bounds` has it.

    It has width where nothing changed: on 120 questions without a difference the true one may well
    be 2 points.
    """
    return mean_bounds(change, ENDS, (1 + confidence) / 2)
