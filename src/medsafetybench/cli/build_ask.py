"""The stages of `msb build` that ask a model, and the search for a suffix.

msb build elicit ours --model openai:MODEL --url http://127.0.0.1:8000/v1
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..errors import MsbError
from . import options
from .build_run import DryRun, Folder, Limit, Redo, run
from .usage import at_least

if TYPE_CHECKING:
    from ..building.asking import Asker

ModelSpec = Annotated[
    str,
    Parameter(
        name="--model",
        help="Who is asked: openai:MODEL, hf:MODEL, inspect:PROVIDER/MODEL or "
        "python:package.module:function.",
    ),
]
Url = Annotated[
    str | None, Parameter(name="--url", help="Its address, as http://127.0.0.1:8000/v1.")
]
KeyEnv = Annotated[
    str | None, Parameter(name="--key-env", help="The environment variable that holds its key.")
]
Revision = Annotated[str | None, Parameter(name="--revision", help="What it serves.")]
Concurrency = Annotated[int, Parameter(validator=at_least(1), help="Calls at once.")]
Params = Annotated[
    list[str] | None,
    Parameter(name="--param", metavar="NAME=VALUE", help="Into each request body; null drops one."),
]
Temperature = Annotated[float, Parameter(validator=at_least(0), help="0 is greedy.")]
MaxTokens = Annotated[int, Parameter(validator=at_least(1), help="Longest reply.")]


def elicit(
    folder: Folder,
    /,
    *,
    model: ModelSpec,
    way: Annotated[
        str, Parameter(help="direct, prefill (begins the answer) or suffix (see docs).")
    ] = "direct",
    begun: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True, help="The beginning of the answer, or the suffix; or @FILE."
        ),
    ] = None,
    patience: Annotated[
        int,
        Parameter(
            validator=at_least(1), help="Give up after so many replies without a new request."
        ),
    ] = 20,
    url: Url = None,
    key_env: KeyEnv = None,
    revision: Revision = None,
    concurrency: Concurrency = 32,
    param: Params = None,
    temperature: Temperature = 1.0,
    max_tokens: MaxTokens = 1024,
    limit: Limit = None,
    max_calls: options.MaxCalls = None,
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
    project = Project(folder)
    asker = open_asker(
        folder, model, url, key_env, revision, concurrency, param, temperature, max_tokens,
        max_calls,
    )  # fmt: skip
    if redo and not dry_run:
        project.redo("elicit")
    stage = Elicit(project, asker, way, options.text("--begun", begun), patience)
    run(project, stage, max_tokens, limit, dry_run, False, as_json)


def filter_(
    folder: Folder,
    /,
    *,
    model: ModelSpec,
    url: Url = None,
    key_env: KeyEnv = None,
    revision: Revision = None,
    concurrency: Concurrency = 32,
    param: Params = None,
    temperature: Temperature = 0.0,
    max_tokens: MaxTokens = 512,
    limit: Limit = None,
    max_calls: options.MaxCalls = None,
    dry_run: DryRun = False,
    redo: Redo = False,
    as_json: options.Json = False,
) -> None:
    """Have a judge score each request itself; keep what is plainly harmful."""
    from ..building import Project
    from ..building.filter import Filter, filter_rates

    project = Project(folder)
    asker = open_asker(
        folder, model, url, key_env, revision, concurrency, param, temperature, max_tokens,
        max_calls,
    )  # fmt: skip
    rates = (lambda: {"rates": filter_rates(project)}) if not dry_run else dict
    run(project, Filter(project, asker), max_tokens, limit, dry_run, redo, as_json, rates)


def contrast(
    folder: Folder,
    /,
    *,
    model: ModelSpec,
    url: Url = None,
    key_env: KeyEnv = None,
    revision: Revision = None,
    judge: Annotated[
        str | None, Parameter(help="openai:MODEL: keep only twins that it finds benign.")
    ] = None,
    judge_url: Annotated[str | None, Parameter(help="The judge's address.")] = None,
    concurrency: Concurrency = 32,
    param: Params = None,
    temperature: Temperature = 0.7,
    max_tokens: MaxTokens = 512,
    limit: Limit = None,
    max_calls: options.MaxCalls = None,
    dry_run: DryRun = False,
    redo: Redo = False,
    as_json: options.Json = False,
) -> None:
    """Write a benign twin for each harmful request."""
    from ..building import Project
    from ..building.contrast import Contrast

    project = Project(folder)
    asker = open_asker(
        folder, model, url, key_env, revision, concurrency, param, temperature, max_tokens,
        max_calls,
    )  # fmt: skip
    checker = None
    if judge:
        checker = open_asker(
            folder, judge, judge_url or url, key_env, None, concurrency, None, 0.0, max_tokens,
            None, sharing=asker,
        )  # fmt: skip
    run(project, Contrast(project, asker, checker), max_tokens, limit, dry_run, redo, as_json)


def answer(
    folder: Folder,
    /,
    *,
    model: ModelSpec,
    url: Url = None,
    key_env: KeyEnv = None,
    revision: Revision = None,
    concurrency: Concurrency = 32,
    param: Params = None,
    temperature: Temperature = 0.7,
    max_tokens: MaxTokens = 512,
    limit: Limit = None,
    max_calls: options.MaxCalls = None,
    dry_run: DryRun = False,
    redo: Redo = False,
    as_json: options.Json = False,
) -> None:
    """Write a safe response to each harmful request."""
    from ..building import Project
    from ..building.answer import Answer

    project = Project(folder)
    asker = open_asker(
        folder, model, url, key_env, revision, concurrency, param, temperature, max_tokens,
        max_calls,
    )  # fmt: skip
    run(project, Answer(project, asker), max_tokens, limit, dry_run, redo, as_json)


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
    print(optimised_suffix(loaded, tokenizer, prompt, target, steps, seed))


def open_asker(
    folder: Path,
    spec: str,
    url: str | None,
    key_env: str | None,
    revision: str | None,
    concurrency: int,
    param: list[str] | None,
    temperature: float,
    max_tokens: int,
    max_calls: int | None,
    sharing: Asker | None = None,
) -> Asker:
    """A model with its sampling; ``sharing`` the replies and the budget of another."""
    from ..building.application import open_any
    from ..building.asking import Asker
    from ..models import Budget, Meter
    from ..models.settings import Endpoint
    from ..records import Sampling

    endpoint = Endpoint(url, key_env, revision, concurrency)
    budget = sharing.model.meter.budget if sharing else Budget(max_calls)
    model = open_any(spec, endpoint, Meter(budget))
    extra = options.parameters("--param", param)
    sampling = Sampling(temperature, max_tokens, extra=extra)
    return Asker(folder, model, sampling, sharing)
