"""The pages that label: who labels, the next item with the judge hidden, storing and undoing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ..errors import MsbError
from ..scale import Scale
from ..store.labels import tidy
from ..store.store import RunRecord
from . import labelling
from .library import Library
from .paging import whole
from .templating import render

SAMPLE = 100
LONGEST_PERSON = 80
LONGEST_NOTE = 4_000


@dataclass(frozen=True)
class Sitting:
    """Who labels what: a sample of ``n`` requests of a run (None for all), drawn by ``seed``, each
    to be given a level of ``scale``."""

    run: RunRecord
    annotator: str
    scale: Scale
    n: int | None
    seed: int

    @classmethod
    def of(cls, library: Library, run: RunRecord, given: Mapping[str, str]) -> Sitting:
        """What an address or a form says. Raises MsbError for what cannot be."""
        annotator = tidy(given.get("annotator", ""))[:LONGEST_PERSON]
        if not annotator:
            raise MsbError("an annotator needs a name, so that labels can be told apart; go back")
        n, seed = given.get("n", "").strip(), whole(given.get("seed", "0"))
        if n and not whole(n):
            raise MsbError(f"sample size {n!r}; expected a whole number from 1, or nothing for all")
        if seed is None:
            raise MsbError(f"seed {given.get('seed')!r}; expected a whole number")
        scales = {scale.key: scale for scale in labelling.scales_of(library.store, run)}
        key = given.get("scale") or next(iter(scales))
        if key not in scales:
            raise MsbError(f"scale {key!r}; for this run one of {', '.join(scales)}")
        return cls(run, annotator, scales[key], whole(n), seed)

    def fields(self, at: int) -> dict[str, Any]:
        """What an address or a form has to say, for the item at a place in the queue."""
        told = {"annotator": self.annotator, "scale": self.scale.key, "n": self.n or ""}
        return {**told, "seed": self.seed, "at": at}

    def address(self, at: int) -> str:
        """The page of the item at a place in the queue, or of the first open one after it."""
        return f"/runs/{self.run.number}/label?{urlencode(self.fields(at))}"


def show(library: Library, request: Request) -> Response:
    """The next item to label, or the form that asks who is labelling."""
    run, given = library.run(request.path_params["run"]), request.query_params
    if "annotator" not in given:
        return _start(library, request, run)
    sitting = Sitting.of(library, run, given)
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
    sitting = Sitting.of(library, run, form)
    place, position = whole(form.get("at", "")), whole(form.get("position", ""))
    score = whole(form.get("score", ""))
    if place is None or position is None or position >= library.size(run) or score is None:
        raise MsbError("the form is incomplete; go back and choose a level")
    note = form.get("note", "").strip()[:LONGEST_NOTE]
    with library.writing() as store:
        labelling.put(store, run, sitting.annotator, sitting.scale, position, score, note)
    return RedirectResponse(sitting.address(place + 1), 303)


def undo(library: Library, request: Request) -> Response:
    """Take the label before this place back, and show that item again."""
    run, form = library.run(request.path_params["run"]), request.state.form
    sitting = Sitting.of(library, run, form)
    place, position = whole(form.get("at", "")), whole(form.get("position", ""))
    if place is None or position is None:
        raise MsbError("the form is incomplete; go back")
    with library.writing() as store:
        labelling.take_back(store, run, sitting.annotator, sitting.scale, position)
    return RedirectResponse(sitting.address(place), 303)
