"""msb judge fit: a judge's boundary chosen on people's labels of your responses."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from . import options, reading, show
from .judge_shown import interval
from .said import say


def fit(
    judge: Annotated[str, Parameter(help="A judge with a boundary: screen.")] = "screen",
    /,
    *,
    labels: Annotated[
        str,
        Parameter(
            name=("--labels", "--on"),
            metavar="RUN",
            help="A run that people labelled, a file of labelled responses, or a name of "
            "`msb judge sets` (its part tune).",
        ),
    ],
    scale: Annotated[str | None, Parameter(help="Of labels in a file: refusal or harm.")] = None,
    column: options.Column = None,
    data_dir: options.DataDir = None,
    store: options.Store = options.STORE,
    as_json: options.Json = False,
) -> None:
    """Choose a judge's boundary on labels, and say by cross-validation what that gains."""
    from ..checking.fit import fit as fit_judge
    from ..checking.sets import Choice
    from ..scale import scale_named

    choice = Choice(
        data_dir=data_dir,
        columns=reading.pairs("--column", column),
        scale=scale_named(scale) if scale else None,
    )
    found = fit_judge(judge, [labels], store, choice)
    if as_json:
        show.as_json(vars(found) | {"better": found.better})
        return
    n = found.card.n
    say(f"{judge} on {n:,} labels of {found.card.set}: kappa {interval(found.before.kappa)}")
    say(
        f"{found.judge}: kappa {interval(found.card.kappa)}, in ten folds, each judged by a "
        "boundary that its labels had no part in"
    )
    if not found.better:
        say(f"That is no better: stay with {judge}.")
        return
    say(f"Stored as a judge. `msb rejudge RUN --judge {found.judge}` has it judge a run.")
