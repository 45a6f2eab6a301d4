"""A run of Python's, also where an event loop runs already, and open to Ctrl-C in either."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from typing import TypeAlias

from ..results.run import Run
from .perform import REMOTE, Remote
from .pipeline import Progress

LOOK_SECONDS = 0.2
"""How soon Ctrl-C is heard on systems that do not wake a waiting thread for it."""

Done: TypeAlias = tuple[Run, Progress]


def outside_any_loop(work: Callable[[], Done]) -> Done:
    """What the work comes to, done here, or in a thread where a loop runs already, as in notebooks.

    Raises KeyboardInterrupt where Ctrl-C stopped it: in good order, or the second time at once.
    """
    run, progress = _done(work)
    if progress.stopped == "interrupted":
        left = progress.total - progress.done
        raise KeyboardInterrupt(f"{run.id}: {left} verdicts left; do it again to go on")
    return run, progress


def _done(work: Callable[[], Done]) -> Done:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work()
    remote, context = Remote(), copy_context()  # a notebook's output belongs to a context
    context.run(REMOTE.set, remote)
    with ThreadPoolExecutor(1) as thread, _heard(remote.press):
        future = thread.submit(context.run, work)
        while not wait([future], LOOK_SECONDS).done:
            pass
        return future.result()


@contextmanager
def _heard(press: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C presses; the loop that runs here would else take it for its own, and wait."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda *_: press())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.SIG_DFL)
