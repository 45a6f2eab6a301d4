"""Evaluating: bring benchmark, target, judges and store together, and carry the run out.

run = evaluate("openai:my-model", "openai:judge", "medsafety/eval",
               target_endpoint=Endpoint(url="http://127.0.0.1:8000/v1"),
               judge_endpoints=Endpoint(url="http://127.0.0.1:8001/v1"))
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..benchmarks import Benchmark, load_benchmark
from ..benchmarks.official import data_folder
from ..errors import MsbError
from ..judges import Judge, open_judge
from ..models import Budget, Meter
from ..models.settings import Endpoint
from ..records import Request, Sampling, digest
from ..results.run import Run
from ..store.labels import sample_order
from ..store.provenance import here
from ..store.store import JudgeRecord, RunRecord, Store, response_key
from ..targets import Target, open_target
from ..taxonomy import Taxonomy, load_taxonomy
from .perform import Reporter, Silent, perform
from .pipeline import Pipeline, Progress, Work


@dataclass(frozen=True)
class Audit:
    """A dearer judge that scores a seeded, stratified sample of ``n`` harmful requests."""

    judge: str
    n: int = 200
    seed: int = 0


@dataclass
class Evaluation:
    """Everything a run needs, opened: what ``prepare`` returns and ``carry_out`` uses up.

    The last of ``judges`` is the auditing one where there is an ``audit``.
    """

    store: Store
    benchmark: Benchmark
    target: Target
    judges: Sequence[Judge]
    taxonomy: Taxonomy
    audit: Audit | None = None
    budget: Budget = field(default_factory=Budget)

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the run is made of, and so what decides its id."""
        benchmark: dict[str, Any] = {
            "name": self.benchmark.name,
            "sha256": self.benchmark.sha256,
            "selection": dict(self.benchmark.selection),
        }
        if self.benchmark.version:
            benchmark["version"] = self.benchmark.version
        return {"benchmark": benchmark, "target": dict(self.target.fingerprint)}

    def register(self) -> tuple[RunRecord, list[JudgeRecord]]:
        """The run and its judges as stored; made if they are new."""
        settings = self.settings
        work = [settings["benchmark"]["sha256"], settings["target"]]
        run = self.store.register(f"run-{digest(work)[:10]}", settings, self._items())
        self.store.add_provenance(run, here())
        judges = [self.store.register_judge(j.name, j.fingerprint, j.scale) for j in self.judges]
        panel, audit = (judges[:-1], judges[-1]) if self.audit else (judges, None)
        return self.store.set_panel(run, panel, audit), judges

    def work(self, run: RunRecord, judges: Sequence[JudgeRecord]) -> Work:
        """What is left to do; the auditing judge is limited to its sample."""
        samples: list[frozenset[int] | None] = [None] * len(judges)
        if self.audit:
            order = sample_order(self.store, run, self.audit.n, self.audit.seed)
            samples[-1] = frozenset(order)
        return Work.left(self.store, run, judges, samples)

    def _items(self) -> Iterator[tuple[Request, bytes]]:
        fingerprint = self.target.fingerprint
        for request in self.benchmark:
            yield request, response_key(fingerprint, self.target.conversation(request))


@contextmanager
def prepare(
    target: str | Callable[[str], Any],
    judge: str | Sequence[str],
    benchmark: str | Path | Benchmark = "starter",
    *,
    store: str | Path | None = "medsafety.db",
    target_endpoint: Endpoint | None = None,
    judge_endpoints: Endpoint | Sequence[Endpoint] | None = None,
    system: str | None = None,
    prompt_style: str | None = None,
    sampling: Sampling | None = None,
    judge_sampling: Sampling | None = None,
    audit: Audit | None = None,
    rubric: str = "ama",
    taxonomy: str | Path = "ama",
    limit: int | None = None,
    sample_seed: int = 0,
    max_calls: int | None = None,
    data_dir: str | Path | None = None,
) -> Iterator[Evaluation]:
    """Open everything that ``evaluate`` needs; see there. ``store`` None is one in memory.

    ``data_dir`` is where the published files are. Raises MsbError for whatever is wrong with it,
    before any call is made.
    """
    judges = [judge] if isinstance(judge, str) else list(judge)
    judges += [audit.judge] if audit else []
    principles = load_taxonomy(taxonomy)
    budget = Budget(max_calls)
    opened_target = open_target(
        target,
        target_endpoint,
        system,
        sampling,
        Meter(budget),
        prompt_style,
        data_folder(data_dir),
    )
    opened_judges = open_judges(
        judges, judge_endpoints, rubric, principles, judge_sampling, budget, data_dir
    )
    if not isinstance(benchmark, Benchmark):
        benchmark = load_benchmark(benchmark, data_dir=data_dir)
    requests = benchmark.sample(limit, sample_seed) if limit is not None else benchmark
    with Store.open(":memory:" if store is None else store) as opened_store:
        yield Evaluation(
            opened_store, requests, opened_target, opened_judges, principles, audit, budget
        )


def open_judges(
    specs: Sequence[str],
    endpoints: Endpoint | Sequence[Endpoint] | None,
    rubric: str,
    taxonomy: Taxonomy,
    sampling: Sampling | None,
    budget: Budget,
    data_dir: str | Path | None,
) -> list[Judge]:
    """Open judges by their specs, each with its own endpoint or one for all."""
    if not specs:
        raise MsbError("no judge was given; expected one such as screen or openai:MODEL")
    folder = data_folder(data_dir)
    return [
        open_judge(spec, endpoint, rubric, taxonomy, sampling, Meter(budget), folder)
        for spec, endpoint in zip(specs, _for_each(specs, endpoints), strict=True)
    ]


def _for_each(
    judges: Sequence[str], endpoints: Endpoint | Sequence[Endpoint] | None
) -> Sequence[Endpoint]:
    if endpoints is None or isinstance(endpoints, Endpoint):
        return [endpoints or Endpoint()] * len(judges)
    if len(endpoints) == 1:
        return list(endpoints) * len(judges)
    if len(endpoints) != len(judges):
        raise MsbError(f"{len(endpoints)} judge addresses for {len(judges)} judges; give one each")
    return endpoints


def evaluate(
    target: str | Callable[[str], Any],
    judge: str | Sequence[str] = "screen",
    benchmark: str | Path | Benchmark = "starter",
    *,
    target_url: str | None = None,
    judge_url: str | None = None,
    reporter: Reporter | None = None,
    **settings: Any,
) -> Run:
    """Evaluate a target on a benchmark and return the stored run; again is resuming.

    ``target`` is a spec (``openai:MODEL``, ``python:module:function``, ``replay:FILE``) or a
    function from request to response; ``judge`` is a spec or several (a panel). ``benchmark`` is a
    name, a file or a Benchmark. ``target_url`` and ``judge_url`` are short for endpoints with
    nothing but an address. The rest is passed on to ``prepare``: store, target_endpoint,
    judge_endpoints, system, prompt_style, sampling, judge_sampling, audit, rubric, taxonomy,
    limit, sample_seed, max_calls, data_dir.

    Raises MsbError for wrong input, and StopRun where going on makes no sense.
    """
    if target_url:
        given = settings.get("target_endpoint") or Endpoint()
        settings["target_endpoint"] = replace(given, url=target_url)
    if judge_url:
        given = settings.get("judge_endpoints") or Endpoint()
        settings["judge_endpoints"] = replace(given, url=judge_url)

    def work() -> Run:
        with prepare(target, judge, benchmark, **settings) as evaluation:
            return carry_out(evaluation, reporter)[0]

    return _outside_any_loop(work)


def _outside_any_loop(work: Callable[[], Run]) -> Run:
    """Do the work here, or in a thread where a loop runs already, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work()
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()


def carry_out(evaluation: Evaluation, reporter: Reporter | None = None) -> tuple[Run, Progress]:
    """Carry out what is left of a prepared evaluation."""
    reporter = reporter or Silent()
    known = {run.id for run in evaluation.store.runs()}
    run, judges = evaluation.register()
    for line in _introduce(evaluation, run, known):
        reporter.note(line)

    pairs = list(zip(evaluation.judges, judges, strict=True))
    pipeline = Pipeline(evaluation.store, run, evaluation.target, pairs)
    progress = perform(pipeline, lambda: evaluation.work(run, judges), reporter)
    evaluation.store.add_provenance(run, here())  # by now a local model has its GPU
    return Run(run.id, evaluation.store.path, evaluation.taxonomy), progress


def _introduce(evaluation: Evaluation, run: RunRecord, known: set[str]) -> Iterator[str]:
    """What a person should know before the work begins."""
    if run.id in known:
        yield f"{run.id} is in {evaluation.store.path}: resuming"
        return
    yield f"{run.id} is new in {evaluation.store.path}"
    earlier = [r for r in evaluation.store.runs() if r.id in known]
    for other in reversed(earlier):
        changed = differences(other.settings, run.settings)
        if other.settings["target"].get("model") == run.settings["target"].get("model"):
            yield f"  other work than {other.id}: {'; '.join(changed)}"
            return


def differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    """What differs between two settings, one ``path: old -> new`` for each value."""
    changed = []
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if isinstance(was, Mapping) and isinstance(now, Mapping):
            changed += differences(was, now, f"{prefix}{name}.")
        elif was != now:
            changed.append(f"{prefix}{name}: {_short(was)} -> {_short(now)}")
    return changed


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
