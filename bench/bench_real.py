"""The real model on this machine: `hf:` against transformers, one by one and in batches of 32.

    python bench/bench_real.py [--requests 64] [--new 64] [--alone 4] [--device cuda]

SmolLM2-135M-Instruct (`make real-model`), the starter's requests, greedy, float32, one thread; all
sides in one process, one after the other. Tokens a second of processor time, which a shared machine
stretches less, and with a GPU by the clock; a response's tokens are counted up to its end. "Batch
of 32" are the requests in their order, 32 at a time, padded on the left. Without the package
nothing is measured, and a line says so.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from bench_local import batched
from medsafetybench import load_benchmark
from medsafetybench.models.hf import HFModel
from medsafetybench.models.hf_files import resolve
from medsafetybench.models.settings import Endpoint
from real_model import real_model

BATCH = 32


class Reference:
    """transformers as one would call it: a chat template, padding on the left, ``generate``."""

    def __init__(self, folder: Path, device: str) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        self.model = model.to(device).eval()

    def answers(self, texts: Sequence[str], size: int, new: int) -> list[str]:
        """The responses, ``size`` requests at a time, in their order."""
        found: list[str] = []
        for i in range(0, len(texts), size):
            found += self._batch(texts[i : i + size], new)
        return found

    def _batch(self, texts: Sequence[str], new: int) -> list[str]:
        turns = [[{"role": "user", "content": text}] for text in texts]
        asked: Any = self.tokenizer.apply_chat_template(
            turns,
            add_generation_prompt=True,
            return_tensors="pt",
            return_dict=True,
            padding=True,
        ).to(self.model.device)
        with torch.inference_mode():
            out = self.model.generate(**asked, max_new_tokens=new, do_sample=False)
        told = out[:, asked["input_ids"].shape[1] :]
        return self.tokenizer.batch_decode(told, skip_special_tokens=True)


class Ours:
    """`hf:`, asked as in a run; loaded once, as the reference is."""

    def __init__(self, path: Path, device: str) -> None:
        self._model = HFModel(str(path), Endpoint(device=device, dtype="float32"))
        self._runner = asyncio.Runner()
        self.answers(["Hello"], 1)

    def answers(self, texts: Sequence[str], new: int) -> list[str]:
        """The responses, in the order of the requests."""
        return self._runner.run(batched(self._model, texts, new))


def measured(
    name: str, answer: Callable[[Sequence[str]], list[str]], texts: Sequence[str], there: Reference
) -> tuple[float, list[str]]:
    """Tokens a second, and the texts; said on standard error."""
    clock = time.process_time if there.model.device.type == "cpu" else time.perf_counter
    started = clock()
    said = answer(texts)
    spent = clock() - started
    tokens = sum(len(there.tokenizer.encode(text, add_special_tokens=False)) for text in said)
    sys.stderr.write(f"{name}: {tokens:,} tokens in {spent:.0f} s\n")
    return tokens / spent, said


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=64)
    parser.add_argument("--new", type=int, default=64, help="new tokens of each response")
    parser.add_argument("--alone", type=int, default=4, help="requests for the side one by one")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    asked = parser.parse_args()
    if (path := real_model()) is None:
        sys.exit("the real model is not installed; `make real-model` does so")
    torch.set_num_threads(1)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    texts = [request.text for request in load_benchmark("starter/eval")][: asked.requests]
    there = Reference(resolve(str(path)).base, asked.device)
    there.answers(texts[:1], 1, 1)
    ours = Ours(path, asked.device)
    sides = {
        "one by one": (lambda t: there.answers(t, 1, asked.new), texts[: asked.alone]),
        "batch of 32": (lambda t: there.answers(t, BATCH, asked.new), texts),
        "hf:": (lambda t: ours.answers(t, asked.new), texts),
    }
    found = {n: measured(n, call, some, there) for n, (call, some) in sides.items()}
    best = found["hf:"][0]
    for name, (rate, said) in found.items():
        equal = sum(a == b for a, b in zip(said, found["hf:"][1], strict=False))
        print(
            f"{name}: {rate:.0f} tokens/s, `hf:` {best / rate:.2f} x; the same text for {equal} of "
            f"{len(said)}"
        )


if __name__ == "__main__":
    main()
