"""Things that take longer than a page may: made beside the pages, one after the other, and kept.

lengths: Made[int, Floats] = Made(worker, most=8)
lengths.get(run.number, version, 0.1, lambda: lengths_of(run))    # None: not yet; ask again
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Executor, Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

QUICK_SECONDS = 0.1
OLD_SECONDS = 10.0
"""For so long a thing of a store that is being written is not made anew, unless that is quick."""


@dataclass(frozen=True)
class _Thing(Generic[T]):
    """What was made, as of ``at`` (seconds since 1970), and how long that took."""

    made: T
    at: float
    seconds: float


class Made(Generic[K, T]):
    """The ``most`` last of one kind of thing, each under its key. To be used from one thread."""

    def __init__(self, worker: Executor, most: int) -> None:
        self._worker = worker
        self._most = most
        self._kept: OrderedDict[K, tuple[int, Future[_Thing[T]]]] = OrderedDict()

    def get(self, key: K, version: int, patience: float, make: Callable[[], T]) -> T | None:
        """The thing as of this version of the store, or of a moment ago; None if ``patience``
        seconds are too few. Raises what its making raised."""
        kept = self._kept.get(key)
        if kept is None or _outdated(*kept, version):
            kept = version, self._worker.submit(_made, make)
            self._kept[key] = kept
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)[1][1].cancel()
        try:
            return kept[1].result(patience).made
        except NotYet:
            return None


def _made(make: Callable[[], T]) -> _Thing[T]:
    started, at = time.perf_counter(), time.time()
    return _Thing(make(), at, time.perf_counter() - started)


def _outdated(made_of: int, making: Future[_Thing[Any]], version: int) -> bool:
    """True for a thing of a store that has changed since; not at once, if it was slow to make."""
    if making.cancelled():
        return True
    if not making.done() or made_of == version:
        return False
    if making.exception():
        return True
    thing = making.result()
    return thing.seconds < QUICK_SECONDS or time.time() > thing.at + OLD_SECONDS
