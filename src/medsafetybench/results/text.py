"""The scorecard as people read it: a table for the terminal, safety and over-refusal together."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ..statistics.estimates import Interval
from .scorecard import Declined, Harmfulness, PanelAgreement, Pressure, Scorecard

WIDTH = 100
BAR = 30
LEVELS = {
    "1": "declines",
    "2": "holds back",
    "3": "engages",
    "4": "prohibited in part",
    "5": "fulfils",
}


def scorecard_text(card: Scorecard, width: int = WIDTH) -> str:
    """The scorecard as plain text, for files and ``print``."""
    out = io.StringIO()
    Console(file=out, width=width, no_color=True, highlight=False).print(scorecard_view(card))
    return out.getvalue()


def scorecard_view(card: Scorecard) -> RenderableType:
    """The scorecard as something rich can print."""
    parts: list[RenderableType] = [_heading(card), _both_sides(card)]
    if card.scored:
        parts += ["", _distribution(card)]
    groups = [(f"{g.principle or '-'}  {g.title}", g) for g in card.by_principle]
    sources = [(g.source or "-", g) for g in card.by_source]
    declined = {g.principle: g for g in card.over_refusal.by_principle} if card.over_refusal else {}
    if len(groups) > 1:
        twins = [declined.get(g.principle) for g in card.by_principle]
        parts += ["", _groups("by principle", groups, twins if declined else None)]
    if card.pressure:
        parts += ["", *pressure_parts(card.pressure)]
    elif len(sources) > 1:
        parts += ["", _groups("by source", sources)]
    if card.agreement:
        parts += ["", _agreement(card.agreement)]
    parts += [Text(line, style=style) for line, style in _remarks(card)]
    return Group(*parts)


def _heading(card: Scorecard) -> RenderableType:
    chosen = ", ".join(f"{name} {_said(v)}" for name, v in card.benchmark.selection.items())
    lines = {
        "run": f"{card.run}, begun {card.created}",
        "target": card.target,
        "judge": card.judge + (f", {card.rule} of the panel" if card.rule else ""),
        "benchmark": f"{card.benchmark.title} [{card.benchmark.sha256[:12]}]"
        + (f", {chosen}" if chosen else ""),
    }
    table = Table.grid(padding=(0, 2))
    for name, value in lines.items():
        table.add_row(Text(name, style="dim"), Text(value))
    return table


def _said(value: object) -> str:
    """A part of a selection; of one with parts of its own, what is neither a hash nor a version."""
    if not isinstance(value, Mapping):
        return str(value)
    told = {name: part for name, part in value.items() if name not in ("sha256", "version")}
    parts = {n: " ".join(map(str, p)) if isinstance(p, list) else p for n, p in told.items()}
    return ", ".join(f"{name} {part}" for name, part in parts.items())


def _both_sides(card: Scorecard) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, title_justify="left")
    table.add_row("")
    if card.n:
        table.add_row("harmful requests", _counted(card))
        table.add_row(
            "  mean harmfulness (1-5)",
            _value(card.mean, card.ci95)
            + ("" if card.stderr is None else f"  stderr {card.stderr:.3f}"),
        )
        table.add_row("  refusal rate (score 1)", _percent(card.refusal_rate, card.refusal_ci95))
        table.add_row("  safe rate (score 1-2)", _percent(card.safe_rate, card.safe_ci95))
        if fixed := card.calibrated:
            by = f"corrected by {fixed.n} labels of {', '.join(fixed.by)}"
            table.add_row(
                f"  {by}", _value(fixed.mean, fixed.ci95) + f"  stderr {fixed.stderr:.3f}"
            )
        if card.scored < card.n and card.bounds:
            low, high = card.bounds
            table.add_row("  mean if all unscored were 1, 5", f"{low:.2f}, {high:.2f}")
    if refusal := card.over_refusal:
        table.add_row("benign requests", _counted(refusal))
        table.add_row("  over-refusal (declined)", _percent(refusal.rate, refusal.ci95))
        table.add_row("  answered in part", _percent(refusal.partial_rate))
    else:
        table.add_row("benign requests", "none here: over-refusal is not measured")
    return table


def _distribution(card: Scorecard) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(justify="right")
    table.add_column()
    table.add_column(justify="right")
    for score, count in card.distribution.items():
        share = count / card.scored
        bar = "█" * round(share * BAR) or ("▏" if count else "")
        table.add_row(score, LEVELS[score], str(count), f"{share:6.1%}", bar)
    return table


def _groups(
    title: str,
    groups: Sequence[tuple[str, Harmfulness]],
    declined: Sequence[Declined | None] | None = None,
) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(title)
    for name in ("scored/n", "mean", "95% interval", "refused", "safe"):
        table.add_column(name, justify="right", no_wrap=True)
    if declined is not None:
        table.add_column("over-refusal", justify="right", no_wrap=True)
    for i, (name, group) in enumerate(groups):
        cells = [
            f"{group.scored}/{group.n}",
            "-" if group.mean is None else f"{group.mean:.2f}",
            _interval(group.ci95, "{:.2f}"),
            _percent(group.refusal_rate),
            _percent(group.safe_rate),
        ]
        if declined is not None:
            twin = declined[i]
            cells.append(_percent(twin.rate) if twin else "-")
        table.add_row(escape(name), *cells)
    return table


def pressure_parts(found: Pressure) -> list[RenderableType]:
    """What pressure did: by turn, by framing, and the survival curve."""
    turns = [(f"turn {group.turn}", group) for group in found.by_turn]
    framings = [(group.framing, group) for group in found.by_framing]
    curve = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    curve.add_column("turn of the first compliance")
    for name in ("safe before", "complied now", "held out so far", "95% interval"):
        curve.add_column(name, justify="right")
    for step in found.survival:
        cells = (str(step.at_risk), str(step.complied), f"{step.survival:.1%}")
        curve.add_row(f"turn {step.turn}", *cells, _interval(step.ci95, "{:.1%}") or "-")
    return [_groups("by turn", turns), "", _groups("by framing", framings), "", curve]


def _agreement(found: PanelAgreement) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("agreement of judges")
    for name in ("both scored", "equal", "within one", "weighted kappa"):
        table.add_column(name, justify="right")
    for pair in found.pairs:
        kappa = "-" if pair.quadratic_kappa is None else f"{pair.quadratic_kappa:.2f}"
        cells = (str(pair.n), _percent(pair.exact), _percent(pair.within_one), kappa)
        table.add_row(escape(" and ".join(pair.judges)), *cells)
    if found.alpha is not None:
        table.add_row(f"Krippendorff's alpha of all: {found.alpha:.2f}")
    return table


def _remarks(card: Scorecard) -> list[tuple[str, str]]:
    missing = {why: count for why, count in card.reasons.items() if not why.startswith("pending")}
    remarks = []
    if missing:
        listed = ", ".join(f"{count} x {why}" for why, count in missing.items())
        remarks.append((f"\nNot scored: {listed}", "yellow"))
    pending = card.pending + (card.over_refusal.pending if card.over_refusal else 0)
    if pending:
        remarks.append((f"\nIncomplete: {pending} requests are still to be done", "bold yellow"))
    if card.pressure:
        remarks.append(
            (
                "\nUnder pressure: the figures above the turns count each request at all of them.",
                "dim",
            )
        )
    if "screen" in card.judge.split(" + "):
        remarks.append(
            ("\nscreen tells refusing from complying; it does not measure severity.", "dim")
        )
    return remarks


def _counted(counts: Harmfulness | Declined) -> str:
    parts = [f"{counts.n}: {counts.scored} scored"]
    parts += [f"{counts.unscored} unscored", f"{counts.errors} errors"]
    return ", ".join(parts + ([f"{counts.pending} pending"] if counts.pending else []))


def _value(value: float | None, interval: Interval | None) -> str:
    return "-" if value is None else f"{value:.2f}  {_interval(interval, '{:.2f}')}"


def _percent(rate: float | None, interval: Interval | None = None) -> str:
    if rate is None:
        return "-"
    return f"{rate:.1%}" + (f"  {_interval(interval, '{:.1%}')}" if interval else "")


def _interval(interval: Interval | None, form: str) -> str:
    return f"[{form.format(interval.low)}, {form.format(interval.high)}]" if interval else ""
