"""The stages of `msb build` that ask a model, and the search for a suffix.

msb build elicit ours --target openai:MODEL --target-url http://127.0.0.1:8000/v1
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import MsbError
from ..evaluation.options import JudgeOptions, TargetOptions
from . import options, reading
from .build_run import DryRun, Folder, Limit, Redo, run
from .rejudge import NO_RUN
from .said import say
from .told import Told, takes
from .usage import at_least

if TYPE_CHECKING:
    from ..building.asking import Asker
    from ..evaluation.rounds import How
    from ..models.settings import Endpoint
    from ..records import Sampling

WHO = "openai:MODEL, hf:MODEL, inspect:PROVIDER/MODEL or python:package.module:function."
OF_OLD = ("url", "key_env", "revision", "concurrency", "param")
"""Settings that go without the role as well, with ``--model`` for who is asked."""
OWN_PROMPTS = ("system", "prompt_style")
NO_RUBRIC = (*NO_RUN, "rubric", "taxonomy", "judge_price")


def _of_old(role: str, who: str, names: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Options by their new names, each with the one that it had."""
    named = {f"{role}_{name}": name for name in OF_OLD} | dict(names or {})
    changes: dict[str, Any] = {name: {"also": (old,)} for name, old in named.items()}
    return {role: {"also": ("model",), "help": f"{who}: {WHO}", "many": False}, **changes}


@takes(
    TargetOptions,
    needed=["target"],
    leave_out=OWN_PROMPTS,
    changes=_of_old("target", "Who is asked"),
    temperature=1.0,
    max_tokens=1024,
)
def elicit(
    told: Told[TargetOptions],
    folder: Folder,
    /,
    *,
    way: Annotated[
        str, Parameter(help="direct, prefill (begins the answer) or suffix (see docs).")
    ] = "direct",
    begun: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True,
            help="The beginning of the answer, or the suffix; or @FILE.",
        ),
    ] = None,
    patience: Annotated[
        int,
        Parameter(
            validator=at_least(1), help="Give up after so many replies without a new request."
        ),
    ] = 20,
    limit: Limit = None,
    max_calls: options.MaxCalls = None,
    batch: options.Batch = None,
    wait: options.Wait = False,
    submit_only: options.SubmitOnly = False,
    dry_run: DryRun = False,
    redo: Redo = False,
    as_json: options.Json = False,
) -> None:
    """Ask a model for requests that go against each principle."""
    from ..building import Project
    from ..building.elicit import WAYS, Elicit
    from ..errors import UnknownName

    if way not in WAYS:
        raise UnknownName("way", way, WAYS)
    if way == "suffix" and not begun:
        raise MsbError("--way suffix needs the suffix: --begun TEXT or @FILE; see docs/building.md")
    asked, project = told.value(), Project(folder)
    asker = _target(folder, asked, max_calls, batch)
    if redo and not dry_run:
        project.redo("elicit")
    stage = Elicit(project, asker, way, reading.text("--begun", begun), patience)
    how = _how(batch, wait, submit_only, str(asked.target))
    price = asked.target_price
    run(project, stage, asked.max_tokens, limit, dry_run, False, as_json, price=price, how=how)


@takes(
    JudgeOptions,
    needed=["judge"],
    leave_out=tuple(set(NO_RUBRIC) - {"judge_price"}),
    changes=_of_old("judge", "Who scores", {"judge_max_tokens": "max_tokens"}),
    judge_max_tokens=512,
)
def filter_(
    told: Told[JudgeOptions],
    folder: Folder,
    /,
    *,
    temperature: Annotated[float, Parameter(validator=at_least(0), help="0 is greedy.")] = 0.0,
    limit: Limit = None,
    max_calls: options.MaxCalls = None,
    batch: options.Batch = None,
    wait: options.Wait = False,
    submit_only: options.SubmitOnly = False,
    dry_run: DryRun = False,
    redo: Redo = False,
    as_json: options.Json = False,
) -> None:
    """Have a judge score each request itself; keep what is plainly harmful."""
    from dataclasses import replace

    from ..building import Project
    from ..building.filter import Filter, filter_rates

    project, (judge,) = Project(folder), told.value().judges
    sampling = replace(judge.sampling, temperature=temperature)
    asker = open_asker(Asked(folder, judge.model, judge.endpoint, sampling, batch), max_calls)
    rates = (lambda: {"rates": filter_rates(project)}) if not dry_run else dict
    most, stage = sampling.max_tokens, Filter(project, asker)
    how = _how(batch, wait, submit_only, judge.model)
    run(project, stage, most, limit, dry_run, redo, as_json, rates, judge.price, how)


@dataclass(frozen=True)
class WriterOptions(JudgeOptions, TargetOptions):
    """Who writes, and who reads it over."""


@takes(
    WriterOptions,
    needed=["target"],
    leave_out=(*OWN_PROMPTS, *NO_RUBRIC),
    changes={
        **_of_old("target", "Who writes"),
        "judge": {"help": "openai:MODEL: keep only twins that it finds benign.", "many": False},
    },
    judge=(),
    temperature=0.7,
)
def contrast(
    told: Told[WriterOptions],
    folder: Folder,
    /,
    *,
    limit: Limit = None,
    max_calls: options.MaxCalls = None,
    batch: options.Batch = None,
    wait: options.Wait = False,
    submit_only: options.SubmitOnly = False,
    dry_run: DryRun = False,
    redo: Redo = False,
    as_json: options.Json = False,
) -> None:
    """Write a benign twin for each harmful request."""
    from ..building import Project
    from ..building.contrast import Contrast

    # Where the judge is not told of apart, it is called as the target is.
    alike = ("url", "key_env", "concurrency")
    usual = {f"judge_{name}": told.given.get(f"target_{name}") for name in alike}
    asked = told.value(**usual, judge_max_tokens=told.given.get("max_tokens", 512))
    project, asker = Project(folder), _target(folder, asked, max_calls, batch)
    checker = None
    for judge in asked.judges:
        called = Asked(folder, judge.model, judge.endpoint, judge.sampling, batch)
        checker = open_asker(called, None, sharing=asker)
    stage, price = Contrast(project, asker, checker), asked.target_price
    how = _how(batch, wait, submit_only, str(asked.target))
    run(project, stage, asked.max_tokens, limit, dry_run, redo, as_json, price=price, how=how)


@takes(
    TargetOptions,
    needed=["target"],
    leave_out=OWN_PROMPTS,
    changes=_of_old("target", "Who answers"),
    temperature=0.7,
)
def answer(
    told: Told[TargetOptions],
    folder: Folder,
    /,
    *,
    limit: Limit = None,
    max_calls: options.MaxCalls = None,
    batch: options.Batch = None,
    wait: options.Wait = False,
    submit_only: options.SubmitOnly = False,
    dry_run: DryRun = False,
    redo: Redo = False,
    as_json: options.Json = False,
) -> None:
    """Write a safe response to each harmful request."""
    from ..building import Project
    from ..building.answer import Answer

    asked, project = told.value(), Project(folder)
    stage = Answer(project, _target(folder, asked, max_calls, batch))
    how, price = _how(batch, wait, submit_only, str(asked.target)), asked.target_price
    run(project, stage, asked.max_tokens, limit, dry_run, redo, as_json, price=price, how=how)


def suffix(
    model: Annotated[str, Parameter(help="An open model that you are responsible for.")],
    /,
    *,
    prompt: Annotated[
        str, Parameter(allow_leading_hyphen=True, help="The prompt that the suffix goes behind.")
    ],
    target: Annotated[
        str, Parameter(allow_leading_hyphen=True, help="How the reply is to begin.")
    ] = "1.",
    steps: Annotated[int, Parameter(validator=at_least(1), help="Steps of the search.")] = 250,
    seed: Annotated[int, Parameter(help="Of the search.")] = 0,
    device: Annotated[
        str | None, Parameter(help="cpu, cuda, cuda:N or mps. [default: the best there is]")
    ] = None,
) -> None:
    """Search a suffix for `elicit --way suffix`; red-teaming of one's own local model only."""
    from ..building.gcg import open_weights, optimised_suffix

    loaded, tokenizer = open_weights(model.removeprefix("hf:"), device)
    say(optimised_suffix(loaded, tokenizer, prompt, target, steps, seed))


@dataclass(frozen=True)
class Asked:
    """A model that a stage asks, with the folder that keeps its replies; by ``batch``, if any."""

    folder: Path
    model: str
    endpoint: Endpoint
    sampling: Sampling
    batch: str | None = None


def _how(batch: str | None, wait: bool, submit_only: bool, asked: str) -> How | None:
    from ..evaluation.rounds import check_batch
    from .evaluate import how_batched

    if how := how_batched(batch, wait, submit_only):
        check_batch(str(batch), [asked])
    return how


def _target(folder: Path, told: TargetOptions, max_calls: int | None, batch: str | None) -> Asker:
    asked = Asked(folder, str(told.target), told.target_endpoint, told.sampling, batch)
    return open_asker(asked, max_calls)


def open_asker(asked: Asked, max_calls: int | None, sharing: Asker | None = None) -> Asker:
    """A model with its sampling; ``sharing`` the replies and the budget of another."""
    from ..batches.executor import calls_nobody
    from ..building.application import open_any
    from ..building.asking import Asker
    from ..models import Budget, Meter
    from ..models.keys import uncalled

    budget = sharing.model.meter.budget if sharing else Budget(max_calls)
    with uncalled(calls_nobody(asked.batch)):
        model = open_any(asked.model, asked.endpoint, Meter(budget))
    return Asker(asked.folder, model, asked.sampling, sharing)
