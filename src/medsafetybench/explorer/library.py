"""What the pages share: the store, open for reading, and what was worked out of it.

Everything here happens in one thread (see app.py): the store has one connection, and nothing needs
a lock. What takes long is left to snapshots.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from starlette.exceptions import HTTPException

from ..errors import UnknownName
from ..store import texts
from ..store.panel import judges_with_verdicts
from ..store.samples import sample_order
from ..store.store import RunRecord, Store
from ..store.texts import Positions
from ..taxonomy import Taxonomy, load_taxonomy
from .filters import Filter, where
from .freshness import version
from .labelling import Queue, read_queue
from .side_by_side import SideBySide
from .snapshots import Background, Picture, Search, Snapshot
from .sorting import READ, SORTS, Keys, in_order, of_levels

LARGE = 5_000
PATIENCE = 0.1
"""Seconds a page waits for the numbers of a run of more than LARGE requests."""
PATIENCE_SMALL = 20.0
WRITE_SECONDS = 5.0
TABLES = 8
QUEUES = 8
QUEUE_SECONDS = 20.0


class NotReady(Exception):
    """What a page needs is being worked out; it says so and asks again."""


class Library:
    """A store and what was read from it. Raises MsbError if there is no store at the path."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = Store.read(path)
        self.taxonomy: Taxonomy = load_taxonomy()
        self.background = Background(path)
        self._queues: dict[tuple[int, int | None, int], tuple[Queue, float]] = {}
        self._tables: dict[tuple[int, ...], SideBySide] = {}

    def runs(self) -> list[RunRecord]:
        """Every run, oldest first."""
        return self.store.runs()

    def run(self, named: str) -> RunRecord:
        """The run with this number in the store, or this id, which it has in any; or a 404."""
        for run in self.runs():
            if named in (str(run.number), run.id):
                return run
        raise HTTPException(404, "There is no such run in this store.")

    def picked(self, named: Iterable[str]) -> list[RunRecord]:
        """The runs of these numbers or ids, each once, the oldest first."""
        found = {run.number: run for run in map(self.run, filter(None, named))}
        return sorted(found.values(), key=lambda run: (run.created, run.number))

    def size(self, run: RunRecord) -> int:
        """How many requests a run has."""
        return texts.size(self.store, run)

    def peek(self, run: RunRecord, judge: str = "") -> Snapshot | None:
        """The run's numbers, or None while they are being worked out; by the judge of this name, if
        not by those that it is reported by."""
        return self._peek(run, self.patience(self.size(run)), judge)

    def peek_all(self, runs: Sequence[RunRecord]) -> list[Snapshot | None]:
        """The numbers of several runs; all of them together cost no more patience than one."""
        patience = self.patience(max(map(self.size, runs), default=0))
        until = time.monotonic() + patience
        return [self._peek(run, max(0.0, until - time.monotonic())) for run in runs]

    @staticmethod
    def patience(size: int) -> float:
        """How many seconds a page waits for what is worked out beside it."""
        return PATIENCE if size > LARGE else PATIENCE_SMALL

    def _peek(self, run: RunRecord, patience: float, judge: str = "") -> Snapshot | None:
        return self.background.snapshot(run, version(self.store), patience, judge)

    def judges(self, run: RunRecord) -> list[str]:
        """The names of those, people among them, that gave a level to a response of a run."""
        return list(dict.fromkeys(j.name for j in judges_with_verdicts(self.store, run)))

    def snapshot(self, run: RunRecord, judge: str = "") -> Snapshot:
        """The run's numbers, as `peek` has them. Raises NotReady while they are being worked out,
        MsbError for a judge that did not score it."""
        if judge and judge not in (known := self.judges(run)):
            raise UnknownName("judge of this run", judge, known)
        found = self.peek(run, judge)
        if found is None:
            raise NotReady
        return found

    def where(self, run: RunRecord, wanted: Filter) -> tuple[Positions, Search | None]:
        """Positions that pass a filter, in its order, and the search it took, which may not be
        complete. Raises NotReady until what they are sorted by is there."""
        found, search = self.snapshot(run, wanted.judge).outcomes, None
        if wanted.q:
            size, now = len(found), version(self.store)
            search = self.background.search(run, wanted.q, size, now, self.patience(size))
        positions = where(found, wanted, search.found if search else None)
        keys = self.sort_keys(run, wanted)
        return in_order(positions, SORTS[wanted.sort], keys) if keys else positions, search

    def sort_keys(self, run: RunRecord, wanted: Filter) -> Keys | None:
        """What the requests of a run are sorted by; None for its own order. Raises NotReady."""
        if not wanted.sort:
            return None
        found, key = self.snapshot(run, wanted.judge).outcomes, SORTS[wanted.sort].key
        if key not in READ:
            return of_levels(found)
        patience = self.patience(len(found))
        keys = self.background.sort_keys(run, key, version(self.store), patience)
        if keys is None:
            raise NotReady
        return keys

    def side_by_side(self, runs: Sequence[RunRecord]) -> SideBySide:
        """Runs joined by what they were asked. Raises NotReady until their numbers are there."""
        ready = [snapshot.outcomes for snapshot in self.peek_all(runs) if snapshot]
        if len(ready) < len(runs):
            raise NotReady
        key = tuple(run.number for run in runs)
        kept = self._tables.get(key)
        if kept is None or any(a is not b for a, b in zip(kept.found, ready, strict=True)):
            # What a run asks stays as it is, whatever became of it since.
            kept = SideBySide(ready, kept.positions) if kept else SideBySide.of(ready)
            self._tables[key] = kept
            while len(self._tables) > TABLES:
                del self._tables[next(iter(self._tables))]
        return kept

    def figures(self, runs: Sequence[RunRecord]) -> list[Picture]:
        """The figures of these runs. Raises NotReady while they are being drawn."""
        found = self.background.figures(runs, version(self.store), PATIENCE)
        if found is None:
            raise NotReady
        return found

    def queue(self, run: RunRecord, n: int | None, seed: int) -> Queue:
        """What there is to label in a sample of a run, in order.

        A queue that is not whole, because some are not answered, is read again after a while.
        """
        key = (run.number, n, seed)
        kept = self._queues.get(key)
        if kept and (kept[0].whole or time.monotonic() < kept[1] + QUEUE_SECONDS):
            return kept[0]
        order = sample_order(self.store, run, n, seed)
        queue = read_queue(self.store, run, order)
        self._queues[key] = queue, time.monotonic()
        while len(self._queues) > QUEUES:
            del self._queues[next(iter(self._queues))]
        return queue

    @contextmanager
    def writing(self) -> Iterator[Store]:
        """The store, open for writing, for as long as it takes to store one label."""
        with Store.open(self.path) as store:
            store.wait_at_most(WRITE_SECONDS)
            yield store

    def close(self) -> None:
        """Let go of the store."""
        self.background.close()
        self.store.close()
