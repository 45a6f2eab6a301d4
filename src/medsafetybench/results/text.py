"""The scorecard as people read it: a table for the terminal, safety and over-refusal together."""

from __future__ import annotations

import html
import io
from collections.abc import Iterator, Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from ..legible import line as one_line
from ..scale import SCALES
from ..statistics.estimates import Interval
from .measures import SIDES, Measure, form_of, measure_named
from .naming import selected
from .scorecard import (
    Corrected,
    CorrectedPart,
    Counts,
    Figure,
    PanelAgreement,
    Scorecard,
    Side,
    Survival,
)

WIDTH, FREE = 100, 10_000
BAR = 30


def scorecard_text(card: Scorecard, width: int = WIDTH) -> str:
    """The scorecard as plain text, for files and ``print``."""
    out = io.StringIO()
    # In a notebook, rich would show it there and write nothing, and take it for a terminal.
    console = Console(
        file=out,
        width=width,
        color_system=None,
        highlight=False,
        force_terminal=False,
        force_jupyter=False,
    )
    console.print(scorecard_view(card))
    return out.getvalue()


def as_html(card: Scorecard) -> str:
    """The scorecard for a notebook: its text, in letters of one width."""
    return f"<pre>{html.escape(scorecard_text(card))}</pre>"


def scorecard_view(card: Scorecard) -> RenderableType:
    """The scorecard as something rich can print."""
    parts: list[RenderableType] = [_heading(card), _all_sides(card)]
    for side in card.sides.values():
        if side.scored and side.levels:
            parts += ["", _distribution(side)]
            break  # the side that leads
    parts += [part for group in _groups(card) for part in ("", group)]
    if card.survival:
        parts += ["", survival_view(card.survival)]
    if card.agreement:
        parts += ["", _agreement(card.agreement)]
    parts += [Text(f"\n{one_line(line.strip())}", style=style) for line, style in _remarks(card)]
    return Group(*parts)


def measures_of(card: Scorecard, side: str) -> list[Measure]:
    """The measures of a side that the scorecard has, in order."""
    return [measure_named(info.key) for info in card.measures if info.side == side]


def figure_text(measure: Measure, figure: Figure | None, interval: bool = True) -> str:
    """``2.65  [2.56, 2.74]`` or ``27.8%  [24.9%, 30.8%]``; a dash for none."""
    if figure is None or figure.value is None:
        return "-"
    form = form_of(measure.unit)
    ends = f"  {interval_text(figure.ci95, form)}" if interval and figure.ci95 else ""
    return form.format(figure.value) + ends


def interval_text(interval: Interval | None, form: str) -> str:
    """``[2.56, 2.74]``; nothing for none."""
    return f"[{form.format(interval.low)}, {form.format(interval.high)}]" if interval else ""


def _heading(card: Scorecard) -> RenderableType:
    chosen = ", ".join(selected(card.benchmark.selection))
    lines = {
        "run": f"{card.run}, begun {card.created}",
        "target": ", ".join((card.target, *card.details)),
        "judge": card.judge + (f", {card.rule} of the panel" if card.rule else ""),
        "benchmark": f"{card.benchmark.title} [{card.benchmark.sha256[:12]}]"
        + (f", {chosen}" if chosen else ""),
    }
    table = Table.grid(padding=(0, 2))
    for name, value in lines.items():
        table.add_row(Text(name, style="dim"), Text(one_line(value)))
    return table


def _all_sides(card: Scorecard) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, title_justify="left")
    table.add_row("")
    for key, title in SIDES.items():
        side = card.sides.get(key)
        if side is None:
            if key == "benign" and "harmful" in card.sides:
                table.add_row(title, "none here: over-refusal is not measured")
            continue
        table.add_row(title, _counted(side))
        for measure in measures_of(card, key):
            _add_measure(table, card, side, measure)
    return table


def _add_measure(table: Table, card: Scorecard, side: Side, measure: Measure) -> None:
    figure = side.figures[measure.key]
    spread = "" if figure.stderr is None else f"  stderr {figure.stderr:.3f}"
    table.add_row(f"  {measure.title}", figure_text(measure, figure) + spread)
    for fixed in card.corrected:
        if fixed.measure == measure.key:
            _add_corrected(table, fixed, form_of(measure.unit))
    leads = measure.key == next(iter(side.figures))
    if leads and side.scored < side.n and figure.bounds:
        low, high = (form_of(measure.unit).format(end) for end in figure.bounds)
        table.add_row("    if all unscored were least, most", f"{low}, {high}")


def _add_corrected(table: Table, fixed: Corrected, form: str) -> None:
    unread = f", {fixed.unread} drawn and not labelled" if fixed.unread else ""
    by = f"    corrected by {fixed.n} labels of {one_line(', '.join(fixed.by))}{unread}"
    table.add_row(escape(by), _corrected_text(fixed, form))
    for part in fixed.principles:
        told = f"      principle {part.principle}, {part.n} labels"
        table.add_row(told, _corrected_text(part, form))


def _corrected_text(fixed: Corrected | CorrectedPart, form: str) -> str:
    return f"{form.format(fixed.value)}  {interval_text(fixed.ci95, form)}"


def _distribution(side: Side) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(justify="right")
    table.add_column()
    table.add_column(justify="right")
    for level in side.levels:
        share = level.count / side.scored
        bar = "█" * round(share * BAR) or ("▏" if level.count else "")
        table.add_row(str(level.score), level.level, str(level.count), f"{share:6.1%}", bar)
    return table


def grouped(card: Scorecard, name: str) -> dict[str, Side]:
    """The sides that a table of groups is of: those of the intents; all requests together as well
    where each of them is graded by points, and alone by tag, which criteria have."""
    by_points = card.scale is not None and SCALES[card.scale].parts is not None
    having = {key: side for key, side in card.sides.items() if name in side.by and side.figures}
    if name == "tag":
        return {key: side for key, side in having.items() if key == "all"}
    return {key: side for key, side in having.items() if key != "all" or by_points}


def _groups(card: Scorecard) -> list[RenderableType]:
    """By principle with all sides beside each other, and by whatever else there are several of."""
    found = []
    for name in dict.fromkeys(name for side in card.sides.values() for name in side.by):
        sides = list(grouped(card, name).items())
        several = bool(sides) and len(sides[0][1].by[name]) > 1
        if several and not (name == "source" and card.survival):
            shown = sides if name == "principle" else sides[:1]
            found.append(_group_table(card, f"by {name}", name, shown))
    return found


class Fitting:
    """The first of several tables that a screen is wide enough for; the last fits any."""

    def __init__(self, *tables: Table) -> None:
        self.tables = tables

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, self.tables[0])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        free = options.update(width=FREE)
        needed = [Measurement.get(console, free, table).minimum for table in self.tables]
        fits = (t for t, n in zip(self.tables, needed, strict=True) if n <= options.max_width)
        yield next(fits, self.tables[-1])


def _group_table(
    card: Scorecard, title: str, name: str, sides: Sequence[tuple[str, Side]]
) -> RenderableType:
    """In a narrow terminal without the intervals, or with the measure that leads alone: what the
    figures are of must be readable in any."""
    whole = _groups_of(card, title, name, sides)
    narrow = _groups_of(card, title, name, sides, interval=False)
    return Fitting(whole, narrow, _groups_of(card, title, name, sides[:1], interval=False, most=1))


def _groups_of(
    card: Scorecard,
    title: str,
    name: str,
    sides: Sequence[tuple[str, Side]],
    interval: bool = True,
    most: int | None = None,
) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(title)
    shown = [
        (key, side, measures_of(card, key)[: most if i == 0 else 1])
        for i, (key, side) in enumerate(sides)
    ]
    table.add_column("scored/n", justify="right", no_wrap=True)
    leads = shown[0][2][0]
    for _, _, measures in shown:
        for measure in measures:
            table.add_column(measure.heading, justify="right", no_wrap=True)
            if interval and measure is leads:
                table.add_column("95% interval", justify="right", no_wrap=True)
    for group in shown[0][1].by[name]:
        number = f"{group.value}  " if name == "principle" and group.value is not None else ""
        cells = [f"{group.scored}/{group.n}"]
        for _, side, measures in shown:
            own = next((g for g in side.by.get(name, ()) if g.value == group.value), None)
            for measure in measures:
                figure = own.figures[measure.key] if own else None
                cells.append(figure_text(measure, figure, interval=False))
                if interval and measure is leads:
                    cells.append(
                        interval_text(figure.ci95 if figure else None, form_of(measure.unit))
                    )
        table.add_row(escape(one_line(number + group.title)), *cells)
    return table


def pressure_view(card: Scorecard) -> RenderableType:
    """What pressure did: by turn, by framing, and the survival curve."""
    harmful = [("harmful", card.sides["harmful"])]
    parts: list[RenderableType] = []
    for name in ("turn", "framing"):
        if card.sides["harmful"].by.get(name):
            parts += [_group_table(card, f"by {name}", name, harmful), ""]
    return Group(*parts, survival_view(card.survival) if card.survival else "")


def survival_view(found: Survival) -> RenderableType:
    """The survival curve under pressure."""
    held = measure_named(found.held)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(f"held out ({held.heading})")
    for name in ("held before", "gave way now", "held out so far", "95% interval"):
        table.add_column(name, justify="right")
    for step in found.steps:
        cells = (str(step.at_risk), str(step.gave_way), f"{step.survival:.1%}")
        table.add_row(f"turn {step.turn}", *cells, interval_text(step.ci95, "{:.1%}") or "-")
    return table


def _agreement(found: PanelAgreement) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("agreement of judges")
    for name in ("both scored", "equal", "within one", "weighted kappa"):
        table.add_column(name, justify="right")
    for pair in found.pairs:
        kappa = "-" if pair.quadratic_kappa is None else f"{pair.quadratic_kappa:.2f}"
        cells = (str(pair.n), _share(pair.exact), _share(pair.within_one), kappa)
        table.add_row(escape(one_line(" and ".join(pair.judges))), *cells)
    if found.alpha is not None:
        table.add_row(f"Krippendorff's alpha of all: {found.alpha:.2f}")
    return table


def _share(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.1%}"


def _remarks(card: Scorecard) -> list[tuple[str, str]]:
    missing = {why: count for why, count in card.reasons.items() if not why.startswith("pending")}
    remarks = [(f"\nIn brackets: {card.intervals}.", "dim")] if card.intervals else []
    if missing:
        listed = ", ".join(f"{count} x {why}" for why, count in missing.items())
        remarks.append((f"\nNot scored: {listed}", "yellow"))
    remarks += [(f"\n{line}", "yellow") for line in _cut_thoughts(card)]
    pending = card.counts.pending
    if pending and card.stopped_early:
        verdict = card.stopped_early.verdict
        told = f"\nStopped early, as its gate was decided ({verdict}): {pending} requests were not "
        remarks.append((f"{told}asked. The intervals hold wherever one stops.", "bold yellow"))
    elif pending:
        remarks.append((f"\nIncomplete: {pending} requests are still to be done", "bold yellow"))
    if card.survival:
        remarks.append(
            (
                "\nUnder pressure: the figures above the turns count each request at all of them.",
                "dim",
            )
        )
    remarks += [
        (f"\nCorrected by labels of: {sample}.", "dim")
        for sample in dict.fromkeys(fixed.sample for fixed in card.corrected)
    ]
    remarks += [(f"\nNot corrected: {line}.", "dim") for line in card.uncorrected]
    remarks += [(f"\nChecked: {found.text}", "dim") for found in card.checked]
    if card.not_measured:
        listed = ", ".join(card.not_measured)
        remarks.append((f"\nNot measured by {card.judge}: {listed}.", "dim"))
    if card.others:
        told = f"\nAlso judged by {', '.join(card.others)}: --judge NAME shows it."
        remarks.append((told, "dim"))
    return remarks


def _cut_thoughts(card: Scorecard) -> Iterator[str]:
    """Where a token limit left no room for an answer, or for a verdict, and which option has it."""
    if n := card.reasons.get("unscored: ended_while_thinking"):
        limit = f" of {card.max_tokens}" if card.max_tokens else ""
        yield f"{n} ended while thinking: no answer within the token limit{limit} (--max-tokens)."
    if n := card.reasons.get("unscored: judge_ended_while_thinking"):
        yield f"{n} verdicts ended while the judge was thinking: raise --judge-max-tokens."


def _counted(counts: Counts) -> str:
    parts = [f"{counts.n}: {counts.scored} scored"]
    parts += [f"{counts.unscored} unscored", f"{counts.errors} errors"]
    return ", ".join(parts + ([f"{counts.pending} pending"] if counts.pending else []))
