"""Performing a pipeline from beginning to end: alone on its run, watched, and open to Ctrl-C."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from .lock import carrying_out
from .pipeline import Pipeline, Progress, Work

COLLECT_AFTER = 200_000
"""Objects more made than dropped after which Python looks for cycles during a run: ten times what
the replies to 256 calls at once make, which are dropped again at the next commit."""


class Reporter(Protocol):
    """Who watches a run. Every method may be called; none may raise."""

    def note(self, text: str) -> None:
        """Something worth a line."""

    def watch(self, pipeline: Pipeline) -> Coroutine[Any, Any, None]:
        """Runs beside the pipeline, and is cancelled at its end."""


class Silent:
    """A reporter that says nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""

    async def watch(self, pipeline: Pipeline) -> None:
        """Say nothing."""


Do = Callable[[Pipeline, Callable[[], Work]], Awaitable[Progress]]
"""How a pipeline does what is left: at once, or in rounds (see rounds.py)."""


async def at_once(pipeline: Pipeline, left: Callable[[], Work]) -> Progress:
    """One pass."""
    return await pipeline.do(left())


def perform(
    pipeline: Pipeline, left: Callable[[], Work], reporter: Reporter, do: Do = at_once
) -> Progress:
    """Carry out what is left of a run, then close its target and judges.

    One process at a time does so; a second one waits, and asks what is left only once it is its
    turn. Raises StopRun if going on makes no sense, and KeyboardInterrupt where a second Ctrl-C
    dropped what was in flight; what was stored stays.
    """

    def waiting() -> None:
        reporter.note("another process is carrying out this run; waiting to take over what is left")

    with carrying_out(pipeline.store, pipeline.run, waiting):
        try:
            return asyncio.run(_perform(pipeline, left, reporter, do))
        except asyncio.CancelledError:
            raise KeyboardInterrupt("what was in flight is dropped; do it again to go on") from None


async def _perform(
    pipeline: Pipeline, left: Callable[[], Work], reporter: Reporter, do: Do
) -> Progress:
    watching = asyncio.create_task(reporter.watch(pipeline))
    try:
        with _interruptible(pipeline, reporter), _seldom_collecting():
            return await do(pipeline, left)
    finally:
        watching.cancel()
        await asyncio.wait([watching])
        await pipeline.close()


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """A run makes and drops small objects by the million, next to none of them in a cycle: to look
    for cycles at every wave of replies takes a tenth of its time."""
    usual = gc.get_threshold()
    gc.set_threshold(COLLECT_AFTER, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


class Remote:
    """Ctrl-C for a run in another thread than the one that hears it; it may come too early."""

    def __init__(self) -> None:
        self._pressed = 0
        self._act: Callable[[], object] | None = None

    def press(self) -> None:
        """Stop the run in good order; again, drop what is in flight."""
        self._pressed += 1
        if self._act:
            self._act()

    @contextmanager
    def steers(self, act: Callable[[], object]) -> Iterator[None]:
        """What pressing does meanwhile; what was pressed before counts."""
        self._act = act
        for _ in range(self._pressed):
            act()
        try:
            yield
        finally:
            self._act = None


REMOTE: ContextVar[Remote | None] = ContextVar("REMOTE", default=None)


@contextmanager
def _interruptible(pipeline: Pipeline, reporter: Reporter) -> Iterator[None]:
    """Ctrl-C, or the word of a scheduler, ends the run in good order; a second one drops what is in
    flight."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def interrupt() -> None:
        if pipeline.progress.stopped and task:
            task.cancel()
            reporter.note("what was in flight is dropped; run the same command again to go on")
        elif pipeline.carried:
            reporter.note("ending; what has come back is kept, and what is out stays out")
        else:
            reporter.note("finishing the calls in flight; Ctrl-C again drops them")
        pipeline.stop("interrupted")

    if threading.current_thread() is not threading.main_thread():
        remote = REMOTE.get() or Remote()
        with remote.steers(lambda: loop.call_soon_threadsafe(interrupt)):
            yield
        return
    # The loops of Windows have no signal handlers of their own, so Python's are used everywhere.
    before = {
        number: signal.signal(number, lambda *_: loop.call_soon_threadsafe(interrupt))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
