"""How a run is watched in a notebook: one line under the cell, kept up to date."""

from __future__ import annotations

import asyncio
import html
import sys
import time
from collections.abc import Callable
from typing import Any

from .perform import Reporter, Silent
from .pipeline import Pipeline
from .watching import line

LOOK_SECONDS = 0.5

Show = Callable[[Any], None]
"""Shows something in place of what was shown before."""


class Shown:
    """A text as a notebook shows it, and as a plain one."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self._text)}</pre>"


class NotebookReporter:
    """Shows notes, and below them how far the run is."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self._notes: list[str] = []

    def note(self, text: str) -> None:
        """A line of its own."""
        self._notes.append(text)
        self._show(Shown("\n".join(self._notes)))

    async def watch(self, pipeline: Pipeline) -> None:
        """Show how far the pipeline is, until cancelled; at the end, how far it has come."""
        started = time.monotonic()

        def now() -> Shown:
            return Shown("\n".join([*self._notes, line(pipeline, time.monotonic() - started)]))

        try:
            while True:
                self._show(now())
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            self._show(now())


def usual_reporter() -> Reporter:
    """What watches a run of Python's: in a notebook its output, else nobody."""
    ipython: Any = sys.modules.get("IPython")  # whoever runs a notebook has loaded it
    shell = ipython.get_ipython() if ipython else None
    if shell is None or not hasattr(shell, "kernel"):
        return Silent()
    return NotebookReporter(ipython.display.display(Shown(""), display_id=True).update)
