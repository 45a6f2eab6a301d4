"""What a report says of scores: the measures on both sides, by group, and how far judges agree.

Figures stand here as they are in the scorecard, rounded for reading; nothing is estimated anew.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from ..legible import name
from ..results.interval_notes import of_agreement
from ..results.measures import MEASURES, SIDES, Measure, form_of
from ..results.scorecard import Figure, Group
from ..statistics.estimates import Interval
from .charts import Chart
from .document import NONE, Section, Table, Tile
from .reported import ReportedRun


def shown(measure: Measure, figure: Figure | None) -> str:
    """``2.31 [2.10, 2.52]`` or ``41.0% [31.9, 50.8]``; a dash for none."""
    if figure is None:
        return NONE
    return valued(measure.unit, figure.value, figure.ci95)


def valued(unit: str, value: float | None, interval: Interval | None) -> str:
    """A value in points or as a share, with its interval in brackets."""
    if value is None or math.isnan(value):
        return NONE
    share, text = unit == "share", form_of(unit).format(value)
    if interval is None or math.isnan(interval.low):
        return text
    low, high = (f"{100 * end:.1f}" if share else f"{end:.2f}" for end in interval)
    return f"{text} [{low}, {high}]"


def counted(group: Group | None) -> str:
    """``897/900``: scored of asked."""
    return f"{group.scored:,}/{group.n:,}" if group else "none asked"


def measured_by(found: Sequence[ReportedRun], side: str) -> list[Measure]:
    """The measures of a side that some run has."""
    keys = {info.key for one in found for info in one.card.measures if info.side == side}
    return [measure for measure in MEASURES if measure.key in keys]


def tiles(found: Sequence[ReportedRun]) -> list[Tile]:
    """The lead of each side of a single run; several runs are told apart by the tables."""
    if len(found) != 1 or not found[0].card.counts.scored:
        return []
    tiles = [_tile(found[0], m) for side in SIDES for m in measured_by(found, side)]
    if "benign" not in found[0].card.sides:
        tiles.append(Tile("over-refusal", "not measured", "no benign request was asked"))
    return tiles


def _tile(one: ReportedRun, measure: Measure) -> Tile:
    side = one.card.sides.get(measure.side)
    if side is None or not side.scored:
        return Tile(measure.title, "not measured", f"no {measure.side} request scored")
    value, _, interval = shown(measure, side.figures[measure.key]).partition(" ")
    ends = interval.strip("[]").replace(", ", " to ")
    detail = f"of {side.scored:,} scored; {measure.better} is better"
    return Tile(measure.title, value, f"95% interval {ends}; {detail}" if ends else detail)


def scorecard(found: Sequence[ReportedRun], warning: str = "") -> Section:
    """Every measure of every run, what missing scores could change, and corrections."""
    tables = [_sides(found)]
    if rows := [row for one in found for row in _bounds(one)]:
        header = ("target", "measure", "not scored", "if all were least", "if all were most")
        title = "What the missing scores could change"
        tables.append(Table(title, header, rows, words=("target", "measure")))
    if rows := [row for one in found for row in _corrected(one)]:
        header = ("target", "measure", "labels", "by", "corrected")
        note = (
            "By prediction-powered inference from the labels of a random sample of the run; in "
            "brackets 95% intervals. Requests drawn and not labelled count as the worst at each "
            "end."
        )
        title = "Corrected for the judge's error"
        words = ("target", "measure", "by")
        tables.append(Table(title, header, rows, words=words, note=note))
    told = [warning] if warning else []
    told += [*_not_measured(found), *_not_corrected(found)]
    return Section("scorecard", "Scorecard", told, tables=tables)


def _not_corrected(found: Sequence[ReportedRun]) -> list[str]:
    return [
        f"{one.label}, not corrected: {line}." for one in found for line in one.card.uncorrected
    ]


def _sides(found: Sequence[ReportedRun]) -> Table:
    columns = {side: measured_by(found, side) for side in SIDES}
    listed = [(side, measures) for side, measures in columns.items() if measures]
    header = ["target"]
    for side, measures in listed:
        header += [f"{side} scored", *(measure.title for measure in measures)]
    rows = [
        (
            one.label,
            *(
                cell
                for side, measures in listed
                for cell in _side_cells(one.card.sides.get(side), measures)
            ),
        )
        for one in found
    ]
    told = [f"{m.title[0].upper()}{m.title[1:]}: {m.explanation}" for _, ms in listed for m in ms]
    said = list(dict.fromkeys(one.card.intervals for one in found))
    note = " ".join([*told, *(f"In brackets: {line}." for line in said if line)])
    title = " and ".join(f"{side} requests" for side, _ in listed).capitalize() or "Requests"
    return Table(title, tuple(header), rows, words=("target",), note=note)


def _side_cells(side: Group | None, measures: Sequence[Measure]) -> list[str]:
    figures = side.figures if side else {}
    cells = [shown(m, figures.get(m.key)) if side else "not measured" for m in measures]
    return [counted(side), *cells]


def _not_measured(found: Sequence[ReportedRun]) -> list[str]:
    """One line a judge: what its verdicts cannot tell."""
    lines = {
        f"Not measured by {name(one.card.judge, 120)}: {', '.join(one.card.not_measured)}."
        for one in found
        if one.card.not_measured
    }
    return sorted(lines)


def _bounds(one: ReportedRun) -> Iterator[tuple[str, ...]]:
    for side in one.card.sides.values():
        for key, figure in side.figures.items():
            measure = next(m for m in MEASURES if m.key == key)
            if side.scored < side.n and figure.bounds:
                low, high = (valued(measure.unit, end, None) for end in figure.bounds)
                missing = f"{side.n - side.scored:,} of {side.n:,}"
                yield one.label, measure.title, missing, low, high


def _corrected(one: ReportedRun) -> Iterator[tuple[str, ...]]:
    for fixed in one.card.corrected:
        measure = next(m for m in MEASURES if m.key == fixed.measure)
        by = ", ".join(name(judge) for judge in fixed.by)
        value = valued(measure.unit, fixed.value, fixed.ci95)
        unread = f" ({fixed.unread:,} more drawn)" if fixed.unread else ""
        yield one.label, measure.title, f"{fixed.n:,}{unread}", by, value
        for part in fixed.principles:
            title = f"{measure.title}, principle {part.principle}"
            value = valued(measure.unit, part.value, part.ci95)
            yield one.label, title, f"{part.n:,}", by, value


def groups(found: Sequence[ReportedRun]) -> Section | None:
    """By principle, source, and whatever else the requests differ in."""
    tables = [table for one in found for table in _group_tables(one)]
    return Section("groups", "By principle and source", tables=tables) if tables else None


def _group_tables(one: ReportedRun) -> Iterator[Table]:
    sides = {key: side for key, side in one.card.sides.items() if key != "all"}
    first = next(iter(sides.values()), None)
    columns = [(key, measure) for key in sides for measure in measured_by([one], key)]
    for by, groups in first.by.items() if first else ():
        if len(groups) < 2:
            continue
        parts = {(key, g.value): g for key, side in sides.items() for g in side.by.get(by, ())}
        rows = [
            (
                _titled(group, by),
                counted(group),
                *(_part_cell(parts.get((key, group.value)), m) for key, m in columns),
            )
            for group in groups
        ]
        header = (by, "scored", *(measure.title for _, measure in columns))
        yield Table(f"{one.label}, by {by}", header, rows, words=(by,))


def _part_cell(part: Group | None, measure: Measure) -> str:
    return shown(measure, part.figures[measure.key]) if part else NONE


def _titled(group: Group, by: str) -> str:
    number = f"{group.value or NONE} " if by == "principle" else ""
    return f"{number}{name(group.title or NONE)}"


AGREEMENT = ("equal", "within one", "kappa", "weighted kappa", "AC2", "bias")


def agreement(found: Sequence[ReportedRun], confusions: list[Chart]) -> Section | None:
    """Every two judges of a run, and all together."""
    rows = [row for one in found for row in _pairs(one)]
    if not rows:
        return None
    alphas = [
        (one.label, ", ".join(name(judge) for judge in one.agreement.judges), _figure(alpha))
        for one in found
        if one.agreement and (alpha := one.agreement.alpha)
    ]
    tables = [
        Table(
            "Every two judges, on the harmful requests that both scored",
            (
                "target",
                "judges",
                "n",
                "equal",
                "within one",
                "kappa",
                "weighted kappa",
                "AC2",
                "bias",
            ),
            rows,
            words=("target", "judges"),
            note="Kappa: Cohen's, agreement beyond chance; weighted by squared distance. AC2: "
            "Gwet's, which stays where nearly all verdicts are alike. Bias: "
            "mean of the first judge's score minus the second's; on scales without points, of "
            f"the share declined. In brackets: {of_agreement()}. "
            f"{NONE} where a figure is undefined.",
        ),
        Table(
            "All judges of a run together",
            ("target", "judges", "Krippendorff's alpha"),
            alphas,
            words=("target", "judges"),
        ),
    ]
    return Section("agreement", "Judge agreement", tables=tables, charts=confusions)


def _pairs(one: ReportedRun) -> Iterator[tuple[str, ...]]:
    for pair in one.agreement.pairs if one.agreement else ():
        judges = " and ".join(name(judge) for judge in pair.judges)
        figures = (
            pair.exact,
            pair.within_one,
            pair.kappa,
            pair.quadratic_kappa,
            pair.ac2,
            pair.bias,
        )
        yield one.label, judges, f"{pair.n:,}", *map(_figure, figures)


def _figure(found: Any) -> str:
    return NONE if found is None else valued("points", found.point, Interval(*found[1:]))
