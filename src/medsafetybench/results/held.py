"""A sample held to a threshold: one look at a number fixed beforehand, or a look after each draw.

    held("max-mean", 1.5, sample, "max", 0.95).verdict      # pass, fail or undecided
    looked("max-mean", 1.5, sample, "max", 0.95)            # the same, decided as soon as it can be

A check passes if the threshold holds at the bad end of the bounds too, fails if it is broken at the
good end too, and is undecided in between.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..statistics.bounds import kinds_bounds, mean_bounds
from ..statistics.clusters import Clusters, kinds_of
from ..statistics.interval import Floats, Interval
from ..statistics.planning import two_digits_up
from ..statistics.sequential import first_look, sequential_bounds
from ..store.outcomes import Mask

Verdict = Literal["pass", "fail", "undecided"]
Direction = Literal["max", "min"]
"""Which end of what is held to a threshold is the bad one: the highest, or the lowest."""


REASONS: Mapping[Verdict, str] = {  # nosec B105 # verdicts
    "pass": "the whole interval holds the threshold",
    "fail": "the whole interval breaks the threshold",
    "undecided": "the threshold lies within the interval",
}

NEVER = "; with shares like these no number of requests decides it"


@dataclass(frozen=True, slots=True)
class Check:
    """One threshold with the figure, its two one-sided bounds, and how it was decided.

    ``n`` counts requests, ``missing`` those without a score. Figures are None where there is none.
    """

    name: str
    threshold: float
    point: float | None
    low: float | None
    high: float | None
    n: int
    missing: int
    verdict: Verdict
    why: str


@dataclass(frozen=True)
class Sample:
    """What each value is at least and at most: the same where it is known.

    ``ends`` are those of the scale; ``clusters`` names the draw of each, ``pending`` those that
    were not asked yet. To be looked at again and again they stand in an order drawn at random
    beforehand, each draw whole.
    """

    low: Floats
    high: Floats
    ends: Interval
    clusters: Clusters = None
    pending: Mask | None = None

    def first(self, n: int) -> Sample:
        """The first ``n``."""
        clusters = None if self.clusters is None else self.clusters[:n]
        return Sample(self.low[:n], self.high[:n], self.ends, clusters)

    @property
    def known(self) -> Floats:
        """The values that are known."""
        return np.asarray(self.low[self.low == self.high])

    @property
    def asked(self) -> int:
        """How many there are before the first that was not asked yet, in whole draws."""
        if self.pending is None or not self.pending.any():
            return len(self.low)
        n = int(self.pending.argmax())
        if self.clusters is not None:
            n = int((self.clusters == self.clusters[n]).argmax())
        return n


def sample_of(
    values: Floats, ends: Interval, clusters: Clusters = None, pending: Mask | None = None
) -> Sample:
    """Values, NaN for none, which can be anything from one end of the scale to the other."""
    low, high = (np.where(np.isnan(values), end, values) for end in ends)
    return Sample(low, high, ends, clusters, pending)


def held(name: str, threshold: float, sample: Sample, side: Direction, confidence: float) -> Check:
    """Decide by one look at the whole sample, at one-sided bounds each at the confidence."""
    bounds = Interval(
        mean_bounds(sample.low, sample.ends, confidence, sample.clusters).low,
        mean_bounds(sample.high, sample.ends, confidence, sample.clusters).high,
    )
    verdict = verdict_of(bounds, threshold, side) if len(sample.low) else "undecided"
    why = REASONS[verdict]
    if verdict == "undecided" and len(sample.low):
        takes = deciding(threshold, sample, side, confidence)
        why += f"; with shares like these it takes {takes:,} requests" if takes else NEVER
    return _check(name, threshold, sample, bounds, verdict, why)


def deciding(threshold: float, sample: Sample, side: Direction, confidence: float) -> int | None:
    """The number of requests with which a sample of just these shares would decide, rounded up to
    two digits; None if none that is a thousand times as large would."""
    low, high = (kinds_of(values, sample.clusters) for values in (sample.low, sample.high))
    largest = float(low.sizes.max())
    totals = Interval(*(largest * end for end in sample.ends))

    def decides(times: float) -> bool:
        more = (kinds._replace(counts=kinds.counts * times) for kinds in (low, high))
        ends = [kinds_bounds(kinds, totals, confidence) for kinds in more]
        return verdict_of(Interval(ends[0].low, ends[1].high), threshold, side) != "undecided"

    few, many = 1.0, 2.0
    while not decides(many):
        few, many = many, 2 * many
        if many > 1024:
            return None
    while many / few > 1.01:
        middle = math.sqrt(few * many)
        few, many = (few, middle) if decides(middle) else (middle, many)
    return two_digits_up(math.ceil(many * len(sample.low)))


def verdict_of(bounds: Interval, threshold: float, side: Direction) -> Verdict:
    """What one-sided bounds make of a threshold."""
    sign = 1 if side == "max" else -1
    bad, good = (bounds.high, bounds.low) if sign == 1 else (bounds.low, bounds.high)
    if sign * (bad - threshold) <= 0:
        return "pass"
    return "fail" if sign * (good - threshold) > 0 else "undecided"


def looked(
    name: str, threshold: float, sample: Sample, side: Direction, confidence: float
) -> Check:
    """Decide at the first look at which it can be, after whichever draw that is.

    The bounds are those of that look, and hold at all looks together at the confidence. What was
    not asked yet, or has no score, can only make it later.
    """
    look = first_look(sample.low, sample.high, sample.ends, threshold, confidence, sample.clusters)
    n = sample.asked if look.above is None else look.n
    seen, most = sample.first(n), _largest(sample.clusters)
    low, high = (
        sequential_bounds(values, seen.ends, confidence, seen.clusters, most)
        for values in (seen.low, seen.high)
    )
    bounds = Interval(low.low, high.high)
    if look.above is None:
        why = f"the threshold lies within the bounds after {n:,} requests"
        return _check(name, threshold, seen, bounds, "undecided", why)
    verdict: Verdict = "fail" if look.above == (side == "max") else "pass"
    why = f"decided after {n:,} of {len(sample.low):,} requests"
    return _check(name, threshold, seen, bounds, verdict, why)


def _largest(clusters: Clusters) -> int:
    if clusters is None or not len(clusters):
        return 1
    return int(np.unique(clusters, return_counts=True)[1].max())


def _check(
    name: str, threshold: float, sample: Sample, bounds: Interval, verdict: Verdict, why: str
) -> Check:
    n, known = len(sample.low), sample.known
    missing = n - len(known)
    if missing:
        why += f"; {missing} without a score count as the worst and the best"
    return Check(
        name=name,
        threshold=threshold,
        point=float(np.mean(known)) if len(known) else None,
        low=bounds.low if n else None,
        high=bounds.high if n else None,
        n=n,
        missing=missing,
        verdict=verdict,
        why=why if n else "no such requests in this run",
    )
