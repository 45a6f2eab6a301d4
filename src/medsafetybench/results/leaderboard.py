"""Ranks of runs on both sides, with the interval of ranks that the data leave open.

    for row in leaderboard(pair_runs(runs)):
        row.label, row.mean, row.rank, row.ranks, row.over_refusal_rank

A run's best rank is 1 plus the number of runs that are clearly better than it, its worst the number
of runs less those that are clearly worse, "clearly" by the corrected test of every pair. All rank
intervals hold together at the confidence asked for. Source: M. Mogstad, J. Romano, A. Shaikh,
D. Wilhelm, Inference for Ranks, Review of Economic Studies 91 (2024).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..statistics.paired import Floats
from .comparison import Difference, Method, all_pairs, declined, harmfulness, part_of
from .pairing import Pairing, Side


class Ranks(NamedTuple):
    """The best and the worst rank that the data leave open."""

    best: int
    worst: int


@dataclass(frozen=True, slots=True)
class Standing:
    """One run's place. Figures and ranks are None where the side has no request that all scored.

    All runs are ranked on the same requests: those that every run has a score for.
    """

    run: str
    label: str
    mean: float | None
    refusal: float | None
    over_refusal: float | None
    rank: int | None
    ranks: Ranks | None
    over_refusal_rank: int | None
    over_refusal_ranks: Ranks | None


def leaderboard(pairing: Pairing, method: Method | None = None) -> list[Standing]:
    """The standing of every run, the least harmful first, then the one that declines less."""
    method = method or Method()
    harmful, benign = _complete(pairing.sides["harmful"]), _complete(pairing.sides["benign"])
    means, refusals = _means(harmful, harmfulness), _means(harmful, declined)
    over = _means(benign, declined)
    safety = _ranks(means, all_pairs(pairing.labels, harmful, harmfulness, method), method, pairing)
    help_ = _ranks(over, all_pairs(pairing.labels, benign, declined, method), method, pairing)
    rows = [
        Standing(run, label, means[i], refusals[i], over[i], *safety[i], *help_[i])
        for i, (run, label) in enumerate(zip(pairing.runs, pairing.labels, strict=True))
    ]
    return sorted(rows, key=lambda r: (_last(r.mean), _last(r.over_refusal), r.label))


def _complete(side: Side) -> Side:
    """The requests that every run has a score for."""
    scored = np.isfinite(side.scores.sum(axis=0))
    return part_of(side, scored)


def _means(side: Side, measure: Callable[[Floats], Floats]) -> Sequence[float | None]:
    if not side.ids:
        return [None] * len(side.scores)
    return [float(mean) for mean in measure(side.scores).mean(axis=1)]


def _ranks(
    means: Sequence[float | None], tests: Sequence[Difference], method: Method, pairing: Pairing
) -> list[tuple[int | None, Ranks | None]]:
    """Rank and rank interval of each run; lower is better on both sides. Ties share a rank."""
    known = [mean for mean in means if mean is not None]
    if len(known) < len(means):
        return [(None, None)] * len(means)
    clear = [t for t in tests if t.p_adjusted <= 1 - method.confidence and t.difference]
    better = [t.first if t.difference > 0 else t.second for t in clear]
    worse = [t.second if t.difference > 0 else t.first for t in clear]
    return [
        (
            1 + sum(other < mean for other in known),
            Ranks(1 + worse.count(label), len(known) - better.count(label)),
        )
        for label, mean in zip(pairing.labels, known, strict=True)
    ]


def _last(value: float | None) -> float:
    return math.inf if value is None else value
