"""The pages that read: all runs, one run with its requests, one request, and how far a run is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..records import INTENTS
from ..results.scorecard import Scorecard
from ..store.labels import PERSON
from ..store.store import RunRecord
from . import queries
from .library import Library
from .paging import Page
from .queries import STATES, Filter, Positions
from .render import render
from .snapshots import Snapshot

LIVE_SECONDS = 30.0
"""A run with work left counts as being written if the store was written to so recently."""

SORTS: dict[str, Callable[[Scorecard], Any]] = {
    "run": lambda card: card.run,
    "target": lambda card: card.target.casefold(),
    "benchmark": lambda card: card.benchmark.name,
    "judge": lambda card: card.judge,
    "begun": lambda card: card.created,
    "n": lambda card: card.n,
    "mean": lambda card: card.mean,
    "safe": lambda card: card.safe_rate,
    "over": lambda card: card.over_refusal and card.over_refusal.rate,
}


def runs(library: Library, request: Request) -> Response:
    """All runs, sorted as asked; those whose numbers are not there yet come last."""
    sort, down = request.query_params.get("sort", "begun"), request.query_params.get("down", "1")
    if sort not in SORTS:
        sort = "begun"
    newest = library.runs()[::-1]
    found = list(zip(newest, library.peek_all(newest), strict=True))
    ready = [(run, snapshot) for run, snapshot in found if snapshot]
    ready.sort(key=lambda pair: _in_order(SORTS[sort](pair[1].card), down == "1"))
    waiting = [run for run, snapshot in found if not snapshot]
    return render(
        request,
        "runs.html",
        path=str(library.path),
        rows=[(run, snapshot, work_left(snapshot)) for run, snapshot in ready],
        waiting=[(run, library.size(run)) for run in waiting],
        sort=sort,
        down=down == "1",
    )


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
    excerpts = queries.excerpts(library.store, record, chosen.tolist())
    columns = snapshot.columns
    return render(
        request,
        "run.html",
        run=record,
        card=snapshot.card,
        at=time.strftime("%H:%M:%S", time.localtime(snapshot.at)),
        left=work_left(snapshot),
        progress=_progress(library, snapshot),
        rows=[(excerpt, described(snapshot, excerpt.position)) for excerpt in excerpts],
        page=page,
        search=search,
        wanted=wanted,
        columns=columns,
        states=STATES,
        titles=_titles(library, columns.principles),
    )


def _titles(library: Library, principles: list[int | None]) -> dict[str, str]:
    """What each principle is called in the filter, in order."""
    ordered = sorted(principles, key=lambda p: (p is None, p))
    return {
        queries.NONE if p is None else str(p): "none named"
        if p is None
        else f"{p} {library.taxonomy.title(p)}"
        for p in ordered
    }


def described(snapshot: Snapshot, position: int) -> dict[str, Any]:
    """The small fields of one request."""
    columns = snapshot.columns
    return {
        "principle": columns.principles[columns.principle[position]],
        "source": columns.sources[columns.source[position]],
        "intent": INTENTS[columns.intent[position]],
        "state": STATES[columns.state[position]],
        "score": int(columns.score[position]) or None,
    }


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
    judged = queries.verdicts(library.store, item.key, item.request.intent)
    return render(
        request,
        "request.html",
        run=record,
        target=str(record.settings["target"].get("model", "")),
        item=item,
        title=library.taxonomy.title(item.request.principle),
        now=described(library.snapshot(record), position),
        judges=[v for v in judged if not v.judge.startswith(PERSON)],
        people=[v for v in judged if v.judge.startswith(PERSON)],
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
    left, total = work_left(snapshot), len(snapshot.columns)
    written = queries.last_written(library.store)
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


def work_left(snapshot: Snapshot) -> int:
    """Requests that are not answered or not judged yet."""
    card = snapshot.card
    return card.pending + (card.over_refusal.pending if card.over_refusal else 0)
