"""What every other file of this room speaks of: an interval, its confidence, arrays of figures."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """The two ends of a confidence interval, or of a scale."""

    low: float
    high: float


def apart(scale: Interval) -> Interval:
    """The scale of a difference of two values that each lie on ``scale``: (1, 5) -> (-4, 4)."""
    return Interval(scale.low - scale.high, scale.high - scale.low)
