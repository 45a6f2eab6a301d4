"""msb summary: the scorecard of a stored run, as a table or as JSON."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from . import options, show


def summary(
    run: options.RunId = "last",
    /,
    *,
    judge: options.Judges = None,
    rule: options.Rule = "median",
    store: options.Store = options.STORE,
    as_json: options.Json = False,
    schema: Annotated[
        bool, Parameter(name="--schema", help="Print the JSON Schema of --json and exit.")
    ] = False,
) -> None:
    """Print the scorecard of a run."""
    import json

    from ..evaluation import open_run
    from ..results.scorecard import Scorecard

    if schema:
        print(json.dumps(Scorecard.model_json_schema(), indent=2, ensure_ascii=False))
        return
    show.scorecard(open_run(run, store).summary(judge or (), rule), as_json)
