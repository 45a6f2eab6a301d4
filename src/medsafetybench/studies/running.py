"""Carrying out a study: every target on every benchmark, endpoints side by side.

    for outcome in run_study(study, board):
        outcome.planned.label, outcome.run, outcome.failed

Evaluations that share an endpoint follow one another; different endpoints work at the same time, a
thread and a store connection each; local models are loaded one after the other. The judges' calls
at once are shared out among the lanes, so that together they stay within what the file allows.
Running again is resuming.
"""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..errors import MsbError
from ..evaluation.allowed import Allowed
from ..evaluation.evaluation import Evaluation, carry_out, prepare
from ..evaluation.pipeline import Progress
from ..evaluation.plan import plan
from ..evaluation.spec import EvaluationSpec
from ..models.opening import behind
from ..results.run import Run
from .board import Board, BoardReporter
from .study import Entry, Study

LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Planned:
    """One target on one benchmark."""

    label: str
    target: Entry
    benchmark: Entry
    spec: EvaluationSpec
    allowed: Allowed = field(default_factory=Allowed)


@dataclass(frozen=True)
class Evaluated:
    """What came of one evaluation: its run, or why it failed."""

    planned: Planned
    run: Run | None = None
    progress: Progress | None = None
    failed: str | None = None


@dataclass(frozen=True)
class Remaining:
    """How far one evaluation is: calls that target and judges have left, or why it cannot begin."""

    planned: Planned
    run: str | None = None
    n: int = 0
    target_calls: int = 0
    judge_calls: int = 0
    not_ready: str | None = None


def evaluations(study: Study) -> list[Planned]:
    """Target by target, so that a local model is loaded once for all its benchmarks."""
    models = [target.called or target.name for target in study.targets]
    names = [benchmark.name for benchmark in study.benchmarks]
    return [
        Planned(
            f"{_numbered(models, i)} on {_numbered(names, j)}",
            target,
            benchmark,
            study.spec(target, benchmark),
            study.allowed,
        )
        for i, target in enumerate(study.targets)
        for j, benchmark in enumerate(study.benchmarks)
    ]


def _numbered(names: Sequence[str], i: int) -> str:
    """The name, with a number where it is there more than once."""
    same = [k for k, name in enumerate(names) if name == names[i]]
    return names[i] if len(same) == 1 else f"{names[i]} #{same.index(i) + 1}"


def lanes(study: Study) -> list[list[Planned]]:
    """The evaluations by endpoint: those of one lane follow one another. What goes out in batches
    keeps no server busy, and each is a lane of its own."""
    if any(behind(judge.name).startswith("hf:") for judge in study.judges):
        return [evaluations(study)]  # a local judge is one machine's work for all
    found: dict[str, list[Planned]] = {}
    for planned in evaluations(study):
        model, scheme = planned.target.name, planned.target.name.partition(":")[0]
        if planned.spec.batch and scheme == "openai":
            found[planned.label] = [planned]
            continue
        own = planned.spec.target_url or (model if scheme == "python" else scheme)
        found.setdefault(own, []).append(planned)
    return list(found.values())


@contextmanager
def prepared(
    planned: Planned, store: Path | None, data_dir: Path | None = None, share: int = 1
) -> Iterator[Evaluation]:
    """One evaluation, opened. ``share`` is how many lanes split the judges' concurrency.

    Raises MsbError for what its file is not allowed to do.
    """
    spec = planned.spec
    planned.allowed.to_open(spec)
    at_once = [max(1, judge.endpoint.concurrency // share) for judge in spec.judges]
    told = replace(spec, store=store, data_dir=data_dir, judge_concurrency=at_once)
    with prepare(told) as found:
        yield found


def remaining(study: Study, store: Path, data_dir: Path | None = None) -> Iterator[Remaining]:
    """How far each evaluation is. Asks nobody and leaves the store as it was."""
    for planned in evaluations(study):
        try:
            with prepared(planned, store if store.exists() else None, data_dir) as opened:
                found = plan(opened)
                left = sum(share.calls for share in found.judges)
                yield Remaining(planned, found.run, found.n, found.target.calls, left)
        except MsbError as error:
            yield Remaining(planned, not_ready=str(error))


def run_study(
    study: Study,
    board: Board,
    store: Path | None = None,
    data_dir: Path | None = None,
    show: Callable[[], None] = lambda: None,
) -> list[Evaluated]:
    """Carry out all that is left; ``show`` is called now and then from this thread.

    One evaluation's failure is its own: the others go on. Ctrl-C ends all in good order. Raises
    MsbError, before anybody is asked, for what the file is not allowed to do.
    """
    for planned in evaluations(study):
        planned.allowed.to_open(planned.spec)
        planned.allowed.to_ask(planned.spec)
    store = store or study.store
    work = lanes(study)

    def lane(planned: Sequence[Planned]) -> list[Evaluated]:
        return [_one(p, board, store, data_dir, len(work)) for p in planned]

    with (
        _interruptible(board),
        ThreadPoolExecutor(len(work), thread_name_prefix="lane") as threads,
    ):
        futures = [threads.submit(lane, planned) for planned in work]
        while not all(future.done() for future in futures):
            show()
            time.sleep(LOOK_SECONDS)
        done = [outcome for future in futures for outcome in future.result()]
    order = [planned.label for planned in evaluations(study)]
    return sorted(done, key=lambda outcome: order.index(outcome.planned.label))


@contextmanager
def _interruptible(board: Board) -> Iterator[None]:
    """Ctrl-C ends all in good order; a second one drops what is in flight."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: object) -> None:
        if board.stopping:
            board.drop()
            return
        board.stop()
        board.say("finishing the calls in flight; Ctrl-C again drops them")

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _one(
    planned: Planned, board: Board, store: Path, data_dir: Path | None, share: int
) -> Evaluated:
    if board.stopping:
        board.set(planned.label, "stopped")
        return Evaluated(planned)
    board.set(planned.label, "running")
    try:
        with prepared(planned, store, data_dir, share) as opened:
            reporter = BoardReporter(board, planned.label)
            run, progress = carry_out(opened, reporter)
    except asyncio.CancelledError:
        board.set(planned.label, "stopped")
        return Evaluated(planned)
    except MsbError as error:
        board.set(planned.label, "failed")
        board.say(f"{planned.label}: {error}")
        return Evaluated(planned, failed=str(error))
    board.set(planned.label, "stopped" if progress.stopped else "done")
    return Evaluated(planned, run, progress)
