"""Errors a person can act on: one line that says what was given, expected, and what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LONGEST = 2000
"""Characters of a message. Beyond them its middle is left out: a cell may hold a whole book."""


class MsbError(Exception):
    """Something the user can put right. The command line prints it without a traceback (exit 2).

    One line, whatever was given, and nothing in it that a terminal would take as a command.
    """

    def __init__(self, message: object = "") -> None:
        line = "".join(letter if letter.isprintable() else " " for letter in str(message))
        if len(line) > LONGEST:
            line = f"{line[: LONGEST * 3 // 4]} ... {line[-LONGEST // 4 :]}"
        super().__init__(line)


class UnknownName(MsbError):
    """A name that is none of those known; suggests the nearest."""

    def __init__(self, kind: str, given: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
        super().__init__(f"unknown {kind} {given!r}; {hint}")


class MissingExtra(MsbError):
    """A feature whose optional dependency is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs the extra {extra!r}: pip install '.[{extra}]' in your clone of "
            "medsafetybench"
        )


class StopRun(MsbError):
    """Going on makes no sense: every further call would fail in the same way, or the disk is full.

    What is stored stays; the same command resumes once the cause is put right.
    """


class BudgetSpent(Exception):
    """No call is made any more: those of ``--max-calls`` are used up, or the run is being stopped.
    Not an error: it is resumed."""


def one_line(text: str) -> str:
    """The beginning of a text on one line, without what a terminal would take as a command."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text[:1000])
    return " ".join(plain.split())[:300]
