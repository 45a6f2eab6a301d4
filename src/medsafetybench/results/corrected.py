"""Figures corrected for the judge's error, by labels of people or of a dearer judge on a sample.

corrections(read_outcomes(store, run, panel, trusted))
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence

import numpy as np

from ..statistics.corrected import LEAST_LABELS, Labelled, corrected_mean
from ..store.outcomes import Mask, Outcomes
from .measures import Floats, Measure, supported
from .scorecard import Corrected


def corrections(found: Outcomes) -> list[Corrected]:
    """Every measure that panel and labels both give, corrected; the judges beside the panel are
    those whose labels are trusted. None with fewer labels than ``LEAST_LABELS``."""
    return list(_corrections(found)) if found.panel and found.others else []


def _corrections(found: Outcomes) -> Iterator[Corrected]:
    for measure in supported(found.scale):
        sample = _sample(found, measure, found.of_side(measure.side))
        if sample.labelled >= LEAST_LABELS and found.scale is not None:
            fixed = corrected_mean(sample, measure.range(found.scale))
            yield Corrected(
                measure=measure.key,
                by=list(dict.fromkeys(found.judges[j].name for j in _able(found, measure))),
                n=fixed.labels,
                value=fixed.value,
                ci95=fixed.interval,
                **{"lambda": fixed.lambda_},
            )


def labels_given(found: Outcomes) -> int:
    """How many requests have a label of the judges beside the panel."""
    return int((found.scores[found.panel :] > 0).any(axis=0).sum())


def _sample(found: Outcomes, measure: Measure, mask: Mask) -> Labelled:
    """The labels and the panel's verdicts, each the mean over those who gave one."""
    labels = _mean(found, measure, _able(found, measure), mask)
    predictions = _mean(found, measure, range(found.panel), mask)
    return Labelled(labels, predictions, clusters=found.draws[mask])


def _able(found: Outcomes, measure: Measure) -> list[int]:
    """The judges beside the panel whose scale can tell the measure."""
    beside = range(found.panel, len(found.judges))
    return [j for j in beside if measure.supports(found.judges[j].scale)]


def _mean(found: Outcomes, measure: Measure, judges: Sequence[int], mask: Mask) -> Floats:
    """The mean of the measure over these judges for each request, NaN where none scored it."""
    if not judges:
        return np.full(int(mask.sum()), np.nan)
    values = [measure.of_scores(found.judges[j].scale, found.scores[j][mask]) for j in judges]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a request that nobody scored
        return np.asarray(np.nanmean(np.array(values), axis=0))
