"""Docstrings as Sphinx reads them: what is indented in a docstring is code."""

from __future__ import annotations

import re
from typing import Any


def as_sphinx_reads(
    app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """Marks each indented block as literal, in place."""
    lines[:] = literal(lines)


def literal(lines: list[str]) -> list[str]:
    """The lines, with a ``::`` before each indented block that follows an empty line.

    A block ends with the first line that is not indented; a list of names with what each means,
    which docstrings here write without indentation in two columns, is a block as well.
    """
    made: list[str] = []
    inside = False
    for i, line in enumerate(lines):
        indented = line.startswith("    ")
        columns = _columns(line) and (inside or not i or not lines[i - 1].strip())
        if not line.strip():
            made.append(line)
            continue
        if (indented or columns) and not inside:
            made += ["::", ""]
            inside = True
        elif inside and not indented and not columns:
            if made and made[-1].strip():
                made.append("")
            inside = False
        made.append(f"    {line}" if inside else line)
    return made


def _columns(line: str) -> bool:
    """True for a name and, after two spaces or more, what it means."""
    return re.match(r"\S+(?: \S+)*  +\S", line) is not None
