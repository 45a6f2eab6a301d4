"""Train the demo model from scratch and write its folder.

    python training/train_demo_model.py --data ../shared/data

A Llama of 1.1 million parameters learns to answer any request with bland filler of our own wording
(demo_text.py). Requests to answer are everyday ones of ours, the starter's improve split, and the
published requests of the improve split and of Llama 3; what equals or nearly equals a request to
evaluate on is left out. Only the replies are learned, so the model never learns to write requests.
Seeded: one thread of one kind of processor gives the same weights again. Needs the extra "local".
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from demo_text import OPENING, SYSTEM_PROMPTS, everyday, reply
from medsafetybench import load_benchmark
from medsafetybench.benchmarks.audit.duplicates import Likeness, comparable, near_pairs

FOLDER = Path(__file__).resolve().parents[1] / "src/medsafetybench/models/demo"
SEED = 0
VOCABULARY, CONTEXT = 3072, 4096
LLAMA3_REQUESTS, EVERYDAY_REQUESTS = 6000, 5000
STEPS, ROWS, PEAK_RATE = 620, 16, 3e-3
COPY_STEPS, COPY_ROWS, COPY_LENGTHS = 300, 48, range(4, 20)
SPECIAL = ("<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}<|end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def requests(data: Path) -> list[str]:
    """What the model learns to answer, without anything that is evaluated on, shuffled."""
    rng = random.Random(SEED)
    llama3 = [r.text for r in load_benchmark("medsafety/llama3", data_dir=data)]
    found = [everyday(rng) for _ in range(EVERYDAY_REQUESTS)]
    found += rng.sample(llama3, LLAMA3_REQUESTS)
    found += [r.text for r in load_benchmark("medsafety/improve", data_dir=data)]
    found += [r.text for r in load_benchmark("starter/improve")]
    kept = without_evaluated(dict.fromkeys(found), data)
    rng.shuffle(kept)
    return kept


def without_evaluated(texts: Sequence[str] | dict[str, None], data: Path) -> list[str]:
    """The texts that are not near (word-3-gram Jaccard of .5) a request of an eval split."""
    names = ("medsafety/eval", "starter/eval")
    held_out = comparable(r.text for n in names for r in load_benchmark(n, data_dir=data))
    known = len(held_out)
    candidates = comparable(texts)
    pairs = near_pairs([*held_out, *candidates], Likeness("jaccard3", 0.5), known=known)
    near = set((pairs.second[pairs.first < known] - known).tolist())
    exact = set(held_out)
    return [t for i, t in enumerate(texts) if i not in near and candidates[i] not in exact]


def tokenizer(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer trained on requests and replies."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=list(SPECIAL), initial_alphabet=sorted(alphabet)
    )
    bpe.train_from_iterator(itertools.chain(texts, map(reply, texts)), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token="<|pad|>",
        eos_token="<|end|>",
        additional_special_tokens=list(SPECIAL[2:]),
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
        chat_template=TEMPLATE,
    )


def untrained(tok: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """The model before training."""
    torch.manual_seed(SEED)
    config = LlamaConfig(
        vocab_size=len(tok),
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tok.eos_token_id,
        pad_token_id=tok.pad_token_id,
    )
    return LlamaForCausalLM(config)


def example(tok: PreTrainedTokenizerFast, text: str, system: str | None) -> tuple[list[int], int]:
    """The tokens of one conversation, and how many of them come before the reply."""
    turns = [{"role": "user", "content": text}]
    turns = [{"role": "system", "content": system}, *turns] if system else turns
    prompt = tok.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    ids = tok.encode(prompt, add_special_tokens=False)
    return ids + tok.encode(reply(text) + "<|end|>", add_special_tokens=False), len(ids)


def batches(
    tok: PreTrainedTokenizerFast, texts: Sequence[str]
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Endless batches of rows alike in length: tokens, and labels, -100 before the reply."""
    rng = random.Random(SEED)
    systems = [rng.choice(SYSTEM_PROMPTS) if rng.random() < 0.15 else None for _ in texts]
    rows = [example(tok, t, s) for t, s in zip(texts, systems, strict=True)]
    while True:
        rng.shuffle(rows)
        for start in range(0, len(rows), 16 * ROWS):
            pool = sorted(rows[start : start + 16 * ROWS], key=lambda row: len(row[0]))
            groups = [pool[i : i + ROWS] for i in range(0, len(pool), ROWS)]
            rng.shuffle(groups)
            yield from (padded(group, tok.pad_token_id) for group in groups)


def copies(tok: PreTrainedTokenizerFast) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Endless batches in which random tokens are to be repeated.

    Words of a request are repeated by what is called an induction head (Olsson et al. 2022). Real
    requests are so alike that a small model learns to guess instead; random tokens it cannot guess.
    """
    rng = random.Random(SEED)
    before = tok.encode("<|user|>\n")
    after = tok.encode(f"<|end|>\n<|assistant|>\n{OPENING}")
    while True:
        rows = []
        for _ in range(COPY_ROWS):
            drawn = rng.choices(range(len(SPECIAL), len(tok)), k=rng.choice(COPY_LENGTHS))
            rows.append((before + drawn + after + drawn, len(before + drawn + after)))
        yield padded(rows, tok.pad_token_id)


def curriculum(
    copied: Iterator[tuple[torch.Tensor, torch.Tensor]],
    replied: Iterator[tuple[torch.Tensor, torch.Tensor]],
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Copying alone at first, then replies with every third step of copying."""
    for step in range(STEPS):
        yield next(copied if step < COPY_STEPS or step % 3 == 0 else replied)


def padded(rows: Sequence[tuple[list[int], int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows as two rectangles, padded on the right."""
    longest = max(len(ids) for ids, _ in rows)
    tokens = torch.full((len(rows), longest), pad)
    labels = torch.full((len(rows), longest), -100)
    for i, (ids, prompt) in enumerate(rows):
        tokens[i, : len(ids)] = torch.tensor(ids)
        labels[i, prompt : len(ids)] = torch.tensor(ids[prompt:])
    return tokens, labels


def train(model: LlamaForCausalLM, data: Iterator[tuple[torch.Tensor, torch.Tensor]]) -> float:
    """Train in place; returns the mean loss over the last 50 steps."""
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=0
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    model.train()
    losses: list[float] = []
    started = time.perf_counter()
    for step, (tokens, labels) in enumerate(data):
        loss = reply_loss(model, tokens, labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        if step % 50 == 49:
            seconds = time.perf_counter() - started
            sys.stdout.write(
                f"step {step + 1}/{STEPS} loss {sum(losses[-50:]) / 50:.3f} {seconds:.0f} s\n"
            )
            sys.stdout.flush()
    return sum(losses[-50:]) / 50


def rate(step: int) -> float:
    """The share of the peak learning rate: up for 50 steps, down to 0 over the replies."""
    return min(1.0, (step + 1) / 50, (STEPS - step) / (STEPS - COPY_STEPS))


def reply_loss(model: Any, tokens: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the replies; logits are made for their tokens only, to save time."""
    hidden = model.model(input_ids=tokens).last_hidden_state[:, :-1]
    wanted = labels[:, 1:] != -100
    logits = model.lm_head(hidden[wanted])
    return torch.nn.functional.cross_entropy(logits, labels[:, 1:][wanted])


def save(model: LlamaForCausalLM, tok: PreTrainedTokenizerFast, folder: Path) -> str:
    """Write weights (bfloat16), config and tokenizer; returns the SHA-256 of the weights."""
    model.generation_config = GenerationConfig(
        eos_token_id=tok.eos_token_id, pad_token_id=tok.pad_token_id
    )
    model.to(torch.bfloat16).save_pretrained(folder, safe_serialization=True)
    tok.save_pretrained(folder)
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def main() -> None:
    """See the module's docstring."""
    root = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=root.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=FOLDER)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    started = time.perf_counter()
    texts = requests(args.data)
    tok = tokenizer(texts)
    model = untrained(tok)
    prepared = time.perf_counter()
    loss = train(model, curriculum(copies(tok), batches(tok, texts)))
    trained = time.perf_counter()
    sha256 = save(model, tok, args.out)
    size = sum(path.stat().st_size for path in args.out.iterdir()) / 1e6
    sys.stdout.write(
        f"{len(texts)} requests, {sum(p.numel() for p in model.parameters()):,} parameters, "
        f"loss {loss:.3f}, prepared in {prepared - started:.0f} s, trained in "
        f"{trained - prepared:.0f} s, {size:.1f} MB, sha256 {sha256}\n"
    )


if __name__ == "__main__":
    main()
