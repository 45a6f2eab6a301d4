"""How judge cards and drift are printed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ..labelled.labelled import PEOPLE
from . import show
from .said import say

if TYPE_CHECKING:
    from ..results.drift import Drift
    from ..results.judge_card import JudgeCard
    from ..statistics.agreement import Figure
    from ..statistics.macro_f1 import EachF1

MOST = 12
"""Annotators that are listed."""


def drift(found: Sequence[Drift]) -> None:
    """Each asking of a judge again, and what changed since in the last."""
    header = ("judge", "run", "asked again", "n", "equal", "kappa", "weighted kappa", "bias")
    show.table(
        header,
        [
            (
                one.judge,
                one.run,
                one.day,
                one.n,
                *map(interval, (one.equal, one.kappa, one.quadratic_kappa, one.bias)),
            )
            for one in found
        ],
        right=header[3:],
    )
    say("", "bias: mean of now minus then. A language model differs from itself without an update.")
    for one in found[-1:]:
        if one.changes:
            say("", f"another level than before ({one.changed} of {one.n})")
            rows = [(change.id, change.before, change.now) for change in one.changes]
            show.table(("request", "before", "now"), rows)


def cards(found: Sequence[JudgeCard], as_json: bool) -> None:
    """The cards by set, each with its confusion."""
    if as_json:
        show.as_json({"cards": found})
        return
    if not found:
        say("no judge card yet; `msb judge check JUDGE` makes one")
        return
    for (name, part), group in groupby(found, key=lambda card: (card.set, card.part)):
        _show_set(list(group), name, part)
    for line in _legend(found):
        say(line)


def _legend(found: Sequence[JudgeCard]) -> Iterator[str]:
    """What the columns are."""
    if any(card.compared == "declines" for card in found):
        yield "kappa is of declining or not, in brackets its 95% interval by request; phrases: that"
        yield "of the plain matcher on the same responses"
    if any(card.compared == "levels" for card in found):
        yield "kappa is of the levels where nothing tells declining"
    if any(card.quadratic_kappa for card in found):
        yield "weighted: kappa of the levels of harm, by squared distance"
    if any(card.trained for card in found):
        yield "* made with this set, so no evidence"


def _show_set(found: Sequence[JudgeCard], name: str, part: str) -> None:
    """The cards of one part of a set: figures, and what people call what."""
    one = found[0]
    about = f"{name} {one.version or ''}".strip()
    by = "" if one.by == PEOPLE else f", labelled by {one.by}: no evidence of people's judgement"
    say(f"{about}, {part}: {one.n:,} responses to {one.requests:,} requests{by}")
    if one.people:
        say(f"people with each other: kappa {interval(one.people)}")
    shares = ("accuracy", "balanced", "sensitivity", "specificity")
    weighted = any(card.quadratic_kappa for card in found)
    header = ("judge", "kappa", *shares, "no verdict", "phrases", *["weighted"] * weighted)
    rows = [_row(card)[: len(header)] for card in found]
    show.table(header, rows, right=header[1:])
    for card in found:
        if card.f1:
            _show_each(card.judge, card.f1)
        if card.unscored:
            listed = ", ".join(f"{count} x {why}" for why, count in card.unscored.items())
            say(f"{card.judge}: no verdict: {listed}; right on {card.right:.1%} of all")
        for label, row in card.confusion.items():
            listed = ", ".join(f"{said} {count:,}" for said, count in row.items())
            say(f"{card.judge} where the label is {label} ({sum(row.values()):,}): {listed}")
    say()


def _show_each(judge: str, found: EachF1) -> None:
    """The judge against each annotator, and each against the others: macro F1."""
    groups = f"mean over {found.groups} kinds of criteria" if found.groups > 1 else "one kind"
    say(
        f"{judge}, macro F1 against each annotator's labels: {interval(found.judge)}; "
        f"{groups} {found.judge_by_group:.2f}",
        f"annotators against each other: {found.others:.2f}; {groups} {found.others_by_group:.2f}",
    )
    told = sorted(found.raters, key=lambda one: -one.n)
    rows = [(one.rater, one.n, _two(one.judge), _two(one.others)) for one in told[:MOST]]
    header = ("annotator", "labels", judge, "other annotators")
    show.table(header, rows, right=header[1:])
    if len(told) > MOST:
        say(f"and {len(told) - MOST} more with fewer labels (--json has them)")
    say()


def _two(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"


def _row(card: JudgeCard) -> tuple[Any, ...]:
    shares = (card.accuracy, card.balanced_accuracy, card.sensitivity, card.specificity)
    return (
        card.judge + ("*" if card.trained else ""),
        interval(card.kappa),
        *(_point(share) for share in shares),
        card.n - card.scored,
        _point(card.phrases),
        _point(card.quadratic_kappa),
    )


def _point(figure: Figure | None) -> str:
    return "-" if figure is None or math.isnan(figure.point) else f"{figure.point:.2f}"


def interval(figure: Figure | None) -> str:
    """``0.74 [0.70, 0.78]``; a dash for none."""
    if figure is None or math.isnan(figure.point):
        return "-"
    ends = "" if math.isnan(figure.low) else f" [{figure.low:.2f}, {figure.high:.2f}]"
    return f"{figure.point:.2f}{ends}"
