"""The pages that read: one run with its requests, one request, and how far a run is."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..store import texts
from ..store.grades import on_criteria
from ..store.labels import PERSON
from ..store.samples import samples_of
from ..store.settled import SETTLED
from ..store.store import RunRecord
from ..store.texts import Positions
from .filters import Filter
from .freshness import last_written
from .library import Library
from .paging import Page
from .panels import group_tables, panels
from .run_list import HIDDEN
from .snapshots import Snapshot
from .sorting import SORTS
from .templating import render
from .view import view_of

LIVE_SECONDS = 30.0
"""A run with work left counts as being written if the store was written to so recently."""


def run(library: Library, request: Request) -> Response:
    """A run: its scorecard, and its requests filtered and page by page."""
    record = library.run(request.path_params["run"])
    wanted = Filter.of(request.query_params)
    snapshot = library.snapshot(record, wanted.judge)
    positions, search = library.where(record, wanted)
    page = Page.of(request.query_params, len(positions))
    chosen = positions[page.start : page.stop]
    excerpts = texts.excerpts(library.store, record, chosen.tolist())
    return render(
        request,
        "run.html",
        others=_others(library, record),
        judges=[(name, name) for name in library.judges(record)],
        view=view_of(request, [record]),
        run=record,
        card=snapshot.card,
        panels=panels(snapshot.card),
        tables=group_tables(snapshot.card),
        at=time.strftime("%H:%M:%S", time.localtime(snapshot.at)),
        left=snapshot.card.counts.pending,
        progress=_progress(library, snapshot),
        choices=snapshot.choices,
        rows=[(excerpt, snapshot.brief(excerpt.position)) for excerpt in excerpts],
        sorts=[(name, sort.title) for name, sort in SORTS.items()],
        sorted_by=SORTS[wanted.sort].key if wanted.sort else None,
        by=_sorted_by(library, record, wanted, chosen),
        of=len(snapshot.outcomes),
        page=page,
        search=search,
        wanted=wanted,
    )


def _others(library: Library, record: RunRecord) -> list[tuple[str, str]]:
    """The runs to compare this one with, the newest first, those of the same benchmark before."""
    own = record.settings["benchmark"]["sha256"]
    others = [run for run in library.runs()[::-1] if run.id != record.id]
    others.sort(key=lambda run: run.settings["benchmark"]["sha256"] != own)
    shown = [run for run in others if HIDDEN not in run.tags]
    return [(str(run.number), f"{run.title} ({run.id})") for run in shown]


def _sorted_by(
    library: Library, run: RunRecord, wanted: Filter, chosen: Positions
) -> dict[int, tuple[int, ...]]:
    """What the requests of a page are sorted by, by position: a number, or the lowest and highest
    level of its judges."""
    keys = library.sort_keys(run, wanted)
    if keys is None:
        return {}
    there = [at for at in chosen.tolist() if at < len(keys.values) and keys.values[at] >= 0]
    told = keys.values[np.newaxis] if keys.ends is None else keys.ends
    return {at: tuple(int(value) for value in told[:, at]) for at in there}


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
        view=view_of(request, [record]),
        run=record,
        target=record.title,
        item=item,
        title=library.taxonomy.title(item.request.principle),
        now=library.snapshot(record, wanted.judge).brief(position),
        judges=[v for v in judged if not v.judge.startswith((PERSON, SETTLED))],
        graded=on_criteria(library.store, item),
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
    """The position before, the place of this one, and the position after.

    Of one that is not there, the nearest ones in the run's order, and no place.
    """
    if len(at := np.flatnonzero(positions == position)):
        place = int(at[0])
        before = int(positions[place - 1]) if place else None
        after = int(positions[place + 1]) if place + 1 < len(positions) else None
        return before, place, after
    lower, higher = positions[positions < position], positions[positions > position]
    return (
        int(lower.max()) if len(lower) else None,
        None,
        int(higher.min()) if len(higher) else None,
    )


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
