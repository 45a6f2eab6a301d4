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
from ..statistics.corrected import corrected_difference
from ..statistics.interval import CONFIDENCE, Interval
from ..store.outcomes import Outcomes
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
        names, places = (pairing.labels[a], pairing.labels[b]), side.positions[[a, b]]
        for principle in (None, *(int(p) for p in np.unique(principles) if p)):
            chosen = principles == principle if principle else np.full(len(principles), True)
            at = places[0, chosen], places[1, chosen]
            one = corrected_change(names, found, at, side.clusters[chosen], measure, confidence)
            if one is not None:
                yield replace(one, principle=principle)


def corrected_change(
    names: tuple[str, str],
    found: tuple[Outcomes, Outcomes],
    places: tuple[Positions, Positions],
    clusters: Clusters,
    measure: Measure,
    confidence: float = CONFIDENCE,
) -> CorrectedDifference | None:
    """The corrected difference over requests given by their positions in each run, in one order, as
    far as both answered them; None where either has too few labels of a random sample."""
    if not all(one.samples for one in found):
        return None
    both = np.full(len(places[0]), True)
    for one, at in zip(found, places, strict=True):
        both &= np.isin(at, answered(one, measure.side))
    groups = None if clusters is None else clusters[both]
    pair = corrected_pair(found, (places[0][both], places[1][both]), groups, measure)
    if pair is None or not all(one.enough for one in pair):
        return None
    first, second = (one.sample for one in pair)
    ends = [measure.range(one.scale) for one in found if one.scale]
    whole = Interval(min(end.low for end in ends), max(end.high for end in ends))
    change = corrected_difference(first, second, whole, confidence)
    return CorrectedDifference(
        *names,
        principle=None,
        n=change.n,
        labels=(first.labelled, second.labelled),
        unread=change.unread,
        difference=change.value,
        interval=change.interval,
    )


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
