"""A report as a PDF file, made here without a browser: needs fpdf2, which the extra ``pdf`` brings.

    Path("report.pdf").write_bytes(pdf(report))

The same sections as on the HTML page, the first page by itself; figures are pictures of 160 dots to
the inch. The font is DejaVu, which matplotlib brings along; a script that it lacks is drawn as
boxes. Texts are drawn as they are: no markup is read in them, and there is no link.
"""

from __future__ import annotations

import io
import logging
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import MissingExtra
from .charts import Chart
from .document import Report, Section, Table
from .figures import image

if TYPE_CHECKING:
    from fpdf import FPDF

INK, FAINT, LINE, TINT = (27, 37, 48), (91, 104, 117), (213, 219, 225), (244, 246, 248)
MARGIN, EDGE, WIDTH = 16.0, 13.0, 178.0
"""Millimetres of an A4 page: beside the text, above and below it, and the text's width."""
SIZES = {"title": 17.0, "heading": 12.0, "text": 8.8, "small": 7.6, "table": 7.2}
LAST_OF_FIRST = "words"
"""The section after which a new page begins."""
LONGEST_WORD, PADDING = 34.0, 1.2
"""Millimetres: a longer word is broken rather than widen its column; beside the text of a cell."""


def pdf(report: Report) -> bytes:
    """The report as a PDF. Raises MissingExtra without fpdf2."""
    page = _paper(report)
    _write(page, report.title, "title", bold=True)
    _write(page, f"Made {report.made[:16].replace('T', ' ')} UTC", "small", colour=FAINT)
    before = ""
    for section in report.sections:
        if before == LAST_OF_FIRST and page.get_y() > EDGE + 1:
            page.add_page()
        _section(page, section)
        before = section.key
    return bytes(page.output())


def _paper(report: Report) -> FPDF:
    try:
        from fpdf import FPDF
    except ImportError:
        raise MissingExtra("a report as PDF", "pdf") from None
    import matplotlib

    # One line for every glyph that a font lacks helps nobody.
    logging.getLogger("fpdf").setLevel(logging.ERROR)
    logging.getLogger("fontTools").setLevel(logging.ERROR)

    class Paper(FPDF):  # type: ignore[misc]
        """Pages with their number below."""

        def footer(self) -> None:
            self.set_y(-10)
            self.set_font("text", size=SIZES["small"])
            self.set_text_color(*FAINT)
            self.cell(w=0, h=5, text=f"{self.page_no()} / {{nb}}", align="R")

    page = Paper(format="A4")
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    page.add_font("text", "", fonts / "DejaVuSans.ttf")
    page.add_font("text", "B", fonts / "DejaVuSans-Bold.ttf")
    page.add_font("mono", "", fonts / "DejaVuSansMono.ttf")
    page.set_margins(MARGIN, EDGE, MARGIN)
    page.set_auto_page_break(True, EDGE)
    page.set_title(report.title)
    page.set_lang("en")
    page.set_creation_date(datetime.fromisoformat(report.made))
    page.set_producer("medsafetybench")
    page.set_draw_color(*LINE)
    page.add_page()
    return page


def _write(
    page: FPDF,
    text: str,
    size: str = "text",
    bold: bool = False,
    colour: tuple[int, int, int] = INK,
    indent: float = 0.0,
    after: float = 0.9,
) -> None:
    """A paragraph over the whole width, but for its indent."""
    page.set_font("text", "B" if bold else "", SIZES[size])
    page.set_text_color(*colour)
    page.set_x(MARGIN + indent)
    height = SIZES[size] * 0.5
    page.multi_cell(WIDTH - indent, height, text, align="L", new_x="LMARGIN", new_y="NEXT")
    page.ln(after)


def _section(page: FPDF, section: Section) -> None:
    if page.will_page_break(30):
        page.add_page()
    page.ln(2)
    page.start_section(section.title)
    _write(page, section.title, "heading", bold=True)
    for paragraph in section.paragraphs:
        _write(page, paragraph)
    for point in section.points:
        _point(page, point)
    alone = len(section.tables) == 1 and not (section.paragraphs or section.points)
    for table in section.tables:
        _table(page, table, "" if alone else table.title)
    for chart in section.charts:
        _chart(page, chart)
    for label, command, notes in section.commands:
        _write(page, label, bold=True)
        page.set_font("mono", size=SIZES["small"])
        page.set_fill_color(*TINT)
        page.multi_cell(
            WIDTH, 4.4, command, fill=True, align="L", padding=2, new_x="LMARGIN", new_y="NEXT"
        )
        page.ln(1)
        for note in notes:
            _point(page, note)


def _point(page: FPDF, text: str) -> None:
    if page.will_page_break(2 * SIZES["text"] * 0.5):
        page.add_page()
    y = page.get_y()
    page.set_font("text", size=SIZES["text"])
    page.set_text_color(*FAINT)
    page.set_xy(MARGIN, y)
    page.cell(4, SIZES["text"] * 0.5, "\u2022")
    page.set_y(y)
    _write(page, text, indent=4)


def _table(page: FPDF, table: Table, title: str) -> None:
    """A table under its title, or under its section's where it is all that this holds."""
    from fpdf.fonts import FontFace

    if page.will_page_break(20):
        page.add_page()
    if title:
        _write(page, title, bold=True, after=0.8)
    page.set_font("text", size=SIZES["table"])
    page.set_text_color(*INK)
    aligned = tuple("LEFT" if name in table.words else "RIGHT" for name in table.header)
    with page.table(
        col_widths=_widths(page, table), text_align=aligned, borders_layout="HORIZONTAL_LINES",
        line_height=3.7, padding=(0.8, PADDING), align="L", width=int(WIDTH),
        headings_style=FontFace(color=FAINT),
    ) as drawn:  # fmt: skip
        drawn.row(table.header)
        for row in table.rows:
            drawn.row(row)
    page.ln(1)
    if table.note:
        _write(page, table.note, "small", colour=FAINT)


def _widths(page: FPDF, table: Table) -> tuple[float, ...]:
    """Millimetres of each column: its longest word, and of the rest as its longest cell needs."""

    def width(text: str) -> float:
        return float(page.get_string_width(text)) + 2 * PADDING + 0.6

    columns = list(zip(table.header, *table.rows, strict=True))
    words = [max(width(word) for cell in column for word in cell.split()) for column in columns]
    least = [min(word, LONGEST_WORD) for word in words]
    wanted = [
        max(0.0, max(map(width, column)) - low) for column, low in zip(columns, least, strict=True)
    ]
    rest = WIDTH - sum(least)
    if rest <= 0:
        return tuple(WIDTH * low / sum(least) for low in least)
    share = rest / (sum(wanted) or 1)
    return tuple(low + share * more for low, more in zip(least, wanted, strict=True))


def _chart(page: FPDF, chart: Chart) -> None:
    """A picture with its caption; on a new page where the rest of this one is too short."""
    from PIL import Image

    picture = Image.open(io.BytesIO(image(chart, "png", note=False)))
    width = min(WIDTH, picture.width / 160 * 25.4)
    height = width * picture.height / picture.width
    if (most := page.h - 2 * EDGE - 15) < height:
        width, height = width * most / height, most
    if page.will_page_break(height + 12):
        page.add_page()
    page.image(picture, x=MARGIN, w=width, h=height, alt_text=f"{chart.title}. {chart.note}")
    page.ln(1)
    _write(page, chart.note, "small", colour=FAINT)
