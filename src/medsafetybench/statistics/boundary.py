"""Where to cut a number so that the two sides agree best with labels; and how well that does.

best_boundary(margins, declines)                   # -0.21
for fold, boundary in folds(margins, declines, draws):
    ...                                            # judge those of the fold by it
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .interval import Floats

FOLDS = 10
Bools = NDArray[np.bool_]


def best_boundary(margins: Floats, yes: Bools) -> float:
    """The number above which saying yes has the highest kappa with ``yes``, both (n,).

    Of the cuts that are as good, the middle one; between two margins, half-way. Needs labels of
    both kinds.
    """
    order = np.argsort(margins, kind="stable")
    values, truth = margins[order], yes[order].astype(float)
    n, positives = len(values), truth.sum()
    # Cut number k says no of the first k.
    below = np.concatenate([[0.0], np.cumsum(truth)])
    said = n - np.arange(n + 1)
    both = positives - below
    equal = (both + np.arange(n + 1) - below) / n
    chance = (said * positives + (n - said) * (n - positives)) / n**2
    kappa = (equal - chance) / (1 - chance)
    apart = np.concatenate([[True], values[1:] > values[:-1], [True]])
    found = np.flatnonzero(apart & (kappa >= kappa[apart].max() - 1e-12))
    cut = int(found[len(found) // 2])
    if cut in (0, n):
        step = 1.0 if n < 2 else max(float(values[-1] - values[0]), 1e-6)
        return float(values[0] - step if cut == 0 else values[-1] + step)
    return float((values[cut - 1] + values[cut]) / 2)


def folds(
    margins: Floats, yes: Bools, draws: NDArray[np.int64], seed: int = 0, count: int = FOLDS
) -> Iterator[tuple[NDArray[np.int64], float]]:
    """The places of each fold, with the boundary chosen on all others; no draw is in two folds.

    A fold without which one kind of label is missing has the boundary chosen on all.
    """
    names, groups = np.unique(draws, return_inverse=True)
    numbers = np.random.default_rng(seed).permutation(len(names)) % min(count, len(names))
    of_fold = numbers[groups]
    for fold in range(min(count, len(names))):
        rest = of_fold != fold
        if len(np.unique(yes[rest])) < 2:
            rest = np.ones(len(yes), bool)
        yield np.flatnonzero(of_fold == fold), best_boundary(margins[rest], yes[rest])
