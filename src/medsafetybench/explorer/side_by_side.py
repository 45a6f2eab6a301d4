"""Runs side by side: the requests that all were asked, and who did better on which.

    table = SideBySide.of([first, second])     # their outcomes
    table.tally(REFUSAL, 1)                    # better, same, worse of the second against the first
    table.order(Filter())                      # rows, the largest disagreement first

Runs are joined as ``msb compare`` joins them, by what was asked and never by id alone. What is
better is for each measure to say; runs are compared on the measures that all their judges support.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..errors import MsbError
from ..records import INTENTS
from ..results.corrected_pairs import CorrectedDifference, corrected_change
from ..results.measures import Floats, Measure, common
from ..results.pairing import join, stopped_notes
from ..statistics.interval import Interval
from ..statistics.paired import difference_interval
from ..store.outcomes import Mask, Outcomes
from ..store.texts import Positions
from .filters import Filter, where

CHANGES = ("better", "same", "worse", "unscored")
MOST_RUNS = 4


@dataclass(frozen=True)
class Tally:
    """A run against the first on one measure, over the requests of its side that both were asked.

    ``means`` are the first's and the run's over the ``scored`` requests that have a score in both,
    None if there are none; the counts say how often the run did better, as well, or worse there.
    ``interval`` is that of their difference, as ``msb compare`` has it.
    ``corrected`` is the difference by the labels of both, where both have labels enough.
    """

    measure: Measure
    means: tuple[float, float] | None
    better: int
    same: int
    worse: int
    unscored: int
    interval: Interval | None
    corrected: CorrectedDifference | None = None

    @property
    def scored(self) -> int:
        """Requests that have a score in both runs."""
        return self.better + self.same + self.worse

    @property
    def difference(self) -> float | None:
        """The run's mean minus the first's."""
        return self.means and self.means[1] - self.means[0]


@dataclass(frozen=True)
class SideBySide:
    """Rows are requests that all runs were asked; ``positions`` (runs x rows) are their places.

    What was worked out is kept, so one table serves all pages as long as its runs do not change.
    """

    found: Sequence[Outcomes]
    positions: NDArray[np.int64]

    @classmethod
    def of(cls, found: Sequence[Outcomes]) -> SideBySide:
        """The outcomes of runs, joined."""
        return cls(found, join(found))

    def __len__(self) -> int:
        return len(self.positions[0])

    @property
    def notes(self) -> list[str]:
        """What the intervals do not reckon with."""
        return stopped_notes(self.found)

    @cached_property
    def measures(self) -> list[Measure]:
        """The measures that all runs' judges support, of sides that all were asked."""
        return [m for m in common(one.scale for one in self.found) if self._side(m).any()]

    def values(self, measure: Measure) -> Floats:
        """Runs x rows of the measure's side; NaN where a run has no score."""
        mask = self._side(measure)
        values = [
            measure.of(one).known[places[mask]]
            for one, places in zip(self.found, self.positions, strict=True)
            if one.scale
        ]
        return np.array(values)

    @cached_property
    def tallies(self) -> list[list[Tally]]:
        """Each run but the first against it, on each measure."""
        return [[self.tally(m, run) for m in self.measures] for run in range(1, len(self.found))]

    def tally(self, measure: Measure, run: int) -> Tally:
        """A run against the first on a measure that all support."""
        first, own = self.values(measure)[[0, run]]
        counts = {name: int(mask.sum()) for name, mask in _changes(measure, first, own).items()}
        both = ~np.isnan(first) & ~np.isnan(own)
        means = (float(first[both].mean()), float(own[both].mean())) if both.any() else None
        draws = self.found[0].draws[self.positions[0, self._side(measure)]]
        ends = [measure.of(one).ends for one in self.found if one.scale]
        whole = Interval(min(end.low for end in ends), max(end.high for end in ends))
        interval = difference_interval(first, own, whole, draws)
        corrected = self._corrected(measure, run, draws)
        return Tally(measure, means, **counts, interval=interval, corrected=corrected)

    def _corrected(
        self, measure: Measure, run: int, draws: NDArray[np.int64]
    ) -> CorrectedDifference | None:
        found, rows = (self.found[0], self.found[run]), self._side(measure)
        places = self.positions[0, rows], self.positions[run, rows]
        names = found[0].run.id, found[1].run.id
        return corrected_change(names, found, places, draws, measure)

    def order(
        self, wanted: Filter, change: str = "", measure: Measure | None = None, run: int = 1
    ) -> Positions:
        """Rows that pass, the largest disagreement first, then in the first run's order.

        With a change, only those on which the run so differs from the first on the measure. Raises
        MsbError for a value that there is not.
        """
        keep = np.zeros(len(self.found[0]), dtype=bool)
        keep[where(self.found[0], wanted)] = True
        passing = keep[self.positions[0]]
        if change:
            if change not in CHANGES:
                raise MsbError(f"change {change!r}; expected one of {', '.join(CHANGES)}")
            passing &= self._changed(change, measure, run)
        rows: Positions = self._by_disagreement[passing[self._by_disagreement]]
        return rows

    def _changed(self, change: str, measure: Measure | None, run: int) -> Mask:
        if measure not in self.measures:
            told = ", ".join(m.key for m in self.measures) or "none: they have none in common"
            raise MsbError(
                f"{measure.title if measure else 'no measure'}: not a measure of all these runs; "
                f"expected one of {told}"
            )
        first, own = self.values(measure)[[0, run]]
        changed = np.zeros(len(self), dtype=bool)
        changed[self._side(measure)] = _changes(measure, first, own)[change]
        return changed

    def _side(self, measure: Measure) -> Mask:
        mask = self.found[0].of_side(measure.side)[self.positions[0]]
        if measure.graded:
            places = zip(self.found, self.positions, strict=True)
            mask &= np.all([measure.of(one).told[at] for one, at in places], axis=0)
        return np.asarray(mask)

    @cached_property
    def _by_disagreement(self) -> Positions:
        """Every row, those first on which the runs are furthest apart; rows without a score last.

        Apart in levels where all are on one scale; else on the first measure of each side.
        """
        if all(one.scale is self.found[0].scale for one in self.found):
            pairs = zip(self.found, self.positions, strict=True)
            scores = np.array([one.score[place] for one, place in pairs], dtype=float)
            scores[scores == 0] = np.nan
            apart = _spread(scores)
        else:
            apart = np.full(len(self), -1.0)
            for measure in filter(None, (self._lead(side) for side in INTENTS)):
                apart[self._side(measure)] = _spread(self.values(measure))
        return np.argsort(-apart, kind="stable")

    def _lead(self, side: str) -> Measure | None:
        return next((m for m in self.measures if m.side == side), None)


def _spread(values: Floats) -> Floats:
    """Highest less lowest of each column; -1 where one is missing."""
    return np.where(np.isnan(values).any(axis=0), -1, np.ptp(values, axis=0))


def _changes(measure: Measure, first: Floats, own: Floats) -> dict[str, Mask]:
    """Which requests changed in which way, from the first run's values to the other's."""
    gain = own - first if measure.better == "higher" else first - own
    return dict(zip(CHANGES, (gain > 0, gain == 0, gain < 0, np.isnan(gain)), strict=True))
