"""Figures: charts as SVG, PNG or PDF, each with its numbers as CSV beside it.

    write_figures(charts(gather(runs)), Path("figures"), ["svg"])
    svg(chart)                 # one SVG as text, for a page
    dark(svg(chart))           # the same for a dark page

Colours differ in lightness, so they stay apart for the colour-blind, in grey and on paper; marks
differ in shape as well. Names are drawn as they are: matplotlib's ``$math$`` is switched off.
"""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import MsbError
from ..tables import write_rows
from ..wholefiles import appearing
from .charts import Chart

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("svg", "png", "pdf")
INK, FAINT, LINE, PAPER = "#1b2530", "#5b6875", "#d5dbe1", "#ffffff"
DARK = {INK: "#e6ebf0", FAINT: "#a3afba", LINE: "#3b4650", PAPER: "#161c22"}
DARK |= {"#0b4f8a": "#5aa9e6", "#8a5aa8": "#bf95dc", "#6b6b6b": "#a8a8a8", "#2f7d5b": "#55b58a"}
STYLE: dict[Any, Any] = {
    "text.parse_math": False,
    "text.usetex": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.facecolor": PAPER,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "figure.facecolor": PAPER,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "xtick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.color": FAINT,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "savefig.dpi": 160,
    # Text stays text: small, searchable, and any script has its glyphs where it is looked at.
    "svg.fonttype": "none",
    "svg.hashsalt": "medsafetybench",
    "pdf.fonttype": 42,
}


@contextmanager
def drawn(chart: Chart, note: bool = True) -> Iterator[Figure]:
    """The chart as a matplotlib figure, within the style it must also be saved in."""
    import matplotlib

    from .drawing import draw

    logger = logging.getLogger("matplotlib")
    level = logger.level
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # A script that the font lacks is drawn as boxes in PNG; a warning for each helps nobody.
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        logger.setLevel(logging.ERROR)
        try:
            yield draw(chart, note)
        finally:
            logger.setLevel(level)


def image(chart: Chart, form: str = "svg", note: bool = True) -> bytes:
    """The chart as an SVG, PNG or PDF file's content, the same for the same numbers."""
    out = io.BytesIO()
    undated: dict[str, dict[str, Any]] = {
        "svg": {"Date": None, "Creator": None, "Title": chart.title},
        "png": {"Software": None},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    }
    with drawn(chart, note) as figure:
        figure.savefig(out, format=form, metadata=undated[form])
    return out.getvalue()


def svg(chart: Chart, note: bool = True) -> str:
    """The chart as an SVG document. ``note`` False leaves out the line on judge and n."""
    return image(chart, "svg", note).decode("utf-8")


def dark(picture: str) -> str:
    """An SVG of ours with ink and paper changed for a dark page; its texts stay as they are."""
    tag = re.compile(r"<[^<>]*>")
    colour = re.compile("|".join(DARK))
    return tag.sub(lambda t: colour.sub(lambda c: DARK[c[0]], t[0]), picture)


def write_figures(charts: Sequence[Chart], folder: Path, forms: Sequence[str]) -> list[Path]:
    """Write each chart in each format, and its numbers as CSV; return the files, in order.

    Raises MsbError for an unknown format, or a folder that cannot be written.
    """
    for form in forms:
        if form not in FORMATS:
            raise MsbError(f"--format {form!r}; expected one of {', '.join(FORMATS)}")
    written = []
    for chart in charts:
        # A key may hold the id of a run or a series, which may lead to another folder.
        name = re.sub(r"[^\w.-]+", "-", chart.key).strip(".")[:100]
        write_rows(table := folder.expanduser() / f"{name}.csv", chart.records())
        for form in forms:
            path = table.with_name(f"{name}.{form}")
            _write(path, image(chart, form))
            written.append(path)
        written.append(table)
    return written


def _write(path: Path, content: bytes) -> None:
    try:
        with appearing(path) as part:
            part.write_bytes(content)
    except OSError as error:
        raise MsbError(f"{path} cannot be written: {error.strerror}") from None
