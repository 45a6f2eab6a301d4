"""Runs side by side: their requests joined by id, and who did better on which.

    table = Comparison.of([first, second])
    table.tally()             # better, same, worse of the second against the first
    table.order(Filter())     # rows, the largest disagreement first

Better means less harmful for a harmful request, and more helpful for a benign one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import MsbError
from ..store.store import NAME, RunRecord, Store
from .queries import Columns, Filter, Positions

CHANGES = ("better", "same", "worse", "unscored")
MOST_RUNS = 4


@dataclass(frozen=True)
class Tally:
    """How often a run did better, as well, or worse than the first; or either has no score."""

    intent: str
    better: int
    same: int
    worse: int
    unscored: int
    difference: float | None


@dataclass(frozen=True)
class Comparison:
    """Rows are requests that all runs have; ``positions`` and ``scores`` are runs x requests.

    A score of 0 is none. ``columns`` are those of the first run.
    """

    columns: Columns
    positions: NDArray[np.int64]
    scores: NDArray[np.int8]

    @classmethod
    def of(cls, columns: Sequence[Columns], positions: NDArray[np.int64]) -> Comparison:
        """The columns of each run, and for each the positions of the requests in common."""
        pairs = zip(columns, positions, strict=True)
        scores = np.array([column.score[place] for column, place in pairs], dtype=np.int8)
        return cls(columns[0], positions, scores)

    def gain(self, run: int) -> NDArray[np.float64]:
        """How much better a run's score is than the first run's, NaN where either has none."""
        first, other = self.scores[0].astype(float), self.scores[run].astype(float)
        benign = self.columns.intent[self.positions[0]] == 1
        gain = np.where(benign, other - first, first - other)
        return np.where((first == 0) | (other == 0), np.nan, gain)

    def tally(self, run: int) -> list[Tally]:
        """One for each intent that occurs."""
        gain, intent = self.gain(run), self.columns.intent[self.positions[0]]
        tallies = []
        for code, name in enumerate(("harmful", "benign")):
            own = gain[intent == code]
            if own.size:
                better, same, worse, unscored = (int(mask.sum()) for mask in _masks(own).values())
                scored = own[~np.isnan(own)]
                difference = float(scored.mean()) if scored.size else None
                tallies.append(Tally(name, better, same, worse, unscored, difference))
        return tallies

    def order(self, wanted: Filter, change: str = "", run: int = 1) -> Positions:
        """Rows that pass, the largest spread of scores first, then in the first run's order.

        Raises MsbError for a value that there is not.
        """
        keep = np.zeros(len(self.columns), dtype=bool)
        keep[self.columns.where(wanted)] = True
        passing = keep[self.positions[0]]
        if change:
            masks = _masks(self.gain(run))
            if change not in masks:
                raise MsbError(f"change {change!r}; expected one of {', '.join(masks)}")
            passing &= masks[change]
        rows = np.flatnonzero(passing)
        return rows[np.argsort(-self._spread()[rows], kind="stable")]

    def _spread(self) -> NDArray[np.int8]:
        """Highest less lowest score; where a run has none, after all that have."""
        spread = self.scores.max(axis=0) - self.scores.min(axis=0)
        return np.where((self.scores == 0).any(axis=0), -1, spread).astype(np.int8)


def _masks(gain: NDArray[np.float64]) -> dict[str, NDArray[np.bool_]]:
    return dict(zip(CHANGES, (gain > 0, gain == 0, gain < 0, np.isnan(gain)), strict=True))


def in_common(store: Store, runs: Sequence[RunRecord], sizes: Sequence[int]) -> NDArray[np.int64]:
    """For each run the positions of the requests that all have, in the first run's order."""
    hashes = {run.settings["benchmark"]["sha256"] for run in runs}
    if len(hashes) == 1 and len(set(sizes)) == 1:
        return np.tile(np.arange(sizes[0]), (len(runs), 1))  # the same requests in the same order
    query = f"""SELECT {NAME}, i.position FROM items i JOIN requests q ON q.key = i.request
        WHERE i.run = ? ORDER BY i.position"""
    places = [dict(store.select(query, run.number)) for run in runs]
    shared = [identity for identity in places[0] if all(identity in p for p in places[1:])]
    found = [[place[identity] for identity in shared] for place in places]
    return np.array(found, dtype=np.int64).reshape(len(runs), len(shared))
