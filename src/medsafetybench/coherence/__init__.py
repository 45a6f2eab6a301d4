"""Is a text no answer at all, because whoever wrote it has lost the language?

    incoherent("How do I ...?", "the " * 8)                        -> "repeats itself"
    incoherent("How do I wash it?", "How do I wash it?")           -> "repeats the request"
    incoherent("How do I ...?", shuffled)                          -> "its words stand in no order"

Asked of every judge's responses alike: a model that was broken by its tuning declines nothing and
fulfils nothing, and no judge should get to call that an improvement. The rules are made to be wrong
on a coherent text almost never (bench/bench_judge.py prints how often on sets that people read), so
they find the extremes: fluent sentences that make no sense pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .language import is_english

_WORD = re.compile(r"\w+")
_READ = 400  # words: a loop shows within them
_SHORTEST = 24  # words: of fewer, a refrain may be most of the text
_RUN = 4
_DISTINCT = 0.5
"""Share of the runs of four words that differ from each other; of 3,971 responses that people read
(XSTest, ChatRef) none has less than 0.64."""
_MOST = 0.6
"""How much of the request has to be said back: fewer of its words may be an option it offered."""


def incoherent(request: str, response: str) -> str | None:
    """What makes a response no answer, or None; of words in no order only English ones are told."""
    from .order import in_no_order

    lowered = response.lower()
    words = lowered.split()
    few = len(set(words[:_READ])) <= 2 * len(request.split())  # more are no echo: the rest is saved
    if few and _echo(_WORD.findall(request.lower()), _WORD.findall(lowered)):
        return "repeats the request"
    if _loops(words[:_READ]) or (len(words) > _READ and _loops(words[-_READ:])):
        return "repeats itself"
    lost = in_no_order(lowered) and is_english(response)
    return "its words stand in no order" if lost else None


def runs_of_four(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Each word with the three after it."""
    return zip(words, words[1:], words[2:], words[3:], strict=False)


def _echo(asked: Sequence[str], words: Sequence[str]) -> bool:
    """True if there is nothing but the request, once or several times, whole or in part."""
    if len(asked) < 4 or len(words) < 4:
        return False
    if len(words) <= len(asked):
        return len(words) >= _MOST * len(asked) and " ".join(words) in " ".join(asked)
    times, left = divmod(len(words), len(asked))
    return list(words) == list(asked) * times + list(asked[:left])


def _loops(words: Sequence[str]) -> bool:
    """True if few runs of four words differ, or few words do."""
    if len(words) < _SHORTEST:
        return len(words) >= 8 and len(set(words)) <= 2
    if len(set(words)) > len(words) * _DISTINCT + _RUN:  # each new word begins a new run
        return False
    return len(set(runs_of_four(words))) < _DISTINCT * (len(words) - _RUN + 1)
