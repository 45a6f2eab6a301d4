"""How fast does the default recipe learn, against the published one? Tokens a second, in one run.

    python bench/bench_train.py --data ../shared/data --rounds 3

All tune the same random Llama with the same adapter on 256 of the published demonstrations, on one
thread: the medical ones, which are alike in length, and the paper's mix with general ones, which
are not. The published recipe learns the whole text, in micro-batches of 4 in random order, padded
to the longest, by TRL's trainer; ``batch of 16`` is the same with 16, as trainers are often set up,
and ``TRL's default`` learns the response, in batches of 8 in random order.
Ours puts examples of like length into a micro-batch, learns the response only, and lets the head
begin where that begins (sft.py). Tokens are those of the texts, without padding; seconds are of
processor time, which a shared machine stretches less, and with a GPU by the clock. Each is timed in
turn, several rounds; the ratio is between the best rounds. The real model (`make real-model`) is
tuned as well where it is installed, on fewer examples where there is no GPU.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM
from trl import SFTTrainer

from medsafetybench.improvement import trainer
from medsafetybench.improvement.recipe import Recipe, load_recipe
from medsafetybench.improvement.train import train
from medsafetybench.improvement.training import Training
from medsafetybench.models.hf_files import DEMO
from real_model import real_model

SIZES = {"4M": (192, 4), "34M": (512, 8)}
DATA = ("finetune/med-900", "finetune/both-1800")
EXAMPLES, OF_REAL = 256, 32


def random_model(folder: Path, width: int, layers: int) -> Path:
    """A Llama with random weights and the demo model's tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(DEMO)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        num_key_value_heads=width // 64,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def recipes() -> dict[str, tuple[Recipe, bool]]:
    """What is compared: the same adapter, learning the same examples otherwise; and whether by
    TRL's own trainer."""
    ours = load_recipe("default", {"mix": "[]", "validation": "0"})
    other = {"loss": "all", "sorted_batches": False, "max_length": 256, "batch": 128}
    published = ours.model_copy(update={**other, "micro_batch": 4})
    theirs = ours.model_copy(update={"sorted_batches": False, "batch": 8, "micro_batch": 8})
    return {
        "published": (published, True),
        "batch of 16": (published.model_copy(update={"micro_batch": 16}), True),
        "TRL's default": (theirs, True),
        "ours": (ours, False),
    }


def speed(
    base: Path, side: tuple[Recipe, bool], name: str, data: Path, folder: Path, examples: int
) -> float:
    """Tokens a second of processor time, of one short training by its trainer."""
    recipe, stock = side
    shutil.rmtree(folder, ignore_errors=True)
    spent = 0.0
    plain = SFTTrainer.train

    def timed(trainer: SFTTrainer, *args: Any, **options: Any) -> Any:
        nonlocal spent
        clock = time.perf_counter if torch.cuda.is_available() else time.process_time
        started = clock()
        try:
            return plain(trainer, *args, **options)
        finally:
            spent = clock() - started

    SFTTrainer.train = timed
    try:
        size = int(name.rpartition("-")[2])
        short = recipe.model_copy(update={"epochs": examples / size, "one_sided": True})
        if short.batch > examples:
            short = short.model_copy(update={"batch": examples})
        training = Training(str(base), name, folder, short, data_dir=data)
        with stock_trainer() if stock else nullcontext():
            tokens: int = train(training)["tokens"]
    finally:
        SFTTrainer.train = plain
    return tokens / spent


@contextmanager
def stock_trainer() -> Iterator[None]:
    """TRL's own trainer, as it is."""
    ours = trainer.trainer_class
    trainer.trainer_class = lambda device: SFTTrainer
    try:
        yield
    finally:
        trainer.trainer_class = ours


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only-real", action="store_true", help="the real model alone")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for size, (width, layers) in {} if asked.only_real else SIZES.items():
            base = random_model(folder / size, width, layers)
            for learned in DATA:
                compare(size, base, learned, asked.data, folder, asked.rounds, EXAMPLES)
        if real := real_model():
            few, rounds = (EXAMPLES, 2) if torch.cuda.is_available() else (OF_REAL, 1)
            compare("SmolLM2-135M", real, DATA[0], asked.data, folder, rounds, few)


def compare(
    label: str, base: Path, learned: str, data: Path, folder: Path, rounds: int, examples: int
) -> None:
    """Print each side's best round, and ours against it."""
    best = dict.fromkeys(recipes(), 0.0)
    for _ in range(rounds):
        for name, side in recipes().items():
            found = speed(base, side, learned, data, folder / "adapter", examples)
            best[name] = max(best[name], found)
    for name, found in best.items():
        ratio = best["ours"] / found
        print(f"{label} {learned}, {name}: {found:,.0f} tokens/s, ours {ratio:.2f} x", flush=True)


if __name__ == "__main__":
    main()
