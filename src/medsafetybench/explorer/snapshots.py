"""What takes longer than a page may, made beside the pages: scorecards, searches, figures, sorts.

    work = Background(path)
    work.snapshot(run, version, patience=0.1)   # None: not yet; ask again
    work.search(run, "insulin", size, version, patience=0.1)
    work.figures([run], version, patience=0.1)
    work.sort_keys(run, "longest", version, patience=0.1)

One thread does this work with a connection of its own. Small runs are read anew whenever the store
has changed. A large one that is being written would keep the machine busy that way: of such a run
the last snapshot is shown while the next is made, and at most a fifth of the time goes into it.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..results.run import Run
from ..results.scorecard import Scorecard
from ..scale import Level
from ..store.outcomes import STATES, Outcomes
from ..store.store import RunRecord, Store
from ..store.texts import Positions, search
from ..taxonomy import load_taxonomy
from .filters import Choice, choices
from .made import Made
from .sorting import READ, Keys

QUICK_SECONDS = 0.1
SHARE = 5
SEARCHES = 32
DRAWINGS = 4
SORTED = 8
STEP = 4_000


@dataclass(frozen=True, slots=True)
class Brief:
    """The small fields of one request, for a line of a table; ``level`` None without a score."""

    intent: str
    principle: int | None
    source: str | None
    state: str
    level: Level | None


@dataclass(frozen=True)
class Snapshot:
    """A run's outcomes, scorecard and what it can be filtered by, as of ``at`` (seconds since
    1970)."""

    card: Scorecard
    outcomes: Outcomes
    choices: list[Choice]
    version: int
    seconds: float
    at: float

    def brief(self, position: int) -> Brief:
        """One request in brief."""
        found, score = self.outcomes, int(self.outcomes.score[position])
        intent = found.intent[position]
        return Brief(
            intent,
            found.principle[position],
            found.source[position],
            STATES[found.state[position]],
            found.scale.level(score, intent) if found.scale and score else None,
        )


@dataclass
class Search:
    """A search under way: what was found in the first ``searched`` requests."""

    version: int
    size: int
    parts: list[Positions] = field(default_factory=list)
    searched: int = 0

    @property
    def complete(self) -> bool:
        """True once every request was looked at."""
        return self.searched >= self.size

    @property
    def found(self) -> Positions:
        """Positions found so far, in order."""
        return np.concatenate(self.parts) if self.parts else np.array([], dtype=np.int64)


@dataclass(frozen=True)
class Picture:
    """A figure as data URIs for light and dark pages, ``width`` pixels wide."""

    title: str
    note: str
    light: str
    dark: str
    width: str


class Background:
    """See the module's docstring. Its methods are called from one thread, that of the pages."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._taxonomy = load_taxonomy()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="explorer-background")
        self._kept: dict[tuple[int, str], Snapshot] = {}
        self._making: dict[tuple[int, str], Future[Snapshot]] = {}
        self._searches: OrderedDict[tuple[int, str], tuple[Search, Future[None]]] = OrderedDict()
        self._drawings: Made[tuple[int, ...], list[Picture]] = Made(self._worker, DRAWINGS)
        self._keys: Made[tuple[int, str], Keys] = Made(self._worker, SORTED)

    def snapshot(
        self, run: RunRecord, version: int, patience: float, judge: str = ""
    ) -> Snapshot | None:
        """The run as it is now, or was a moment ago; None if ``patience`` seconds are too few. By
        the judge of this name, if not by those that it is reported by."""
        key = (run.number, judge)
        self._collect(key)
        kept = self._kept.get(key)
        slow = kept is not None and kept.seconds > QUICK_SECONDS
        if kept and (kept.version == version or (slow and _rests(kept))):
            return kept
        making = self._making.get(key)
        if making is None:
            making = self._worker.submit(self._make, run, version, judge)
            self._making[key] = making
        if kept and slow:
            return kept
        try:
            making.result(patience)
        except NotYet:
            return kept
        self._collect(key)
        return self._kept[key]

    def _collect(self, key: tuple[int, str]) -> None:
        making = self._making.get(key)
        if making and making.done():
            del self._making[key]
            self._kept[key] = making.result()

    def _make(self, run: RunRecord, version: int, judge: str) -> Snapshot:
        started = time.perf_counter()
        at = time.time()
        by = [judge] if judge else []
        found, card = Run(run.id, self._path, self._taxonomy).summed_up(by)
        offered = choices(found, self._taxonomy)
        return Snapshot(card, found, offered, version, time.perf_counter() - started, at)

    def search(self, run: RunRecord, text: str, size: int, version: int, patience: float) -> Search:
        """The search for a text in a run, complete or as far as it came in the time given."""
        key = (run.number, text)
        known = self._searches.get(key)
        if known is None or (known[0].version != version and known[1].done()):
            begun = Search(version, size)
            known = begun, self._worker.submit(self._search, run, text, begun)
            self._searches[key] = known
            while len(self._searches) > SEARCHES:
                self._searches.popitem(last=False)[1][1].cancel()
        self._searches.move_to_end(key)
        with suppress(NotYet):
            known[1].result(patience)
        return known[0]

    def _search(self, run: RunRecord, text: str, begun: Search) -> None:
        with Store.read(self._path) as store:
            for start in range(0, begun.size, STEP):
                found = search(store, run, text, start, start + STEP)
                begun.parts = [*begun.parts, found]
                begun.searched = min(start + STEP, begun.size)

    def figures(
        self, runs: Sequence[RunRecord], version: int, patience: float
    ) -> list[Picture] | None:
        """The figures of these runs; None if ``patience`` seconds are too few to draw them."""
        key = tuple(run.number for run in runs)
        ids = [run.id for run in runs]
        return self._drawings.get(key, version, patience, lambda: self._draw(ids))

    def _draw(self, ids: Sequence[str]) -> list[Picture]:
        # matplotlib takes a moment to load, so it waits for the first figure that is wanted.
        from ..reporting.charts import charts
        from ..reporting.forms import picture
        from ..reporting.reported import gather

        reported = gather([Run(run, self._path, self._taxonomy) for run in ids])
        return [Picture(c.title, c.note, **picture(c)) for c in charts(reported)]

    def sort_keys(self, run: RunRecord, sort: str, version: int, patience: float) -> Keys | None:
        """What the requests of a run are sorted by; None if ``patience`` seconds are too few."""
        read = READ[sort]
        opened = Run(run.id, self._path, self._taxonomy)
        return self._keys.get((run.number, sort), version, patience, lambda: read(opened))

    def close(self) -> None:
        """End the thread; what it is at is finished first."""
        self._worker.shutdown(cancel_futures=True)


def _rests(kept: Snapshot) -> bool:
    """True for as long after a snapshot as its making may not be repeated."""
    return time.time() < kept.at + SHARE * kept.seconds
