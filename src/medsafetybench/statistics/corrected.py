"""A mean corrected for a judge's error, from a sample that people or a dearer judge scored too.

    sample = Labelled(labels, predictions)                # one entry a request; NaN: no label
    corrected_mean(sample, Interval(1, 5))                # Corrected(value=1.84, interval=...)
    corrected_difference(first, second, Interval(1, 5))   # of two runs on the same requests
    corrected_bounds(sample, Interval(1, 5), 0.95)        # what a gate decides on

Called labels here are the scores to be trusted (people, the dear judge), predictions those of the
cheap judge, which scored every request. The estimate is that of prediction-powered inference, tuned
for power: the mean of the predictions, as far as they are to be relied on (``lambda_``), plus the
mean distance of the labels from that. On average it is right however bad the judge is, and it is
closer than the labels alone where the judge is good. Source: A. Angelopoulos, J. Duchi, T. Zrnic,
PPI++, arXiv 2311.01453 (2023).

The interval is another. Where a safe model lives the judge's errors are rare and large, and a
normal interval of their mean is far too short: where a judge misses one unsafe response in two and
50 are labelled it holds the truth in half of the cases. Here each request is one bounded value: its
prediction plus the usual error, and, if it has a label, as many times its own distance from that as
there are requests to a label (the generalised difference estimator; C.-E. Särndal, B. Swensson, J.
Wretman, Model Assisted Survey Sampling (1992), section 6.3). The mean of these values is the
estimate, and `bounds` gives its interval, clusters and all; an error never seen is reckoned with as
any value never seen is. What `bounds` rests on, this rests on. Besides, two figures are tuned on
the labels, for which what a label stands for beyond itself is widened by sqrt(n / (n - 2)).
docs/statistics.md has how often it holds. As that of the plain mean, it is an interval of the mean
over all the requests from which these were drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import MsbError
from .bounds import kinds_bounds
from .clusters import Clusters, kinds_of
from .interval import CONFIDENCE, Floats, Interval, apart

LEAST_LABELS = 50
"""Below this no correction is made. Of a model that is unsafe once in fifty, 50 labels have seen
nothing in a third of cases; the interval says so and is no shorter than what labels alone would
give, and fewer would only say that more are needed."""


@dataclass(frozen=True)
class Labelled:
    """Scores of the same requests, in one order, NaN where there is none.

    ``labels`` are of a random sample of these requests, ``predictions`` of all that the cheap judge
    could score; one that it could not counts at the mean of the others, as any prediction may.
    ``drawn`` says who was to be labelled, where some of them could not be: they count as the worst
    at each end. Without it all who were drawn have a label. ``weights`` say how many requests each
    would speak for, up to a factor, where not all are as likely to be drawn (J. Hájek, 1971).
    ``clusters`` are as in `clusters`. Raises MsbError for entries of different number, and for a
    label of one that was not drawn.
    """

    labels: Floats
    predictions: Floats
    drawn: NDArray[np.bool_] | None = None
    clusters: Clusters = None
    weights: Floats | None = None

    def __post_init__(self) -> None:
        columns = (self.labels, self.predictions, self.drawn, self.clusters, self.weights)
        lengths = [len(column) for column in columns if column is not None]
        if len(set(lengths)) > 1:
            raise MsbError(
                f"{lengths[0]} labels came with {lengths[1]} predictions; expected one of each "
                "for every request, NaN where there is none"
            )
        if self.drawn is not None and not np.isnan(self.labels[~self.drawn]).all():
            raise MsbError("a request has a label and was not drawn; leave such labels out")

    @property
    def sampled(self) -> NDArray[np.bool_]:
        """Who was drawn to be labelled."""
        return ~np.isnan(self.labels) if self.drawn is None else self.drawn

    @property
    def labelled(self) -> int:
        """How many have a label."""
        return int((~np.isnan(self.labels)).sum())

    @property
    def unread(self) -> int:
        """How many were drawn and have no label."""
        return int(np.isnan(self.labels[self.sampled]).sum())

    def part(self, chosen: NDArray[np.bool_]) -> Labelled:
        """These requests only, as of one principle."""
        return Labelled(
            self.labels[chosen],
            self.predictions[chosen],
            None if self.drawn is None else self.drawn[chosen],
            None if self.clusters is None else self.clusters[chosen],
            None if self.weights is None else self.weights[chosen],
        )

    def shares(self, among: NDArray[np.bool_]) -> Floats:
        """What part of all that these requests speak for each of them does."""
        weights = np.ones(int(among.sum())) if self.weights is None else self.weights[among]
        return np.asarray(weights / weights.sum())


@dataclass(frozen=True, slots=True)
class Corrected:
    """A corrected mean or rate with its interval, in the unit of the labels.

    ``lambda_`` is how far the predictions are relied on: 0 not at all (the labels' own mean), 1 in
    full. Of ``n`` requests ``labels`` have one, and ``unread`` more were drawn and have none: those
    are in the interval as the worst at each end, and not in ``value``.
    """

    value: float
    interval: Interval
    lambda_: float
    n: int
    labels: int
    unread: int


def corrected_mean(sample: Labelled, scale: Interval, confidence: float = CONFIDENCE) -> Corrected:
    """The corrected mean of values within ``scale``; of a rate, with 0, 1 and the scale (0, 1).

    Raises MsbError for fewer than 50 labels.
    """
    value, lambda_ = _estimate(sample)
    return Corrected(
        value=min(max(value, scale.low), scale.high),
        interval=corrected_bounds(sample, scale, (1 + confidence) / 2),
        lambda_=lambda_,
        n=len(sample.labels),
        labels=sample.labelled,
        unread=sample.unread,
    )


def corrected_bounds(sample: Labelled, scale: Interval, confidence: float) -> Interval:
    """One-sided lower and upper bound of the corrected mean, each at the confidence.

    Raises MsbError for fewer than 50 labels.
    """
    ends = scale if sample.unread else scale[:1]
    found = [_bounds(_values(sample, scale, end), sample.clusters, confidence) for end in ends]
    return _within(scale, found[0], found[-1])


def corrected_difference(
    first: Labelled, second: Labelled, scale: Interval, confidence: float = CONFIDENCE
) -> Corrected:
    """The corrected mean of ``second`` less that of ``first``, over the same requests in one order.

    Each run has its own labels, of the same requests or of others. The interval is that of each
    request's difference, so that what two answers to one request have in common is not counted as
    chance. ``lambda_`` and ``labels`` are those of the run that has less, ``unread`` of both.
    Raises MsbError for fewer than 50 labels in either, or for runs of different length.
    """
    if len(first.labels) != len(second.labels):
        raise MsbError(
            f"{len(first.labels)} and {len(second.labels)} requests; expected the same requests of "
            "both runs, in the same order"
        )
    (before, relied), (after, also) = _estimate(first), _estimate(second)
    reach, level = apart(scale), (1 + confidence) / 2
    ends = (
        _less(_values(second, scale, end), _values(first, scale, other))
        for end, other in zip(scale, reversed(scale), strict=True)
    )
    return Corrected(
        value=min(max(after - before, reach.low), reach.high),
        interval=_within(reach, *(_bounds(value, first.clusters, level) for value in ends)),
        lambda_=min(relied, also),
        n=len(first.labels),
        labels=min(first.labelled, second.labelled),
        unread=first.unread + second.unread,
    )


class _Values(NamedTuple):
    """What each request stands for, and how low and high one more cluster's sum could be."""

    values: Floats
    totals: Interval


def _estimate(sample: Labelled) -> tuple[float, float]:
    """The corrected mean, and how far the predictions are relied on.

    Within [0, 1] that is the slope of the labels on the predictions, which makes the variance least
    (PPI++, with the mean of all predictions in place of that of the unlabelled ones: the estimate
    is the same).
    """
    if (n := sample.labelled) < LEAST_LABELS:
        raise MsbError(
            f"a correction needs {LEAST_LABELS} labels of a random sample of the run, and there "
            f"are {n}: with fewer the interval would be no better than a guess; label more requests"
        )
    read, guesses = ~np.isnan(sample.labels), _predictions(sample)
    y, yhat = sample.labels[read], guesses[read]
    spread = float(guesses.var(ddof=1))
    slope = float(np.mean((y - y.mean()) * (yhat - yhat.mean()))) / spread if spread else 0.0
    lambda_ = min(1.0, max(0.0, slope))
    errors = (y - lambda_ * yhat) @ sample.shares(read)
    return float(lambda_ * guesses.mean() + errors), lambda_


def _values(sample: Labelled, scale: Interval, unread: float) -> _Values:
    """One value a request, their mean the corrected one; a label not read counts as ``unread``."""
    _, lambda_ = _estimate(sample)
    sampled, guesses = sample.sampled, _predictions(sample)
    labels = np.where(np.isnan(sample.labels), unread, sample.labels)[sampled]
    errors = labels - lambda_ * guesses[sampled]
    n, shares = len(errors), sample.shares(sampled)
    usual = float(errors @ shares)
    # How many requests a label speaks for, widened for the two figures tuned on the labels.
    weights = 1 + (len(guesses) * shares - 1) * math.sqrt(n / (n - 2))
    values = lambda_ * guesses + usual
    values[sampled] += weights * (errors - usual)
    weight = float(weights.max())
    known = Interval(*(lambda_ * end + usual for end in scale))
    extreme = Interval(
        weight * scale.low - (weight - 1) * known.high,
        weight * scale.high - (weight - 1) * known.low,
    )
    size, most = _largest(sample)
    return _Values(
        values,
        Interval(*((size - most) * k + most * e for k, e in zip(known, extreme, strict=True))),
    )


def _largest(sample: Labelled) -> tuple[int, int]:
    """The most requests in one cluster, and the most of one cluster that were drawn."""
    if sample.clusters is None:
        return 1, 1
    _, codes = np.unique(sample.clusters, return_inverse=True)
    return int(np.bincount(codes).max()), int(np.bincount(codes[sample.sampled]).max())


def _predictions(sample: Labelled) -> Floats:
    known = ~np.isnan(sample.predictions)
    usual = float(sample.predictions[known].mean()) if known.any() else 0.0
    return np.where(known, sample.predictions, usual)


def _less(one: _Values, other: _Values) -> _Values:
    low, high = one.totals.low - other.totals.high, one.totals.high - other.totals.low
    return _Values(one.values - other.values, Interval(low, high))


def _bounds(value: _Values, clusters: Clusters, confidence: float) -> Interval:
    return kinds_bounds(kinds_of(value.values, clusters), value.totals, confidence)


def _within(scale: Interval, at_low: Interval, at_high: Interval) -> Interval:
    """The low end of the one and the high end of the other, kept within the scale."""
    return Interval(max(scale.low, at_low.low), min(scale.high, at_high.high))
