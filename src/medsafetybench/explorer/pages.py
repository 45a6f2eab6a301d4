"""The pages that read: all runs, one run with its requests, one request, and how far a run is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..errors import UnknownName
from ..results.measures import across, measure_named
from ..results.scorecard import Scorecard
from ..store import texts
from ..store.labels import PERSON
from ..store.samples import samples_of
from ..store.settled import SETTLED
from ..store.store import RunRecord
from ..store.texts import Positions
from .filters import Filter
from .freshness import last_written
from .library import Library
from .paging import Page
from .panels import group_tables, panels, scale_of
from .snapshots import Snapshot
from .templating import render

LIVE_SECONDS = 30.0
"""A run with work left counts as being written if the store was written to so recently."""

SORTS: dict[str, Callable[[Scorecard], Any]] = {
    "run": lambda card: card.run,
    "target": lambda card: card.target.casefold(),
    "benchmark": lambda card: card.benchmark.title,
    "judge": lambda card: card.judge,
    "begun": lambda card: card.created,
    "n": lambda card: card.counts.n,
}
"""What runs are sorted by besides measures."""


def runs(library: Library, request: Request) -> Response:
    """All runs, sorted as asked; those whose numbers are not there yet come last."""
    sort, down = request.query_params.get("sort", "begun"), request.query_params.get("down", "1")
    newest = library.runs()[::-1]
    found = list(zip(newest, library.peek_all(newest), strict=True))
    ready = [(run, snapshot) for run, snapshot in found if snapshot]
    sort, value = _sorting(sort)
    ready.sort(key=lambda pair: _in_order(value(pair[1].card), down == "1"))
    waiting = [run for run, snapshot in found if not snapshot]
    return render(
        request,
        "runs.html",
        path=str(library.path),
        measures=across(scale_of(snapshot.card) for _, snapshot in ready),
        rows=[(run, snapshot.card) for run, snapshot in ready],
        waiting=[(run, library.size(run)) for run in waiting],
        sort=sort,
        down=down == "1",
    )


def _sorting(sort: str) -> tuple[str, Callable[[Scorecard], Any]]:
    """What runs are sorted by: one of SORTS, or a measure by its key; else when they were begun."""
    if sort in SORTS:
        return sort, SORTS[sort]
    try:
        key = measure_named(sort).key
    except UnknownName:
        return "begun", SORTS["begun"]
    return key, lambda card: (figure := card.figure(key)) and figure.value


def _in_order(value: Any, down: bool) -> tuple[bool, Any]:
    """A sort key that puts None last, whichever way the sort goes."""
    if value is None:
        return True, 0
    if isinstance(value, str):
        return False, _Backwards(value) if down else value
    return False, -value if down else value


class _Backwards(str):
    """A text that sorts the other way round."""

    def __lt__(self, other: str) -> bool:
        return str.__gt__(self, other)


def run(library: Library, request: Request) -> Response:
    """A run: its scorecard, and its requests filtered and page by page."""
    record = library.run(request.path_params["run"])
    snapshot = library.snapshot(record)
    wanted = Filter.of(request.query_params)
    positions, search = library.where(record, wanted)
    page = Page.of(request.query_params, len(positions))
    chosen = positions[page.start : page.stop]
    excerpts = texts.excerpts(library.store, record, chosen.tolist())
    return render(
        request,
        "run.html",
        run=record,
        card=snapshot.card,
        panels=panels(snapshot.card),
        tables=group_tables(snapshot.card),
        at=time.strftime("%H:%M:%S", time.localtime(snapshot.at)),
        left=snapshot.card.counts.pending,
        progress=_progress(library, snapshot),
        choices=snapshot.choices,
        rows=[(excerpt, snapshot.brief(excerpt.position)) for excerpt in excerpts],
        of=len(snapshot.outcomes),
        page=page,
        search=search,
        wanted=wanted,
    )


def request(library: Library, request: Request) -> Response:
    """One request of a run: everything there is about it."""
    record = library.run(request.path_params["run"])
    position = request.path_params["position"]
    item = next(library.store.items(record, [position]), None)
    if item is None:
        raise HTTPException(404, "This run has no such request.")
    wanted = Filter.of(request.query_params)
    positions, _ = library.where(record, wanted)
    before, place, after = neighbours(positions, position)
    judged = texts.verdicts(library.store, item.key, item.request.intent)
    samples = samples_of(library.store, record)
    return render(
        request,
        "request.html",
        run=record,
        target=record.title,
        item=item,
        title=library.taxonomy.title(item.request.principle),
        now=library.snapshot(record).brief(position),
        judges=[v for v in judged if not v.judge.startswith((PERSON, SETTLED))],
        people=[v for v in judged if v.judge.startswith((PERSON, SETTLED))],
        drawn=[one.title for one in samples if one.holds(position, PERSON)],
        before=before,
        after=after,
        place=place,
        total=len(positions),
        page=(place or 0) // 50 + 1,
        wanted=wanted,
        full=request.query_params.get("full") == "1",
    )


def neighbours(positions: Positions, position: int) -> tuple[int | None, int | None, int | None]:
    """The position before, the place of this one if it is there, and the position after."""
    place = int(np.searchsorted(positions, position))
    there = place < len(positions) and int(positions[place]) == position
    following = place + there
    before = int(positions[place - 1]) if place > 0 else None
    after = int(positions[following]) if following < len(positions) else None
    return before, place if there else None, after


def progress(library: Library, request: Request) -> Response:
    """How far a run is, for the page that shows it to keep itself up to date."""
    record: RunRecord = library.run(request.path_params["run"])
    return JSONResponse(_progress(library, library.snapshot(record)))


def _progress(library: Library, snapshot: Snapshot) -> dict[str, Any]:
    left, total = snapshot.card.counts.pending, len(snapshot.outcomes)
    written = last_written(library.store)
    ago = None if written is None else max(0.0, time.time() - written)
    if not left:
        said = "Complete."
    elif ago is None:
        said = "Nothing is stored yet."
    else:
        said = f"The store was last written to {_ago(ago)}."
    return {
        "done": total - left,
        "total": total,
        "left": left,
        "live": bool(left) and ago is not None and ago < LIVE_SECONDS,
        "said": said,
    }


def _ago(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s ago"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min ago"
    return f"{seconds / 3600:.0f} h ago" if seconds < 172_800 else f"{seconds / 86_400:.0f} d ago"
