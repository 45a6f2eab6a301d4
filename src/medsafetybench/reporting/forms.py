"""A report as one HTML file, or its tables as Markdown or LaTeX; ``pdf`` is a file of its own.

    Path("report.html").write_text(html(report))

The HTML needs no script and fetches nothing; its Content-Security-Policy forbids both. Figures are
images in data URIs, inside which nothing runs. Jinja2 escapes every value; Markdown and LaTeX
values go through ``markdown_text`` and ``latex_text``.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator

from markupsafe import Markup

from .charts import Chart
from .document import Report, Section, Table
from .figures import dark, svg
from .pdf import pdf

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

PIXELS = 1.48
"""Of a page for each point of a figure: text in figures is then as large as that of tables."""


def html(report: Report) -> str:
    """The report as a self-contained HTML page."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("report.html.j2")
    style = environment.get_template("report.css").render()
    return template.render(report=report, policy=POLICY, style=Markup(style), picture=picture)  # nosec B704 # a file of ours


def picture(chart: Chart) -> dict[str, str]:
    """A chart as data URIs of an SVG, for light and for dark pages, and its width in pixels."""
    light = svg(chart, note=False)
    found = re.search(r'<svg[^>]* width="([\d.]+)pt"', light)
    width = str(round(float(found[1]) * PIXELS)) if found else "100%"
    return {"light": data_uri(light), "dark": data_uri(dark(light)), "width": width}


def data_uri(drawing: str) -> str:
    """An SVG document as the address of an image."""
    lean = re.sub(r">\s+<", "><", drawing)
    return "data:image/svg+xml;base64," + base64.b64encode(lean.encode()).decode("ascii")


# Markdown

ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;", "@": "&#64;"}


def markdown_text(text: str) -> str:
    """Text that Markdown shows as it stands: no markup, no HTML, no link, on one line."""
    line = " ".join(text.split())
    line = re.sub(r"[&<>|@]", lambda found: ENTITIES[found[0]], line)
    line = re.sub(r"([\\`*_{}\[\]()#~$!^])", r"\\\1", line)
    line = re.sub(r"://", "&#58;//", line)
    return re.sub(r"(?i)www\.", lambda found: f"{found[0][:3]}&#46;", line)


def markdown(report: Report) -> str:
    """The report's text and tables as GitHub-flavoured Markdown; figures are left out."""
    return "\n".join(_markdown(report))


def _markdown(report: Report) -> Iterator[str]:
    yield from (f"# {markdown_text(report.title)}", "", f"Made {report.made}.", "")
    for section in report.sections:
        if not (section.paragraphs or section.points or section.tables or section.commands):
            continue
        yield from (f"## {markdown_text(section.title)}", "")
        for paragraph in section.paragraphs:
            yield from (markdown_text(paragraph), "")
        for point in section.points:
            yield f"* {markdown_text(point)}"
        if section.points:
            yield ""
        for table in section.tables:
            yield from _markdown_table(table)
        for label, command, notes in section.commands:
            yield from (f"**{markdown_text(label)}**", "", f"    {command}", "")
            yield from (f"* {markdown_text(note)}" for note in notes)
            yield ""


def _markdown_table(table: Table) -> Iterator[str]:
    aligned = ("---" if column in table.words else "---:" for column in table.header)
    yield from (f"**{markdown_text(table.title)}**", "")
    yield _row(table.header, markdown_text)
    yield f"| {' | '.join(aligned)} |"
    yield from (_row(row, markdown_text) for row in table.rows)
    yield ""
    if table.note:
        yield from (markdown_text(table.note), "")


def _row(cells: tuple[str, ...], escape: Callable[[str], str]) -> str:
    return f"| {' | '.join(map(escape, cells))} |"


# LaTeX

LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}",
    "-": r"{-}",
    # After a row's end, these would be read as its options.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "\u2013": "--",
    "…": r"\ldots{}",
}


def latex_text(text: str) -> str:
    """Text that LaTeX sets as it stands, on one line."""
    return "".join(LATEX.get(character, character) for character in " ".join(text.split()))


def latex(report: Report) -> str:
    """The report's tables as LaTeX, to be included in a document of one's own."""
    packages = "booktabs, textcomp, [T1]fontenc"
    lines = [f"% {' '.join(report.title.split())}".encode("ascii", "replace").decode()]
    lines += [f"% Made {report.made}. Needs the packages {packages}; UTF-8."]
    lines += ["% The widest tables want a landscape page."]
    return "\n".join([*lines, "", *(line for s in report.sections for line in _latex(s))])


def _latex(section: Section) -> Iterator[str]:
    for table in section.tables:
        columns = "".join(_latex_column(table, at) for at in range(len(table.header)))
        yield from (r"\begin{table}[htbp]", r"\centering", r"\small")
        caption = f"{table.title}. {table.note}" if table.note else f"{table.title}."
        yield rf"\caption{{{latex_text(caption)}}}"
        yield from (rf"\begin{{tabular}}{{{columns}}}", r"\toprule")
        yield _latex_row(table.header)
        yield r"\midrule"
        yield from map(_latex_row, table.rows)
        yield from (r"\bottomrule", r"\end{tabular}", r"\end{table}", "")


def _latex_column(table: Table, at: int) -> str:
    """Numbers to the right; words to the left, in several lines where they are long."""
    if table.header[at] not in table.words:
        return "r"
    longest = max((len(row[at]) for row in table.rows), default=0)
    share = 0.7 if len(table.header) == 2 else 0.25
    return rf"p{{{share}\linewidth}}" if longest > 50 else "l"


def _latex_row(cells: tuple[str, ...]) -> str:
    return " & ".join(map(latex_text, cells)) + r" \\"


RENDER: dict[str, Callable[[Report], str | bytes]] = {
    "html": html,
    "md": markdown,
    "tex": latex,
    "pdf": pdf,
}
