"""Recipes: the settings of a training, as data.

    load_recipe("default", {"learning_rate": "1e-4"})

The shipped ones are recipes/*.yaml: ``default`` (ours), ``paper`` (the published
hyper-parameters), ``dpo``, ``orpo`` and ``kto`` (preferences), and ``toy`` and ``toy-dpo`` for
models of about a million parameters, on which the others have no effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import MsbError, UnknownName
from ..yamltext import load_yaml, read_yaml

METHODS = ("sft", "dpo", "orpo", "kto")
Loss = Literal["response", "all"]
Method = Literal["sft", "dpo", "orpo", "kto"]


class Recipe(BaseModel):
    """See each field's description; ``load_recipe`` reads one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(default="default", description="What to call it")
    method: Method = Field(default="sft", description="sft, or learning from preferences")
    template: str | None = Field(
        default=None,
        description="chat, alpaca, plain or a Jinja file; null is the model's own chat",
    )
    loss: Loss = Field(default="response", description="Which tokens are learned: response, or all")
    rank: Annotated[int, Field(ge=1, description="LoRA: rank of the update")] = 16
    alpha: Annotated[int, Field(gt=0, description="LoRA: scale, divided by rank")] = 32
    dropout: Annotated[float, Field(ge=0, lt=1, description="LoRA: dropout")] = 0.0
    modules: str | list[str] = Field(
        default="all-linear", description="LoRA: which layers it is put on"
    )
    learning_rate: Annotated[float, Field(gt=0, description="Highest learning rate")] = 2e-4
    schedule: Literal["linear", "cosine", "constant"] = Field(
        default="cosine", description="How the learning rate falls after the warm-up"
    )
    warmup: Annotated[
        float, Field(ge=0, description="Warm-up: steps, or below 1 their share of all")
    ] = 0.1
    epochs: Annotated[float, Field(gt=0, description="Passes over the training examples")] = 3
    batch: Annotated[int, Field(ge=1, description="Examples to a step, all processes together")] = (
        32
    )
    micro_batch: Annotated[int, Field(ge=1, description="Examples to a forward pass")] = 4
    max_length: Annotated[int, Field(ge=2, description="Longest example, in tokens")] = 1024
    sorted_batches: bool = Field(
        default=True, description="Put examples of like length into one micro-batch of a batch"
    )
    mix: list[str] = Field(
        default_factory=list, description="Further examples, each as NAME or NAME:SHARE"
    )
    one_sided: bool = Field(default=False, description="Refusals only are what is wanted")
    validation: Annotated[
        float, Field(ge=0, lt=1, description="Share of the examples that is held out")
    ] = 0.1
    patience: Annotated[
        int, Field(ge=0, description="Checks without a better validation loss; 0 is to the end")
    ] = 3
    beta: Annotated[float, Field(gt=0, description="Preferences: weight of the reference")] = 0.1
    sft_weight: Annotated[
        float, Field(ge=0, description="DPO: weight of the chosen responses' own loss")
    ] = 1.0


def names() -> list[str]:
    """The shipped recipes."""
    folder = files(__package__) / "recipes"
    return sorted(p.name.removesuffix(".yaml") for p in folder.iterdir())


def load_recipe(name: str | Path, changes: Mapping[str, str] | None = None) -> Recipe:
    """A shipped recipe by name, or a .yaml file, with some of its settings changed.

    ``changes`` holds YAML values by name. Raises MsbError for an unknown recipe or setting, or a
    value that cannot be.
    """
    settings = {**_settings(str(name)), **{k: _value(v) for k, v in (changes or {}).items()}}
    known = Recipe.model_fields
    for setting in settings:
        if setting not in known:
            raise UnknownName("setting of a recipe", setting, list(known))
    try:
        recipe = Recipe(**settings)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise MsbError(
            f"recipe {name}: {where} is {first['input']!r}; {first['msg'].lower()}"
        ) from None
    if recipe.batch % recipe.micro_batch:
        raise MsbError(
            f"recipe {name}: batch {recipe.batch} is no multiple of micro_batch "
            f"{recipe.micro_batch}; change one with --set"
        )
    return recipe


def _settings(name: str) -> dict[str, Any]:
    if name in names():
        text = (files(__package__) / "recipes" / f"{name}.yaml").read_text("utf-8")
        found = load_yaml(f"recipe {name}", text)
    elif name.endswith((".yaml", ".yml")):
        found = read_yaml(Path(name).expanduser())
    else:
        raise UnknownName("recipe", name, [*names(), "FILE.yaml"])
    if not isinstance(found, dict):
        raise MsbError(f"recipe {name}; expected lines such as `learning_rate: 2e-4`")
    return {"name": Path(name).stem, **{k: _number(v) for k, v in found.items()}}


def _value(text: str) -> Any:
    try:
        return _number(load_yaml("--set", text))
    except MsbError:
        return text


def _number(value: Any) -> Any:
    """YAML 1.1 reads 2e-4 as text; here it is the number everyone means."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value
