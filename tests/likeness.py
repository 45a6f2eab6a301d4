"""How alike two texts are: the Jaccard index of their word 3-grams."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

NEAR_DUPLICATE = 0.5


def words(text: str) -> list[str]:
    """Words under NFKC and casefold, punctuation dropped."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return re.sub(r"[^\w\s]", "", plain).split()


def trigrams(text: str) -> frozenset[tuple[str, ...]]:
    w = words(text)
    return frozenset(zip(w, w[1:], w[2:], strict=False))


def jaccard(a: frozenset[Any], b: frozenset[Any]) -> float:
    return len(a & b) / len(a | b) if a | b else 0.0
