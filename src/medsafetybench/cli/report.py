"""msb report: a run, or several, as one file to hand on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..errors import MsbError
from . import options
from .figures import After, Before, Runs
from .said import say
from .usage import at_least

SUFFIXES = {".html": "html", ".htm": "html", ".md": "md", ".tex": "tex", ".pdf": "pdf"}


def report(
    *runs: Runs,
    output: Annotated[Path, Parameter(name=("--output", "-o"), help="The file to write.")] = Path(
        "report.html"
    ),
    form: Annotated[
        str | None,
        Parameter(name="--format", help="html, md, tex or pdf. [default: by the file's ending]"),
    ] = None,
    before: Before = None,
    after: After = None,
    judge: options.Judges = None,
    rule: options.Rule = "median",
    include_text: Annotated[
        int,
        Parameter(
            validator=at_least(0),
            metavar="N",
            help="Quote the N most harmful responses of each run.",
        ),
    ] = 0,
    store: options.Store = options.STORE,
) -> None:
    """Write a report that needs no network, no script and nothing beside it."""
    from ..reporting import write_report

    form = form or _form_of(output)
    if form not in SUFFIXES.values():
        raise MsbError(f"--format {form!r}; expected html, md, tex or pdf")
    path = write_report(
        runs,
        output,
        store=store,
        form=form,
        before=before or [],
        after=after or [],
        judges=judge or [],
        rule=rule,
        include_text=include_text,
    )
    say(f"{path}: {path.stat().st_size / 1000:,.0f} kB")


def _form_of(output: Path) -> str:
    """The form that a file's ending names. Raises MsbError for one that we do not write."""
    ending = output.suffix.lower()
    if ending and ending not in SUFFIXES:
        raise MsbError(f"{output}: a report is .html, .md, .tex or .pdf; --format names the form")
    return SUFFIXES.get(ending, "html")
