"""Asking the person at the terminal."""

from __future__ import annotations


def ask(question: str, default: str | None = None, ending: str = ": ") -> str:
    """What is typed, else the default; asked again until there is something.

    Raises EOFError where nobody types, and KeyboardInterrupt.
    """
    from ..judges.rubric import legible

    shown = f"{question} [{legible(default)}]" if default else question
    while True:
        typed = input(shown + ending)
        if typed or default is not None:
            return typed or default or ""
