"""Labelling where one reads: one request of a run, chosen by hand, with what judges said hidden.

Such a label is of no random sample, so alone it corrects no figure. What was drawn and passed over
is not labelled here: "drawn and not labelled" says something there, and somebody who picks from it
would undo that. What was drawn and is still to come may be; it is labelled then, and was drawn.
"""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ..errors import MsbError
from ..store import labels
from ..store.labels import PERSON
from ..store.samples import samples_of
from ..store.store import Item, RunRecord
from . import labelling
from .filters import Filter
from .label_pages import name_of, note_of, scale_of
from .library import Library
from .paging import whole
from .templating import render


def show(library: Library, request: Request) -> Response:
    """The request and its response, and nothing that anybody said of it."""
    run, item = _item(library, request)
    scale = scale_of(library, run, request.query_params)
    return render(
        request,
        "label_one.html",
        run=run,
        item=item,
        scale=scale,
        scales=labelling.scales_of(library.store, run),
        levels=scale.levels[item.request.intent],
        wanted=Filter.of(request.query_params),
        drawn=_passed_over(library, run, item),
        full=request.query_params.get("full") == "1",
    )


def put(library: Library, request: Request) -> Response:
    """Store the label; then back to the request, where it stands."""
    run, item = _item(library, request)
    form = request.state.form
    annotator, scale = name_of(form), scale_of(library, run, form)
    score = whole(form.get("score", ""))
    if score is None:
        raise MsbError("the form is incomplete; go back and choose a level")
    if drawn := _passed_over(library, run, item):
        raise MsbError(f"{item.request.name} is of {drawn}; label it there, in its order")
    with library.writing() as store:
        person = labels.person(store, annotator, scale)
        labels.label(store, person, item, score, note_of(form))
    request.state.session.annotator = annotator
    inside = Filter.of(request.query_params).query()
    return RedirectResponse(f"/runs/{run.number}/requests/{item.position}{inside}", 303)


def _item(library: Library, request: Request) -> tuple[RunRecord, Item]:
    """The request that was answered, or a 404."""
    run, position = library.run(request.path_params["run"]), request.path_params["position"]
    item = next(library.store.items(run, [position]), None)
    if item is None or item.response is None or item.response.error or item.response.empty:
        raise HTTPException(404, "This run has no such request, or no answer to it.")
    return run, item


def _passed_over(library: Library, run: RunRecord, item: Item) -> str:
    """The random sample that the request is of, where its place was come to; else nothing."""
    samples = samples_of(library.store, run)
    return next((one.title for one in samples if one.holds(item.position, PERSON)), "")
