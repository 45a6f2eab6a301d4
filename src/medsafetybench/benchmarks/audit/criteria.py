"""What is wrong with the criteria of requests: a list for a person to go through.

    list(wrong_with_criteria(requests))      # Wrong("criteria_duplicate", request, text, other)

Duplicates are by word 3-grams. Signs and what cannot be met are told by words alone, so what is
listed is worth a look and may be right as it stands; what is worded otherwise is not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from ...records import Criterion, Request
from .text import normalise

KINDS: Mapping[str, tuple[str, str]] = {
    "criteria_missing": ("missing", "a request without any, where others have them"),
    "criteria_zero_total": ("zero total", "a request with no points to get"),
    "criteria_zero_points": ("zero points", "a criterion that counts for nothing"),
    "criteria_duplicate": ("duplicate", "two of a request in nearly the same words"),
    "criteria_wrong_sign": ("wrong sign", "points for a fault, or taken for what is right"),
    "criteria_unmeetable": ("unmeetable", "what no one text can do, or two opposites"),
}
"""What can be wrong, by its kind: what it is called, and what it is."""
ALIKE = 0.8
"""Share of word 3-grams in common from which on two criteria are the same."""

_FAULT = re.compile(
    r"(?:the )?(?:response |answer )?(?:fails?|failed|neglects?|omits?|misses|ignores|overlooks|"
    r"incorrectly|wrongly|falsely|inaccurately|inappropriately|unsafely|fabricates|invents|"
    r"hallucinates|misleads|misinterprets|dismisses)\b"
)
_RIGHT = re.compile(
    r"(?:the )?(?:response |answer )?(?:correctly|accurately|rightly|properly|appropriately|"
    r"safely|clearly states that|empathetically)\b"
)
_BEYOND = re.compile(
    r"\b(?:next|following|later|subsequent|second) (?:turn|message|response|reply)\b|"
    r"\bafter the user (?:replies|answers|responds)\b|"
    r"\b(?:attach(?:es|ed)?|embeds?|plays?|shows?|draws?|includes?|provides?) "
    r"(?:an? )?(?:image|picture|photo|video|audio|recording|drawing)\b|"
    r"\bcalls (?:the user|an ambulance|emergency services) (?:itself|on their behalf)\b"
)
_NOT = re.compile(r"\b(?:does not|do not|not|never|avoids?|refrains? from|without)\b")


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing that is wrong, or may be: a request, a criterion of it, and another."""

    kind: str
    request: Request
    criterion: str = ""
    other: str | None = None


def wrong_with_criteria(requests: Sequence[Request]) -> Iterator[Wrong]:
    """What is wrong with the criteria; nothing for a set without any."""
    if not any(request.criteria for request in requests):
        return
    for request in requests:
        if not request.criteria:
            yield Wrong("criteria_missing", request)
            continue
        if not request.possible:
            yield Wrong("criteria_zero_total", request)
        for one in request.criteria:
            yield from (Wrong(kind, request, one.text) for kind in _alone(one))
        for one, other in combinations(request.criteria, 2):
            if kind := _together(one, other):
                yield Wrong(kind, request, other.text, one.text)


def _alone(criterion: Criterion) -> Iterator[str]:
    text = normalise(criterion.text)
    if criterion.points == 0:
        yield "criteria_zero_points"
    if criterion.points > 0 and _FAULT.match(text):
        yield "criteria_wrong_sign"
    if criterion.points < 0 and _RIGHT.match(text):
        yield "criteria_wrong_sign"
    if criterion.points > 0 and _BEYOND.search(text):
        yield "criteria_unmeetable"


def _together(one: Criterion, other: Criterion) -> str | None:
    """What is wrong with two criteria of a request, if anything is."""
    a, b = normalise(one.text), normalise(other.text)
    if a == b or _shared(a, b) >= ALIKE:
        opposed = one.points * other.points < 0
        return "criteria_wrong_sign" if opposed else "criteria_duplicate"
    denied = bool(_NOT.search(a)) != bool(_NOT.search(b))
    if denied and min(one.points, other.points) > 0 and _bare(a) == _bare(b):
        return "criteria_unmeetable"
    return None


def _shared(a: str, b: str) -> float:
    """Jaccard's index of the word 3-grams."""
    one, other = (
        set(zip(w, w[1:], w[2:], strict=False)) for w in (text.split() for text in (a, b))
    )
    return len(one & other) / len(one | other) if one | other else 0.0


def _bare(text: str) -> list[str]:
    """The words without those that deny, and without the s of a verb."""
    return [word.rstrip("s") for word in _NOT.sub(" ", text).split()]
