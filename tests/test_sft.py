"""The trainer's loss: less is computed, and loss and gradients are those of the whole."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl")

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig

from medsafetybench.improvement import sft
from medsafetybench.improvement.encode import IGNORED
from medsafetybench.models.hf_files import DEMO

BEGIN = list(range(100, 112))


def rows() -> list[dict[str, list[int]]]:
    """Three examples of unlike lengths that begin alike; the prompt of each goes on for a bit."""
    found = []
    for i, length in enumerate((3, 7, 5)):
        prompt = [*BEGIN, *range(200 + i, 204 + i)]
        answer = list(range(300 + 10 * i, 300 + 10 * i + length))
        ids = prompt + answer
        found.append({"input_ids": ids, "labels": [IGNORED] * len(prompt) + answer})
    return found


def trainer(folder: Path, dropout: float = 0.0) -> Any:
    torch.manual_seed(0)
    made = sft.trainer_class("cpu")(
        model=AutoModelForCausalLM.from_pretrained(DEMO, dtype=torch.float32),
        args=SFTConfig(
            output_dir=str(folder),
            use_cpu=True,
            bf16=False,
            activation_checkpointing=False,
            max_length=None,
            report_to="none",
            dataset_kwargs={"skip_prepare_dataset": True},
            per_device_train_batch_size=3,
        ),
        train_dataset=Dataset.from_list(rows()),
        processing_class=AutoTokenizer.from_pretrained(DEMO),
        peft_config=LoraConfig(
            r=4,
            lora_dropout=dropout,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
            init_lora_weights=False,
        ),
    )
    made.model.train()
    return made


def step(made: Any, inputs: dict[str, Any]) -> tuple[float, dict[str, Any]]:
    """The loss of a micro-batch, and the gradient of each trained weight."""
    made.model.zero_grad()
    loss = made.compute_loss(made.model, copy.copy(inputs))
    loss.backward()
    grads = {n: p.grad.clone() for n, p in made.model.named_parameters() if p.grad is not None}
    return float(loss), grads


def test_what_examples_share_is_computed_once_and_learned_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = trainer(tmp_path)
    inputs = dict(next(iter(made.get_train_dataloader())))
    assert sft.shared(inputs) == len(BEGIN)
    loss, grads = step(made, inputs)
    monkeypatch.setattr(sft, "SHORTEST", 10**9)
    whole, expected = step(made, inputs)
    assert loss == pytest.approx(whole, abs=1e-5)
    assert grads.keys() == expected.keys()
    assert len(grads) > 20
    for name, grad in grads.items():
        assert torch.allclose(grad, expected[name], atol=1e-4), name
    own = made.model(**{k: v for k, v in inputs.items() if k != "labels"}).logits[:, :-1]
    by_hand = torch.nn.functional.cross_entropy(
        own.flatten(0, 1), inputs["labels"][:, 1:].flatten(), ignore_index=IGNORED
    )
    assert loss == pytest.approx(float(by_hand), abs=1e-5)


def test_a_learned_beginning_and_dropout_share_nothing(tmp_path: Path) -> None:
    made = trainer(tmp_path)
    inputs = dict(next(iter(made.get_train_dataloader())))
    assert sft.shared({**inputs, "labels": inputs["input_ids"]}) == 0
    assert sft.shared({name: value[:1] for name, value in inputs.items()}) == 0
    assert made.may_share
    assert not trainer(tmp_path, dropout=0.1).may_share
