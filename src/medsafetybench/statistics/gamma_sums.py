"""The chance that a sum of gamma variables, some weighted below zero, is at most zero. Pure.

    at_most_zero(np.array([4.0, -0.1]), np.array([1.0, 108.0]))      # P(4 G1 <= 0.1 G108) = 0.93

A mean under random weights is at most t where a sum of weighted gammas is at most zero: so this
takes the place of drawing the weights, and is the same every time.
"""

from __future__ import annotations

import math

import numpy as np

from .interval import Floats

FAR = 20.0
"""Standard deviations from zero beyond which the chance is taken as 0 or 1: the tail of a gamma is
exponential, so what is left out is of the order of exp(-20)."""
STEP = 2 * math.pi / (FAR + 25)
NEGLIGIBLE = 25.0
"""What is left of the integral is cut off where it is below exp(-25)."""
MOST = 2**17


def at_most_zero(scales: Floats, shapes: Floats) -> float:
    """P(sum of scales[k] * G[k] <= 0) for independent G[k] ~ Gamma(shapes[k]).

    By inversion of the characteristic function: 1/2 less 1/pi times the integral over u > 0 of
    sin(sum of shape * arctan(scale u)) / (u * product of (1 + scale² u²)^(shape / 2)), summed at
    the midpoints of steps whose error is the chance of a sum some 25 standard deviations off.
    Known to 1e-7 nearly everywhere; to 1e-4 where it hangs on the first hundredth of one variable.
    Sources: J. Imhof, Biometrika 48 (1961), a gamma being half a chi-squared; R. Davies, Algorithm
    AS 155, Applied Statistics 29 (1980).
    """
    if (scales <= 0).all():
        return 1.0
    if (scales >= 0).all():
        return 0.0
    spread = math.sqrt(float(shapes @ scales**2))
    mean = float(shapes @ scales) / spread
    if abs(mean) > FAR:
        return 0.0 if mean > 0 else 1.0
    squares = (scales / spread) ** 2
    nodes = 32
    while nodes < MOST and _faded(squares, shapes, nodes * STEP) < NEGLIGIBLE:
        nodes *= 2
    u = (np.arange(nodes) + 0.5) * STEP
    angle = np.arctan(np.outer(u, scales / spread)) @ shapes
    fading = np.log1p(np.outer(u**2, squares)) @ shapes / 2
    integral = float((np.sin(angle) * np.exp(-fading)) @ (STEP / u))
    return min(1.0, max(0.0, 0.5 - integral / math.pi))


def _faded(squares: Floats, shapes: Floats, u: float) -> float:
    """Minus the logarithm of the integrand's size at u."""
    return float(np.log1p(squares * u * u) @ shapes) / 2 + math.log(u)
