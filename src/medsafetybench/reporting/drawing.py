"""How each kind of chart is drawn. Needs matplotlib, so it is imported only when one is drawn.

figure = draw(chart)         # inside figures.drawn(), which sets the style
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ..legible import name
from ..results.measures import Measure
from ..scale import HARM
from .charts import Chart, measure_of
from .figures import FAINT, INK, LINE, PAPER

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 6.6  # inches: a page's text
LABEL = 26  # characters of a name before it goes on in a second line
RAMP = ("#e3ebf2", "#b3cbe0", "#7ba3c8", "#3f6f9f", "#163a63")
"""From the first level to the last, each clearly darker than the one before, so that grey tells as
much."""
MARKS = "osD^vPXh<>p"
COLOURS = ("#0b4f8a", "#c4541a", "#2f7d5b", "#8a5aa8", "#6b6b6b", "#a88a12")
BAR = RAMP[2]

Row = dict[str, Any]


def draw(chart: Chart, note: bool = True) -> Figure:
    """The chart as a figure, with its title, and its note unless that is said beside it."""
    figure = Figure(figsize=(WIDTH, 3), layout="constrained")
    FigureCanvasAgg(figure)
    DRAW[chart.kind](figure, chart, list(chart.records()))
    figure.suptitle(
        "\n".join(textwrap.wrap(chart.title, 74)), x=0.01, ha="left", fontsize=11, weight="bold"
    )
    if note:
        lines = textwrap.wrap(chart.note, 106)
        height = figure.get_figheight()
        figure.set_figheight(height + 0.17 * len(lines) + 0.06)
        figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=7.5, color=FAINT)
    return figure


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(name(text, 2 * LABEL), LABEL)) or "-"


def look(place: int) -> tuple[str, str]:
    """Mark and colour of the so-manieth line: 11 and 6, so that 66 lines look different."""
    return MARKS[place % len(MARKS)], COLOURS[place % len(COLOURS)]


def _name(chart: Chart, row: Row) -> str:
    """The run's name, with its judge where the runs of a chart have different ones."""
    shown = _wrapped(chart.labels[row["run"]])
    return f"{shown}\nby {name(row['judge'], LABEL)}" if chart.several_judges else shown


def _label(chart: Chart, row: Row, count: str) -> str:
    return f"{_name(chart, row)}\nn = {row[count]:,}"


def _rows_of(figure: Figure, labels: Sequence[str], extra: float = 0.9) -> Axes:
    """Axes with one horizontal place for each label, from top to bottom."""
    lines = [label.count("\n") + 1 for label in labels]
    figure.set_figheight(extra + sum(0.2 + 0.15 * max(count, 2) for count in lines))
    axes = figure.subplots()
    axes.set_yticks(range(len(labels)), labels, fontsize=8.5)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    return axes


def _spread(row: Row, value: str, low: str = "low", high: str = "high") -> list[list[float]]:
    """Distances of an interval's ends from its value, as error bars take them."""
    if row[low] is None:
        return [[0.0], [0.0]]
    return [[max(0.0, row[value] - row[low])], [max(0.0, row[high] - row[value])]]


def _measured(figure: Figure, chart: Chart, rows: list[Row]) -> None:
    axes = _rows_of(figure, [_label(chart, row, "scored") for row in rows])
    start = 1 if _in_points(chart.measure) else 0
    for place, row in enumerate(rows):
        axes.barh(place, row["value"] - start, left=start, height=0.62, color=BAR, zorder=2)
        spread = _spread(row, "value")
        axes.errorbar(row["value"], place, xerr=spread, color=INK, capsize=3, lw=1.3, zorder=3)
        end = row["high"] if row["high"] is not None else row["value"]
        axes.annotate(
            _said(row["value"], chart.measure),
            (end, place),
            (5, 0),
            textcoords="offset points",
            va="center",
        )
    if _in_points(chart.measure):
        axes.set_xlim(1, 5.35)
        first, last = HARM.levels["harmful"][0], HARM.levels["harmful"][-1]
        ends = [f"{level.score}\n{level.title}" for level in (first, last)]
        axes.set_xticks(range(1, 6), [ends[0], "2", "3", "4", ends[1]])
    else:
        _percent(axes, "x")
        axes.set_xlim(0, 1.09)
    axes.grid(axis="x", zorder=0)
    axes.spines["left"].set_visible(False)


def _in_points(measure: Measure | None) -> bool:
    return measure is not None and measure.unit == "points"


def _said(value: float, measure: Measure | None) -> str:
    return f"{value:.2f}" if _in_points(measure) else f"{value:.0%}"


def _distribution(figure: Figure, chart: Chart, rows: list[Row]) -> None:
    runs = list(dict.fromkeys(row["run"] for row in rows))
    first = {row["run"]: row for row in reversed(rows)}
    axes = _rows_of(figure, [_label(chart, first[run], "scored") for run in runs], extra=1.15)
    left = dict.fromkeys(runs, 0.0)
    levels = sorted({row["score"] for row in rows})
    ramp = LinearSegmentedColormap.from_list("levels", RAMP)
    for row in rows:
        place, share = runs.index(row["run"]), row["share"]
        depth = levels.index(row["score"]) / max(len(levels) - 1, 1)
        axes.barh(
            place, share, left=left[row["run"]], height=0.62, color=ramp(depth),
            edgecolor=PAPER, linewidth=1,
            label=f"{row['score']} {row['level']}" if place == 0 else None,
        )  # fmt: skip
        if share >= 0.05:
            middle = left[row["run"]] + share / 2
            axes.text(middle, place, f"{share:.0%}", ha="center", va="center", fontsize=8,
                      color=_on(depth))  # fmt: skip
        left[row["run"]] += share
    _percent(axes, "x")
    axes.spines["left"].set_visible(False)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=5, fontsize=8,
                handlelength=1.1, columnspacing=1.2, handletextpad=0.5)  # fmt: skip


def _on(depth: float) -> str:
    """Ink that reads on the ramp at this depth, 0 to 1; never a colour that dark pages change."""
    return "#fefefe" if depth > 0.6 else "#10181f"


def _percent(axes: Axes, which: str) -> None:
    ticks = [0, 0.25, 0.5, 0.75, 1]
    set_ticks = axes.set_xticks if which == "x" else axes.set_yticks
    set_ticks(ticks, [f"{tick:.0%}" for tick in ticks])
    (axes.set_xlim if which == "x" else axes.set_ylim)(0, 1)


def _principles(figure: Figure, chart: Chart, rows: list[Row]) -> None:
    runs = list(dict.fromkeys(row["run"] for row in rows))
    titles = {row["principle"]: row["title"] for row in rows}
    order = sorted(titles)
    labels = [_wrapped(f"{p}  {titles[p]}") for p in order]
    axes = _rows_of(figure, labels, extra=1.2 if len(runs) < 4 else 2.0)
    figure.set_figwidth(max(WIDTH, 3.2 + 0.72 * len(runs)))
    ramp = LinearSegmentedColormap.from_list("values", RAMP)
    for row in rows:
        x, y = runs.index(row["run"]), order.index(row["principle"])
        depth = (row["value"] - 1) / 4 if _in_points(chart.measure) else row["value"]
        axes.barh(y, 1, left=x - 0.5, height=1, color=ramp(depth), edgecolor=PAPER, linewidth=1.5)
        axes.text(x, y - 0.06, _said(row["value"], chart.measure), ha="center", va="center",
                  color=_on(depth))  # fmt: skip
        axes.text(x, y + 0.3, f"{row['scored']:,}", ha="center", va="center", fontsize=6.5,
                  color=_on(depth))  # fmt: skip
    few = len(runs) < 4
    axes.set_xticks(
        range(len(runs)),
        [_wrapped(chart.labels[run]) for run in runs],
        rotation=0 if few else 35,
        ha="center" if few else "left",
        rotation_mode="default" if few else "anchor",
        fontsize=8,
    )
    axes.xaxis.tick_top()
    axes.set_xlim(-0.5, len(runs) - 0.5)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _refusal(figure: Figure, chart: Chart, rows: list[Row]) -> None:
    axes = figure.subplots()
    for place, row in enumerate(rows):
        mark, colour = look(place)
        axes.errorbar(
            row["over_refusal"],
            row["refusal"],
            xerr=_spread(row, "over_refusal", "over_refusal_low", "over_refusal_high"),
            yerr=_spread(row, "refusal", "refusal_low", "refusal_high"),
            fmt="none", ecolor=colour, capsize=2.5, lw=1.1, clip_on=False, zorder=3,
        )  # fmt: skip
        both = f"n = {row['harmful_scored']:,} harmful, {row['benign_scored']:,} benign"
        axes.plot(
            row["over_refusal"], row["refusal"], mark, color=colour,
            markersize=8, markeredgecolor=PAPER, clip_on=False, zorder=4,
            label=f"{_name(chart, row)}\n{both}",
        )  # fmt: skip
    legend = axes.get_legend_handles_labels()[1]
    lines = sum(label.count("\n") + 2 for label in legend)
    figure.set_size_inches(WIDTH, max(4.1, 0.7 + 0.145 * lines))
    for which in "xy":
        _percent(axes, which)
    axes.grid()
    axes.set_xlabel("benign requests refused (lower is better)")
    axes.set_ylabel("harmful requests refused\n(higher is better)")
    axes.text(0.015, 1.03, "↖ refuses what it should, helps where it may",
              transform=axes.transAxes, fontsize=8, color=FAINT)  # fmt: skip
    axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.02), fontsize=8, labelspacing=0.8,
                handletextpad=0.6)  # fmt: skip


def _before_after(figure: Figure, chart: Chart, rows: list[Row]) -> None:
    measures = list(dict.fromkeys(row["measure"] for row in rows))
    pairs = list(dict.fromkeys(row["pair"] for row in rows))
    figure.set_figheight(1.15 + 1.05 * len(pairs))
    panels = figure.subplots(1, len(measures), sharey=True, squeeze=False)[0]
    for axes, measure in zip(panels, measures, strict=True):
        for row in (row for row in rows if row["measure"] == measure):
            after = row["stage"] == "after"
            place = pairs.index(row["pair"]) + (0.17 if after else -0.17)
            axes.errorbar(
                row["value"], place, xerr=_spread(row, "value"), fmt="o", markersize=7, capsize=3,
                color=COLOURS[0] if after else FAINT, lw=1.3,
                markerfacecolor=COLOURS[0] if after else PAPER, clip_on=False,
            )  # fmt: skip
            axes.annotate(_said(row["value"], measure_of(measure)), (row["value"], place), (0, 6),
                          textcoords="offset points", ha="center", fontsize=8)  # fmt: skip
        _measure_axis(axes, measure)
    names = [_pair_label(chart, rows, pair) for pair in pairs]
    panels[0].set_yticks(range(len(pairs)), names, fontsize=8)
    panels[0].set_ylim(len(pairs) - 0.5, -0.6)


def _measure_axis(axes: Axes, key: str) -> None:
    measure = measure_of(key)
    axes.set_title(measure.title if measure else key, fontsize=9, weight="normal", pad=10)
    if measure:
        axes.set_xlabel(f"{measure.better} is better", fontsize=8, color=FAINT)
    if _in_points(measure):
        axes.set_xlim(0.9, 5.1)
        axes.set_xticks(range(1, 6))
    else:
        axes.set_xlim(-0.03, 1.03)
        axes.set_xticks([0, 0.5, 1], ["0%", "50%", "100%"])
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _pair_label(chart: Chart, rows: list[Row], pair: int) -> str:
    return "\n".join(
        f"{mark} {_name(chart, own[0])}\n"
        f"n = {', '.join(f'{n:,}' for n in dict.fromkeys(row['scored'] for row in own))}"
        for mark, stage in (("○", "before"), ("●", "after"))
        if (own := [row for row in rows if (row["pair"], row["stage"]) == (pair, stage)])
    )


def _confusion(figure: Figure, chart: Chart, rows: list[Row]) -> None:
    pairs = list(dict.fromkeys((row["first"], row["second"]) for row in rows))
    across = min(len(pairs), 3)
    down = -(-len(pairs) // across)
    figure.set_size_inches(max(4.2, 0.4 + 2.45 * across), 0.55 + 2.65 * down)
    panels = figure.subplots(down, across, squeeze=False)
    for axes in panels.flat[len(pairs) :]:
        axes.set_axis_off()
    for axes, (first, second) in zip(panels.flat, pairs, strict=False):
        own = [row for row in rows if (row["first"], row["second"]) == (first, second)]
        _matrix(axes, own)
        axes.set_ylabel(_wrapped(first), fontsize=8)
        axes.set_xlabel(_wrapped(second), fontsize=8)


def _matrix(axes: Axes, rows: list[Row]) -> None:
    most, total = max(row["count"] for row in rows), sum(row["count"] for row in rows)
    levels = list(dict.fromkeys(row["first_level"] for row in rows))
    places = range(1, len(levels) + 1)
    ramp = LinearSegmentedColormap.from_list("counts", RAMP)
    for row in rows:
        x, y = 1 + levels.index(row["second_level"]), 1 + levels.index(row["first_level"])
        depth = row["count"] / most
        agree = x == y
        axes.barh(
            y, 0.94, left=x - 0.47, height=0.94, color=ramp(depth) if row["count"] else "none",
            edgecolor=INK if agree else LINE, linewidth=1.4 if agree else 0.6,
        )  # fmt: skip
        colour = _on(depth) if row["count"] else FAINT
        size = 8 if most < 10_000 else 6.5
        axes.text(x, y, f"{row['count']:,}", ha="center", va="center", color=colour, fontsize=size)
    axes.set_xlim(0.5, len(levels) + 0.5)
    axes.set_ylim(len(levels) + 0.5, 0.5)
    axes.set_xticks(places, _short(levels))
    axes.set_yticks(places, _short(levels))
    axes.set_aspect("equal")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(f"n = {total:,}", fontsize=8, weight="normal", color=FAINT)


def _short(levels: Sequence[str]) -> list[str]:
    """Numbers where there are many levels, which tables spell out; else their names."""
    return [str(i) for i in range(1, len(levels) + 1)] if len(levels) > 2 else list(levels)


def _sweep(figure: Figure, chart: Chart, rows: list[Row]) -> None:
    """One panel a measure, one line a family; panels side by side, at most two."""
    panels = list(dict.fromkeys((row["measure"], row["on"]) for row in rows))
    families = list(dict.fromkeys(row["family"] for row in rows))
    down = -(-len(panels) // 2)
    figure.set_figheight(0.9 + 2.2 * down)
    grid = figure.subplots(down, 2, squeeze=False).ravel()
    for axes, (measure, on) in zip(grid, panels, strict=False):
        for place, family in enumerate(families):
            own = [r for r in rows if (r["family"], r["measure"], r["on"]) == (family, measure, on)]
            own.sort(key=lambda row: row["size"])
            mark, colour = look(place)
            spread = [[_spread(row, "value")[end][0] for row in own] for end in (0, 1)]
            axes.errorbar(
                [row["size"] for row in own], [row["value"] for row in own], yerr=spread,
                fmt=mark + "-", color=colour, markersize=5, lw=1.3, capsize=2.5,
                markeredgecolor=PAPER, label=family, clip_on=False,
            )  # fmt: skip
        known = measure_of(measure)
        title = known.title if known else measure
        axes.set_title(f"{title}\n{name(on, 30)}", fontsize=9, weight="normal")
        if _in_points(known):
            axes.set_ylim(0.9, 5.1)
            axes.set_yticks(range(1, 6))
        else:
            _percent(axes, "y")
        axes.set_xlabel("demonstrations", fontsize=8, color=FAINT)
        axes.grid()
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    grid[0].legend(fontsize=8)


def _plan(figure: Figure, chart: Chart, rows: list[Row]) -> None:
    """One panel a threshold, one line a model, over the number of requests."""
    panels = list(dict.fromkeys(row["panel"] for row in rows))
    figure.set_figheight(3.1)
    for axes, panel in zip(figure.subplots(1, len(panels)), panels, strict=True):
        own = [row for row in rows if row["panel"] == panel and row["value"] is not None]
        for place, line in enumerate(dict.fromkeys(row["line"] for row in own)):
            shown = [row for row in own if row["line"] == line]
            mark, colour = look(place)
            axes.plot(
                [row["n"] for row in shown], [row["value"] for row in shown], mark + "-",
                color=colour, markersize=4.5, lw=1.3, markeredgecolor=PAPER, label=line,
            )  # fmt: skip
        if there := own[0]["there"]:
            axes.axvline(there, color=FAINT, lw=1, ls="--")
        axes.set_xscale("log")
        axes.minorticks_off()
        axes.set_xticks(ends := [10, 100, 1000], [f"{n:,}" for n in ends])
        axes.set_title(f"lowest {panel}\nshown", fontsize=9, weight="normal")
        axes.set_xlabel(f"{own[0]['side']} requests", fontsize=8, color=FAINT)
        if panel == "max-over-refusal":
            axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.grid()
    axes.legend(fontsize=8)


DRAW: dict[str, Callable[[Figure, Chart, list[Row]], None]] = {
    "sweep": _sweep,
    "plan": _plan,
    "measured": _measured,
    "distribution": _distribution,
    "principles": _principles,
    "refusal": _refusal,
    "before-after": _before_after,
    "confusion": _confusion,
}
