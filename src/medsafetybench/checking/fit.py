"""Fitting a judge's boundary to people's labels of your responses: another judge, with a card.

    found = fit("screen", ["run-31e6748c41"])
    found.judge         # "screen@-0.213": as --judge takes it
    found.card.kappa    # on labels that had no part in the boundary they were judged by

What counts as declining differs from one who labels to another; a hundred labels of the very
responses tell it. How well that does is said by cross-validation: in each of ten folds of requests
the responses are judged by the boundary that the other nine choose.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import MsbError
from ..judges import JUDGES, open_judge
from ..judges.bounded import MARK, BoundedJudge, open_at
from ..judges.trained import trained_on
from ..labelled import Labelled
from ..records import Verdict
from ..results.judge_card import Checked, JudgeCard, Verdicts, judge_card
from ..results.measures import REFUSAL
from ..results.plain import plain
from ..statistics.boundary import FOLDS, fitted_boundary, folds
from ..store.cards import put_card
from ..store.outcomes import Column
from ..store.store import Store, judge_key
from .sets import Choice, Part, checked_part, open_sets

LEAST = 50
LEAST_OF_EACH = 5
DIGITS = 3
FOLDED = "folds"
"""The part of a card whose responses were each judged by a boundary chosen without them."""


@dataclass(frozen=True)
class Fit:
    """A fitted judge: ``before`` is the card of the judge as it was on the same labels."""

    judge: str
    boundary: float
    before: JudgeCard
    card: JudgeCard

    @property
    def better(self) -> bool:
        """True if the fitted boundary agrees better than the one before, in folds."""
        return self.card.kappa.point > self.before.kappa.point


def fit(
    judge: str,
    on: Sequence[str],
    store: str | Path = "medsafety.db",
    choice: Choice | None = None,
) -> Fit:
    """Choose a judge's boundary on people's labels, and store the judge and its card.

    ``on`` names one labelled set, a file or a run; of a published set the part *tune* is used.
    Raises MsbError for a judge without a boundary, and for fewer labels than ``LEAST``.
    """
    if len(on) != 1:
        raise MsbError("a boundary is fitted on one set of labels; give --labels RUN or FILE once")
    opened = _bounded(judge)
    with Store.open(store) as kept:
        part = _part(kept, on, opened, choice or Choice())
        rows, checked = part.found.rows, checked_part(part)
        before = _said(opened, rows)
        usable = np.array([v.level is not None or v.reason == "unsure" for v in before])
        margins = np.full(len(rows), np.nan)
        for place in np.flatnonzero(usable).tolist():
            asked, said = rows[place].request.text, rows[place].response.text
            margins[place] = opened.margin(asked, said)
        sample = _Sample(rows, margins, _declines(checked, usable), checked.draws, usable)
        boundary = round(
            fitted_boundary(margins[usable], sample.declines[usable], opened.boundary), DIGITS
        )
        moved = _at(judge, boundary)
        card = judge_card(checked, _verdicts(moved, _folded(opened, judge, sample, before)))
        how = {"set": checked.name, "labels": int(usable.sum()), "folds": FOLDS}
        how |= {"boundary": boundary, "before": opened.boundary}
        made = checked.name in trained_on(moved.fingerprint)
        card = replace(card, part=FOLDED, fitted=how, trained=made)
        kept.register_judge(moved.name, moved.fingerprint, moved.scale)
        put_card(kept, card.key, card.set, card.part, card.n, plain(card))
        return Fit(moved.name, boundary, judge_card(checked, _verdicts(opened, before)), card)


@dataclass(frozen=True)
class _Sample:
    """The labelled responses, n of them: their margins (NaN for those not read), who declines by
    people's labels, their draws, and which the judge can read at all."""

    rows: Sequence[Labelled]
    margins: NDArray[np.float64]
    declines: NDArray[np.bool_]
    draws: NDArray[np.int64]
    usable: NDArray[np.bool_]


def _part(store: Store, on: Sequence[str], judge: BoundedJudge, choice: Choice) -> Part:
    """The labels to fit on: of a published set its part *tune*, unless another is asked for."""
    (part,) = open_sets(store, on, [judge.scale], choice)
    if part.found.own or choice.part:
        return part
    return open_sets(store, on, [judge.scale], replace(choice, part="tune"))[0]


def _bounded(judge: str) -> BoundedJudge:
    """The judge as it is. Raises MsbError if it has no boundary."""
    found = open_judge(judge)
    if not hasattr(found, "margin"):
        raise MsbError(
            f"{judge} has no boundary to fit; expected a judge that has a margin, such as screen "
            "from its version 3 on"
        )
    return found  # type: ignore[return-value]


def _at(judge: str, boundary: float) -> BoundedJudge:
    name = judge.partition(MARK)[0]
    return open_at(f"{name}{MARK}{boundary!r}", JUDGES[name], None)


def _said(judge: BoundedJudge, rows: Sequence[Labelled]) -> list[Verdict]:
    """The judge's verdicts; it computes here and asks nobody."""

    async def all_of_them() -> list[Verdict]:
        return [await judge.judge(row.request, row.response) for row in rows]

    return asyncio.run(all_of_them())


def _declines(on: Checked, usable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Who declines by people's labels. Raises MsbError for too few."""
    if not REFUSAL.supports(on.scale):
        raise MsbError(f"the labels of {on.name} say {on.scale.title}, and nothing of declining")
    declines = np.asarray(REFUSAL.of_scores(on.scale, on.labels) == 1)
    n, yes = int(usable.sum()), int(declines[usable].sum())
    if n < LEAST or min(yes, n - yes) < LEAST_OF_EACH:
        raise MsbError(
            f"{on.name} has {n} labels of responses that the judge can read, {yes} of them "
            f"declining; expected at least {LEAST}, and {LEAST_OF_EACH} of each kind: label more "
            "with `msb annotate`"
        )
    return declines


def _folded(
    opened: BoundedJudge, judge: str, sample: _Sample, before: Sequence[Verdict]
) -> list[Verdict]:
    """Each response judged by the boundary that the other folds choose."""
    found = list(before)
    usable = np.flatnonzero(sample.usable)
    margins, declines = sample.margins[usable], sample.declines[usable]
    for places, boundary in folds(margins, declines, sample.draws[usable], opened.boundary):
        moved = _at(judge, boundary)
        own = usable[places].tolist()
        for place, verdict in zip(own, _said(moved, [sample.rows[p] for p in own]), strict=True):
            found[place] = verdict
    return found


def _verdicts(judge: BoundedJudge, said: Sequence[Verdict]) -> Verdicts:
    reasons = [verdict.reason for verdict in said]
    known = list(dict.fromkeys(reasons))
    return Verdicts(
        judge.name,
        judge_key(judge.fingerprint),
        judge.scale,
        np.array([verdict.score or 0 for verdict in said], np.int8),
        Column(known, np.array([known.index(reason) for reason in reasons], np.int32)),
    )
