"""Foreign text made fit to be looked at: what cannot be seen is named, and length is bounded.

    visible("a\\u202etxt.exe")         # "a[U+202E]txt.exe"
    name("openai:model\\n-a")          # "openai:model -a"
    line("a\\n::error::b")             # "a : :error::b"

Model text, names of runs and of targets are all alike: somebody else wrote them. Escaping is the
renderers' own affair; here text is only made to show what it holds. Bidirectional controls could
otherwise turn "not safe" around on a page, and control characters break XML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST_NAME = 60

# Controls, formats, separators of lines, surrogates, and what Unicode lets a renderer ignore
# (DerivedCoreProperties.txt: Default_Ignorable_Code_Point). Not line breaks and tabs; nor the
# joiners U+200C and U+200D and the selectors U+FE00 to U+FE0F: Persian, Indic scripts and emoji are
# spelt with them.
_RANGES = """
0-8 B-1F 7F-9F AD 34F 600-605 61C 6DD 70F 890-891 8E2 115F-1160 17B4-17B5 180B-180F 200B 200E-200F
2028-202E 2060-206F 3164 D800-DFFF FDD0-FDEF FEFF FFA0 FFF0-FFFB 110BD 110CD 13430-1343F 1BCA0-1BCA3
1D173-1D17A E0000-E0FFF
"""


def _unseen() -> Iterator[str]:
    for ends in _RANGES.split():
        first, _, last = ends.partition("-")
        yield from map(chr, range(int(first, 16), int(last or first, 16) + 1))
    for plane in range(17):  # the last two of each are no characters: XML has no place for them
        yield from (chr(plane << 16 | 0xFFFE), chr(plane << 16 | 0xFFFF))


_UNSEEN = frozenset(_unseen())


def visible(text: str) -> str:
    """The text with each unseen character as ``[U+202E]``; line breaks are ``\\n``, tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if _UNSEEN.isdisjoint(text):
        return text
    return "".join(f"[U+{ord(c):04X}]" if c in _UNSEEN else c for c in text)


_COMMAND = re.compile(r"(?<!\S):(?=:)|#(?=#\[|#vso\[)")
"""What CI systems take for a command: ``::error::`` where a line begins, ``##[`` and ``##vso[``. A
table may fold before any word, so it is taken apart wherever one begins."""


def line(text: str) -> str:
    """The text on one line, visible, and no command to a terminal or a CI system."""
    if "\n" in text or "\r" in text or "\t" in text:
        text = re.sub(r"[\r\n\t]+", " ", text)
    text = visible(text)
    return _COMMAND.sub(r"\g<0> ", text) if "::" in text or "##" in text else text


def in_json(document: str) -> str:
    """A JSON document that commands no terminal and no CI system, and is the same document."""
    document = document.replace("##", "#\\u0023")
    if document.isascii() or _UNSEEN.isdisjoint(document):
        return document
    return "".join(_escaped(c) if c in _UNSEEN else c for c in document)


def _escaped(letter: str) -> str:
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


def name(text: object, longest: int = LONGEST_NAME) -> str:
    """A short text on one line; a longer one keeps its beginning and its end."""
    whole = visible(" ".join(str(text)[: 8 * longest].split()))
    if len(whole) <= longest:
        return whole
    head = (longest - 1) * 2 // 3
    return f"{whole[:head]}…{whole[head + 1 - longest :]}"


def markdown(text: object, longest: int = 200) -> str:
    """A short text as one line of Markdown that is nothing but text: no HTML, link or table."""
    signs: dict[str, str | int | None] = {c: f"&#{ord(c)};" for c in "<>&|`[]*_\\"}
    return name(text, longest).translate(str.maketrans(signs))


def cut(text: object, longest: int) -> str:
    """The beginning of a text, visible, with an ellipsis where it goes on."""
    shown, left_out = excerpt(str(text), longest - 1)
    return f"{shown.rstrip()}…" if left_out > 1 else visible(str(text))


def excerpt(text: str, longest: int) -> tuple[str, int]:
    """The beginning of a long text, visible, and how many characters were left out."""
    return visible(text[:longest]), max(0, len(text) - longest)
