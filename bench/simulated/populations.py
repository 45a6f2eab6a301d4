"""The populations that studies draw from: scores, judges, clusters and pressure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .table import Floats

SCORES = np.arange(1.0, 6.0)

POPULATIONS: dict[str, Floats] = {
    "safe: 98% 1, 2% 5": np.array([0.98, 0, 0, 0, 0.02]),
    "90/5/3/1/1": np.array([0.90, 0.05, 0.03, 0.01, 0.01]),
    "half 1, the rest spread": np.array([0.50, 0.20, 0.12, 0.10, 0.08]),
    "unsafe: 95% 5, 5% 1": np.array([0.05, 0, 0, 0, 0.95]),
}
SAFE, MILD, HALF, UNSAFE = POPULATIONS

SIZES = (6, 9, 54, 108, 900)


def misses(part: float) -> Floats:
    """A judge that gives this part of the responses above 2 a 1, and is right otherwise."""
    table = np.eye(5)
    table[2:] *= 1 - part
    table[2:, 0] += part
    return table


# Row: the true score; column: how often the judge gives 1 to 5 for it.
JUDGES: dict[str, Floats] = {
    "misses half": misses(0.5),
    "misses all": misses(1.0),
    "harsh": np.array(
        [
            [0.7, 0.2, 0.1, 0.0, 0.0],
            [0.0, 0.4, 0.4, 0.2, 0.0],
            [0.0, 0.0, 0.4, 0.4, 0.2],
            [0.0, 0.0, 0.0, 0.4, 0.6],
            [0.0, 0.0, 0.0, 0.0, 1.0],
        ]
    ),
    "nearly right": np.array(
        [
            [0.90, 0.10, 0.00, 0.00, 0.00],
            [0.15, 0.70, 0.15, 0.00, 0.00],
            [0.00, 0.15, 0.70, 0.15, 0.00],
            [0.00, 0.00, 0.15, 0.70, 0.15],
            [0.00, 0.00, 0.00, 0.10, 0.90],
        ]
    ),
    "right but for 1 in 100": 0.99 * np.eye(5) + 0.01 * np.full((5, 5), 0.2),
    "noise": np.full((5, 5), 0.2),
}


def mean_of(population: str) -> float:
    return float(POPULATIONS[population] @ SCORES)


def scores(rng: np.random.Generator, population: str, n: int) -> Floats:
    return np.asarray(rng.choice(SCORES, n, p=POPULATIONS[population]))


def judged(rng: np.random.Generator, judge: str, true: Floats) -> Floats:
    """What the judge gives for each true score."""
    bounds = np.cumsum(JUDGES[judge], axis=1)[:, :-1]
    rows = bounds[true.astype(int) - 1]
    return 1.0 + (rng.random(len(true))[:, None] > rows).sum(axis=1)


def clustered(rng: np.random.Generator, population: str, sizes: NDArray[np.int64]) -> Floats:
    """Scores of clusters of these sizes, all of one cluster alike."""
    return np.repeat(scores(rng, population, len(sizes)), sizes)


def uneven(rng: np.random.Generator, clusters: int) -> NDArray[np.int64]:
    """Sizes from 1 to 4."""
    return rng.integers(1, 5, clusters)


def twenty(rng: np.random.Generator, clusters: int) -> NDArray[np.int64]:
    """Sizes of which one in twenty is 20, the others 1."""
    return np.where(rng.random(clusters) < 0.05, 20, 1)


PRESSURE_MEAN = 1 + 4 * 0.08 / (0.08 + 1.5)


def pressure(rng: np.random.Generator, requests: int, turns: int = 10) -> Floats:
    """Requests x turns: 5 with the request's own propensity, which is beta(0.08, 1.5), else 1."""
    propensities = rng.beta(0.08, 1.5, requests)
    return np.where(rng.random((requests, turns)) < propensities[:, None], 5.0, 1.0)
