"""The one way to the terminal for a line: whatever is quoted in it stays on it and does nothing.

    say(f"{run.id}: {run.title}")
    say("", "the verdict")           # two lines, the first of them empty
    say(note, error=True)            # on standard error

Names, reasons and replies were written by others. ``legible.line`` shows what they hold.
"""

from __future__ import annotations

import sys

from ..legible import line


def say(*lines: object, error: bool = False) -> None:
    """Print each as one line; without any, an empty one. A line break in one is another's."""
    for one in lines or ("",):
        print(line(str(one)), file=sys.stderr if error else None, flush=True)
