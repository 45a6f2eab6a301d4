"""What `msb improve` and `msb sweep` share: options, and reading their values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..errors import MsbError
from ..evaluation.spec import EvaluationSpec
from . import reading

if TYPE_CHECKING:
    from ..improvement.evidence import EvidenceSpec
    from ..improvement.recipe import Recipe

Base = Annotated[str, Parameter(help="hf:ORG/NAME, hf:FOLDER, hf:FILE.gguf or hf:demo.")]
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
        help="Further examples, as starter/improve:0.5, or run:RUN for a model's own good answers "
        "(of preferences: rather than a refusal); none for refusals only; repeatable.",
    ),
]
EvaluateOn = Annotated[
    list[str] | None,
    Parameter(
        help="Benchmarks to measure on, and to keep out of the training set; repeatable. "
        "[default: starter/eval, and medsafety/eval where its files are]"
    ),
]
Tasks = Annotated[
    list[str] | None,
    Parameter(
        name="--capability",
        metavar="TASK",
        help="Tasks of msb capability, or none; repeatable. [default: probe]",
    ),
]


NOT_OURS = {
    *("target", "target_url", "target_key_env", "target_revision", "target_price", "seed"),
    *("benchmark", "source", "principle", "intent", "column", "exclude_leaked", "only_failed"),
    *("pressure", "converter", "name"),
}
"""Settings of an evaluation that do not go with measuring a model before and after."""


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

    changes = reading.pairs("--set", change)
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


def measured_on(given: list[str] | None, data_dir: str | Path | None) -> list[str]:
    """The benchmarks asked for, else starter/eval, and medsafety/eval where its files are."""
    if given:
        return given
    from ..benchmarks import load_benchmark

    try:
        next(iter(load_benchmark("medsafety/eval", data_dir=data_dir)))
    except MsbError:
        return ["starter/eval"]
    return ["medsafety/eval", "starter/eval"]


def evidence_spec(
    benchmarks: list[str], capability: list[str] | None, how: EvaluationSpec
) -> EvidenceSpec:
    """On what to measure, and how."""
    from ..capability.tasks import require_harness
    from ..improvement.evidence import EvidenceSpec

    tasks = [] if capability == ["none"] else capability or ["probe"]
    if tasks:
        require_harness()  # now, and not after the training
    return EvidenceSpec(benchmarks, tasks, how)
