"""How a run is watched from the terminal: a bar, or without a terminal a line now and then."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from rich.console import Console

from .. import legible
from ..evaluation.watching import duration, line

if TYPE_CHECKING:
    from rich.live import Live

    from ..evaluation.pipeline import Pipeline

BAR_SECONDS = 0.2
LINE_SECONDS = 10.0


class TerminalReporter:
    """Writes to standard error, so that results alone are on standard output."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)

    def note(self, text: str) -> None:
        """A line of its own."""
        self._console.print(legible.line(text), style="dim", markup=False, soft_wrap=True)

    async def watch(self, pipeline: Pipeline) -> None:
        """Show how far the pipeline is, until cancelled."""
        started = time.monotonic()
        if not self._console.is_terminal:
            said = ""
            while True:
                await asyncio.sleep(LINE_SECONDS)
                before, said = said, line(pipeline, time.monotonic() - started)
                if said != before:  # a batch may be waited for all night
                    self.note(said)
        from rich.live import Live
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        def shown() -> Table:
            progress, grid = pipeline.progress, Table.grid(padding=(0, 1))
            bar = ProgressBar(max(progress.total, 1), progress.done, width=24)
            grid.add_row(bar, Text(line(pipeline, time.monotonic() - started)))
            return grid

        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            while True:
                live.update(shown(), refresh=True)
                await asyncio.sleep(BAR_SECONDS)


class TrainingReporter:
    """How a training is watched: step, loss, time left. ``quiet`` says nothing."""

    def __init__(self, console: Console | None = None, quiet: bool = False) -> None:
        self._console = console or Console(stderr=True, highlight=False, quiet=quiet)
        self._live: Live | None = None
        self._first: tuple[float, float] | None = None
        self._last = 0.0
        self._at = "the beginning"
        self._said = 0.0

    def __enter__(self) -> TrainingReporter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
        if kind is KeyboardInterrupt:
            self.note(
                f"interrupted at {self._at}; run the same command again to go on from the last "
                "checkpoint"
            )

    def note(self, text: str) -> None:
        """A line of its own."""
        self._console.print(legible.line(text), style="dim", markup=False, soft_wrap=True)

    def step(self, done: int, total: int, loss: float | None) -> None:
        """Show how far the training is."""
        self._at = f"step {done:,}"
        self._tell(done, total, f"step {done:,} of {total:,}, loss {loss:.3f}")

    def trained(self, done: float, total: int) -> None:
        """Show how far all trainings are."""
        self._at = f"{int(done):,} of {total:,} adapters"
        self._tell(done, total, f"{self._at} trained, {done / total:.0%} of the work")

    def _tell(self, done: float, total: int, said: str) -> None:
        now = time.monotonic()
        # The first step also sets up: the time left is reckoned from the second on. A count that
        # does not rise is another training's.
        if self._first is None or done <= self._last:
            self._first = now, done
        self._last = done
        since, steps = now - self._first[0], done - self._first[1]
        left = (total - done) * since / steps if steps else None
        shown = f"{said}, {duration(left)} left"
        if self._console.is_terminal:
            self._show(done, total, shown)
        elif now - self._said >= LINE_SECONDS or done == total:
            self._said = now
            self.note(shown)

    def _show(self, done: float, total: int, text: str) -> None:
        from rich.live import Live
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        grid = Table.grid(padding=(0, 1))
        grid.add_row(ProgressBar(max(total, 1), done, width=24), Text(text))
        self._live.update(grid, refresh=True)
