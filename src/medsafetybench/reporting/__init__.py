"""Showing runs: figures, and a report in one file.

    write_report(["run-31e6", "run-77b0"], "report.html", store="medsafety.db")

reported     what figures and report are made of: runs, scorecards, agreement of judges
charts       what each figure shows, as rows of numbers
figures      charts as SVG, PNG or PDF; ``drawing`` says how each kind looks
report       what a report says, section by section; ``document`` is its shape, ``board`` its first
             page, ``scores``, ``differences`` and ``samples`` are its tables and quotations
methods      the paragraph on methods for a paper
forms, pdf   the report as HTML, Markdown, LaTeX or PDF

Whatever a model, a judge or a file said is shown as text that does nothing; see ``legible``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import MsbError
from ..wholefiles import appearing

__all__ = ["write_report"]


def write_report(
    runs: Sequence[str],
    output: str | Path,
    *,
    store: str | Path = "medsafety.db",
    form: str = "html",
    before: Sequence[str] = (),
    after: Sequence[str] = (),
    judges: Sequence[str] = (),
    rule: str = "median",
    include_text: int = 0,
) -> Path:
    """Write the report of these runs (none: the last one) as ``html``, ``md``, ``tex`` or
    ``pdf``.

    ``before`` and ``after`` are runs to be paired; ``judges`` and ``rule`` as in ``Run.summary``;
    ``include_text`` is how many responses of each run to quote. Returns the file. Raises MsbError
    for an unknown run, or a file that cannot be written.
    """
    from .forms import RENDER
    from .report import build
    from .reported import gather, in_pairs, select

    if include_text and form != "html":
        raise MsbError(f"--include-text with --format {form}; only html can fold text away")
    if form not in RENDER:
        raise MsbError(f"--format {form!r}; expected one of {', '.join(RENDER)}")
    selection = select(runs, store, before, after)
    found = gather(selection.runs, judges, rule)
    pairs = in_pairs(found, selection.pairs)
    made = RENDER[form](build(found, pairs, include_text, judges, rule))
    path = Path(output).expanduser()
    try:
        with appearing(path) as part:
            part.write_bytes(made if isinstance(made, bytes) else made.encode("utf-8"))
    except OSError as error:
        raise MsbError(f"{path} cannot be written: {error.strerror}") from None
    return path
