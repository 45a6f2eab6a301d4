"""Figures corrected for the judge's error, by labels of people or of a dearer judge on a sample.

    found, labels = with_labels(store, run, panel)
    corrections(found, labels)                       # every measure, also by principle
    labelled(found, labels, OVER_REFUSAL)            # what a gate or a comparison corrects by

A label is what a third person settled; else the mean over the people who gave one (of yes and no,
the share of them); a sample that no people labelled has the labels of the judge that was shown it.
Of several samples people's comes before a judge's, and one with more labels before one with fewer,
unless it has too few.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..statistics.corrected import LEAST_LABELS, Labelled, corrected_mean
from ..store.outcomes import Mask, Outcomes
from .measures import SIDES, Floats, Measure, supported
from .scorecard import Corrected, CorrectedPart, NotCorrected
from .trusted import Labels

NOTHING_TO_LABEL = ("unanswered", "target", "empty_response", "ended_while_thinking")
"""Reasons for which a request has no response that anybody could label."""


@dataclass(frozen=True)
class LabelledSide:
    """Requests of a measure's side with the labels of one sample, the rows of ``mask``."""

    labels: Labels
    mask: Mask
    sample: Labelled
    by: list[str]


def corrections(found: Outcomes, labels: Sequence[Labels]) -> list[Corrected]:
    """Every measure that panel and labels both give, corrected, where there are enough labels; none
    of a run that was stopped early, whose figures depend on when it was."""
    return [] if found.stopped else list(_corrections(found, labels))


def _corrections(found: Outcomes, labels: Sequence[Labels]) -> Iterator[Corrected]:
    for measure in supported(found.scale):
        side = labelled(found, labels, measure)
        if found.scale is None or side is None or side.sample.labelled < LEAST_LABELS:
            continue
        ends = measure.range(found.scale)
        fixed = corrected_mean(side.sample, ends)
        yield Corrected(
            measure=measure.key,
            by=side.by,
            sample=side.labels.title,
            n=fixed.labels,
            unread=fixed.unread,
            value=fixed.value,
            ci95=fixed.interval,
            principles=list(_principles(found, side, measure)),
            **{"lambda": fixed.lambda_},
        )


def _principles(found: Outcomes, side: LabelledSide, measure: Measure) -> Iterator[CorrectedPart]:
    """Each principle that has enough labels of its own."""
    assert found.scale is not None, "a measure is supported by a scale"
    for principle in found.principle.there(side.mask):
        part = side.sample.part(found.principle.is_(principle)[side.mask])
        if principle is not None and part.labelled >= LEAST_LABELS:
            fixed = corrected_mean(part, measure.range(found.scale))
            yield CorrectedPart(
                principle=principle, n=fixed.labels, value=fixed.value, ci95=fixed.interval
            )


def labelled(
    found: Outcomes, labels: Sequence[Labels], measure: Measure, whole: bool = False
) -> LabelledSide | None:
    """The requests of a measure's side with the labels that it is corrected by, if there are any.

    Of requests that were answered, as the figure itself is; ``whole`` is of all, those without a
    response counting as drawn and not labelled. Whoever asks has to see to it that the labels are
    enough.
    """
    mask = found.of_side(measure.side)
    if not whole:
        mask = mask & ~np.isin(found.reason.codes, _codes(found))
    sides = [_side(found, one, measure, mask) for one in labels]
    sides = [side for side in sides if side.sample.labelled]
    return max(
        sides,
        key=lambda side: (
            side.sample.labelled >= LEAST_LABELS,
            side.labels.people,
            side.sample.labelled,
        ),
        default=None,
    )


def _codes(found: Outcomes) -> list[int]:
    values = found.reason.values
    return [code for code, value in enumerate(values) if value in NOTHING_TO_LABEL]


def _side(found: Outcomes, labels: Labels, measure: Measure, mask: Mask) -> LabelledSide:
    drawn = labels.drawn(measure)[mask]
    said = _mean(found, measure, _able(found, measure, labels.judges), mask)
    settled = _mean(found, measure, _able(found, measure, labels.settlers), mask)
    values = np.where(np.isnan(settled), said, settled)
    sample = Labelled(
        np.where(drawn, values, np.nan),
        _mean(found, measure, range(found.panel), mask),
        drawn,
        found.draws[mask],
        labels.weights[mask],
    )
    rows = [*labels.judges, *labels.settlers]
    gave = [
        found.judges[row].name
        for row in _able(found, measure, rows)
        if (found.scores[row][mask][drawn] > 0).any()
    ]
    return LabelledSide(labels, mask, sample, list(dict.fromkeys(gave)))


def _able(found: Outcomes, measure: Measure, rows: Sequence[int]) -> list[int]:
    """Of these judges those whose scale can tell the measure."""
    return [row for row in rows if measure.supports(found.judges[row].scale)]


def _mean(found: Outcomes, measure: Measure, judges: Sequence[int], mask: Mask) -> Floats:
    """The mean of the measure over these judges for each request, NaN where none scored it."""
    if not judges:
        return np.full(int(mask.sum()), np.nan)
    values = [measure.of_scores(found.judges[j].scale, found.scores[j][mask]) for j in judges]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a request that nobody scored
        return np.asarray(np.nanmean(np.array(values), axis=0))


def not_corrected(found: Outcomes, labels: Sequence[Labels]) -> list[NotCorrected]:
    """The measures that have labels and are not corrected by them, each with the reason."""
    return [
        NotCorrected(measure=measure.key, labels=given, why=why)
        for measure in supported(found.scale)
        if (given := _given(found, measure)) and (why := why_not(found, labels, measure))
    ]


def why_not(found: Outcomes, labels: Sequence[Labels], measure: Measure) -> str | None:
    """Why a measure cannot be corrected; None if it can."""
    if found.stopped:
        return "the run was stopped early"
    side = labelled(found, labels, measure)
    if side is None:
        given, of = _given(found, measure), SIDES[measure.side]
        if not given:
            return f"no labels of {of} that tell it"
        return (
            f"{given} labels of {of}, none of them of a random sample of this run, as "
            "`msb annotate` draws one"
        )
    if (n := side.sample.labelled) < LEAST_LABELS:
        return (
            f"{n} labels of a random sample of {SIDES[measure.side]}; a correction takes "
            f"{LEAST_LABELS}"
        )
    return None


def _given(found: Outcomes, measure: Measure) -> int:
    """How many requests have a label that tells the measure, however they were chosen."""
    rows = _able(found, measure, range(found.panel, len(found.judges)))
    mask = found.of_side(measure.side)
    return int((found.scores[rows][:, mask] > 0).any(axis=0).sum()) if rows else 0


def labels_given(found: Outcomes) -> int:
    """How many requests have a label of the judges beside the panel."""
    return int((found.scores[found.panel :] > 0).any(axis=0).sum())
