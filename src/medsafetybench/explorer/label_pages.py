"""The pages that label: who labels, the next item with the judge hidden, storing and undoing."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ..errors import MsbError
from ..scale import Scale
from ..store.labels import tidy
from ..store.store import RunRecord
from . import labelling
from .labelling import Sitting
from .library import Library
from .paging import whole
from .templating import render

SAMPLE = 100
LONGEST_PERSON = 80
LONGEST_NOTE = 4_000


def sitting_of(library: Library, run: RunRecord, given: Mapping[str, str]) -> Sitting:
    """What an address or a form says. Raises MsbError for what cannot be."""
    annotator = name_of(given)
    n, seed = given.get("n", "").strip(), whole(given.get("seed", "0"))
    if n and not whole(n):
        raise MsbError(f"sample size {n!r}; expected a whole number from 1, or nothing for all")
    if seed is None:
        raise MsbError(f"seed {given.get('seed')!r}; expected a whole number")
    return Sitting(run, annotator, scale_of(library, run, given), whole(n), seed)


def name_of(given: Mapping[str, str]) -> str:
    """Who labels, as an address or a form says. Raises MsbError without a name."""
    annotator = tidy(given.get("annotator", ""))[:LONGEST_PERSON]
    if not annotator:
        raise MsbError("an annotator needs a name, so that labels can be told apart; go back")
    return annotator


def note_of(form: Mapping[str, str]) -> str:
    """The note of a form, as much of it as is kept."""
    return form.get("note", "").strip()[:LONGEST_NOTE]


def scale_of(library: Library, run: RunRecord, given: Mapping[str, str]) -> Scale:
    """The scale that an address or a form names, else the run's. Raises MsbError for another."""
    scales = {scale.key: scale for scale in labelling.scales_of(library.store, run)}
    key = given.get("scale") or next(iter(scales))
    if key not in scales:
        raise MsbError(f"scale {key!r}; for this run one of {', '.join(scales)}")
    return scales[key]


def show(library: Library, request: Request) -> Response:
    """The next item to label, or the form that asks who is labelling."""
    run, given = library.run(request.path_params["run"]), request.query_params
    if "annotator" not in given:
        return _start(library, request, run)
    sitting = sitting_of(library, run, given)
    waiting = library.queue(run, sitting.n, sitting.seed)
    done = labelling.labelled_by(library.store, sitting.annotator, sitting.scale)
    desk = labelling.Desk(waiting, done, sitting.annotator)
    at = whole(given.get("at", ""), 0) or 0
    found = desk.next(at)
    place, position = found or (desk.total, None)
    items = [] if position is None else list(library.store.items(run, [position]))
    return render(
        request,
        "label.html",
        run=run,
        sitting=sitting,
        desk=desk,
        item=items[0] if items else None,
        place=place,
        undo=desk.previous(place),
        levels=sitting.scale.levels[items[0].request.intent] if items else (),
        full=given.get("full") == "1",
    )


def _start(library: Library, request: Request, run: RunRecord) -> Response:
    return render(
        request,
        "label_start.html",
        run=run,
        sample=SAMPLE,
        size=library.size(run),
        scales=labelling.scales_of(library.store, run),
    )


def put(library: Library, request: Request) -> Response:
    """Store a label; then on to the next item."""
    run, form = library.run(request.path_params["run"]), request.state.form
    sitting = sitting_of(library, run, form)
    place, position = whole(form.get("at", "")), whole(form.get("position", ""))
    score = whole(form.get("score", ""))
    if place is None or position is None or position >= library.size(run) or score is None:
        raise MsbError("the form is incomplete; go back and choose a level")
    note = note_of(form)
    with library.writing() as store:
        sitting.put(store, position, score, note)
    return RedirectResponse(sitting.address(place + 1), 303)


def undo(library: Library, request: Request) -> Response:
    """Take the label before this place back, and show that item again."""
    run, form = library.run(request.path_params["run"]), request.state.form
    sitting = sitting_of(library, run, form)
    place, position = whole(form.get("at", "")), whole(form.get("position", ""))
    if place is None or position is None:
        raise MsbError("the form is incomplete; go back")
    with library.writing() as store:
        sitting.take_back(store, position)
    return RedirectResponse(sitting.address(place), 303)
