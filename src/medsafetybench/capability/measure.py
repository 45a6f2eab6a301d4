"""What a model knows: accuracy on medical multiple choice, measured by lm-eval and stored.

    results = measure("hf:demo", ["probe"], store="medsafety.db")
    results[0].task, results[0].accuracy, results[0].stderr

Each task is asked with so many examples, drawn anew by each seed; without examples every seed would
be the same, and there is one. Running again is resuming: a target's answers to a task with these
examples are asked for once. Two results are compared in capability_change.py.
"""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MsbError, StopRun
from ..models.keys import without_key
from ..models.settings import Endpoint
from ..statistics.estimates import Interval, estimate_proportion
from ..store.capability import Answers, CapabilityStore, MeasuredTarget, QuestionSet
from .knowledge import remark
from .models import Examinee, Served, counting_cut_prompts, open_examinee
from .tasks import (
    chance_of,
    load_tasks,
    metric_of,
    prepare,
    question_set,
    require_harness,
    shots_of,
)

if TYPE_CHECKING:
    from lm_eval.api.model import LM
    from lm_eval.api.task import Task


@dataclass(frozen=True)
class Setting:
    """How tasks are asked: so many examples before each question, drawn by so many seeds.

    ``limit`` asks that many of a task's questions, drawn once for all.
    """

    shots: int = 0
    seeds: int = 1
    limit: int | None = None


PRESETS = {"quick": Setting(), "paper": Setting(shots=3, seeds=10)}


@dataclass(frozen=True)
class CapabilityResult:
    """A target on one task, over all seeds.

    ``asked`` holds the questions, ``answers`` which were answered right, for each seed; ``chance``
    is the accuracy of drawing among the options.
    """

    target: MeasuredTarget
    asked: QuestionSet = field(repr=False)
    answers: tuple[Answers, ...] = field(repr=False)
    chance: float | None = None

    @property
    def task(self) -> str:
        """The task's name."""
        return self.asked.task

    @property
    def shots(self) -> int:
        """Examples before each question."""
        return self.answers[0].shots

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that drew the examples."""
        return tuple(answers.seed for answers in self.answers)

    @property
    def n(self) -> int:
        """How many questions."""
        return len(self.asked.questions)

    @property
    def repeated(self) -> int:
        """How many questions equal one before them; a comparison counts those once."""
        return self.n - len(np.unique(self.asked.questions))

    @property
    def accuracy(self) -> float:
        """Share answered right, over questions and seeds."""
        return float(self._shares.mean())

    @property
    def stderr(self) -> float | None:
        """Standard error of the accuracy over questions, seeds averaged; None below two."""
        if self.n < 2:
            return None
        return float(self._shares.std(ddof=1) / np.sqrt(self.n))

    @property
    def interval(self) -> Interval | None:
        """95%, over questions, seeds averaged; Clopper's and Pearson's for one seed."""
        found = estimate_proportion(self._shares)
        return found.interval if found else None

    @property
    def seed_spread(self) -> float | None:
        """Standard deviation of the accuracy from seed to seed; None for one seed."""
        if len(self.answers) < 2:
            return None
        return float(np.std([answers.accuracy for answers in self.answers], ddof=1))

    @cached_property
    def _shares(self) -> NDArray[np.float64]:
        """How often each question is answered right, over seeds."""
        shares: NDArray[np.float64] = np.mean([a.correct for a in self.answers], axis=0)
        return shares

    def to_json(self) -> dict[str, Any]:
        """Its figures as plain data."""
        return {
            "task": self.task,
            "version": self.asked.version,
            "shots": self.shots,
            "seeds": list(self.seeds),
            "n": self.n,
            "repeated": self.repeated,
            "accuracy": self.accuracy,
            "chance": self.chance,
            "stderr": self.stderr,
            "ci95": self.interval and list(self.interval),
            "seed_spread": self.seed_spread,
            "by_seed": [answers.accuracy for answers in self.answers],
        }


Note = Callable[[str], None]


def measure(
    target: str,
    tasks: Sequence[str] = (),
    setting: Setting | None = None,
    *,
    store: str | Path = "medsafety.db",
    tasks_dir: str | Path | None = None,
    data_dir: str | Path | None = None,
    endpoint: Endpoint | None = None,
    served: Served | None = None,
    batch: int | None = None,
    note: Note | None = None,
) -> list[CapabilityResult]:
    """A target's results on tasks, one for each task; what is stored is not asked again.

    ``tasks`` are names of lm-eval, ``medical`` (default), ``probe``, or names in ``tasks_dir``
    (default: all in it); ``data_dir`` has the files of `msb data fetch knowledge`. ``note`` is told
    of each piece of work done, in a line. Raises MsbError, or StopRun where the model fails; what
    was done until then is stored.
    """
    setting = setting or PRESETS["quick"]
    require_harness()
    examinee = open_examinee(target, endpoint, batch, served)
    with _quiet():
        loaded = load_tasks(tasks, Path(tasks_dir) if tasks_dir else None, data_dir)
    work = [_Work(task, setting) for task in loaded.values()]
    with ExitStack() as stack:
        opened = stack.enter_context(CapabilityStore.open(store))
        asking = _Asking(stack, examinee, any(one.compares_likelihoods for one in work))
        return [_measure_task(one, asking, opened, note or _silence) for one in work]


def stored_results(
    key: str, like: Sequence[CapabilityResult], store: str | Path
) -> list[CapabilityResult]:
    """What is stored of a target, by a beginning of its key, on the tasks of other results.

    Raises MsbError if there is no such target, or it lacks one of them.
    """
    found = []
    with CapabilityStore.read(store) as opened:
        target = opened.target(key)
        for one in like:
            kept = [opened.get(target.key, one.asked.key, one.shots, seed) for seed in one.seeds]
            there = tuple(answers for answers in kept if answers)
            if len(there) < len(kept):
                raise MsbError(
                    f"{target.name} [{target.key}] has no results on these questions of {one.task} "
                    f"with {one.shots} shots and {len(kept)} seeds; measure it by --target first"
                )
            found.append(CapabilityResult(target, one.asked, there, one.chance))
    return found


class _Work:
    """One task with its questions, and the examples it is asked with."""

    def __init__(self, task: Task, setting: Setting) -> None:
        self.task = task
        self.metric = metric_of(task)
        self.shots = shots_of(task, setting.shots)
        self.seeds = range(setting.seeds if self.shots else 1)
        self.asked, self.rows = question_set(task, self.shots, setting.limit)

    @property
    def compares_likelihoods(self) -> bool:
        return str(self.task.get_config("output_type")) != "generate_until"


class _Asking:
    """The model, made ready at the first question that is not stored."""

    def __init__(self, stack: ExitStack, examinee: Examinee, likelihoods: bool) -> None:
        self.target = examinee.target
        self._stack, self._examinee, self._likelihoods = stack, examinee, likelihoods
        self._ready: tuple[LM, bool] | None = None

    def ask(self, work: _Work, seed: int) -> NDArray[np.bool_]:
        """Which of the questions the model answers right. Raises StopRun if it fails."""
        from lm_eval.evaluator import evaluate

        with _quiet():
            if self._ready is None:
                self._ready = self._stack.enter_context(self._examinee.ready(self._likelihoods))
        model, chat = self._ready
        prepare(work.task, work.shots, seed)
        name = work.asked.task
        try:
            with _quiet():
                found = evaluate(
                    lm=model,
                    task_dict={"tasks": {name: work.task}},
                    samples=None if work.rows is None else {name: work.rows},
                    bootstrap_iters=0,
                    apply_chat_template=chat,
                    fewshot_as_multiturn=chat,
                )
        except Exception as error:  # whatever a model or a server raises, going on makes no sense
            said = without_key(" ".join(str(error).split()), self._examinee.key)[:300]
            raise StopRun(
                f"{self.target.name} failed on {name}: {type(error).__name__}: {said}; what is "
                "done is stored, run the same command again to go on"
            ) from None
        samples = found["samples"][name]
        first = samples[0]["filter"]
        right = {s["doc_id"]: s[work.metric] for s in samples if s["filter"] == first}
        return np.array([bool(right[row]) for row in work.rows or range(len(right))])


def _measure_task(
    work: _Work, asking: _Asking, store: CapabilityStore, note: Note
) -> CapabilityResult:
    """The answers to one task by every seed, from the store or anew."""
    from lm_eval import __version__ as harness

    answers: list[Answers] = []
    for seed in work.seeds:
        kept = store.get(asking.target.key, work.asked.key, work.shots, seed)
        if kept is None:
            with counting_cut_prompts() as cut:
                kept = Answers(work.shots, seed, asking.ask(work, seed))
            store.put(asking.target, work.asked, kept, harness)
            note(_progress(work, seed, kept))
            if cut:
                note(f"{work.asked.task}: prompts longer than the context lost their beginning")
        answers.append(kept)
    found = CapabilityResult(asking.target, work.asked, tuple(answers), chance_of(work.task))
    if said := remark(found.task, work.shots):
        note(said)
    if found.repeated:
        note(f"{found.task}: {found.repeated} questions repeat others; comparisons count them once")
    return found


def _progress(work: _Work, seed: int, answers: Answers) -> str:
    by_seed = f", seed {seed + 1} of {len(work.seeds)}" if len(work.seeds) > 1 else ""
    return f"{work.asked.task}, {work.shots} shots{by_seed}: {answers.accuracy:.1%}"


def _silence(_: str) -> None:
    pass


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps what datasets and lm-eval print off standard output, and off a file of errors."""
    sink = sys.stderr if sys.stderr.isatty() else io.StringIO()
    with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
        yield
