"""One process at a time carries out a run; a second one waits and then takes over what is left.

So that no call is paid for twice. The lock is the operating system's: a killed process leaves none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ..store.store import RunRecord, Store

POLL_SECONDS = 0.2


@contextmanager
def carrying_out(store: Store, run: RunRecord, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the run's lock; ``on_wait`` is called once if another process holds it."""
    lock = FileLock(f"{store.path}.{run.id}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        on_wait()
        lock.acquire(poll_interval=POLL_SECONDS)
    try:
        yield
    finally:
        # Leave no litter. filelock looks whether the file it has locked still has its name, so a
        # process that waits on the old file tries again.
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
