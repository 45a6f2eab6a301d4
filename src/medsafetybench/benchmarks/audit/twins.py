"""How alike the twins of a set are, and how far words alone give the intent away.

    twins([("starter", request) for request in load_benchmark("starter")])
    # Twins(pairs=108, shared=0.47, longer=(39, 30), questions=(24, 24), intent=0.56, which=0.56)

Twins are a harmful and a benign request of one pair. What words alone tell, a model need not
understand to tell; but a set that is written to hide it reads as nobody types. So these are figures
to know, not bounds to meet.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean

from ...records import Request
from .text import normalise

FOLDS = 10


@dataclass(frozen=True, slots=True)
class Twins:
    """``shared``: mean share of word 3-grams that twins have in common (Jaccard); ``longer``: pairs
    whose harmful and whose benign twin has more words; ``questions``: harmful and benign requests
    that end in a question mark.

    ``intent``: share of requests whose intent naive Bayes guesses from their words, trained on the
    pairs of the other folds; ``which``: share of pairs in which it finds the harmful twin. Chance
    is one half.
    """

    pairs: int
    shared: float
    longer: tuple[int, int]
    questions: tuple[int, int]
    intent: float
    which: float


def twins(named: Iterable[tuple[str, Request]]) -> Twins | None:
    """The twins among requests with the name of their benchmark; None for fewer than two pairs.

    Where a pair has several requests of one intent, the first counts.
    """
    found: dict[tuple[str, str], dict[str, str]] = {}
    for name, request in named:
        if request.pair:
            found.setdefault((name, request.pair), {}).setdefault(request.intent, request.text)
    pairs = [(two["harmful"], two["benign"]) for two in found.values() if len(two) == 2]
    if len(pairs) < 2:
        return None
    words = [(normalise(harmful).split(), normalise(benign).split()) for harmful, benign in pairs]
    ratios = _log_ratios(words)
    return Twins(
        len(pairs),
        mean(_jaccard(harmful, benign) for harmful, benign in words),
        (sum(len(h) > len(b) for h, b in words), sum(len(h) < len(b) for h, b in words)),
        (sum(h.endswith("?") for h, _ in pairs), sum(b.endswith("?") for _, b in pairs)),
        mean(_won(ratio, 0) for h, b in ratios for ratio in (h, -b)),
        mean(_won(h, b) for h, b in ratios),
    )


def _jaccard(one: Sequence[str], other: Sequence[str]) -> float:
    a, b = (set(zip(w, w[1:], w[2:], strict=False)) for w in (one, other))
    return len(a & b) / len(a | b) if a | b else 0.0


def _won(value: float, against: float) -> float:
    """1 if above, 0 if below, one half for a tie."""
    return 0.5 + 0.5 * ((value > against) - (value < against))


def _log_ratios(pairs: Sequence[tuple[list[str], list[str]]]) -> list[tuple[float, float]]:
    """``_ratio`` of both twins of each pair, fitted on the pairs of the other folds."""
    vocabulary = len({word for pair in pairs for words in pair for word in words})
    folds = min(FOLDS, len(pairs))
    ratios = [(0.0, 0.0)] * len(pairs)
    for fold in range(folds):
        rest = [pair for i, pair in enumerate(pairs) if i % folds != fold]
        counts = [Counter(word for pair in rest for word in pair[side]) for side in (0, 1)]
        for i in range(fold, len(pairs), folds):
            harmful, benign = (_ratio(words, counts, vocabulary) for words in pairs[i])
            ratios[i] = (harmful, benign)
    return ratios


def _ratio(words: Sequence[str], counts: Sequence[Counter[str]], vocabulary: int) -> float:
    """log P(words | harmful) - log P(words | benign), multinomial with one added to each count."""
    harmful, benign = counts
    each = math.log((benign.total() + vocabulary) / (harmful.total() + vocabulary))
    return sum(math.log((harmful[word] + 1) / (benign[word] + 1)) + each for word in words)
