"""msb evaluate: ask a target, judge what it says, print the scorecard; again is resuming."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..evaluation.option import OUTPUT, RUN
from ..evaluation.spec import EvaluationSpec, specified
from . import options, show
from .told import PANELS, Told, takes

if TYPE_CHECKING:
    from ..evaluation.evaluation import Evaluation
    from ..evaluation.pipeline import Progress
    from .progress import TerminalReporter

INCOMPLETE, INTERRUPTED = 3, 130


@takes(EvaluationSpec, make=specified)
def evaluate(
    told: Told[EvaluationSpec],
    *,
    file: Annotated[
        Path | None,
        Parameter(
            name="--from",
            group=PANELS[RUN],
            help="A file of settings, as msb show --spec prints; what is given here comes first.",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        Parameter(group=PANELS[RUN], help="Print what is left to do and its cost; ask nobody."),
    ] = False,
    as_json: Annotated[options.Json, Parameter(group=PANELS[OUTPUT])] = False,
) -> None:
    """Evaluate a target and print its scorecard. Run the same command again to resume."""
    from ..evaluation.evaluation import prepare
    from ..evaluation.spec_file import read_spec

    spec = told.value(**(read_spec(file) if file else {}))
    if dry_run and not Path(spec.store or "").is_file():
        spec = replace(spec, store=None)
    with prepare(spec) as evaluation:
        if dry_run:
            show.plan(evaluation, json=as_json)
        else:
            _carry_out(evaluation, as_json)


def _carry_out(evaluation: Evaluation, as_json: bool) -> None:
    from ..evaluation.evaluation import carry_out
    from .progress import TerminalReporter

    reporter = TerminalReporter()
    run, progress = carry_out(evaluation, reporter)
    show.scorecard(run.summary(), as_json)
    reporter.note(show.spent(evaluation))
    finish(progress, reporter)


def finish(progress: Progress, reporter: TerminalReporter) -> None:
    """Say what is left and how to go on; exit with 3 (--max-calls) or 130 (Ctrl-C) if stopped."""
    if progress.stopped:
        left = progress.total - progress.done
        why = "interrupted" if progress.stopped == "interrupted" else "--max-calls reached"
        reporter.note(
            f"{why}: {progress.done} verdicts done now, {left} left; what is done is stored, "
            "run the same command again to go on"
        )
        sys.exit(INTERRUPTED if progress.stopped == "interrupted" else INCOMPLETE)
    if progress.errors:
        reporter.note(f"{progress.errors} errors: the same command asks those again")
