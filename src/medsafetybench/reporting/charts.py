"""What each figure shows, as rows of numbers; drawing them is ``figures``' affair. Pure.

    charts(gather(runs))             # one Chart for each figure that these runs can give
    chart.columns, chart.rows        # the numbers, which also go into the CSV beside the picture

A chart that would be empty (no benign requests, one judge only) is left out, and so is one of a
measure that the runs' judges do not support.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..legible import name
from ..results.measures import MEASURES, OVER_REFUSAL, REFUSAL, Measure, lead
from ..results.scorecard import Group
from ..scale import SCALES
from ..statistics.estimates import Interval
from .reported import ReportedRun

RUN = ("run", "target", "judge")


@dataclass(frozen=True)
class Chart:
    """A figure's numbers. ``kind`` says how it is drawn; ``key`` names its files.

    ``labels`` gives each run the name it is shown by; ``note`` says judge and n in one line;
    ``measure`` is what its values are, where they are all of one.
    """

    kind: str
    key: str
    title: str
    note: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    labels: dict[str, str]
    measure: Measure | None = None

    @property
    def several_judges(self) -> bool:
        """True if the runs shown were judged by different judges."""
        return len({row.get("judge") for row in self.records()}) > 1

    def records(self) -> Iterator[dict[str, Any]]:
        """The rows as mappings, for a CSV file."""
        return (dict(zip(self.columns, row, strict=True)) for row in self.rows)


Pairs = Sequence[tuple[ReportedRun, ReportedRun]]
"""Runs before and after a change of the target."""


def charts(found: Sequence[ReportedRun], pairs: Pairs = ()) -> list[Chart]:
    """Every chart that these runs can give."""
    drawn = (chart for figure in FIGURES for chart in figure(found, pairs))
    return [chart for chart in drawn if chart and chart.rows]


def leads(found: Sequence[ReportedRun]) -> list[Measure]:
    """The measures that the runs' harmful sides are led by."""
    return list(dict.fromkeys(led for one in found if (led := lead_of(one))))


def scales(found: Sequence[ReportedRun]) -> list[str]:
    """The keys of the scales that the runs were judged on."""
    return list(dict.fromkeys(one.card.scale for one in found if one.card.scale))


def lead_of(one: ReportedRun) -> Measure | None:
    """The measure that a run's harmful side is led by."""
    return lead(SCALES[one.card.scale]) if one.card.scale else None


def _chart(
    kind: str,
    title: str,
    found: Sequence[ReportedRun],
    columns: tuple[str, ...],
    rows: Iterable[tuple[Any, ...]],
    counted: str,
    key: str | None = None,
    measure: Measure | None = None,
) -> Chart:
    labels = {one.card.run: one.label for one in found}
    note = f"{counted}. {judged(found)}"
    return Chart(kind, key or kind, title, note, columns, list(rows), labels, measure)


def judged(found: Iterable[ReportedRun]) -> str:
    """Who judged, and on what, in one line."""
    found = list(found)
    judges = sorted({one.card.judge for one in found if one.card.judge})
    benchmarks = sorted({one.card.benchmark.title for one in found})
    listed = "; ".join(name(judge) for judge in judges) or "none yet"
    plural = "Judges" if len(judges) > 1 else "Judge"
    return f"{plural}: {listed}. Benchmark: {'; '.join(name(b) for b in benchmarks)}."


def _run(one: ReportedRun) -> tuple[str, str, str]:
    return one.card.run, one.card.target, one.card.judge


def _ends(interval: Interval | None) -> tuple[float | None, float | None]:
    return (interval.low, interval.high) if interval else (None, None)


def _value(part: Group, measure: Measure) -> tuple[Any, ...]:
    figure = part.figures[measure.key]
    return part.n, part.scored, figure.value, *_ends(figure.ci95)


def _with(found: Sequence[ReportedRun], measure: Measure) -> Iterator[tuple[ReportedRun, Group]]:
    """The runs that have a value of the measure, with the side it is of."""
    for one in found:
        side = one.card.sides.get(measure.side)
        if side and side.scored and measure.key in side.figures:
            yield one, side


def measured(found: Sequence[ReportedRun], measure: Measure) -> Chart:
    """One measure by target, with intervals."""
    # The figure of both sides is called refusal, and a file of each stands in one folder.
    named = measure.title if measure is REFUSAL else measure.key
    return _chart(
        "measured",
        f"{measure.title[0].upper()}{measure.title[1:]} by target",
        found,
        (*RUN, "n", "scored", "value", "low", "high"),
        ((*_run(one), *_value(side, measure)) for one, side in _with(found, measure)),
        f"{measure.explanation} Lines: 95% intervals",
        key=re.sub(r"[_ ]", "-", named),
        measure=measure,
    )


def distribution(found: Sequence[ReportedRun], scale: str, several: bool = False) -> Chart:
    """How many responses got each level of a scale."""
    return _chart(
        "distribution",
        f"Responses to harmful requests: {SCALES[scale].title}",
        found,
        (*RUN, "scored", "score", "level", "count", "share"),
        (
            (*_run(one), side.scored, at.score, at.level, at.count, at.count / side.scored)
            for one in found
            if one.card.scale == scale and (side := one.card.sides.get("harmful")) and side.scored
            for at in side.levels
        ),
        "Share of the scored responses at each level",
        key=f"distribution-{scale}" if several else None,
    )


def principles(found: Sequence[ReportedRun], measure: Measure) -> Chart:
    """A measure by principle and target."""
    return _chart(
        "principles",
        f"{measure.title[0].upper()}{measure.title[1:]} by principle",
        found,
        (*RUN, "principle", "title", "n", "scored", "value", "low", "high"),
        (
            (*_run(one), part.value, part.title, *_value(part, measure))
            for one, _ in _with(found, measure)
            for part in one.card.sides[measure.side].by.get("principle", ())
            if part.scored and part.value is not None
        ),
        f"{measure.explanation} Small figures: responses scored",
        key=f"principles-{measure.key.replace('_', '-')}",
        measure=measure,
    )


def refusal(found: Sequence[ReportedRun]) -> Chart:
    """Both sides at once: harmful requests refused against benign requests refused."""
    sides = ("refusal", "refusal_low", "refusal_high", "benign_scored")
    benign = {one.card.run: side for one, side in _with(found, OVER_REFUSAL)}
    return _chart(
        "refusal",
        "Refusal of harmful requests against over-refusal of benign ones",
        found,
        (*RUN, "harmful_scored", *sides, "over_refusal", "over_refusal_low", "over_refusal_high"),
        (
            (*_run(one), *_value(side, REFUSAL)[1:], *_value(other, OVER_REFUSAL)[1:])
            for one, side in _with(found, REFUSAL)
            if (other := benign.get(one.card.run))
        ),
        "Share of the scored that are declined; lines: 95% intervals",
    )


def before_after(pairs: Pairs) -> Chart | None:
    """Every measure that both have, before and after a change of the target."""
    if not pairs:
        return None
    rows = [
        (number, stage, *_run(one), measure.key, *_value(side, measure)[1:])
        for number, pair in enumerate(pairs, 1)
        for measure in MEASURES
        if len(both := list(_with(pair, measure))) == 2
        for stage, (one, side) in zip(("before", "after"), both, strict=True)
    ]
    return _chart(
        "before-after",
        "Before and after",
        [one for pair in pairs for one in pair],
        ("pair", "stage", *RUN, "measure", "scored", "value", "low", "high"),
        rows,
        "Lines: 95% intervals of each run by itself",
    )


def confusion(one: ReportedRun) -> Chart | None:
    """How often two judges of a run gave each pair of levels, for every two of its judges."""
    if not one.agreement:
        return None
    return _chart(
        "confusion",
        f"Verdicts of two judges on the same responses: {one.label}",
        [one],
        ("run", "target", "first", "second", "first_level", "second_level", "count"),
        (
            (one.card.run, one.card.target, *pair.judges, first, second, pair.confusion[i][j])
            for pair in one.agreement.pairs
            for i, first in enumerate(pair.levels)
            for j, second in enumerate(pair.levels)
        ),
        "Counts of harmful requests that both scored",
        key=f"confusion-{one.card.run}",
    )


def measure_of(key: str) -> Measure | None:
    """The measure with this key; None for what is none of ours, as capability."""
    return next((m for m in MEASURES if m.key == key), None)


FIGURES: list[Callable[[Sequence[ReportedRun], Pairs], Iterable[Chart | None]]] = [
    lambda found, pairs: (measured(found, led) for led in leads(found)),
    lambda found, pairs: (distribution(found, s, len(scales(found)) > 1) for s in scales(found)),
    lambda found, pairs: (principles(found, led) for led in leads(found)),
    lambda found, pairs: (refusal(found),),
    lambda found, pairs: (before_after(pairs),),
    lambda found, pairs: (confusion(one) for one in found),
]
"""Every figure, in order. How each kind is drawn is a row of ``drawing.DRAW``."""
