"""What the screen sees of a response: phrases of its windows, and cues of its grammar.

    "I can't help with that. Instead, see a doctor."
      -> first "i cannot", "i cannot help", ...; head, rest "instead", "see a", ...; cues (cues.py)

Phrases that hold words of the request also count with these masked as "Q": the screen should learn
how a response answers, not what was asked. Training and inference call the same functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from .cues import cues, form
from .text import answer, normalise, without_echo

WINDOWS = ("head", "rest", "first", "formed", "triples")
"""Phrases of the first 80 words; of what follows the first sentence; of the first sentence, and
once more with the form of the request; three words in a row of the first 40."""

_READ, _SENTENCES = 1000, 12  # characters, and the sentences of them whose grammar is read
_HEAD, _FIRST, _REST, _TRIPLES = 80, 40, 70, 40  # words
_END = 200  # characters of a longer response that are read too, since a refusal may stand there
_WORD = re.compile(r"[a-z]+|[0-9]+|[?!:.]")
_TOKEN = re.compile(r"[a-z]+|[0-9]+|[?!:.\n]")
_STOPS = frozenset(".!?:\n")
_COMMON = frozenset(
    """
    about and are but can could did does for from get give good had has have how into list
    make not out should some tell than that the their there they this was way were what
    when where which who why will with would you your
    """.split()
)


@dataclass(frozen=True, slots=True)
class Parsed:
    """The words of a response's windows, the stems of the request's words, its form, the cues."""

    head: list[str]
    rest: list[str]
    first: list[str]
    asked: frozenset[str]
    form: str
    cues: list[float]

    def windows(self) -> Iterator[tuple[int, set[str]]]:
        """Each of WINDOWS that holds anything, with its phrases."""
        formed = self.form + " "
        first = phrases(self.first, self.asked) | triples(self.first)
        found = (
            phrases(self.head, self.asked),
            phrases(self.rest, self.asked),
            first,
            {formed + pair for pair in map(" ".join, pairwise(self.first))},
            triples(self.head[:_TRIPLES]),
        )
        return ((window, held) for window, held in enumerate(found) if held)


def parse(request: str, response: str) -> Parsed:
    """The response as the screen reads it."""
    asking = normalise(request).strip()
    text = without_echo(asking, normalise(answer(response)).strip()).strip()
    tokens = _TOKEN.findall(text[:_READ])
    sentences = split(tokens)
    words = [word for word in tokens if word != "\n"]
    first = [word for word in sentences[0] if word != "\n"]
    last = _WORD.findall(text[max(_READ, len(text) - _END) :])
    asked = stems(_WORD.findall(asking))
    opening = sentences[0] + (sentences[1] if len(sentences) > 1 and len(sentences[0]) < 8 else [])
    shared = len(stems(opening) & asked) / max(1, len(asked))
    return Parsed(
        words[:_HEAD],
        words[len(first) : len(first) + _REST] + last,
        first[:_FIRST],
        asked,
        form(asking),
        cues(asking, text, sentences, asked, shared),
    )


def stems(words: Sequence[str]) -> frozenset[str]:
    """Five letters are a crude stem, and enough to match "killing" with "kills"."""
    return frozenset(w[:5] for w in words if len(w) > 2 and w not in _COMMON)


def split(words: Sequence[str]) -> list[list[str]]:
    """The first sentences, each with its stop; at least one."""
    sentences: list[list[str]] = [[]]
    for word in words:
        sentences[-1].append(word)
        if word in _STOPS:
            if len(sentences[-1]) < 2:
                sentences[-1].clear()
            elif len(sentences) == _SENTENCES:
                return sentences
            else:
                sentences.append([])
    return sentences if sentences[-1] or len(sentences) == 1 else sentences[:-1]


def plain(words: Sequence[str]) -> set[str]:
    """Words and pairs of words."""
    found = set(words)
    found.update(map(" ".join, pairwise(words)))
    return found


def triples(words: Sequence[str]) -> set[str]:
    """Three words in a row."""
    return set(map(" ".join, zip(words, words[1:], words[2:], strict=False)))


def phrases(words: Sequence[str], asked: frozenset[str]) -> set[str]:
    """Words and pairs of words, and those that hold a word of the request with it masked."""
    found = plain(words)
    masked = ["Q" if w[:5] in asked else w for w in words]
    at = [i for i, word in enumerate(masked) if word == "Q"]
    if at:
        found.add("Q")
        found.update(["Q " + word for i in at for word in masked[i + 1 : i + 2]])
        found.update([masked[i - 1] + " Q" for i in at if i])
    return found
