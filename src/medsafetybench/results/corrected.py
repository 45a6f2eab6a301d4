"""Figures corrected for the judge's error, by labels of people or of a dearer judge on a sample.

    found = run.labelled()
    corrections(found)                          # every measure, also by principle
    labelled(found, OVER_REFUSAL)               # what a gate or a comparison corrects by
    why_not(found, OVER_REFUSAL)                # None, or why it cannot be corrected

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
from numpy.typing import NDArray

from ..statistics.corrected import LEAST_LABELS, Labelled, corrected_mean
from ..store.outcomes import Outcomes
from ..store.samples import LabelledSample
from .measures import SIDES, Floats, Measure, supported
from .scorecard import Corrected, CorrectedPart, NotCorrected

NOTHING_TO_LABEL = ("unanswered", "target", "empty_response", "ended_while_thinking")
"""Reasons for which a request has no response that anybody could label."""

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class LabelledSide:
    """Requests, by their positions ``at``, with the labels of a measure; ``by`` gave them, on a
    sample that was drawn as ``title`` says."""

    at: Positions
    sample: Labelled
    by: list[str]
    title: str
    people: bool

    @property
    def enough(self) -> bool:
        """True if there are labels enough to correct by."""
        return self.sample.labelled >= LEAST_LABELS

    def told(self) -> str:
        """Whose labels they are, in a few words."""
        unread = self.sample.unread
        lost = f", {unread} more drawn count as the worst and the best" if unread else ""
        return f"corrected by {self.sample.labelled} labels of {', '.join(self.by)}{lost}"


def answered(found: Outcomes, side: str) -> Positions:
    """Requests of a side with a response that somebody could label."""
    codes = [code for code, why in enumerate(found.reason.values) if why in NOTHING_TO_LABEL]
    return np.flatnonzero(found.of_side(side) & ~np.isin(found.reason.codes, codes))


def labelled(found: Outcomes, measure: Measure, at: Positions | None = None) -> LabelledSide | None:
    """These requests with the labels that a measure is corrected by, if there are any.

    Without ``at`` those of its side that were answered, as the figure itself is of. One that was
    not answered counts, if it is among them and was drawn, as drawn and not labelled. Whether the
    labels are enough is for whoever asks to see.
    """
    if measure.graded:
        return None
    at = answered(found, measure.side) if at is None else at
    asked = set(found.intent.there(at))
    sides = [_side(found, one, measure, at) for one in found.samples if asked <= one.intents]
    return max(
        (side for side in sides if side.sample.labelled),
        key=lambda side: (side.enough, side.people, side.sample.labelled),
        default=None,
    )


def _side(found: Outcomes, labels: LabelledSample, measure: Measure, at: Positions) -> LabelledSide:
    drawn = labels.drawn(measure.values)[at]
    said = _mean(found, measure, _able(found, measure, labels.judges), at)
    settled = _mean(found, measure, _able(found, measure, labels.settlers), at)
    values = np.where(np.isnan(settled), said, settled)
    sample = Labelled(
        np.where(drawn, values, np.nan),
        _mean(found, measure, range(found.panel), at),
        drawn,
        found.draws[at],
        labels.weights[at],
    )
    gave = [
        found.judges[row].name
        for row in _able(found, measure, [*labels.judges, *labels.settlers])
        if (found.scores[row][at][drawn] > 0).any()
    ]
    return LabelledSide(at, sample, list(dict.fromkeys(gave)), labels.title, labels.people)


def _able(found: Outcomes, measure: Measure, rows: Sequence[int]) -> list[int]:
    """Of these judges those whose scale can tell the measure; what is made of verdicts on criteria
    is corrected by nobody's."""
    if measure.graded:
        return []
    return [row for row in rows if measure.supports(found.judges[row].scale)]


def _mean(found: Outcomes, measure: Measure, judges: Sequence[int], at: Positions) -> Floats:
    """The mean of the measure over these judges for each request, NaN where none scored it."""
    if not judges:
        return np.full(len(at), np.nan)
    values = [measure.of_scores(found.judges[j].scale, found.scores[j][at]) for j in judges]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a request that nobody scored
        return np.asarray(np.nanmean(np.array(values), axis=0))


def corrections(found: Outcomes) -> list[Corrected]:
    """Every measure that panel and labels both give, corrected, where there are enough labels; none
    of a run that was stopped early, whose figures depend on when it was."""
    return [] if found.stopped else list(_corrections(found))


def _corrections(found: Outcomes) -> Iterator[Corrected]:
    for measure in supported(found.scale):
        side = labelled(found, measure)
        if found.scale is None or side is None or not side.enough:
            continue
        fixed = corrected_mean(side.sample, measure.range(found.scale))
        yield Corrected(
            measure=measure.key,
            by=side.by,
            sample=side.title,
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
    for principle in found.principle.there(side.at):
        part = side.sample.part(found.principle.is_(principle)[side.at])
        if principle is not None and part.labelled >= LEAST_LABELS:
            fixed = corrected_mean(part, measure.range(found.scale))
            yield CorrectedPart(
                principle=principle, n=fixed.labels, value=fixed.value, ci95=fixed.interval
            )


def not_corrected(found: Outcomes) -> list[NotCorrected]:
    """The measures that have labels and are not corrected by them, each with the reason."""
    return [
        NotCorrected(measure=measure.key, labels=given, why=why)
        for measure in supported(found.scale)
        if (given := _given(found, measure)) and (why := why_not(found, measure))
    ]


def why_not(found: Outcomes, measure: Measure) -> str | None:
    """Why a measure cannot be corrected; None if it can."""
    if found.stopped:
        return "the run was stopped early"
    side, of = labelled(found, measure), SIDES[measure.side]
    if side is None:
        if not (given := _given(found, measure)):
            return f"no labels of {of} that tell it"
        return (
            f"{given} labels of {of}, none of them of a random sample of this run, as "
            "`msb annotate` draws one"
        )
    n = side.sample.labelled
    few = f"{n} labels of a random sample of {of}; a correction takes {LEAST_LABELS}"
    return None if side.enough else few


def _given(found: Outcomes, measure: Measure) -> int:
    """How many requests have a label that tells the measure, however they were chosen."""
    rows = _able(found, measure, range(found.panel, len(found.judges)))
    mask = found.of_side(measure.side)
    return int((found.scores[rows][:, mask] > 0).any(axis=0).sum()) if rows else 0


def labels_given(found: Outcomes) -> int:
    """How many requests have a label of the judges beside the panel."""
    return int((found.scores[found.panel :] > 0).any(axis=0).sum())
