"""Group commit: many results, one transaction, and nobody goes on before theirs is on disk.

    stored = await writer.put(lambda: store.put_response(key, response))

A worker that waits here still holds its place, so what a kill can lose is bounded by the calls in
flight. The writes run in the event loop's own thread: they take microseconds, while a thread of
their own would fight over the interpreter lock at every row.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from typing import Any, TypeVar

from ..errors import StopRun
from ..store.database import is_busy
from ..store.store import Store

Result = TypeVar("Result")

GATHER_SECONDS = 0.01
BUSY_WAIT_SECONDS = 0.05
BUSY_AT_MOST_SECONDS = 60.0


class Writer:
    """See the module's docstring. Belongs to the running event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._busy_since: float | None = None
        # Another process's turn is waited for without stopping the loop.
        store.wait_at_most(0)

    async def put(self, write: Callable[[], Result]) -> Result:
        """Do the write in the next transaction; return its result once that is committed.

        Raises StopRun if the disk refuses it, or another process holds the store for too long.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((write, future))
        if self._timer is None:
            self._timer = loop.call_later(GATHER_SECONDS, self._commit)
        return await future

    def _commit(self) -> None:
        self._timer = None
        batch, self._waiting = self._waiting, []
        try:
            with self._store.transaction():
                results = [write() for write, _ in batch]
        except Exception as error:
            self._refused(batch, error)
            return
        self._busy_since = None
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)

    def _refused(
        self, batch: list[tuple[Callable[[], Any], asyncio.Future[Any]]], error: Exception
    ) -> None:
        if isinstance(error, sqlite3.Error) and is_busy(error):
            self._busy_since = self._busy_since or time.monotonic()
            if time.monotonic() - self._busy_since < BUSY_AT_MOST_SECONDS:
                self._waiting = batch + self._waiting
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(BUSY_WAIT_SECONDS, self._commit)
                return
            error = StopRun(f"another process has held {self._store.path} for over a minute")
        for _, future in batch:
            if not future.done():
                future.set_exception(error)

    async def close(self) -> None:
        """Commit what still waits, also for workers that were cancelled meanwhile."""
        while self._waiting:
            if self._timer is not None:
                self._timer.cancel()
            self._commit()
            await asyncio.sleep(BUSY_WAIT_SECONDS if self._waiting else 0)
        self._store.wait_at_most(30)
