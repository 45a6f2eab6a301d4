"""msb import: a log of another tool, or a table of responses, as a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..evaluation.options import JudgeOptions
from . import options, show
from .evaluate import finish
from .rejudge import NO_RUN
from .told import Told, takes

if TYPE_CHECKING:
    from ..judges import Judge
    from ..models import Budget


@takes(JudgeOptions, leave_out=NO_RUN, judge=())
def import_log(
    told: Told[JudgeOptions],
    file: Annotated[
        Path, Parameter(help="An Inspect log, lm-eval samples, promptfoo, PyRIT, or a table.")
    ],
    /,
    *,
    format: Annotated[
        str | None, Parameter(help="inspect, lm-eval, promptfoo, pyrit or table.")
    ] = None,
    intent: Annotated[
        str | None, Parameter(help="harmful or benign, for requests that do not say.")
    ] = None,
    target: Annotated[
        str | None, Parameter(help="The target's name, where the file does not hold it.")
    ] = None,
    data_dir: options.DataDir = None,
    max_calls: options.MaxCalls = None,
    store: options.Store = options.STORE,
    as_json: options.Json = False,
) -> None:
    """Store what another tool recorded as a run, and print its scorecard.

    A judge scores it besides the verdicts that it holds.
    """
    from ..integrations.imports import read_log
    from ..integrations.recorded import store_recorded
    from ..models import Budget
    from .progress import TerminalReporter

    spec, budget, reporter = told.value(), Budget(max_calls), TerminalReporter()
    stored = []
    for log in read_log(file, format, intent, target):
        for note in log.notes:
            reporter.note(note)
        run, progress = store_recorded(log, store, _judges(spec, budget, data_dir), reporter)
        card = run.summary()
        if not card.judges:
            reporter.note(f"{run.id} has no verdict yet: msb rejudge {run.id} --judge ...")
        show.scorecard(card, as_json)
        if card.judges:
            stored.append((progress, card))
        if progress.stopped:
            break
    for progress, card in stored:  # once all that the file holds is stored
        finish(progress, reporter, card)


def _judges(spec: JudgeOptions, budget: Budget, data_dir: Path | None) -> list[Judge]:
    from ..evaluation.evaluation import open_judges
    from ..taxonomy import load_taxonomy

    if not spec.judges:
        return []
    return open_judges(spec.judges, load_taxonomy(spec.taxonomy), budget, data_dir)
