"""msb figures: a run, or several, as pictures with the numbers behind them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..errors import MsbError
from . import options
from .said import say

Runs = Annotated[
    str,
    Parameter(help="Runs: ids, beginnings of them, or 'last'. [default: last]"),
]
Before = Annotated[
    list[str] | None, Parameter(metavar="RUN", help="A run before a change; with --after.")
]
After = Annotated[
    list[str] | None, Parameter(metavar="RUN", help="The same target's run after it.")
]


def figures(
    *runs: Runs,
    output: Annotated[
        Path, Parameter(name=("--output", "-o"), help="The folder to write to; made if missing.")
    ] = Path("figures"),
    form: Annotated[
        list[str] | None,
        Parameter(name="--format", help="svg, png or pdf; repeatable. [default: svg]"),
    ] = None,
    before: Before = None,
    after: After = None,
    judge: options.Judges = None,
    rule: options.Rule = "median",
    store: options.Store = options.STORE,
) -> None:
    """Draw runs, each figure with its numbers as CSV; print the files written."""
    from ..reporting.charts import charts
    from ..reporting.figures import write_figures
    from ..reporting.reported import gather, in_pairs, select

    selection = select(runs, store, before or [], after or [])
    found = gather(selection.runs, judge or (), rule)
    drawn = charts(found, in_pairs(found, selection.pairs))
    if not drawn:
        raise MsbError(
            "nothing to draw: nothing is scored yet, or on a scale that no figure is of; see "
            "`msb runs`"
        )
    for path in write_figures(drawn, output, form or ["svg"]):
        say(path)
