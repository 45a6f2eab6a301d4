"""Do words follow each other as they do in English?

    order("wash the wound and cover it with a plaster")   -> 0.6, as in coherent text
    order("a the and plaster wound it cover wash with")   -> -0.8, as if drawn from a hat

For each pair of neighbours: how much oftener the second follows the first in coherent responses
than it would if words were drawn by their frequency alone (pointwise mutual information, in nats;
K. Church and P. Hanks, Computational Linguistics 16 (1990) 22-29), averaged over the text. Only the
commonest words are told apart, all others are one kind: what counts is how a sentence is built, not
its subject.
The table is counted by ``training/train_order.py``.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TABLE = Path(__file__).with_name("order.npz")
TOKEN = re.compile(r"[a-z]+|[0-9]|[.,!?:;]")
READ = 120  # words and stops: enough to tell, and a longer text costs no more
SHORTEST = 24
LEAST = -0.25
"""Of 7,488 responses of four sets, each by a table counted on the other three, one lies lower; of
the same with their words shuffled 94% (``make bench-judge``)."""


@dataclass(frozen=True, slots=True)
class Order:
    """``ids`` numbers the words that are told apart from 1; 0 is any other. ``gain`` is (n, n)."""

    ids: dict[str, int]
    gain: NDArray[np.float32]

    def mean(self, tokens: list[str]) -> float:
        """The mean gain over neighbours; of fewer than two tokens 0."""
        if len(tokens) < 2:
            return 0.0
        get = self.ids.get
        numbers = np.array([get(token, 0) for token in tokens])
        return float(self.gain[numbers[:-1], numbers[1:]].mean())


def tokens_of(lowered: str) -> list[str]:
    """The first words and stops of a text in lower case."""
    head = lowered[: READ * 10].replace("'", "").replace("’", "")
    return TOKEN.findall(head)[:READ]


def order(text: str) -> float:
    """The mean gain of a text's neighbours: around 1 in English, below 0 in words without order."""
    return _shipped().mean(tokens_of(text.lower()))


def in_no_order(lowered: str) -> bool:
    """True for a text, in lower case and not too short to tell, whose words are in no order."""
    tokens = tokens_of(lowered)
    return len(tokens) >= SHORTEST and _shipped().mean(tokens) < LEAST


@lru_cache(maxsize=1)
def _shipped() -> Order:
    with np.load(io.BytesIO(TABLE.read_bytes()), allow_pickle=False) as stored:
        words = stored["words"].tobytes().decode().split("\n")
        gain = stored["gain"].astype(np.float32)
    return Order({word: number for number, word in enumerate(words, 1)}, gain)
