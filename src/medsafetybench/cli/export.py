"""msb export: the rows of a run, to work on elsewhere."""

from __future__ import annotations

from . import options
from .said import say


def export(
    run: options.RunId = "last",
    /,
    *,
    output: options.Output,
    to: options.To = None,
    judge: options.Judges = None,
    rule: options.Rule = "median",
    store: options.Store = options.STORE,
) -> None:
    """Write every request of a run with its response and verdicts, one row each.

    With --to openai, alpaca or trl: the good examples, to train on.
    """
    from ..evaluation import open_run
    from ..integrations.exports import export_run
    from ..tables import write_rows

    opened = open_run(run, store)
    if to:
        say(f"{export_run(opened, to, output, judge or (), rule)} in {output}")
    else:
        say(f"{write_rows(output, opened.rows(judge or (), rule)):,} rows in {output}")
