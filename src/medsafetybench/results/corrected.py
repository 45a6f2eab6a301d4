"""Figures corrected for the judge's error, by labels of people or of a dearer judge on a sample.

corrections(read_outcomes(store, run, panel, trusted), ["person:ana"])
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence

import numpy as np

from ..statistics.estimates import Interval
from ..statistics.ppi import split_strata, stratified_ppi_mean
from ..store.outcomes import Mask, Outcomes
from .measures import Floats, Measure, supported
from .scorecard import Corrected

LEAST_LABELS = 2


def corrections(found: Outcomes, trusted: Sequence[str]) -> list[Corrected]:
    """Every measure that panel and labels both give, corrected; the judges beside the panel are
    those whose labels are trusted."""
    return list(_corrections(found, trusted)) if trusted and found.panel else []


def _corrections(found: Outcomes, trusted: Sequence[str]) -> Iterator[Corrected]:
    for measure in supported(found.scale):
        # A person may have labelled on two scales; a measure takes the labels that can give it.
        by = [
            j
            for j in range(found.panel, len(found.judges))
            if measure.supports(found.judges[j].scale) and found.judges[j].name in trusted
        ]
        if by and (done := _corrected(found, measure, by)):
            yield done


def _corrected(found: Outcomes, measure: Measure, by: Sequence[int]) -> Corrected | None:
    mask = found.of_side(measure.side)
    predictions = judges_mean(found, measure, range(found.panel), mask)
    labels = judges_mean(found, measure, by, mask)
    if (~np.isnan(labels)).sum() < LEAST_LABELS:
        return None
    strata = found.principle.codes[mask].tolist()
    estimate = stratified_ppi_mean(split_strata(strata, predictions, labels))
    assert found.scale is not None, "a panel has a scale"
    low, high = measure.range(found.scale)
    return Corrected(
        measure=measure.key,
        by=list(dict.fromkeys(found.judges[j].name for j in by)),
        n=estimate.n,
        value=estimate.mean,
        stderr=estimate.stderr,
        ci95=Interval(max(low, estimate.low), min(high, estimate.high)),
        **{"lambda": estimate.lambda_},
    )


def judges_mean(
    found: Outcomes, measure: Measure, judges: Sequence[int] | range, mask: Mask
) -> Floats:
    """The mean of the measure over these judges for each request, NaN where none scored it."""
    values = np.array(
        [measure.of_scores(found.judges[j].scale, found.scores[j][mask]) for j in judges]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a request that nobody scored
        return np.asarray(np.nanmean(values, axis=0))
