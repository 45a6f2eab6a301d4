"""What docs/replication-real.md shows of the figures that are kept: the table, and the figure.

table(done())                      # Markdown
draw(done(), Path("docs/images"))  # replication-real.png
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from medsafetybench.improvement.sweep import BASE, Row
from medsafetybench.reporting.figures import image
from medsafetybench.reporting.sweep_chart import sweep_chart
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
KNOWLEDGE = "medmcqa"


def table(lines: Sequence[Line]) -> str:
    """Markdown: a row a point, in the order in which they were measured; shares in percent, with
    95% intervals; empty where one was not measured."""
    header = ["point", "examples", "steps", *(title for title, *_ in COLUMNS), "no text", "MedMCQA"]
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
    yield f"{own[KNOWLEDGE]['accuracy']:.1%}" if KNOWLEDGE in own else ""


def draw(lines: Sequence[Line], folder: Path) -> None:
    """The figure: declining and over-refusal against the number of demonstrations."""
    rows = [row for line in lines for row in _rows(line)]
    if len({row.family for row in rows}) > 1:
        chart = replace(sweep_chart(rows, "screen"), key="replication-real")
        (folder / "replication-real.png").write_bytes(image(chart, "png"))


def _rows(line: Line) -> Iterator[Row]:
    """The figures of a line that are drawn, as a sweep has them."""
    size = line.get("harmful", 0)
    family = line["point"].replace(f"-{size}", "", 1).partition("-seed")[0] if size else BASE
    at = family, size, line.get("seed", 0)
    for _, measure, on in COLUMNS:
        if on == line["on"] and (figure := line["figures"].get(measure)):
            yield Row(*at, measure, on, figure["n"], figure["value"])
