"""Foreign text made fit to be looked at: what cannot be seen is named, and length is bounded.

    visible("a\\u202etxt.exe")         # "a[U+202E]txt.exe"
    name("openai:model\\n-a")          # "openai:model -a"

Model text, names of runs and of targets are all alike: somebody else wrote them. Escaping is the
renderers' own affair; here text is only made to show what it holds. Bidirectional controls could
otherwise turn "not safe" around on a page, and control characters break XML.
"""

from __future__ import annotations

import re

LONGEST_NAME = 60

# Controls, formats, separators of lines, surrogates, code points that are no characters, and what
# Unicode lets a renderer ignore (DerivedCoreProperties.txt: Default_Ignorable_Code_Point). Not line
# breaks and tabs; nor the joiners U+200C and U+200D and the selectors U+FE00 to U+FE0F: Persian,
# Indic scripts and emoji are spelt with them.
_NOWHERE = "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17))
_UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2"
    r"\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164"
    r"\ud800-\udfff\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd"
    r"\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    f"{_NOWHERE}]"
)


def visible(text: str) -> str:
    """The text with each unseen character as ``[U+202E]``; line breaks are ``\\n``, tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _UNSEEN.sub(lambda found: f"[U+{ord(found[0]):04X}]", text)


def name(text: object, longest: int = LONGEST_NAME) -> str:
    """A short text on one line; a longer one keeps its beginning and its end."""
    line = visible(" ".join(str(text)[: 8 * longest].split()))
    if len(line) <= longest:
        return line
    head = (longest - 1) * 2 // 3
    return f"{line[:head]}…{line[head + 1 - longest :]}"


def cut(text: object, longest: int) -> str:
    """The beginning of a text, visible, with an ellipsis where it goes on."""
    shown, left_out = excerpt(str(text), longest - 1)
    return f"{shown.rstrip()}…" if left_out > 1 else visible(str(text))


def excerpt(text: str, longest: int) -> tuple[str, int]:
    """The beginning of a long text, visible, and how many characters were left out."""
    return visible(text[:longest]), max(0, len(text) - longest)
