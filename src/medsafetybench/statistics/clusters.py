"""Requests that are one draw: turns, framings, repeats, twins and near-duplicates of one another.

    cluster_totals(values, clusters)      # the sum of each cluster's values, and how many it has
    kinds_of(values, clusters)            # the same, as the few different ones and how often each

``clusters`` holds one label for each value; values that share one are drawn together. None: every
value is a draw of its own. Scores are few, so few kinds of cluster occur: what is computed over the
kinds takes the same time for a hundred requests and for a hundred thousand.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .interval import Floats

Clusters = NDArray[Any] | None


class Kinds(NamedTuple):
    """The different clusters there are: sum of values, number of values, how many are like it."""

    sums: Floats
    sizes: Floats
    counts: Floats


def cluster_totals(values: Floats, clusters: Clusters) -> tuple[Floats, Floats]:
    """The sum of the values of each cluster, and how many there are in it."""
    if clusters is None:
        return values, np.ones(len(values))
    _, codes = np.unique(clusters, return_inverse=True)
    return np.bincount(codes, values).astype(float), np.bincount(codes).astype(float)


def kinds_of(values: Floats, clusters: Clusters = None) -> Kinds:
    """The kinds of cluster among the values, in the order of their sums."""
    sums, sizes = cluster_totals(values, clusters)
    if (sizes == 1).all():  # the same without the sizes, which takes much longer
        kinds, counts = np.unique(sums, return_counts=True)
        return Kinds(kinds, np.ones(len(kinds)), counts.astype(float))
    (sums, sizes), counts = np.unique(np.stack([sums, sizes]), axis=1, return_counts=True)
    return Kinds(sums, sizes, counts.astype(float))


def scored(values: Floats, clusters: Clusters) -> tuple[Floats, Clusters]:
    """The values that are there (not NaN), and their clusters."""
    there = ~np.isnan(values)
    return values[there], None if clusters is None else clusters[there]
