"""Tuning a model: a LoRA adapter by supervised fine-tuning or from preferences.

    record = train(Training("demo", "medsafety/improve", Path("ADAPTER"), load_recipe("toy")))

Every step's examples and tokens are decided before the first (prepare.py); TRL's
trainers do the rest. A kill costs what came after the last checkpoint, and the same command goes
on from there: on a CPU, one process and one thread a core, to the same bits.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from typing import Any

from ..errors import MissingExtra, MsbError
from ..models.hf_engine import choose_device, choose_dtype
from ..models.hf_files import ModelFiles, resolve
from ..models.templates import Template, choose_template, has_chat_template
from . import adapter
from .examples import Example, check_sides, data_hash, gather, leaked, mixed
from .preferences import rather_than
from .trainer import run_training
from .training import Decided, Training, Unwatched, Watcher


def train(training: Training, watcher: Watcher | None = None) -> dict[str, Any]:
    """Tune, write the adapter's folder, and return its record (training.json).

    A folder that is done already is left as it is. Raises MsbError for wrong input, a full disk,
    or too little memory; what is stored by then stays.
    """
    watcher = watcher or Unwatched()
    decided = decide(training, watcher)
    if done := adapter.claimed(training.output, decided.settings):
        watcher.note(f"{training.output} is done already: {done['steps']} steps")
        return done
    return run_training(decided, watcher)


def decide(training: Training, watcher: Watcher) -> Decided:
    """All that decides the adapter. Raises MsbError for wrong input."""
    require()
    _check_processes(training.processes)
    if training.quantize:
        _check_quantization()
    files = resolve(training.base, training.revision, training.remote_code)
    if files.adapter:
        raise MsbError(f"--base {training.base} has an adapter; expected a base model alone")
    template = _template(training, files)
    examples = _examples(training, watcher)
    settings = _settings(training, files, template, examples)
    return Decided(training, files, template, examples, settings)


def require() -> None:
    """Raise MissingExtra where something that trains is not installed."""
    for package in ("torch", "transformers", "peft", "trl", "accelerate", "datasets"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(f"msb improve ({package})", "train")


def _check_processes(promised: int) -> None:
    """Raise MsbError unless as many processes run as were promised."""
    there = int(os.environ.get("WORLD_SIZE", "1"))
    if there != promised:
        raise MsbError(
            f"--processes {promised}, and {there} run; start them with `torchrun --standalone "
            f"--nproc_per_node {promised} -m medsafetybench.cli improve ...`"
        )


def first_process() -> bool:
    """True in the one process that speaks and writes, where torchrun has started several."""
    return os.environ.get("RANK", "0") == "0"


def _check_quantization() -> None:
    import torch

    if importlib.util.find_spec("bitsandbytes") is None or not torch.cuda.is_available():
        raise MsbError(
            "--quantize needs a CUDA device and bitsandbytes (pip install bitsandbytes); leave it "
            "out to tune in 16 or 32 bits"
        )


def _template(training: Training, files: ModelFiles) -> Template:
    asked = training.recipe.template
    if asked is None and not has_chat_template(files.base):
        raise MsbError(
            f"the tokenizer of {training.base} brings no chat template; say how to ask it with "
            "--template alpaca, plain or a Jinja file"
        )
    return choose_template(asked, files.base)


def _examples(training: Training, watcher: Watcher) -> list[Example]:
    """What is learned, checked. Raises MsbError."""
    recipe = training.recipe
    where = (training.seed, training.data_dir, training.store)
    pairs = training.preferences
    if recipe.method == "sft":
        examples = gather(training.data, recipe.mix, *where)
        check_sides(examples, recipe.one_sided)
    elif not pairs:
        raise MsbError(f"{recipe.method} needs --rejected-from RUN or --pairs FILE")
    else:
        refusals = [pair.response for pair in pairs if pair.intent == "harmful"]
        examples = [*pairs, *rather_than(refusals, mixed(recipe.mix, len(pairs), *where))]
        if len(refusals) == len(examples):
            watcher.note(
                f"all {len(refusals)} pairs prefer a refusal, and a model tuned so can learn to "
                "refuse everything; --mix starter/improve or run:RUN adds benign requests"
            )
    if found := leaked(examples, training.evaluated, training.data_dir):
        said = ", ".join(f"{count} of {name}" for name, count in found.items())
        if not training.allow_leaks:
            raise MsbError(
                f"the training set has requests that are evaluated on ({said}); leave them out, or "
                "type --allow-leaks"
            )
        watcher.note(f"trains on requests that are evaluated on: {said}")
    return examples


def _settings(
    training: Training, files: ModelFiles, template: Template, examples: Sequence[Example]
) -> dict[str, Any]:
    """All that decides the adapter: a folder belongs to one of these."""
    harmful = sum(e.intent == "harmful" for e in examples)
    return {
        "base": {"name": training.base, "sha256": files.base_identity},
        "data": {
            "names": [training.data, *training.recipe.mix],
            "harmful": harmful,
            "benign": len(examples) - harmful,
            "sha256": data_hash(examples),
        },
        "template": {"name": template.name, "source": template.source},
        "recipe": training.recipe.model_dump(),
        "seed": training.seed,
        "dtype": choose_dtype(training.dtype, choose_device(training.device)),
        "quantize": training.quantize,
    }
