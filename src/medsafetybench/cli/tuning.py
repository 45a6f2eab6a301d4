"""What `msb improve` and `msb sweep` share: options, and reading their values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..errors import MsbError
from . import options
from .usage import at_least

if TYPE_CHECKING:
    from ..improvement.evidence import Measures
    from ..improvement.recipe import Recipe

Base = Annotated[str, Parameter(help="hf:ORG/NAME, hf:FOLDER or hf:demo.")]
RecipeName = Annotated[
    str | None,
    Parameter(
        name="--recipe", help="default, paper, toy, dpo, orpo, kto, toy-dpo or a .yaml file."
    ),
]
Change = Annotated[
    list[str] | None,
    Parameter(
        name="--set", metavar="NAME=VALUE", help="Change a setting of the recipe; repeatable."
    ),
]
Mix = Annotated[
    list[str] | None,
    Parameter(
        metavar="NAME[:SHARE]",
        help="Further examples, as starter/improve:0.5, or run:RUN for a model's own good answers; "
        "none for refusals only; repeatable.",
    ),
]
EvaluateOn = Annotated[
    list[str] | None,
    Parameter(
        help="Benchmarks to measure on, and to keep out of the training set; repeatable. "
        "[default: starter/eval, and medsafety/eval where its files are]"
    ),
]
Judge = Annotated[
    list[str] | None, Parameter(help="Who scores, as in msb evaluate. [default: screen]")
]
Tasks = Annotated[
    list[str] | None,
    Parameter(
        name="--capability",
        metavar="TASK",
        help="Tasks of msb capability, or none; repeatable. [default: probe]",
    ),
]
MaxTokens = Annotated[
    int, Parameter(validator=at_least(1), help="Longest response when measuring.")
]
Limit = Annotated[
    int | None, Parameter(validator=at_least(1), help="Measure on a sample of each benchmark.")
]


def local(spec: str) -> str:
    """The name in ``hf:NAME``. Raises MsbError for a model that is elsewhere."""
    kind, colon, name = spec.partition(":")
    if not colon or kind != "hf" or not name:
        raise MsbError(
            f"{spec!r}; expected hf:ORG/NAME, hf:FOLDER or hf:demo, a model to tune here"
        )
    return name


def chosen_recipe(
    name: str | None,
    method: str | None,
    template: str | None,
    mix: list[str] | None,
    change: list[str] | None,
) -> Recipe:
    """The recipe named, or that of the method, with what the options change."""
    import orjson

    from ..improvement.recipe import METHODS, load_recipe

    changes = options.pairs("--set", change)
    if method and method not in METHODS:
        raise MsbError(f"--method {method!r}; expected {', '.join(METHODS)}")
    given = name or {None: "default", "sft": "default"}.get(method, method)
    if method and name:
        changes["method"] = method
    if template:
        changes["template"] = template
    if mix == ["none"]:
        changes |= {"mix": "[]", "one_sided": "true"}
    elif mix:
        changes["mix"] = orjson.dumps(mix).decode()
    return load_recipe(str(given), changes)


def measured_on(given: list[str] | None, data_dir: Path | None) -> list[str]:
    """The benchmarks asked for, else starter/eval, and medsafety/eval where its files are."""
    if given:
        return given
    from ..benchmarks import load_benchmark

    try:
        next(iter(load_benchmark("medsafety/eval", data_dir=data_dir)))
    except MsbError:
        return ["starter/eval"]
    return ["medsafety/eval", "starter/eval"]


def measures_of(
    benchmarks: list[str],
    judge: list[str] | None,
    judge_url: list[str] | None,
    capability: list[str] | None,
    max_tokens: int,
    limit: int | None,
    dtype: str | None,
    device: str | None,
    data_dir: Path | None,
    store: Path,
    revision: str | None = None,
    trust_remote_code: bool = False,
) -> Measures:
    """What ``gather_evidence`` wants to know, from the command line's options."""
    from ..capability.tasks import require_harness
    from ..improvement.evidence import Measures
    from ..models.settings import Endpoint
    from ..records import Sampling

    tasks = [] if capability == ["none"] else capability or ["probe"]
    if tasks:
        require_harness()  # now, and not after the training
    return Measures(
        benchmarks=benchmarks,
        judges=judge or ["screen"],
        tasks=tasks,
        sampling=Sampling(max_tokens=max_tokens),
        store=store,
        data_dir=data_dir,
        endpoint=Endpoint(
            revision=revision, dtype=dtype, device=device, trust_remote_code=trust_remote_code
        ),
        judge_endpoints=[Endpoint(url=url) for url in judge_url or (None,)],
        limit=limit,
    )
