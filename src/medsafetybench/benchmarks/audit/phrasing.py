"""How templated a set of safe responses is, and how it declines.

phrasing(["I'm sorry, but I cannot help with that. Please ...", ...])

A model that is fine-tuned on uniform refusals learns the opening, and an evaluation that looks for
the opening measures just that. So: how many share a first sentence, how many share first words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from .text import normalise

SHOWN = 5

# Apostrophes are normalised away first: "I'm", curly or straight, is "im".
CUES = re.compile(
    r"\b(?:im sorry|i am sorry|sorry|apologi[sz]e|i cannot|i cant|i will not|i wont|im unable"
    r"|i am unable|not able to|im not able|unethical|illegal|against|not appropriate"
    r"|inappropriate|must not|should not|shouldnt|cannot be)\b"
)


@dataclass(frozen=True, slots=True)
class Phrasing:
    """``sentences`` and ``openings``: the commonest first sentences and first three words, with
    how many responses begin so; ``distinct``: how many different first sentences there are;
    ``no_cue``: responses without a word of refusal or disapproval; ``words``: least, median, most.
    """

    n: int
    distinct: int
    sentences: dict[str, int]
    openings: dict[str, int]
    no_cue: int
    words: tuple[int, float, int]

    @property
    def top_share(self) -> float:
        """The share of responses that begin with the commonest first sentence."""
        return max(self.sentences.values(), default=0) / self.n if self.n else 0.0


def first_sentence(text: str) -> str:
    """Up to the first full stop, question or exclamation mark that ends a sentence."""
    return re.split(r"(?<=[.?!])\s", text.strip()[:1000], maxsplit=1)[0]


def phrasing(responses: Iterable[str]) -> Phrasing | None:
    """The phrasing of safe responses, or None if there are none."""
    sentences: Counter[str] = Counter()
    openings: Counter[str] = Counter()
    lengths: list[int] = []
    no_cue = 0
    for text in responses:
        sentences[first_sentence(text)] += 1
        openings[" ".join(text.split()[:3])] += 1
        lengths.append(len(text.split()))
        no_cue += not CUES.search(normalise(text))
    if not lengths:
        return None
    return Phrasing(
        len(lengths),
        len(sentences),
        dict(sentences.most_common(SHOWN)),
        dict(openings.most_common(SHOWN)),
        no_cue,
        (min(lengths), median(lengths), max(lengths)),
    )
