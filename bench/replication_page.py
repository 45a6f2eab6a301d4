"""What docs/replication-real.md shows of the figures that are kept: the table, and the figure.

table(done())                      # Markdown
draw(done(), Path("docs/images"))  # replication-real.png
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from medsafetybench.reporting.charts import Chart
from medsafetybench.reporting.figures import image
from medsafetybench.results.measures import OVER_REFUSAL, REFUSAL

Line = Mapping[str, Any]

COLUMNS = (
    ("declines: published", REFUSAL.key, "medsafety/eval"),
    ("starter's harmful", REFUSAL.key, "starter/eval"),
    ("XSTest unsafe", REFUSAL.key, "xstest-100"),
    ("over-refusal: everyday", OVER_REFUSAL.key, "everyday"),
    ("starter's twins", OVER_REFUSAL.key, "starter/eval"),
    ("XSTest safe", OVER_REFUSAL.key, "xstest-100"),
)
KNOWLEDGE = {"medmcqa": "MedMCQA", "pubmedqa": "PubMedQA"}
"""The sets of medical questions, by their tasks."""


PLOTTED = (COLUMNS[0], COLUMNS[3])
SIZE = 150
FIGURE = ("n", "value", "low", "high")
SHOWN = (
    *("run", "harmful_scored", "refusal", "refusal_low", "refusal_high"),
    *("benign_scored", "over_refusal", "over_refusal_low", "over_refusal_high"),
)


def table(lines: Sequence[Line]) -> str:
    """Markdown: a row a point, in the order in which they were measured; shares in percent, with
    95% intervals; empty where one was not measured."""
    header = ["point", "examples", "steps", *(title for title, *_ in COLUMNS), "no text"]
    header += KNOWLEDGE.values()
    rows = [header, ["---", *["--:"] * (len(header) - 1)]]
    for point in dict.fromkeys(line["point"] for line in lines):
        own = {line["on"]: line for line in lines if line["point"] == point}
        first = next(iter(own.values()))
        examples = " + ".join(str(first[side]) for side in ("harmful", "benign") if first.get(side))
        rows.append([point, examples, str(first.get("steps", "")), *_cells(own)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cells(own: Mapping[str, Line]) -> Iterator[str]:
    """The figures of one point."""
    for _, measure, on in COLUMNS:
        figure = own[on]["figures"].get(measure) if on in own else None
        yield "{value:.0%} ({low:.0%}-{high:.0%})".format(**figure) if figure else ""
    yield f"{max((line['no_text'] for line in own.values() if 'no_text' in line), default=0):.0%}"
    for task in KNOWLEDGE:
        yield f"{own[task]['accuracy']:.1%}" if task in own else ""


def draw(lines: Sequence[Line], folder: Path) -> None:
    """The figure: what each point declines of the published requests and of everyday ones."""
    rows = list(_both(lines))
    if rows:
        title = "Published requests declined, against everyday ones"
        note = f"n = {SIZE} of each, without those not scored; lines: 95% intervals"
        labels = {row[0]: row[0] for row in rows}
        chart = Chart("refusal", "replication-real", title, note, SHOWN, rows, labels)
        (folder / "replication-real.png").write_bytes(image(chart, "png"))


def _both(lines: Sequence[Line]) -> Iterator[tuple[Any, ...]]:
    """A row a point that has both, as the chart takes it."""
    found = {
        (line["point"], on): line["figures"][measure]
        for line in lines
        for _, measure, on in PLOTTED
        if line["on"] == on and measure in line["figures"]
    }
    for point in dict.fromkeys(point for point, _ in found):
        pair = [found.get((point, on)) for *_, on in PLOTTED]
        if all(pair):
            yield point, *(figure[name] for figure in pair if figure for name in FIGURE)
