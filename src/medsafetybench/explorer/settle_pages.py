"""The pages that settle: what people dispute, listed, and one by one for a third to settle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ..errors import MsbError
from ..scale import Scale
from ..store import labels
from ..store.settled import SETTLED, SettledLabels, settle, settled_labels, settler
from ..store.store import RunRecord
from . import labelling
from .label_pages import name_of, note_of, scale_of
from .library import Library
from .paging import whole
from .templating import render

LISTED = 200
"""How many disputes a page lists; the rest are counted."""


@dataclass(frozen=True)
class Settling:
    """Who settles what people said of a run on a scale."""

    run: RunRecord
    annotator: str
    scale: Scale

    def fields(self, at: int) -> dict[str, Any]:
        """What an address or a form has to say, for the disputed item at a position or after it."""
        return {"annotator": self.annotator, "scale": self.scale.key, "at": at}

    def address(self, at: int) -> str:
        """The page of the first disputed item from a position on."""
        return f"/runs/{self.run.number}/settle?{urlencode(self.fields(at))}"


def show(library: Library, request: Request) -> Response:
    """The next dispute, or the list of them with the form that asks who settles."""
    run, given = library.run(request.path_params["run"]), request.query_params
    scale = scale_of(library, run, given)
    found = settled_labels(library.store, run, scale)
    if "annotator" not in given:
        return _list(library, request, run, found)
    sitting = Settling(run, name_of(given), scale)
    at = whole(given.get("at", ""), 0) or 0
    waiting = found.to_settle(sitting.annotator)
    position = next((place for place in waiting if place >= at), None)
    item = None if position is None else next(library.store.items(run, [position]))
    return render(
        request,
        "settle.html",
        run=run,
        sitting=sitting,
        waiting=waiting,
        item=item,
        said=sorted(level for level in found.levels(item) if level) if item else [],
        levels=scale.levels[item.request.intent] if item else (),
        undo=_last_settled(library, sitting, found, at),
        full=given.get("full") == "1",
    )


def _list(library: Library, request: Request, run: RunRecord, found: SettledLabels) -> Response:
    positions = [int(place) for place in found.disputed.nonzero()[0]]
    items = library.store.items(run, positions[:LISTED])
    return render(
        request,
        "settle_start.html",
        run=run,
        scale=found.scale,
        scales=labelling.scales_of(library.store, run),
        people=[judge.name.removeprefix(labels.PERSON) for judge in found.people],
        both=int(((found.given > 0).sum(axis=0) > 1).sum()),
        differ=int(found.differ.sum()),
        disputed=len(positions),
        rows=[(item, found.levels(item)) for item in items],
    )


def _last_settled(
    library: Library, sitting: Settling, found: SettledLabels, before: int
) -> int | None:
    """The position of what this person settled last before this one, in the run's order."""
    own = labels.known_judge(library.store, f"{SETTLED}{sitting.annotator}", sitting.scale)
    if own is None:
        return None
    query = """SELECT MAX(i.position) FROM items i JOIN requests q ON q.key = i.request
        JOIN verdicts v ON v.judge = ? AND v.response = i.response AND v.intent = q.intent
        WHERE i.run = ? AND i.position < ?"""
    ((last,),) = library.store.select(query, own.number, sitting.run.number, before)
    return None if last is None or not found.settled[last] else int(last)


def put(library: Library, request: Request) -> Response:
    """Store what a third person settles; then on to the next dispute."""
    form = request.state.form
    sitting, position = _posted(library, request, form)
    if (score := whole(form.get("score", ""))) is None:
        raise MsbError("the form is incomplete; go back and choose a level")
    with library.writing() as store:
        item = next(store.items(sitting.run, [position]))
        who = settler(store, sitting.annotator, sitting.scale)
        settle(store, sitting.run, who, item, score, note_of(form))
    return RedirectResponse(sitting.address(position + 1), 303)


def undo(library: Library, request: Request) -> Response:
    """Take back what was settled of an item, and show it again."""
    sitting, position = _posted(library, request, request.state.form)
    with library.writing() as store:
        who = settler(store, sitting.annotator, sitting.scale)
        labels.take_back(store, who, next(store.items(sitting.run, [position])))
    return RedirectResponse(sitting.address(position), 303)


def _posted(library: Library, request: Request, form: Mapping[str, str]) -> tuple[Settling, int]:
    run = library.run(request.path_params["run"])
    position = whole(form.get("position", ""))
    if position is None or position >= library.size(run):
        raise MsbError("the form is incomplete; go back")
    return Settling(run, name_of(form), scale_of(library, run, form)), position
