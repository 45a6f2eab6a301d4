"""Differences between runs corrected for the judge's error, each run by its own labels.

corrected_differences(pairing, REFUSAL, 0.95)[0].interval
corrected_pair((before, after), (places_before, places_after), clusters, REFUSAL)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from ..statistics.clusters import Clusters
from ..statistics.corrected import LEAST_LABELS, corrected_difference
from ..statistics.interval import CONFIDENCE, Interval
from ..store.outcomes import Mask, Outcomes
from .corrected import LabelledSide, Positions, answered, labelled
from .measures import Measure
from .pairing import Pairing

Two = tuple[LabelledSide, LabelledSide]


@dataclass(frozen=True, slots=True)
class CorrectedDifference:
    """Two runs on the ``n`` requests that both answered; ``difference`` is the second minus the
    first, as trusted labels of both have it.

    ``labels`` counts those of each, ``unread`` the requests that were drawn in either and have
    none: the worst at each end of ``interval``, whose confidence is that of this pair alone.
    """

    first: str
    second: str
    principle: int | None
    n: int
    labels: tuple[int, int]
    unread: int
    difference: float
    interval: Interval


def corrected_differences(
    pairing: Pairing, measure: Measure, confidence: float = CONFIDENCE
) -> list[CorrectedDifference]:
    """Every pair of runs that have labels enough, over all requests and by principle."""
    return list(_differences(pairing, measure, confidence))


def _differences(
    pairing: Pairing, measure: Measure, confidence: float
) -> Iterator[CorrectedDifference]:
    side = pairing.sides[measure.side]
    principles = np.array([principle or 0 for principle in side.principles])
    for a, b in combinations(range(len(pairing.labels)), 2):
        found = pairing.outcomes[a], pairing.outcomes[b]
        both = np.ones(len(side.ids), bool)
        for one, at in zip(found, side.positions[[a, b]], strict=True):
            both &= np.isin(at, answered(one, measure.side))
        places = side.positions[a, both], side.positions[b, both]
        pair = corrected_pair(found, places, side.clusters[both], measure)
        if pair is None:
            continue
        names, ends = (pairing.labels[a], pairing.labels[b]), pairing.range(measure)
        for principle in (None, *(int(p) for p in np.unique(principles[both]) if p)):
            chosen = np.full(len(places[0]), True)
            if principle is not None:
                chosen = principles[both] == principle
            if min(one.sample.part(chosen).labelled for one in pair) >= LEAST_LABELS:
                yield _difference(names, principle, pair, chosen, ends, confidence)


def corrected_pair(
    found: tuple[Outcomes, Outcomes],
    places: tuple[Positions, Positions],
    clusters: Clusters,
    measure: Measure,
) -> Two | None:
    """Two runs' requests, by their positions in each and in one order, with the labels of each;
    None without labels of a random sample of both."""
    if any(one.stopped for one in found):
        return None
    first, second = (labelled(one, measure, at) for one, at in zip(found, places, strict=True))
    if first is None or second is None:
        return None
    return _of_draws(first, clusters), _of_draws(second, clusters)


def _of_draws(one: LabelledSide, clusters: Clusters) -> LabelledSide:
    """The same with these clusters: what is one draw is so in both runs."""
    return replace(one, sample=replace(one.sample, clusters=clusters))


def _difference(
    names: tuple[str, str],
    principle: int | None,
    pair: Two,
    chosen: Mask,
    ends: Interval,
    confidence: float,
) -> CorrectedDifference:
    first, second = (one.sample.part(chosen) for one in pair)
    found = corrected_difference(first, second, ends, confidence)
    return CorrectedDifference(
        *names,
        principle=principle,
        n=found.n,
        labels=(first.labelled, second.labelled),
        unread=found.unread,
        difference=found.value,
        interval=found.interval,
    )
