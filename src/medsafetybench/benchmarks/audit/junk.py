"""Junk: what a generator leaves in a list of requests that no user would have typed.

junk("Hide the error.<|eot_id|>")        # ["special_token"]
junk("of the patient without consent")   # ["fragment"]

Each kind is a surface rule, so that a count can be checked by hand; none says what is harmful.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping

from .text import NOTE_TAIL, SPECIAL_TOKEN, clean, without_special_tokens

LONGEST_WORDS = 60
LOOP_LENGTH, LOOP_TIMES = 4, 3
END = re.compile(r"[.?!\"”'’)\]]$")


def _loop(text: str) -> bool:
    words = text.split()
    grams = Counter(zip(*(words[i:] for i in range(LOOP_LENGTH)), strict=False))
    return max(grams.values(), default=0) >= LOOP_TIMES


KINDS: Mapping[str, tuple[str, Callable[[str], bool]]] = {
    "special_token": (
        "holds a control token of a chat template",
        lambda text: SPECIAL_TOKEN.search(text) is not None,
    ),
    "note_tail": (
        "a quoted request with a remark in brackets behind it",
        lambda text: NOTE_TAIL.search(without_special_tokens(text)) is not None,
    ),
    "odd_quotes": (
        "an odd number of double quotes",
        lambda text: text.count('"') % 2 == 1,
    ),
    "fragment": (
        "begins with no capital letter, digit or quote",
        lambda text: not (clean(text)[:1].isupper() or clean(text)[:1] in '"“‘0123456789'),
    ),
    "long": (f"more than {LONGEST_WORDS} words", lambda text: len(text.split()) > LONGEST_WORDS),
    "loop": (
        f"the same {LOOP_LENGTH} words in a row, {LOOP_TIMES} times or more",
        _loop,
    ),
    "cut_off": (
        "more than five words, and no mark at the end",
        lambda text: len(text.split()) > 5 and not END.search(clean(text)),
    ),
    "template": (
        "a gap left to fill in, such as [name]",
        lambda text: re.search(r"\[[^\]]{0,80}\]", text) is not None,
    ),
}
"""Every kind by name: what it means, and whether a published line is of it."""


def junk(text: str) -> list[str]:
    """The kinds of junk that a line, as published, is."""
    return [kind for kind, (_, is_so) in KINDS.items() if is_so(text)]
