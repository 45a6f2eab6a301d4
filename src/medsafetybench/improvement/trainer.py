"""The trainers of TRL, set up and run: everything of a training that touches torch.

    record = run_training(decided, watcher)

The order of the examples is decided (prepare.py), so the trainer reads them in sequence, as one
long epoch.
"""

from __future__ import annotations

import errno
import math
import os
import shutil
import time
import warnings
from typing import Any

from .. import __version__
from ..errors import MsbError
from ..models.hf_engine import (
    WIDTH,
    choose_device,
    choose_dtype,
    load_model,
    load_tokenizer,
    out_of_memory,
)
from ..models.hf_files import ModelFiles
from ..models.hf_memory import TRAINERS, gigabytes
from . import adapter
from .checkpoints import last_checkpoint, mark
from .encode import IGNORED, Encoder
from .nodes import differing, everyone_s
from .prepare import TOKENS, Prepared, prepare
from .sft import trainer_class
from .training import Decided, Training, Watcher

CHECKPOINTS_A_RUN = 10
LITTLE_ROOM = 1 << 20
"""Bytes: a disk with less than this is taken to be what stopped a checkpoint."""


def run_training(decided: Decided, watcher: Watcher) -> dict[str, Any]:
    """Train from the last checkpoint on, write the adapter, and return its record."""
    from datasets import disable_progress_bars
    from transformers import set_seed

    disable_progress_bars()
    # What the libraries will do differently one day is theirs to settle; versions are pinned.
    warnings.simplefilter("ignore", FutureWarning)
    training, files, settings = decided.training, decided.files, decided.settings
    set_seed(training.seed)
    tokenizer = load_tokenizer(files)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    encoder = Encoder(tokenizer, decided.template)
    data = prepare(encoder, decided.examples, training.recipe, training.seed)
    if data.dropped:
        of = len(decided.examples)
        watcher.note(f"{data.dropped} of {of} examples are too long to learn from")
    if size := memory(training, files, data):
        watcher.note(f"takes about {gigabytes(size)} of memory")
    folder = adapter.begin(training.output, settings)
    trainer = _trainer(training, files, encoder, data, watcher)
    resumed = last_checkpoint(folder)
    seen = {**settings, "checkpoint": resumed.name if resumed else None}
    if said := differing(everyone_s(seen, training.processes)):
        raise MsbError(said)
    if resumed:
        watcher.note(f"goes on from {resumed.name.replace('-', ' ')}")
    started = time.perf_counter()
    try:
        trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
        saved = folder / "final"
        trainer.save_model(str(saved))
        record = {
            "settings": settings,
            **_account(trainer),
            "dropped": data.dropped,
            "tokens": data.tokens,
            "seconds": time.perf_counter() - started,
            "processes": training.processes,
            "versions": versions(),
        }
        if trainer.is_world_process_zero():
            adapter.finish(training.output, saved, record)
    except Exception as error:  # torch, safetensors and the trainer have classes of their own
        raise _explained(training, error) from error
    return record


def memory(training: Training, files: ModelFiles, data: Prepared) -> float | None:
    """Bytes that a process will take at its largest micro-batch; None where nobody has measured.

    That is for texts, quantised bases, and models whose config does not tell their sizes.
    """
    if training.recipe.method not in TOKENS or training.quantize or files.shape is None:
        return None
    size = training.recipe.micro_batch
    if training.recipe.method == "sft":
        lengths = [len(row["input_ids"]) for row in data.rows]
        learned = [sum(label != IGNORED for label in row["labels"]) for row in data.rows]
    else:  # both responses of a pair at once, and logits at each of their tokens
        longer = (max(len(row["chosen_ids"]), len(row["rejected_ids"])) for row in data.rows)
        heads = (len(row["prompt_ids"]) for row in data.rows)
        lengths = learned = [2 * sum(both) for both in zip(heads, longer, strict=True)]
    tokens = max(size * max(lengths[i : i + size]) for i in range(0, len(lengths), size))
    device = choose_device(training.device)
    width = WIDTH[choose_dtype(training.dtype, device)]
    libraries = 0 if device.startswith("cuda") else TRAINERS
    return libraries + files.shape.training(tokens, size * max(learned), width)


def _explained(training: Training, error: Exception) -> Exception:
    """What stopped a training, in one line where it is the machine's doing."""
    full = getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error)
    if full or shutil.disk_usage(training.output).free < LITTLE_ROOM:
        return MsbError(
            f"the disk that holds {training.output} is full; what the last whole checkpoint has is "
            "kept: free some space and run the same command again"
        )
    if out_of_memory(error):
        return MsbError(
            f"not enough memory for micro-batches of {training.recipe.micro_batch} examples of up "
            f"to {training.recipe.max_length} tokens; try --set micro_batch=1, a smaller "
            "max_length or --dtype bfloat16, and a new -o"
        )
    return error


def _quantization() -> dict[str, Any]:
    """QLoRA (Dettmers et al. 2023): 4-bit NormalFloat, quantised twice."""
    import torch
    from transformers import BitsAndBytesConfig

    return {
        "quantization_config": BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
    }


def _trainer(
    training: Training, files: ModelFiles, encoder: Encoder, data: Prepared, watcher: Watcher
) -> Any:
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import EarlyStoppingCallback, PrinterCallback

    recipe = training.recipe
    make, config, extra = _kind(training)
    device = choose_device(training.device)
    early = bool(data.validation and recipe.patience)
    trainer = make(
        model=load_model(
            files,
            choose_dtype(training.dtype, device),
            **(_quantization() if training.quantize else {}),
        ),
        args=config(**_arguments(training, data.steps, device, early), **extra),
        train_dataset=Dataset.from_list(data.rows),
        eval_dataset=Dataset.from_list(data.validation) if early else None,
        processing_class=encoder.tokenizer,
        peft_config=LoraConfig(
            r=recipe.rank,
            lora_alpha=recipe.alpha,
            lora_dropout=recipe.dropout,
            target_modules=recipe.modules,
            task_type="CAUSAL_LM",
        ),
        callbacks=[
            _watching(watcher),
            *([EarlyStoppingCallback(recipe.patience)] if early else []),
        ],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _arguments(training: Training, steps: int, device: str, early: bool) -> dict[str, Any]:
    """What every method's trainer is told. Raises MsbError for a batch that cannot be made up."""
    recipe = training.recipe
    every = max(1, math.ceil(steps / CHECKPOINTS_A_RUN))
    accumulate = recipe.batch // (recipe.micro_batch * training.processes)
    if not accumulate:
        raise MsbError(
            f"batch {recipe.batch} is less than micro_batch {recipe.micro_batch} times "
            f"{training.processes} processes; change one with --set"
        )
    rows_a_pair = 2 if recipe.method == "kto" else 1
    return {
        "output_dir": str(training.output / adapter.CHECKPOINTS),
        "per_device_train_batch_size": recipe.micro_batch * rows_a_pair,
        "per_device_eval_batch_size": recipe.micro_batch * rows_a_pair,
        "gradient_accumulation_steps": accumulate,
        "num_train_epochs": 1,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": recipe.schedule,
        "warmup_steps": recipe.warmup,
        "train_sampling_strategy": "sequential",
        "use_cpu": device == "cpu",
        "bf16": device.startswith("cuda") and choose_dtype(training.dtype, device) == "bfloat16",
        "activation_checkpointing": device.startswith("cuda"),
        "eval_strategy": "steps" if early else "no",
        "eval_steps": every,
        "save_strategy": "steps",
        "save_steps": every,
        "save_total_limit": 2,
        "load_best_model_at_end": early,
        "metric_for_best_model": "eval_loss" if early else None,
        "logging_strategy": "steps",
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "report_to": training.report_to,
        "seed": training.seed,
        "disable_tqdm": True,
    }


def _kind(training: Training) -> tuple[Any, Any, dict[str, Any]]:
    """Trainer class, config class, and the settings that only this method has."""
    recipe = training.recipe
    if recipe.method == "sft":
        from trl import SFTConfig

        # The rows are tokens already, no longer than they may be.
        return (
            trainer_class(choose_device(training.device)),
            SFTConfig,
            {"max_length": None, "dataset_kwargs": {"skip_prepare_dataset": True}},
        )
    common = {"beta": recipe.beta, "max_length": recipe.max_length}
    if recipe.method == "dpo":
        from trl import DPOConfig, DPOTrainer

        losses = ["sigmoid", "sft"] if recipe.sft_weight else ["sigmoid"]
        weights = [1.0, recipe.sft_weight][: len(losses)]
        weighted = {"loss_type": losses, "loss_weights": weights}
        return _as_they_are(DPOTrainer), DPOConfig, common | weighted
    if recipe.method == "kto":
        from trl import KTOConfig, KTOTrainer

        return KTOTrainer, KTOConfig, common
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # the version is pinned
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer

    return ORPOTrainer, ORPOConfig, common


def _as_they_are(trainer: Any) -> Any:
    """TRL's trainer for rows that are tokens already; it would end every response, cut or not."""

    class Prepared(trainer):  # type: ignore[misc]
        def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
            return dataset

    return Prepared


def _watching(watcher: Watcher) -> Any:
    """A callback that tells the watcher of each step, and marks whole checkpoints."""
    from pathlib import Path

    from transformers import TrainerCallback

    class Watching(TrainerCallback):  # type: ignore[misc]
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if state.is_world_process_zero and logs and "loss" in logs:
                watcher.step(state.global_step, state.max_steps, float(logs["loss"]))

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.is_world_process_zero:
                mark(Path(args.output_dir) / f"checkpoint-{state.global_step}")

    return Watching()


def _account(trainer: Any) -> dict[str, Any]:
    """Steps taken, and the loss of each, in nats a token; held-out losses where there are any."""
    history = trainer.state.log_history
    return {
        "steps": trainer.state.global_step,
        "best_step": trainer.state.best_global_step,
        "losses": [{"step": e["step"], "loss": e["loss"]} for e in history if "loss" in e],
        "held_out": [
            {"step": e["step"], "loss": e["eval_loss"]} for e in history if "eval_loss" in e
        ],
    }


def versions() -> dict[str, str]:
    """What the adapter was made by."""
    from importlib.metadata import version

    packages = ("torch", "transformers", "peft", "trl")
    return {"medsafetybench": __version__} | {package: version(package) for package in packages}
