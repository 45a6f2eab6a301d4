"""Evaluating from Python, a notebook included.

run = evaluate("openai:my-model", "openai:judge", "medsafety/eval",
               target_url="http://127.0.0.1:8000/v1", judge_url="http://127.0.0.1:8001/v1")
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any, ParamSpec

from ..results import run as stored
from .evaluation import carry_out, prepare
from .loops import outside_any_loop
from .notebook import usual_reporter
from .perform import Reporter
from .pipeline import Progress
from .run import Run
from .spec import EvaluationSpec, specified

P = ParamSpec("P")


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

    def work() -> tuple[stored.Run, Progress]:
        with prepare(spec) as evaluation:
            return carry_out(evaluation, reporter or usual_reporter())

    return Run.of(outside_any_loop(work)[0])
