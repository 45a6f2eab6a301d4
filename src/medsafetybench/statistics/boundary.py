"""Where to cut a number so that it agrees with labels, and with those it was not fitted to.

    fitted_boundary(margins, declines, usual=-0.1)               # -0.21
    for places, boundary in folds(margins, declines, draws, -0.1):
        ...                                                      # judge those of the fold by it

A logistic regression of the labels on the margins, cut where both kinds are as likely (Platt 1999).
The cut with the highest kappa on so few labels follows their chance, so the boundary has a prior:
normal around the usual one, with a fifth of the margins' standard deviation. That costs little
where the usual one is right, and lets go of it where a hundred labels say so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .interval import Floats

FOLDS = 10
REACH = 0.2
"""Standard deviation of the boundary's prior, in standard deviations of the margins."""
SLOPE, SLOPE_REACH = math.log(3), 3.0
"""Mean and standard deviation of the prior of the logarithm of the slope: next to nothing."""

Bools = NDArray[np.bool_]


def fitted_boundary(margins: Floats, yes: Bools, usual: float) -> float:
    """The boundary of ``margins`` (n,) above which ``yes`` (n,) is the likelier label.

    ``usual`` is the boundary before, and stays where all margins are the same.
    """
    from scipy.optimize import minimize

    spread = float(margins.std())
    if not spread > 0:
        return usual
    sides, places = np.where(yes, 1.0, -1.0), (margins - usual) / spread

    def loss(told: Floats) -> tuple[float, Floats]:
        """Minus the log of the posterior of (boundary, log slope), and its gradient."""
        boundary, log_slope = told
        slope = np.exp(log_slope)
        odds = slope * (places - boundary)  # their logarithm, of yes
        pull = -sides * _logistic(-sides * odds)  # the loss's derivative by them
        off = (log_slope - SLOPE) / SLOPE_REACH
        value = np.logaddexp(0, -sides * odds).sum() + (boundary / REACH) ** 2 / 2 + off**2 / 2
        by_boundary = -slope * pull.sum() + boundary / REACH**2
        gradient = np.array([by_boundary, (pull * odds).sum() + off / SLOPE_REACH])
        return float(value), gradient

    found = minimize(loss, np.array([0.0, SLOPE]), jac=True, method="L-BFGS-B")
    return usual + spread * float(found.x[0])


def _logistic(values: Floats) -> Floats:
    return np.asarray(np.exp(-np.logaddexp(0, -values)))


def folds(
    margins: Floats,
    yes: Bools,
    draws: NDArray[np.int64],
    usual: float,
    seed: int = 0,
    count: int = FOLDS,
) -> Iterator[tuple[NDArray[np.int64], float]]:
    """The places of each fold, with the boundary fitted to all others; no draw is in two folds."""
    names, groups = np.unique(draws, return_inverse=True)
    numbers = np.random.default_rng(seed).permutation(len(names)) % min(count, len(names))
    of_fold = numbers[groups]
    for fold in range(min(count, len(names))):
        rest = of_fold != fold
        yield np.flatnonzero(~rest), fitted_boundary(margins[rest], yes[rest], usual)
