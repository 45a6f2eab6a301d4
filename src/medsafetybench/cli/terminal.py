"""The terminal as it is: what it cannot show comes in plain signs, and what it gives must be text.

plain_signs()                     # "█" is "#" where standard output is not UTF-8
as_text(["--system", "caf\\udce9"])   # MsbError: what was given is not UTF-8
"""

from __future__ import annotations

import codecs
import io
import sys
from collections.abc import Sequence

from ..errors import MsbError

SIGNS = {
    "\u2588": "#",  # bars
    "\u258f": "|",
    "\u2013": "-",
    "\u2014": "-",
    "\u2026": "...",
    "\u2018": "'",
    "\u2019": "'",
    "\u201c": '"',
    "\u201d": '"',
    "\u00b1": "+/-",
    "\u00d7": "x",
    "\u00b7": "-",
    "\u2192": "->",
    "\u2264": "<=",
    "\u2265": ">=",
}
"""What we write beyond ASCII, in ASCII. Any other letter is escaped as JSON does, so that a JSON
document stays the document that it is."""


def plain_signs() -> None:
    """Let nothing that is printed raise, whatever the terminal's encoding."""
    codecs.register_error("plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_sign, error.object[error.start : error.end])), error.end


def _sign(letter: str) -> str:
    if letter in SIGNS:
        return SIGNS[letter]
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


def as_text(line: Sequence[str]) -> Sequence[str]:
    """The command line. Raises MsbError for bytes in it that are not text."""
    for given in line:
        try:
            given.encode()
        except UnicodeEncodeError:
            shown = given.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            raise MsbError(
                f"'{shown}' is not UTF-8 text; give it in UTF-8, or where an option takes @FILE, "
                "from a file"
            ) from None
    return line
