"""msb import: a log of another tool, or a table of responses, as a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from . import options, show


def import_log(
    file: Annotated[
        Path, Parameter(help="An Inspect log, lm-eval samples, promptfoo, PyRIT, or a table.")
    ],
    /,
    *,
    judge: Annotated[
        list[str] | None,
        Parameter(help="Who scores it, besides the verdicts it holds; repeatable."),
    ] = None,
    format: Annotated[
        str | None, Parameter(help="inspect, lm-eval, promptfoo, pyrit or table.")
    ] = None,
    intent: Annotated[
        str | None, Parameter(help="harmful or benign, for requests that do not say.")
    ] = None,
    target: Annotated[
        str | None, Parameter(help="The target's name, where the file does not hold it.")
    ] = None,
    judge_url: options.JudgeUrl = None,
    judge_key_env: options.JudgeKeyEnv = None,
    judge_revision: options.JudgeRevision = None,
    judge_concurrency: options.JudgeConcurrency = 32,
    judge_max_tokens: options.JudgeMaxTokens = 1024,
    rubric: options.Rubric = "ama",
    taxonomy: options.Taxonomy = "ama",
    data_dir: options.DataDir = None,
    store: options.Store = options.STORE,
    as_json: options.Json = False,
) -> None:
    """Store what another tool recorded as a run, and print its scorecard."""
    from ..evaluation.evaluation import open_judges
    from ..integrations.imports import read_log
    from ..integrations.recorded import store_recorded
    from ..models import Budget
    from ..models.settings import Endpoint
    from ..records import Sampling
    from ..taxonomy import load_taxonomy
    from .progress import TerminalReporter

    reporter = TerminalReporter()
    for log in read_log(file, format, intent, target):
        for note in log.notes:
            reporter.note(note)
        judges = []
        if judge:
            endpoints = [
                Endpoint(url, judge_key_env, judge_revision, judge_concurrency)
                for url in judge_url or (None,)
            ]
            sampling = Sampling(max_tokens=judge_max_tokens)
            judges = open_judges(
                judge, endpoints, rubric, load_taxonomy(taxonomy), sampling, Budget(), data_dir
            )
        run, _ = store_recorded(log, store, judges, reporter)
        card = run.summary()
        if not card.judges:
            reporter.note(f"{run.id} has no verdict yet: msb rejudge {run.id} --judge ...")
        show.scorecard(card, as_json)
