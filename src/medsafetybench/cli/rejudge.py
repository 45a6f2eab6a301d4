"""msb rejudge: another judge for a stored run, without asking the target again."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from . import options, show


def rejudge(
    run: options.RunId,
    /,
    *,
    judge: Annotated[
        list[str], Parameter(help="Who scores: openai:MODEL, screen or replay:FILE; repeatable.")
    ],
    replace: Annotated[
        bool, Parameter(name="--replace", help="Take the place of the run's judges, not join them.")
    ] = False,
    judge_url: options.JudgeUrl = None,
    judge_key_env: options.JudgeKeyEnv = None,
    judge_revision: options.JudgeRevision = None,
    judge_concurrency: options.JudgeConcurrency = 32,
    judge_param: options.JudgeParam = None,
    judge_max_tokens: options.JudgeMaxTokens = 1024,
    rubric: options.Rubric = "ama",
    taxonomy: options.Taxonomy = "ama",
    data_dir: options.DataDir = None,
    max_calls: options.MaxCalls = None,
    timeout: options.Timeout = 120.0,
    retries: options.Retries = 5,
    store: options.Store = options.STORE,
    as_json: options.Json = False,
) -> None:
    """Have another judge score a stored run. Run the same command again to resume."""
    from ..evaluation.evaluation import open_judges
    from ..evaluation.rejudge import rejudge as judge_again
    from ..models import Budget
    from ..models.settings import Endpoint
    from ..records import Sampling
    from ..taxonomy import load_taxonomy
    from .evaluate import finish
    from .progress import TerminalReporter

    endpoints = [
        Endpoint(url, judge_key_env, judge_revision, judge_concurrency, timeout, retries)
        for url in judge_url or (None,)
    ]
    extra = options.parameters("--judge-param", judge_param)
    judges = open_judges(
        judge,
        endpoints,
        rubric=rubric,
        taxonomy=load_taxonomy(taxonomy),
        sampling=Sampling(max_tokens=judge_max_tokens, extra=extra),
        budget=Budget(max_calls),
        data_dir=data_dir,
    )
    reporter = TerminalReporter()
    found, progress = judge_again(run, judges, store, replace, reporter)
    show.scorecard(found.summary(), as_json)
    finish(progress, reporter)
