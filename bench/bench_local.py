"""Local models: our batches against transformers' pipeline, one prompt at a time.

    python bench/bench_local.py --data ../shared/data

Same weights, prompts and settings (greedy, at most 64 new tokens, float32, one thread), both sides
in one process and in turns. Also compares the texts: batched against one at a time on the 900
published requests (demo model) or a sample of them (100M random weights); a difference is explained
by how close the two likeliest tokens are where the texts part. Needs the extra "local".
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM
from transformers import pipeline as transformers_pipeline
from transformers.utils import logging

from medsafetybench import load_benchmark
from medsafetybench.models.hf import HFModel
from medsafetybench.models.hf_files import DEMO
from medsafetybench.models.model import Model
from medsafetybench.models.settings import Endpoint
from medsafetybench.records import Sampling

NEW_TOKENS = 64
PARTS = 3  # each side works in as many turns, so that what else the machine does meets both


@dataclass(frozen=True)
class Line:
    """One line of the table: requests a second, and texts that are the same on both sides."""

    model: str
    theirs: float
    ours: float
    equal: int
    compared: int
    differences: list[str]


def random_model(folder: Path) -> Path:
    """A Llama of 100 million random parameters, with the demo model's tokenizer."""
    tok = AutoTokenizer.from_pretrained(DEMO)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tok),
        hidden_size=768,
        intermediate_size=2048,
        num_hidden_layers=14,
        num_attention_heads=12,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tok.eos_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tok.save_pretrained(folder)
    return folder


def one_at_a_time(pipe: Any, texts: Sequence[str]) -> list[str]:
    """The reference way: each prompt through ``transformers.pipeline`` alone."""
    return [
        pipe(
            [{"role": "user", "content": text}],
            max_new_tokens=NEW_TOKENS,
            do_sample=False,
            return_full_text=False,
        )[0]["generated_text"]
        for text in texts
    ]


async def batched(model: Model, texts: Sequence[str], new_tokens: int = NEW_TOKENS) -> list[str]:
    """Our way: as many calls at once as the model takes, as in a run."""
    limit = asyncio.Semaphore(model.concurrency)

    async def ask(text: str) -> str:
        async with limit:
            turn = [{"role": "user", "content": text}]
            response = await model.complete(turn, Sampling(max_tokens=new_tokens))
        assert response.error is None, response.error
        return response.text

    return await asyncio.gather(*map(ask, texts))


async def compare(
    name: str, folder: Path, texts: Sequence[str], theirs_of: int, label: str
) -> Line:
    """Both sides in turns; theirs on the first ``theirs_of`` texts of each part only."""
    tok = AutoTokenizer.from_pretrained(folder)
    reference = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    pipe = transformers_pipeline("text-generation", model=reference, tokenizer=tok)
    model = HFModel(name, Endpoint(device="cpu"))
    one_at_a_time(pipe, texts[:1])
    await batched(model, texts[:2])
    seconds = {"theirs": 0.0, "ours": 0.0}
    pairs: list[tuple[str, str, str]] = []
    for part in range(PARTS):
        own = texts[part::PARTS]
        started = time.perf_counter()
        theirs = one_at_a_time(pipe, own[:theirs_of])
        between = time.perf_counter()
        ours = await batched(model, own)
        ended = time.perf_counter()
        seconds["theirs"] += between - started
        seconds["ours"] += ended - between
        pairs += zip(own, theirs, ours, strict=False)
        sys.stderr.write(
            f"{label}, part {part + 1}: {len(theirs) / (between - started):.2f} and "
            f"{len(own) / (ended - between):.2f} requests/s\n"
        )
    await model.close()
    found = [why(reference, tok, *pair) for pair in pairs if pair[1] != pair[2]]
    return Line(
        label,
        len(pairs) / seconds["theirs"],
        len(texts) / seconds["ours"],
        len(pairs) - len(found),
        len(pairs),
        found,
    )


def why(model: Any, tok: Any, request: str, one: str, other: str) -> str:
    """Where two texts part, and how close the two likeliest tokens are there."""
    turn = [{"role": "user", "content": request}]
    prompt = tok.apply_chat_template(turn, add_generation_prompt=True, tokenize=False)
    start, a, b = (tok.encode(text, add_special_tokens=False) for text in (prompt, one, other))
    same = next(
        (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(map(len, (a, b)))
    )
    with torch.inference_mode():
        logits = model(torch.tensor([start + a[:same]])).logits[0, -1]
    best, second = logits.topk(2).values.tolist()
    return f"parted at token {same}: the two likeliest logits differ by {best - second:.1e}"


def table(lines: Sequence[Line]) -> str:
    """The lines as Markdown, and the differences below."""
    rows = [
        "| model | pipeline, requests/s | ours, requests/s | ratio | same text |",
        "| --- | --- | --- | --- | --- |",
    ]
    rows += [
        f"| {line.model} | {line.theirs:.2f} | {line.ours:.2f} | {line.ours / line.theirs:.1f} | "
        f"{line.equal} of {line.compared} |"
        for line in lines
    ]
    rows += [f"{line.model}: {text}" for line in lines for text in line.differences]
    return "\n".join(rows) + "\n"


def main() -> None:
    """See the module's docstring."""
    root = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=root.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, help="a file for the table as well")
    parser.add_argument(
        "--large-theirs", type=int, default=8, help="texts a part, 100M, one by one"
    )
    args = parser.parse_args()
    torch.set_num_threads(1)
    logging.set_verbosity_error()
    texts = [request.text for request in load_benchmark("medsafety/eval", data_dir=args.data)]
    spread = texts[:: len(texts) // (96 * PARTS)][: 96 * PARTS]
    with tempfile.TemporaryDirectory() as temporary:
        large = random_model(Path(temporary))
        lines = [
            asyncio.run(compare("demo", DEMO, texts, len(texts), "demo, 1.2M")),
            asyncio.run(
                compare(str(large), large, spread, args.large_theirs, "random Llama, 101M")
            ),
        ]
    sys.stdout.write(table(lines))
    if args.out:
        args.out.write_text(table(lines))


if __name__ == "__main__":
    main()
