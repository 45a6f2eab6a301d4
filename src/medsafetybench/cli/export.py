"""msb export: the rows of a run, or the run in a form that others publish, read or train on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from . import options
from .said import say


def export(
    run: options.RunId = "last",
    /,
    *,
    output: options.Output,
    to: options.To = None,
    with_texts: Annotated[
        bool,
        Parameter(negative=(), help="Take the texts along, harmful ones included (--to eee, ...)."),
    ] = False,
    organization: Annotated[
        str | None, Parameter(metavar="NAME", help="Who made the run, for forms that say so.")
    ] = None,
    relationship: Annotated[
        str, Parameter(help="Theirs to the model: first_party, third_party, collaborative, other.")
    ] = "other",
    model_id: Annotated[
        str | None, Parameter(metavar="ORG/NAME", help="What the model is called on a hub.")
    ] = None,
    dataset_id: Annotated[
        str | None, Parameter(metavar="ORG/NAME", help="What the benchmark is called on a hub.")
    ] = None,
    gate: Annotated[
        Path | None,
        Parameter(metavar="FILE", help="The thresholds that --to safety-case argues by."),
    ] = None,
    judge: options.Judges = None,
    rule: options.Rule = "median",
    store: options.Store = options.STORE,
) -> None:
    """Write every request of a run with its response and verdicts, one row each.

    With --to the run in another form, to publish, to read elsewhere or to train on.
    """
    from ..evaluation import open_run
    from ..integrations.exports import Wanted, export_run
    from ..tables import write_rows

    opened = open_run(run, store)
    if not to:
        say(f"{write_rows(output, opened.rows(judge or (), rule)):,} rows in {output}")
        return
    wanted = Wanted(
        with_texts=with_texts,
        organization=organization,
        relationship=relationship,
        model_id=model_id,
        dataset_id=dataset_id,
        gate=gate,
    )
    found = export_run(opened, to, output, judge or (), rule, wanted)
    say(f"{found} in {output}", *found.notes)
