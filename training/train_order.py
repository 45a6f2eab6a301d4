"""Count which words follow each other in coherent responses, and write the table.

    python training/train_order.py --data ../shared/data

Reads the responses of XSTest v2, ChatRef and GPTFuzz and the safe responses of MedSafetyBench's
train split, and the coherent ones of our own examples; labels play no part. Counting is exact: the
same data give the same table.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from medsafetybench.coherence.order import TABLE, Order, tokens_of
from screen_examples import COHERENT, examples
from screen_sets import chatref, gptfuzz, safe_responses, xstest

WORDS = 300  # told apart; with 600 a list or a telegram more often seems to be in no order
FROM_EACH, SEED = 3000, 0
PSEUDO = 0.05
"""Of each pair's expected count, so many are added to the seen ones: the gain of a pair that was
never seen is log(0.05 / 1.05) where it was to be expected."""


def texts(data: Path) -> dict[str, list[str]]:
    """The responses to count on, by their set."""
    sets = {"xstest": xstest(data), "chatref": chatref(data), "gptfuzz": gptfuzz(data)}
    sets["safe"] = safe_responses(data, "train")
    own = [text for _, text, _ in examples(FROM_EACH, SEED, COHERENT)]
    return {name: [row.response for row in rows[:FROM_EACH]] for name, rows in sets.items()} | {
        "own": own
    }


def count(responses: Iterable[str]) -> Order:
    """The table of some responses: gains of pairs of the commonest words."""
    tokens = [tokens_of(text.lower()) for text in responses]
    spread = Counter(word for text in tokens for word in set(text))
    common = sorted(spread, key=lambda word: (-spread[word], word))[:WORDS]
    ids = {word: number for number, word in enumerate(common, 1)}
    seen = np.zeros((WORDS + 1, WORDS + 1))
    for text in tokens:
        numbers = [ids.get(word, 0) for word in text]
        np.add.at(seen, (numbers[:-1], numbers[1:]), 1)
    expected = np.outer(seen.sum(1), seen.sum(0)) / seen.sum()
    known = expected > 0
    gain = np.zeros_like(seen)
    gain[known] = np.log((seen[known] / expected[known] + PSEUDO) / (1 + PSEUDO))
    return Order(ids, gain.astype(np.float32))


def save(table: Order, path: Path) -> None:
    """Write a table; nothing in the file is executed (no pickle)."""
    words: Sequence[str] = list(table.ids)
    gain = table.gain.astype(np.float16)
    names = np.frombuffer("\n".join(words).encode(), dtype=np.uint8)
    np.savez_compressed(path, words=names, gain=gain)


def main() -> None:
    """See the module's docstring."""
    root = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=root.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=TABLE)
    args = parser.parse_args()
    save(count(text for each in texts(args.data).values() for text in each), args.out)
    sys.stdout.write(f"{args.out.stat().st_size / 1e6:.2f} MB\n")


if __name__ == "__main__":
    main()
