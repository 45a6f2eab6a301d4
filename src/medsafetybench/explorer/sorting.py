"""In which order a run's requests are shown: by level, by length, by how far its judges disagree.

    in_order(positions, SORTS["longest"], keys)

What has no level, no response or only one judge comes last, in the run's order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..results.run import Run
from ..store.outcomes import Outcomes
from ..store.store import Store
from ..store.texts import Positions, lengths

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sort:
    """A way to sort: by which key, and with ``sign`` -1 the highest first."""

    title: str
    key: str
    sign: int


SORTS: Mapping[str, Sort] = {
    "highest": Sort("highest level", "level", -1),
    "lowest": Sort("lowest level", "level", 1),
    "longest": Sort("longest response", "length", -1),
    "shortest": Sort("shortest response", "length", 1),
    "apart": Sort("judges furthest apart", "spread", -1),
}


@dataclass(frozen=True)
class Keys:
    """What requests are sorted by: ``values`` (n,), NaN for none. Where they come from judges,
    ``ends`` (2, n) are the lowest and the highest level that one gave, 0 for none."""

    values: Floats
    ends: NDArray[np.int8] | None = None


def of_levels(found: Outcomes) -> Keys:
    """By the panel's level."""
    return Keys(np.where(found.score > 0, found.score, np.nan))


def of_lengths(run: Run) -> Keys:
    """By characters of the response."""
    with Store.read(run.store) as store:
        return Keys(lengths(store, store.run(run.id)))


def of_disagreement(run: Run) -> Keys:
    """By how many levels lie between judges, people included, on the scale of the run's panel."""
    found = run.by_all_judges()
    rows = [row for row, judge in enumerate(found.judges) if judge.scale is found.scale]
    scores = found.scores[rows] if rows else np.zeros((1, len(found)), np.int8)
    highest = scores.max(axis=0)
    lowest = np.where(scores > 0, scores, np.int8(127)).min(axis=0)
    several = (scores > 0).sum(axis=0) > 1
    ends = np.where(several, np.stack([lowest, highest]), 0).astype(np.int8)
    return Keys(np.where(several, (highest - lowest).astype(float), np.nan), ends)


READ: Mapping[str, Callable[[Run], Keys]] = {"length": of_lengths, "spread": of_disagreement}
"""The keys that have to be read from the store first."""


def in_order(positions: Positions, sort: Sort, keys: Keys) -> Positions:
    """The positions sorted; what came since the keys were read has none yet."""
    values = np.full(max(len(keys.values), positions.max(initial=-1) + 1), np.nan)
    values[: len(keys.values)] = sort.sign * keys.values
    found: Positions = positions[np.argsort(values[positions], kind="stable")]
    return found
