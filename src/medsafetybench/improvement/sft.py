"""TRL's SFTTrainer with a loss that costs less where there is no GPU.

    Trainer = trainer_class("cpu")

Without Triton, TRL runs the language model's head over every position of a batch, learned or not,
twice, and keeps entropy and accuracy besides. Here it runs once, from the first learned position of
the batch on; and what all examples of a micro-batch begin with, as a chat template's system prompt,
goes through the model once and not once for each. The loss is the same: summed over learned tokens,
divided by those of the whole step; and so are its gradients.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from ..models.hf_cache import SHORTEST
from .encode import IGNORED


def trainer_class(device: str) -> Any:
    """TRL's own on CUDA, where its kernels do better; ours elsewhere."""
    from torch.nn.functional import cross_entropy
    from trl import SFTTrainer

    if device.startswith("cuda"):
        return SFTTrainer

    class LeanTrainer(SFTTrainer):  # type: ignore[misc]
        def compute_loss(
            self,
            model: Any,
            inputs: dict[str, Any],
            return_outputs: bool = False,
            num_items_in_batch: Any = None,
        ) -> Any:
            labels = inputs["labels"][:, 1:]
            learned = (labels != IGNORED).any(dim=0).nonzero()
            first = int(learned[0]) if len(learned) else 0
            rest = {name: value for name, value in inputs.items() if name != "labels"}
            if self.may_share:
                rest |= shared_once(model, inputs, self.heads_can_begin_late)
            if self.heads_can_begin_late:
                # What follows the last token is predicted as well, and nobody asks for it.
                rest["logits_to_keep"] = labels.shape[1] - first + 1
            outputs = model(**rest, use_cache="past_key_values" in rest)
            logits = outputs.logits[:, -(labels.shape[1] - first + 1) : -1].float()
            total = cross_entropy(
                logits.flatten(0, 1), labels[:, first:].flatten(), reduction="sum"
            )
            if num_items_in_batch is None:
                loss = total / (labels != IGNORED).sum().clamp(min=1)
            else:
                # It counts the tokens of every process, and gradients are averaged over them.
                loss = total / num_items_in_batch * self.accelerator.num_processes
            return (loss, outputs) if return_outputs else loss

        @cached_property
        def may_share(self) -> bool:
            """False where dropout makes each row's pass its own, or processes count passes."""
            plain = self.model.active_peft_config.lora_dropout == 0
            return bool(plain and self.accelerator.num_processes == 1)

        @cached_property
        def heads_can_begin_late(self) -> bool:
            base = self.accelerator.unwrap_model(self.model).get_base_model()
            return "logits_to_keep" in inspect.signature(base.forward).parameters

    return LeanTrainer


def shared(inputs: Mapping[str, Any]) -> int:
    """How many tokens all examples of a micro-batch begin with, of which none is learned."""
    ids, labels, mask = inputs["input_ids"], inputs["labels"], inputs.get("attention_mask")
    if len(ids) < 2 or mask is None:
        return 0
    # The last of them predicts the first token after them, so one more must be unlearned.
    same = (ids == ids[:1]) & (mask == 1)
    same[:, :-1] &= labels[:, 1:] == IGNORED
    same[:, -1] = False
    return int(same.all(dim=0).cumprod(dim=0).sum())


def shared_once(model: Any, inputs: Mapping[str, Any], late: bool) -> dict[str, Any]:
    """What the model is given in place of what all examples begin with: its keys and values, for
    each row; nothing where that is little, or where a model keeps more than keys and values.

    ``late`` says that the head can be told to begin late.
    """
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    ids, length = inputs["input_ids"], shared(inputs)
    if length < SHORTEST:
        return {}
    head = {"logits_to_keep": 1} if late else {}
    kept = model(input_ids=ids[:1, :length], use_cache=True, **head).past_key_values
    if type(kept) is not DynamicCache or {type(one) for one in kept.layers} != {DynamicLayer}:
        return {}
    for one in kept.layers:
        one.keys = one.keys.expand(len(ids), -1, -1, -1)
        one.values = one.values.expand(len(ids), -1, -1, -1)
    return {"input_ids": ids[:, length:], "past_key_values": kept}
