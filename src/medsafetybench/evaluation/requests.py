"""The requests of an evaluation: a benchmark, and what of it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..benchmarks import Benchmark, load_benchmark
from ..benchmarks.audit.duplicates import leaked_ids
from ..benchmarks.files import listed
from ..errors import MsbError
from ..judges import Judge
from ..results.failed import failed_ids
from ..results.run import open_run
from .options import RequestOptions, many
from .spec import EvaluationSpec


def narrowed(requests: Benchmark, spec: EvaluationSpec, twins_apart: bool = False) -> Benchmark:
    """What of the loaded requests is asked as told; not yet under pressure. Raises MsbError.

    ``twins_apart`` draws a sample as it was drawn once, for runs that were begun so.
    """
    if spec.exclude_leaked:
        trained_on = load_benchmark(spec.exclude_leaked, data_dir=spec.data_dir)
        leaked = leaked_ids(requests, trained_on)  # by word-3-grams at .7
        requests = requests.without(leaked, {"exclude_leaked": spec.exclude_leaked})
    if spec.only_failed:
        requests = _only_failed(requests, spec)
    if spec.limit is None:
        return requests
    return requests.sample(spec.limit, spec.sample_seed, twins_apart)


def load_requests(asked: RequestOptions) -> Benchmark:
    """The benchmark by its name, or as it is, with the sources, principles and intents told."""
    whole = asked.benchmark
    if not isinstance(whole, str | Path | Benchmark):
        whole = listed(whole)
    if not isinstance(whole, Benchmark):
        whole = load_benchmark(whole, data_dir=asked.data_dir, columns=asked.column)
    return whole.select(many(asked.source), many(asked.principle), many(asked.intent))


def can_be_judged(requests: Benchmark, judges: Sequence[Judge]) -> None:
    """Raise MsbError for a judge that grades by criteria where no request has any."""
    grading = next((judge.name for judge in judges if judge.scale.parts), None)
    if grading and not any(request.criteria for request in requests):
        raise MsbError(
            f"{grading} grades by each request's own criteria, and {requests.name} has none; "
            "expected starter/care, healthbench:FILE, or a file with a column criteria"
        )


def _only_failed(requests: Benchmark, spec: EvaluationSpec) -> Benchmark:
    if spec.store is None:
        raise MsbError("--only-failed takes the store that holds the run")
    found = open_run(str(spec.only_failed), spec.store)
    if not (failed := failed_ids(found.outcomes())):
        raise MsbError(f"nothing failed in {found.id}: every request has a good score")
    return requests.only(failed, {"only_failed": found.id})
