"""Evaluating: bring benchmark, target, judges and store together, and carry the run out.

with prepare(EvaluationSpec("openai:my-model", judge="screen")) as evaluation:
    run, progress = carry_out(evaluation)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..batches.executor import calls_nobody, executor_class
from ..benchmarks import Benchmark
from ..benchmarks.official import data_folder
from ..errors import MsbError
from ..judges import Judge, open_judge
from ..judges.judge import Warned
from ..judges.thinking import ThinkingJudge
from ..models import Budget, Meter
from ..models.keys import judges_endpoints, uncalled
from ..models.settings import Price
from ..records import Request, digest
from ..results.held import Verdict
from ..results.run import Run
from ..store.names import delete, rename
from ..store.outcomes import Outcomes
from ..store.panel import each_once, report_by
from ..store.provenance import here
from ..store.samples import audited
from ..store.store import JudgeRecord, RunRecord, Store, judge_key, response_key
from ..targets import Target, as_typed, open_target
from ..targets.target import Explaining
from ..taxonomy import Taxonomy, load_taxonomy
from .early_stop import EarlyStop
from .options import JudgeOptions
from .perform import Reporter, Silent, perform
from .pipeline import DECIDED, Pipeline, Progress, Work
from .pressure import press
from .requests import can_be_judged, load_requests, narrowed
from .rounds import How, check_batch, done_by
from .shard import in_shard
from .spec import EvaluationSpec, JudgeSpec, told

AUDIT_SEED = 0
"""Which sample an auditing judge is shown."""


@dataclass
class Evaluation:
    """Everything a run needs, opened: what ``prepare`` returns and ``carry_out`` uses up.

    The last of ``judges`` is the auditing one where the spec tells of one; ``thoughts`` judge what
    the target thought, beside the panel.
    """

    store: Store
    benchmark: Benchmark
    target: Target
    judges: Sequence[Judge]
    taxonomy: Taxonomy
    spec: EvaluationSpec | None = None
    thoughts: Sequence[Judge] = ()

    @property
    def target_price(self) -> Price | None:
        """What the target costs, as it is asked: at once or in batches."""
        return self._as_asked(self.spec.target_price) if self.spec else None

    def _as_asked(self, price: Price | None) -> Price | None:
        executor = self.spec.batch if self.spec else None
        return price.at(executor_class(executor).price_share) if price and executor else price

    @property
    def everyone(self) -> list[tuple[Judge, Price | None]]:
        """Every judge with its price: the panel, the auditing one, those of the thoughts."""
        told = [self._as_asked(judge.price) for judge in self.spec.judges] if self.spec else []
        prices = told or [None] * len(self.judges)
        of_thoughts = prices[: len(self.thoughts)]  # each is another instance of one of the panel
        return list(zip([*self.judges, *self.thoughts], [*prices, *of_thoughts], strict=True))

    @property
    def warnings(self) -> list[str]:
        """What whoever chose these judges has to know of them."""
        warned = [judge for judge in self.judges if isinstance(judge, Warned) and judge.warning]
        return [f"{judge.name}: {judge.warning}" for judge in warned]

    @property
    def panel(self) -> Sequence[Judge]:
        """The judges whose verdicts make up the scorecard."""
        return self.judges[:-1] if self.audit else self.judges

    @property
    def audit(self) -> int | None:
        """How many requests the auditing judge is shown, if there is one."""
        return self.spec.audit_limit if self.spec and self.spec.audit_judge else None

    @property
    def called(self) -> str:
        """The target as it was typed, without the folders that it lies in."""
        typed = self.spec.target if self.spec else None
        return as_typed(typed) if isinstance(typed, str) else self.target.name

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

    @property
    def id(self) -> str:
        """The run's: a hash of what is asked and of whom."""
        work = [self.benchmark.sha256, dict(self.target.fingerprint)]
        return f"run-{digest(work)[:10]}"

    def provenance(self) -> dict[str, Any]:
        """What carries it out, and what it was told where that is more than this program's own."""
        try:
            return {**here(), "told": told(self.spec) if self.spec else None}
        except MsbError:
            return here()

    def register(self) -> tuple[RunRecord, list[JudgeRecord]]:
        """The run and its judges as stored; made if they are new."""
        run = self.store.register(self.id, self.settings, self._items(), self.called)
        if self.spec and self.spec.name:
            rename(self.store, run, self.spec.name)
        self.store.add_provenance(run, self.provenance())
        judges = [
            self.store.register_judge(j.name, j.fingerprint, j.scale) for j, _ in self.everyone
        ]
        panel = judges[: len(self.panel)]
        audit = judges[len(self.panel)] if self.audit else None
        return report_by(self.store, run, panel, audit), judges

    def work(self, run: RunRecord, judges: Sequence[JudgeRecord]) -> Work:
        """What is left to do, of this shard's requests; the auditing judge is limited to its
        sample."""
        samples: list[frozenset[int] | None] = [None] * len(judges)
        if self.audit:
            audits = len(self.judges) - 1
            sample = audited(self.store, run, judges[audits], self.audit, AUDIT_SEED)
            samples[audits] = frozenset(sample.positions)
        left = Work.left(self.store, run, judges, samples)
        if self.spec and self.spec.shard:
            left.unanswered = in_shard(left.unanswered, self.spec.shard)
        return left

    def _items(self) -> Iterator[tuple[Request, bytes]]:
        fingerprint = self.target.fingerprint
        for request in self.benchmark:
            yield request, response_key(fingerprint, self.target.conversation(request))


@contextmanager
def prepare(spec: EvaluationSpec) -> Iterator[Evaluation]:
    """Open everything that an evaluation needs. A ``store`` of None is one in memory.

    Raises MsbError for whatever is wrong with it, before any call is made.
    """
    if spec.batch is not None:
        check_batch(spec.batch, [str(spec.target), *(judge.model for judge in spec.judges)])
    taxonomy, budget = load_taxonomy(spec.taxonomy), Budget(spec.max_calls)
    with uncalled(calls_nobody(spec.batch)):
        target = open_target(
            spec.target,
            spec.target_endpoint,
            spec.system,
            spec.sampling,
            Meter(budget),
            spec.prompt_style,
            data_folder(spec.data_dir),
        )
        judges = open_judges(spec.judges, taxonomy, budget, spec.data_dir)
        thoughts = open_thoughts(spec, taxonomy, budget, spec.data_dir)
    whole = load_requests(spec)  # before there is a store: a misspelt benchmark leaves none
    with Store.open(":memory:" if spec.store is None else spec.store) as store:
        apart = spec.limit is not None and _was_drawn_apart(store, spec, target, whole.name)
        requests = narrowed(whole, spec, apart)
        can_be_judged(requests, judges)
        if spec.pressure:
            requests, target = press(target, requests, store, spec.pressure, spec.converter)
        yield Evaluation(store, requests, target, judges, taxonomy, spec, thoughts)


def _was_drawn_apart(store: Store, spec: EvaluationSpec, target: Target, benchmark: str) -> bool:
    """True if a run of this target on such a sample was begun when twins were drawn apart: it goes
    on with what it asked."""
    wanted = (benchmark, spec.limit, spec.sample_seed)
    for run in store.runs():
        asked = run.settings["benchmark"]
        how = asked.get("selection") or {}
        drawn = (asked["name"], how.get("limit"), how.get("seed"))
        same = run.settings["target"] == target.fingerprint
        if same and drawn == wanted and "twins" not in how:
            return True
    return False


def open_judges(
    judges: Sequence[JudgeSpec], taxonomy: Taxonomy, budget: Budget, data_dir: str | Path | None
) -> list[Judge]:
    """Open judges. Raises MsbError for none, and for one that cannot be opened."""
    if not judges:
        raise MsbError("no judge was given; expected one such as screen or openai:MODEL")
    folder = data_folder(data_dir)
    endpoints = judges_endpoints([(one.model, one.endpoint) for one in judges])
    opened = [
        open_judge(
            one.model,
            endpoint,
            one.rubric,
            taxonomy,
            one.sampling,
            Meter(budget),
            folder,
            one.criteria_per_call,
        )
        for one, endpoint in zip(judges, endpoints, strict=True)
    ]
    each_once([judge.name for judge in opened], [judge_key(one.fingerprint) for one in opened])
    return opened


def open_thoughts(
    told: JudgeOptions, taxonomy: Taxonomy, budget: Budget, data_dir: str | Path | None
) -> list[Judge]:
    """Open a judge of the target's thinking for each judge of the panel, if that was asked for."""
    if not told.judge_thinking:
        return []
    panel = told.judges[: len(told.judge)]
    if any(one.model.startswith("criteria:") for one in panel):
        raise MsbError("--judge-thinking: criteria are of an answer; leave it out, or the judge")
    return [ThinkingJudge(judge) for judge in open_judges(panel, taxonomy, budget, data_dir)]


def carry_out(
    evaluation: Evaluation,
    reporter: Reporter | None = None,
    gate: Callable[[Outcomes], Verdict] | None = None,
    stop_early: bool = False,
    how: How | None = None,
) -> tuple[Run, Progress]:
    """Carry out what is left of a prepared evaluation; ``how`` by default as its spec says.

    ``gate`` is looked at before anybody is asked, and raises what is wrong with it. If it may be
    looked at again and again, ``stop_early`` ends the run once its verdict is pass or fail; what is
    in flight is finished and stored.
    """
    reporter = reporter or Silent()
    known = {run.id for run in evaluation.store.runs()}
    run, judges = evaluation.register()
    for line in _introduce(evaluation, run, known):
        reporter.note(line)

    opened = [judge for judge, _ in evaluation.everyone]
    pairs = list(zip(opened, judges, strict=True))
    pipeline = Pipeline(evaluation.store, run, evaluation.target, pairs)
    asked = tuple(judge.key for judge in judges[: len(evaluation.panel)])
    looking = gate and EarlyStop(evaluation.store, run, gate, asked)
    if looking and stop_early:
        pipeline.early_stop = looking

    def left() -> Work:
        work = evaluation.work(run, judges)
        if looking and looking.decided(0, work.verdicts) and stop_early:
            pipeline.stop(DECIDED)
        return work

    with _started(evaluation.store, run, new=run.id not in known):
        way = done_by(how or _as_told(evaluation.spec), reporter)
        progress = perform(pipeline, left, reporter, way)
    if looking and progress.stopped == DECIDED and not looking.mark():
        progress.stopped = None  # it was decided by the very last
    evaluation.store.add_provenance(
        run, evaluation.provenance()
    )  # by now a local model has its GPU
    return Run(run.id, evaluation.store.path, evaluation.taxonomy, asked), progress


def _as_told(spec: EvaluationSpec | None) -> How | None:
    return How(spec.batch, cluster=spec.ray_address) if spec and spec.batch else None


@contextmanager
def _started(store: Store, run: RunRecord, new: bool) -> Iterator[None]:
    """A new run that ended before anything came back was none: what was last is last again."""
    try:
        yield
    except BaseException:
        if new and not (store.has_responses(run) or store.has_batches(run)):
            delete(store, run)
        raise


def _introduce(evaluation: Evaluation, run: RunRecord, known: set[str]) -> Iterator[str]:
    """What a person should know before the work begins."""
    is_there = run.id in known
    how = f"in {evaluation.store.path}: resuming" if is_there else f"new in {evaluation.store.path}"
    yield f"{run.id} is {how}"
    if isinstance(evaluation.target, Explaining) and (line := evaluation.target.explain()):
        yield f"  {line}"
    if is_there:
        return
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
