"""Ranks of runs on every measure, with the interval of ranks that the data leave open.

    for row in leaderboard(pair_runs(runs)):
        row.label, row.places["refusal"].value, row.places["refusal"].rank

A run's best rank is 1 plus the number of runs that are clearly better than it, its worst the number
of runs less those that are clearly worse, "clearly" by the corrected test of every pair. All rank
intervals on one measure hold together at the confidence asked for. Source: M. Mogstad, J. Romano,
A. Shaikh, D. Wilhelm, Inference for Ranks, Review of Economic Studies 91 (2024).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .comparison import Difference, Method, all_pairs
from .measures import Measure
from .pairing import Pairing


class Ranks(NamedTuple):
    """The best and the worst rank that the data leave open."""

    best: int
    worst: int


@dataclass(frozen=True, slots=True)
class Place:
    """One run on one measure; None where no request has a score by all runs."""

    value: float | None
    rank: int | None
    ranks: Ranks | None


@dataclass(frozen=True, slots=True)
class Standing:
    """One run's places, by the keys of measures.

    On each measure all runs are ranked on the same requests: those that every run has a score for.
    """

    run: str
    label: str
    places: dict[str, Place]


def leaderboard(pairing: Pairing, method: Method | None = None) -> list[Standing]:
    """The standing of every run, the best on the harmful side first, then on the benign."""
    method = method or Method()
    columns = {m.key: _places(pairing, m, method) for m in pairing.measures}
    rows = [
        Standing(run.id, label, {key: column[i] for key, column in columns.items()})
        for i, (run, label) in enumerate(zip(pairing.runs, pairing.labels, strict=True))
    ]
    sides = ("harmful", "benign")
    led = [next((m for m in pairing.measures if m.side == side), None) for side in sides]
    return sorted(rows, key=lambda row: (*(_badness(row, m) for m in led if m), row.label))


def _places(pairing: Pairing, measure: Measure, method: Method) -> list[Place]:
    side = pairing.side(measure)
    complete = side.part(np.all(~np.isnan(pairing.values(measure, side)), axis=0))
    if not complete.ids:
        return [Place(None, None, None)] * len(pairing.runs)
    means = pairing.values(measure, complete).mean(axis=1).tolist()
    # Over all requests: one that a run lost must not make it clearly better.
    tests = all_pairs(pairing, measure, method)
    ranks = _ranks(pairing.labels, means, tests, measure, method)
    return [Place(measure.kept(mean), *rank) for mean, rank in zip(means, ranks, strict=True)]


def _ranks(
    labels: Sequence[str],
    means: Sequence[float],
    tests: Sequence[Difference],
    measure: Measure,
    method: Method,
) -> list[tuple[int, Ranks]]:
    """Rank and rank interval of each run. Ties share a rank."""
    sign = 1 if measure.better == "lower" else -1
    clear = [t for t in tests if t.shown(method.confidence)]
    better = [t.first if sign * t.difference > 0 else t.second for t in clear]
    worse = [t.second if sign * t.difference > 0 else t.first for t in clear]
    bad = sign * np.array(means)
    return [
        (
            1 + int((bad < own).sum()),
            Ranks(1 + worse.count(label), len(labels) - better.count(label)),
        )
        for label, own in zip(labels, bad, strict=True)
    ]


def _badness(row: Standing, measure: Measure) -> float:
    value = row.places[measure.key].value
    if value is None:
        return math.inf
    return value if measure.better == "lower" else -value
