"""Evaluating from Python, a notebook included.

run = evaluate("openai:my-model", "openai:judge", "medsafety/eval",
               target_url="http://127.0.0.1:8000/v1", judge_url="http://127.0.0.1:8001/v1")
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import fields
from inspect import signature
from typing import Any, ParamSpec, TypeVar

from .evaluation import carry_out, prepare
from .notebook import usual_reporter
from .perform import REMOTE, Remote, Reporter
from .run import Run
from .spec import EvaluationSpec, specified

LOOK_SECONDS = 0.2
"""How soon Ctrl-C is heard on systems that do not wake a waiting thread for it."""

P = ParamSpec("P")
T = TypeVar("T")


def _told_as(spec: Callable[P, EvaluationSpec]) -> Callable[[Callable[..., Run]], Callable[P, Run]]:
    """Gives a function the parameters of a class, for editors and for ``help``."""

    def typed(function: Callable[..., Run]) -> Callable[P, Run]:
        vars(function)["__signature__"] = signature(spec)
        return function

    return typed


@_told_as(EvaluationSpec)
def evaluate(*values: Any, **keywords: Any) -> Run:
    """Evaluate a target on a benchmark and return the stored run; again is resuming.

    ``target`` is a spec (``openai:MODEL``, ``python:module:function``, ``replay:FILE``) or a
    function from request to response; ``judge`` is a spec or several (a panel). ``benchmark`` is a
    name, a file, a Benchmark or a list of texts. The rest is named as on the command line:
    ``target_url``, ``limit`` and so on, see ``EvaluationSpec``. In a notebook it shows how far it
    is. Ctrl-C finishes and stores what is in flight; a second one drops it.

    Raises MsbError for wrong input, StopRun where going on makes no sense, and KeyboardInterrupt
    after Ctrl-C.
    """
    return evaluate_as(specified(*values, **keywords))


def evaluate_as(spec: EvaluationSpec, reporter: Reporter | None = None) -> Run:
    """``evaluate`` for a spec; ``reporter`` is told how far it is."""

    def work() -> Run:
        with prepare(spec) as evaluation:
            run, progress = carry_out(evaluation, reporter or usual_reporter())
        if progress.stopped == "interrupted":
            left = progress.total - progress.done
            raise KeyboardInterrupt(f"{run.id}: {left} verdicts left; evaluate again to go on")
        return Run(**{field.name: getattr(run, field.name) for field in fields(run)})

    try:
        return _outside_any_loop(work)
    except asyncio.CancelledError:
        raise KeyboardInterrupt("what was in flight is dropped; evaluate again to go on") from None


def _outside_any_loop(work: Callable[[], T]) -> T:
    """Do the work here, or in a thread where a loop runs already, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work()
    remote, context = Remote(), copy_context()  # a notebook's output belongs to a context
    context.run(REMOTE.set, remote)
    with ThreadPoolExecutor(1) as thread, _heard(remote.press):
        future = thread.submit(context.run, work)
        while not wait([future], LOOK_SECONDS).done:
            pass
        return future.result()


@contextmanager
def _heard(press: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C presses; the loop that runs here would else take it for its own, and wait."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda *_: press())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.SIG_DFL)
