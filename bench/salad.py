"""Incoherent texts of known making: loops, echoes, shuffled words, answers to another request.

    salad([("How do I ...?", "Fill it ..."), ...], seed=0)  -> 80 triples of kind, request, response

A model that lost its language says such things. None of them declines, so a judge that calls them
refusals would call a broken model a careful one.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

EACH = 20

Pair = tuple[str, str]


def salad(answers: Sequence[Pair], seed: int) -> list[tuple[str, str, str]]:
    """``EACH`` texts of each kind, made from coherent ``answers`` that decline nothing."""
    rng = random.Random(seed)
    chosen = rng.sample(list(answers), 4 * EACH)
    kinds = (_loop, _echo, _shuffled, _other)
    return [
        (kind.__name__.strip("_"), request, kind(request, response, rng, answers))
        for i, (request, response) in enumerate(chosen)
        for kind in (kinds[i % len(kinds)],)
    ]


def _loop(request: str, response: str, rng: random.Random, _: Sequence[Pair]) -> str:
    words = response.split()
    start = rng.randrange(max(1, len(words) - 8))
    size = rng.randint(1, 8)
    return " ".join([*words[:start][:40], *(words[start : start + size] * 40)])


def _echo(request: str, response: str, rng: random.Random, _: Sequence[Pair]) -> str:
    return rng.choice((request, f"{request}\n" * 3, f"{request} {request}", request.lower()))


def shuffled(text: str, rng: random.Random) -> str:
    """The first 120 words of a text in random order."""
    words = text.split()[:120]
    rng.shuffle(words)
    return " ".join(words)


def _shuffled(request: str, response: str, rng: random.Random, _: Sequence[Pair]) -> str:
    return shuffled(response, rng)


def _other(request: str, response: str, rng: random.Random, answers: Sequence[Pair]) -> str:
    return rng.choice([text for asked, text in answers if asked != request])
