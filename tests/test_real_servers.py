"""The same 24 requests to the real model behind servers that we did not write, and to ``hf:``.

Greedy, so the texts are to be the same; one that is not must part where the model itself hardly
prefers one token: under 32-bit arithmetic by next to nothing, under llama.cpp's, which rounds what
goes into each layer to 8 bits, by less than would matter to a reader.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from test_hf_server import wait_for

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

from conftest import free_port
from medsafetybench import load_benchmark
from medsafetybench.models.hf import HFModel
from medsafetybench.models.hf_files import resolve
from medsafetybench.models.openai import OpenAIModel
from medsafetybench.models.settings import Endpoint
from medsafetybench.records import Sampling
from real_model import real_model

if real_model() is None:
    pytest.skip("needs the real model; `make real-model` installs it", allow_module_level=True)

ASKED = [request.text for request in load_benchmark("starter/eval")][:24]
SAMPLING = Sampling(max_tokens=12)
NEAR = {"transformers": 1e-3, "llama.cpp": 1.0}
"""By how much more likely, as a logarithm, the token of ``hf:`` may be where texts part."""


def command(server: str, folder: Path, port: int) -> list[str]:
    """How a server of this kind is started on a port; skips where it is not installed."""
    if server == "llama.cpp":
        if importlib.util.find_spec("llama_cpp") is None:
            pytest.skip(
                "llama.cpp's server is not installed: pip install 'llama-cpp-python[server]'"
            )
        start = [sys.executable, "-m", "llama_cpp.server", "--model", str(real_model())]
        return [*start, "--port", str(port), "--n_ctx", "2048"]
    if importlib.util.find_spec("fastapi") is None:
        pytest.skip("needs the server of transformers: pip install fastapi uvicorn")
    start = [sys.executable, "-c", "from transformers.cli.transformers import main; main()"]
    options = ["--port", str(port), "--device", "cpu", "--dtype", "float32"]
    return [*start, "serve", str(folder), "--host", "127.0.0.1", *options]


@pytest.fixture(params=sorted(NEAR))
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A running server with the real model: its kind, and its address."""
    port = free_port()
    line = command(request.param, resolve(str(real_model())).base, port)
    log = tmp_path / "server.log"
    with log.open("w") as said:
        env = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(line, stdout=said, stderr=said, env=env)
    try:
        health = "v1/models" if request.param == "llama.cpp" else "health"
        wait_for(f"http://127.0.0.1:{port}/{health}", process, log)
        yield request.param, f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


def answers(model: HFModel | OpenAIModel) -> list[str]:
    async def ask() -> list[str]:
        turns = [[{"role": "user", "content": text}] for text in ASKED]
        said = await asyncio.gather(*(model.complete(turn, SAMPLING) for turn in turns))
        await model.close()
        assert not [one.error for one in said if one.error]
        return [one.text for one in said]

    return asyncio.run(ask())


def preferred(model: Any, tokenizer: Any, asked: str, ours: str, theirs: str) -> float:
    """By how much more likely the model finds our token than theirs where the texts part."""
    turn = [{"role": "user", "content": asked}]
    prompt = tokenizer.apply_chat_template(turn, add_generation_prompt=True, tokenize=False)
    start, a, b = (encoded(tokenizer, text) for text in (prompt, ours, theirs))
    a, b = ([*ids, tokenizer.eos_token_id] for ids in (a, b))
    same = next(i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)
    with torch.inference_mode():
        logits = model(torch.tensor([[*start, *a[:same]]])).logits[0, -1]
    return float(logits[a[same]] - logits[b[same]])


def encoded(tokenizer: Any, text: str) -> Sequence[int]:
    return tokenizer.encode(text, add_special_tokens=False)


def test_texts_part_only_where_the_model_hardly_prefers(served: tuple[str, str]) -> None:
    kind, address = served
    folder = resolve(str(real_model())).base
    name = str(folder) if kind == "transformers" else "smollm2"
    theirs = answers(OpenAIModel.open(name, Endpoint(url=address, concurrency=4), "target", None))
    ours = answers(HFModel(str(real_model()), Endpoint(device="cpu")))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    parted = [
        preferred(model, tokenizer, *texts)
        for texts in zip(ASKED, ours, theirs, strict=True)
        if texts[1].strip() != texts[2].strip()
    ]
    assert all(by < NEAR[kind] for by in parted), parted
