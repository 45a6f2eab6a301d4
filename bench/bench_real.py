"""The real model on this machine: `hf:` against transformers, one by one and in batches of 32, and
against llama.cpp's server.

    python bench/bench_real.py [--requests 64] [--new 64] [--alone 4] [--device cuda]

SmolLM2-135M-Instruct (`make real-model`), the starter's requests, greedy, float32, one thread; all
sides in one process, one after the other. Tokens a second of processor time, which a shared machine
stretches less, and with a GPU by the clock; a response's tokens are counted up to its end. "Batch
of 32" are the requests in their order, 32 at a time, padded on the left. llama.cpp's server
(`pip install 'llama-cpp-python[server]'`) has the same file in its 4 bits and answers one request
at a time; where it is not installed it is left out. Without the model nothing is measured, and a
line says so.
"""

from __future__ import annotations

import argparse
import asyncio
import atexit
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import psutil
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from bench_local import batched
from medsafetybench import load_benchmark
from medsafetybench.models.hf import HFModel
from medsafetybench.models.hf_files import resolve
from medsafetybench.models.openai import OpenAIModel
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


class LlamaCpp:
    """llama.cpp's server on the same file, asked by our own client."""

    def __init__(self, path: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        start = (sys.executable, "-m", "llama_cpp.server", "--model", str(path))
        options = ("--port", str(port), "--n_ctx", "2048", "--n_threads", "1")
        self._process = subprocess.Popen(
            [*start, *options, "--n_threads_batch", "1"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        atexit.register(self._process.kill)
        address = f"http://127.0.0.1:{port}/v1"
        while self._process.poll() is None:
            with suppress(OSError), urllib.request.urlopen(f"{address}/models", timeout=5):
                break
            time.sleep(0.2)
        else:
            sys.exit(f"llama.cpp's server ended with exit code {self._process.returncode}")
        self._model = OpenAIModel("smollm2", address, concurrency=1, timeout=600)
        self._runner = asyncio.Runner()

    def answers(self, texts: Sequence[str], new: int) -> list[str]:
        """The responses, in the order of the requests."""
        return self._runner.run(batched(self._model, texts, new))

    def close(self) -> None:
        """Let go of the connection; the server ends with this process."""
        self._runner.run(self._model.close())

    def clock(self) -> float:
        """Seconds of processor time that the server has taken."""
        spent = psutil.Process(self._process.pid).cpu_times()
        return float(spent.user + spent.system)


def measured(
    name: str,
    answer: Callable[[Sequence[str]], list[str]],
    texts: Sequence[str],
    there: Reference,
    clock: Callable[[], float],
) -> tuple[float, list[str]]:
    """Tokens a second, and the texts; said on standard error."""
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
    clock = time.process_time if asked.device == "cpu" else time.perf_counter
    found = {n: measured(n, call, some, there, clock) for n, (call, some) in sides.items()}
    if asked.device == "cpu" and find_spec("llama_cpp"):
        server = LlamaCpp(path)
        call = partial(server.answers, new=asked.new)
        found["llama.cpp"] = measured("llama.cpp", call, texts, there, server.clock)
        server.close()
    best = found["hf:"][0]
    for name, (rate, said) in found.items():
        equal = sum(a == b for a, b in zip(said, found["hf:"][1], strict=False))
        print(
            f"{name}: {rate:.0f} tokens/s, `hf:` {best / rate:.2f} x; the same text for {equal} of "
            f"{len(said)}"
        )


if __name__ == "__main__":
    main()
