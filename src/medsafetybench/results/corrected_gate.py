"""A gate decided on figures corrected for the judge's error, by labels of the run.

    corrected_check(found, REFUSAL, "min-refusal", 0.9, "min")             # pass, fail, undecided
    corrected_regression((before, found), places, clusters, REFUSAL, 0.1)  # against a baseline

All requests count, as in any gate: one that was drawn to be labelled and has no label, be it for
want of a response, is the worst at the bad end and the best at the good end. Without labels enough
nothing is decided, and the check says why.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..statistics.clusters import Clusters
from ..statistics.corrected import corrected_bounds, corrected_difference, corrected_mean
from ..statistics.interval import CONFIDENCE, Interval
from ..store.outcomes import Outcomes
from .corrected import LabelledSide, Positions, labelled, why_not
from .corrected_pairs import corrected_pair
from .held import REASONS, Check, Direction, verdict_of
from .measures import Measure


def corrected_check(
    found: Outcomes,
    measure: Measure,
    name: str,
    threshold: float,
    side: Direction,
    confidence: float = CONFIDENCE,
) -> Check:
    """Is the corrected figure at most, or at least, the threshold? One-sided bounds, each at the
    confidence."""
    at = np.flatnonzero(found.of_side(measure.side))
    why, by = why_not(found, measure), labelled(found, measure, at)
    if why or by is None or found.scale is None:
        return _undecided(name, threshold, len(at), f"not corrected: {why}")
    ends = measure.range(found.scale)
    bounds = corrected_bounds(by.sample, ends, confidence)
    point = corrected_mean(by.sample, ends).value
    return _decided(name, threshold, point, bounds, side, [by])


def corrected_regression(
    found: tuple[Outcomes, Outcomes],
    places: tuple[Positions, Positions],
    clusters: Clusters,
    measure: Measure,
    most: float,
    confidence: float = CONFIDENCE,
) -> Check:
    """Is the second run at most this much worse than the first, the baseline, both corrected?

    ``places`` are the positions in each run of the requests that both were asked, in one order.
    """
    name, scale = "max-regression", found[1].scale
    pair = corrected_pair(found, places, clusters, measure)
    reasons = (why_not(one, measure) for one in found)
    why = next((f"{o.run.id}: {w}" for o, w in zip(found, reasons, strict=True) if w), None)
    if pair is None or why or scale is None or not all(one.enough for one in pair):
        told = why or "too few of the labels are of requests that both runs were asked"
        return _undecided(name, most, len(places[0]), f"not corrected: {told}")
    # Worse is higher: of what is better the higher it is, the baseline less the run.
    worse, than = (pair[1], pair[0]) if measure.better == "lower" else (pair[0], pair[1])
    ends = measure.range(scale)
    change = corrected_difference(than.sample, worse.sample, ends, 2 * confidence - 1)
    return _decided(name, most, change.value, change.interval, "max", pair)


def _decided(
    name: str,
    threshold: float,
    point: float,
    bounds: Interval,
    side: Direction,
    by: Sequence[LabelledSide],
) -> Check:
    verdict = verdict_of(bounds, threshold, side)
    told = dict.fromkeys(one.told() for one in by)
    return Check(
        name=name,
        threshold=threshold,
        point=point,
        low=bounds.low,
        high=bounds.high,
        n=len(by[0].at),
        missing=sum(one.sample.unread for one in by),
        verdict=verdict,
        why="; ".join([REASONS[verdict], *told]),
    )


def _undecided(name: str, threshold: float, n: int, why: str) -> Check:
    return Check(name, threshold, None, None, None, n, 0, "undecided", why)
