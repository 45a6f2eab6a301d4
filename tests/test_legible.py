"""Foreign text made fit to be looked at: nothing in it stays unseen, and what is seen stays."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from medsafetybench.legible import cut, excerpt, name, visible

UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
KEPT = "\n\t\u200c\u200d"


def test_every_control_format_and_separator_is_named() -> None:
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        nothing = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
        if (unicodedata.category(character) in UNSEEN or nothing) and character not in KEPT + "\r":
            assert visible(f"a{character}b") == f"a[U+{code:04X}]b"


@pytest.mark.parametrize("code", [0x034F, 0x115F, 0x180B, 0x3164, 0xFFA0, 0xE0100, 0xE01EF])
def test_letters_and_marks_that_nobody_sees_are_named(code: int) -> None:
    assert visible(f"safe{chr(code)}") == f"safe[U+{code:04X}]"


@pytest.mark.parametrize(
    "text",
    [
        "plain\ttext\nof two lines",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian, with a joiner
        "\U0001f468\u200d\u2695\ufe0f",  # one emoji of four code points
        "naïve Ωmega 数字 e\u0301",
    ],
)
def test_what_people_read_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_a_line_break_is_one_character() -> None:
    assert visible("a\r\nb\rc") == "a\nb\nc"


def test_names_are_one_bounded_visible_line() -> None:
    assert name("a\n b\tc") == "a b c"
    assert name("a\u202eb") == "a[U+202E]b"
    assert name("x" * 100 + "end") == "x" * 39 + "…" + "x" * 17 + "end"
    assert len(name("x" * 10_000_000)) == 60


def test_a_long_text_keeps_its_beginning_and_says_that_it_goes_on() -> None:
    assert excerpt("abcdef", 4) == ("abcd", 2)
    assert cut("abcdef", 4) == "abc…"
    assert cut("abcd", 4) == "abcd"
    assert cut("ab  cdef", 5) == "ab…"
    assert cut("a\u202ebcdef", 4) == "a[U+202E]b…"
