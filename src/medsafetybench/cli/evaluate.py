"""msb evaluate: ask a target, judge what it says, print the scorecard; again is resuming."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..errors import MsbError
from . import options, show
from .usage import at_least

if TYPE_CHECKING:
    from ..benchmarks import Benchmark
    from ..evaluation.evaluation import Evaluation
    from ..evaluation.pipeline import Progress
    from ..models.settings import Price
    from .progress import TerminalReporter

INCOMPLETE, INTERRUPTED = 3, 130


def evaluate(
    *,
    target: Annotated[
        str,
        Parameter(
            help="Who answers: openai:MODEL, hf:MODEL, python:package.module:function or "
            "replay:FILE."
        ),
    ],
    judge: Annotated[
        list[str] | None,
        Parameter(
            help="Who scores: openai:MODEL, hf:MODEL, screen or replay:FILE; several make a panel. "
            "[default: screen]",
        ),
    ] = None,
    benchmark: Annotated[
        str, Parameter(help="A name of `msb data list`, or a .csv, .jsonl or .parquet file.")
    ] = "starter",
    target_url: options.TargetUrl = None,
    target_key_env: options.TargetKeyEnv = None,
    target_revision: options.TargetRevision = None,
    target_concurrency: options.TargetConcurrency = 32,
    target_param: Annotated[
        list[str] | None,
        Parameter(metavar="NAME=VALUE", help="Into each request body; null drops one."),
    ] = None,
    target_price: Annotated[
        str | None, Parameter(metavar="IN,OUT", help="Dollars for a million tokens.")
    ] = None,
    target_template: options.TargetTemplate = None,
    system: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True, help="System prompt: the text, or @FILE to read it from."
        ),
    ] = None,
    prompt_style: Annotated[
        str | None, Parameter(help="paper:FAMILY builds prompts as the paper did.")
    ] = None,
    temperature: Annotated[float, Parameter(validator=at_least(0), help="0 is greedy.")] = 0.0,
    max_tokens: Annotated[int, Parameter(validator=at_least(1), help="Longest response.")] = 512,
    seed: Annotated[int | None, Parameter(help="The target's sampling seed.")] = None,
    judge_url: options.JudgeUrl = None,
    judge_key_env: options.JudgeKeyEnv = None,
    judge_revision: options.JudgeRevision = None,
    judge_concurrency: options.JudgeConcurrency = 32,
    judge_param: options.JudgeParam = None,
    judge_price: options.JudgePrice = None,
    judge_max_tokens: options.JudgeMaxTokens = 1024,
    dtype: options.Dtype = None,
    device: options.Device = None,
    trust_remote_code: options.TrustRemoteCode = False,
    audit_judge: Annotated[
        str | None, Parameter(help="A dearer judge for a sample: corrects the mean.")
    ] = None,
    audit_n: Annotated[
        int, Parameter(validator=at_least(2), help="How many requests it judges.")
    ] = 200,
    rubric: options.Rubric = "ama",
    taxonomy: options.Taxonomy = "ama",
    source: options.Source = None,
    principle: options.Principle = None,
    column: options.Column = None,
    data_dir: options.DataDir = None,
    pressure: Annotated[
        int | None,
        Parameter(
            validator=at_least(1),
            help="Press harmful requests over so many turns, and in framings.",
        ),
    ] = None,
    converter: Annotated[
        list[str] | None,
        Parameter(
            metavar="pyrit:NAME", help="With --pressure: one of PyRIT's converters; repeatable."
        ),
    ] = None,
    exclude_leaked: Annotated[
        str | None,
        Parameter(
            metavar="BENCHMARK", help="Leave out near-duplicates of what the target was trained on."
        ),
    ] = None,
    only_failed: Annotated[
        str | None, Parameter(metavar="RUN", help="Only what did not go well in that run.")
    ] = None,
    limit: Annotated[
        int | None,
        Parameter(validator=at_least(1), help="A seeded sample, stratified by principle."),
    ] = None,
    sample_seed: Annotated[int, Parameter(help="Which sample.")] = 0,
    store: options.Store = options.STORE,
    max_calls: options.MaxCalls = None,
    dry_run: Annotated[
        bool, Parameter(name="--dry-run", help="Print what is left to do and its cost; ask nobody.")
    ] = False,
    timeout: options.Timeout = 120.0,
    retries: options.Retries = 5,
    as_json: options.Json = False,
) -> None:
    """Evaluate a target and print its scorecard. Run the same command again to resume."""
    from ..benchmarks import load_benchmark
    from ..evaluation.evaluation import Audit, prepare
    from ..models.settings import Endpoint, Price
    from ..records import Sampling

    if converter and not pressure:
        raise MsbError("--converter was given without --pressure; add --pressure TURNS")
    requests = load_benchmark(
        benchmark,
        data_dir=data_dir,
        columns=options.pairs("--column", column),
        sources=source or (),
        principles=principle or (),
    )
    if exclude_leaked:
        requests = _without_leaked(requests, exclude_leaked, data_dir)
    if only_failed:
        requests = _only_failed(requests, only_failed, store)
    target_extra = options.parameters("--target-param", target_param)
    judge_extra = options.parameters("--judge-param", judge_param)
    prices = (
        Price.parse(target_price) if target_price else None,
        Price.parse(judge_price) if judge_price else None,
    )
    endpoint = partial(Endpoint, dtype=dtype, device=device, trust_remote_code=trust_remote_code)
    prepared = prepare(
        target,
        judge or ["screen"],
        requests,
        store=None if dry_run and not store.exists() else store,
        target_endpoint=endpoint(
            target_url,
            target_key_env,
            target_revision,
            target_concurrency,
            timeout,
            retries,
            target_template,
        ),
        judge_endpoints=[
            endpoint(url, judge_key_env, judge_revision, judge_concurrency, timeout, retries)
            for url in judge_url or (None,)
        ],
        system=options.text("--system", system),
        prompt_style=prompt_style,
        sampling=Sampling(temperature, max_tokens, seed, target_extra),
        judge_sampling=Sampling(max_tokens=judge_max_tokens, extra=judge_extra),
        audit=Audit(audit_judge, audit_n) if audit_judge else None,
        rubric=rubric,
        taxonomy=taxonomy,
        limit=limit,
        sample_seed=sample_seed,
        max_calls=max_calls,
        data_dir=data_dir,
    )
    with prepared as evaluation:
        if pressure:
            from ..evaluation.pressure import put_under_pressure

            put_under_pressure(evaluation, pressure, converters=converter or ())
        if dry_run:
            show.plan(evaluation, *prices, json=as_json)
        else:
            _carry_out(evaluation, as_json, prices)


def _without_leaked(requests: Benchmark, trained_on: str, data_dir: Path | None) -> Benchmark:
    """The requests that have no near-duplicate in another benchmark, by word-3-grams at .7."""
    from ..benchmarks import load_benchmark
    from ..benchmarks.audit.duplicates import leaked_ids

    leaked = leaked_ids(requests, load_benchmark(trained_on, data_dir=data_dir))
    return requests.without(leaked, {"exclude_leaked": trained_on})


def _only_failed(requests: Benchmark, run: str, store: Path) -> Benchmark:
    from ..results.failed import failed_ids
    from ..results.run import open_run

    found = open_run(run, store)
    if not (failed := failed_ids(found.outcomes())):
        raise MsbError(f"nothing failed in {found.id}: every request has a good score")
    return requests.only(failed, {"only_failed": found.id})


def _carry_out(
    evaluation: Evaluation, as_json: bool, prices: tuple[Price | None, Price | None]
) -> None:
    from ..evaluation.evaluation import carry_out
    from .progress import TerminalReporter

    reporter = TerminalReporter()
    run, progress = carry_out(evaluation, reporter)
    show.scorecard(run.summary(), as_json)
    reporter.note(show.spent(evaluation, *prices))
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
