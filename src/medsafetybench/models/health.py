"""The health of an endpoint: whether it has answered at all, how many calls in a row it has failed,
and why to stop.

A refused request may be at fault itself, or all of them may be; only the other calls tell. So what
one call learns decides what the next one's fault means.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import StopRun

FAILURES_IN_A_ROW = 25
"""Calls that may fail one after the other before the run stops: the next would fail too."""


class Health:
    """Shared by all calls to one endpoint. ``answered`` counts those that came back with anything
    but a fault; ``earlier`` says that an earlier run was answered."""

    def __init__(self) -> None:
        self.answered = 0
        self.failures = 0
        self._under_way = 0
        self._doubtful = 0
        self._stop: StopRun | None = None
        self._news = asyncio.Event()

    @contextmanager
    def call(self) -> Iterator[None]:
        """A call under way. What stopped an earlier pass is forgotten with the next one."""
        if not self._under_way:
            self._stop = None
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            self._tell()

    def success(self) -> None:
        """A call was answered."""
        self.failures = 0
        self.answered += 1
        if self._doubtful:
            self._tell()

    def failure(self) -> bool:
        """A call failed for good. True if so many have in a row that going on makes no sense."""
        self.failures += 1
        return self.failures >= FAILURES_IN_A_ROW

    def stop(self, why: str) -> StopRun:
        """What is to be raised; whoever waits to try again is not to wait any longer."""
        self._stop = self._stop or StopRun(why)
        self._tell()
        return self._stop

    async def pause(self, seconds: float) -> None:
        """Wait before another try. Raises the StopRun that another call has met meanwhile."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while not self._stop and (left := until - loop.time()) > 0:
            await self._hear(left)
        if self._stop:
            raise self._stop

    async def answers_others(self) -> bool:
        """True once any call was answered; False if all that are under way are refused alike."""
        self._doubtful += 1
        self._tell()
        try:
            while not self.answered and self._doubtful < self._under_way and not self._stop:
                await self._hear()
        finally:
            self._doubtful -= 1
        return self.answered > 0

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _hear(self, at_most: float | None = None) -> None:
        try:
            async with asyncio.timeout(at_most):
                await self._news.wait()
        except TimeoutError:
            return
