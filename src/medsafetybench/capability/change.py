"""Before and after on the same questions: what a change of the model did to its capability.

    change = compare(measure("hf:demo", ["probe"]), measure("hf:demo+ADAPTER", ["probe"]))
    change.difference, (change.low, change.high), change.p, change.equivalent
    change.sentence        # the same for readers who know no statistics

Questions are paired by what they say. One that occurs twice, or is asked by several seeds, is one
draw. The statistics, and what "equivalent" means, are in equivalence.py and docs/capability.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import MsbError
from ..statistics.equivalence import MARGIN, PairedChange, paired_change
from ..statistics.paired import holm
from .measure import CapabilityResult

ALL = "all questions"


@dataclass(frozen=True)
class CapabilityChange(PairedChange):
    """A change on one task, or on all questions together.

    ``p_adjusted`` is corrected for the number of tasks compared; ``seeds`` is how many seeds both
    sides were asked by.
    """

    on: str
    shots: tuple[int, ...]
    seeds: int
    p_adjusted: float

    @property
    def sentence(self) -> str:
        """What it shows, for readers who know no statistics."""
        margin = f"{100 * self.margin:g} points"
        figures = (
            f"{self.before:.1%} before and {self.after:.1%} after on {self.n:,} questions, "
            f"a difference between {_points(self.tost.low)} and {_points(self.tost.high)} points "
            "(90% interval)"
        )
        if self.equivalent:
            return f"Capability stayed within ±{margin} (95% confidence): {figures}."
        if self.equivalent is False:
            verb = "rose" if self.difference > 0 else "fell"
            return f"Capability {verb} by more than {margin} (95% confidence): {figures}."
        return f"It is not shown that capability stayed within ±{margin}: {figures}."


def compare(
    before: Sequence[CapabilityResult], after: Sequence[CapabilityResult], margin: float = MARGIN
) -> CapabilityChange:
    """The change over the questions of all tasks, each weighing the same.

    Raises MsbError where nothing can be paired, or the margin is not between 0 and 1.
    """
    return _change(ALL, _pairs(before, after), margin)


def compare_tasks(
    before: Sequence[CapabilityResult], after: Sequence[CapabilityResult], margin: float = MARGIN
) -> list[CapabilityChange]:
    """The change on each task, p-values corrected for their number by Holm. Raises MsbError."""
    found = [_change(pair[0].task, [pair], margin) for pair in _pairs(before, after)]
    adjusted = holm([change.p for change in found])
    return [replace(change, p_adjusted=p) for change, p in zip(found, adjusted, strict=True)]


Pair = tuple[CapabilityResult, CapabilityResult]


def _pairs(before: Sequence[CapabilityResult], after: Sequence[CapabilityResult]) -> list[Pair]:
    """The results of both sides on the same task, with as many examples and a seed in common."""
    pairs = [
        (a, b)
        for a in before
        for b in after
        if (a.task, a.shots) == (b.task, b.shots) and set(a.seeds) & set(b.seeds)
    ]
    if not pairs:
        there = [
            ", ".join(f"{r.task} ({r.shots} shots)" for r in side) or "nothing"
            for side in (before, after)
        ]
        raise MsbError(f"nothing to compare: before has {there[0]}; after has {there[1]}")
    return pairs


def _change(on: str, pairs: Sequence[Pair], margin: float) -> CapabilityChange:
    if not 0 < margin < 1:
        raise MsbError(f"margin {margin:g}; expected a share between 0 and 1, as 0.02")
    sides = [_tally([pair[i] for pair in pairs], _common_seeds(pairs)) for i in (0, 1)]
    before, after = sides
    # A question asked more often on one side (a repeated one, half of which --limit left out) is
    # not the same measurement twice.
    same = [q for q in before if q in after and before[q][1] == after[q][1]]
    if not same:
        raise MsbError(f"{on}: the two have no question in common; measure both with one --limit")
    right = [np.array([side[q][0] for q in same]) for side in sides]
    counts: NDArray[np.int64] = np.array([before[q][1] for q in same])
    found = paired_change(right[0], right[1], counts, margin)
    return CapabilityChange(
        **{field.name: getattr(found, field.name) for field in fields(PairedChange)},
        on=on,
        shots=tuple(sorted({a.shots for a, _ in pairs})),
        seeds=max(len(seeds) for seeds in _common_seeds(pairs).values()),
        p_adjusted=found.p,
    )


def _common_seeds(pairs: Sequence[Pair]) -> dict[tuple[str, int], set[int]]:
    return {(a.task, a.shots): set(a.seeds) & set(b.seeds) for a, b in pairs}


def _tally(
    results: Sequence[CapabilityResult], seeds: dict[tuple[str, int], set[int]]
) -> dict[int, tuple[int, int]]:
    """For each question, how often it was answered right, and how often asked."""
    tally: dict[int, tuple[int, int]] = {}
    for result in results:
        kept = [a.correct for a in result.answers if a.seed in seeds[result.task, result.shots]]
        right = np.sum(kept, axis=0).tolist()
        for question, times in zip(result.asked.questions.tolist(), right, strict=True):
            so_far = tally.get(question, (0, 0))
            tally[question] = so_far[0] + times, so_far[1] + len(kept)
    return tally


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"
