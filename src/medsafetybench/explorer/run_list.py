"""The page of all runs: found by a text and tags, sorted, picked to be compared or hidden.

    Listing.of({"q": "llama", "sort": "refusal", "down": "1"})

A hidden run has the tag ``hidden``, in the store and so for whoever reads it; nothing else is
changed about it, and it is shown again when that is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ..errors import MsbError, UnknownName
from ..results.measures import across, measure_named
from ..results.scorecard import Scorecard
from ..store.names import tag
from ..store.store import RunRecord
from .library import Library
from .panels import scale_of
from .templating import render

HIDDEN = "hidden"
"""The tag of a run that the page leaves out."""
LONGEST_TEXT = 200

SORTS: dict[str, Callable[[Scorecard], Any]] = {
    "run": lambda card: card.run,
    "target": lambda card: card.target.casefold(),
    "benchmark": lambda card: card.benchmark.title,
    "judge": lambda card: card.judge,
    "begun": lambda card: card.created,
    "n": lambda card: card.counts.n,
}
"""What runs are sorted by besides measures."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Which runs an address asks for, and in which order.

    ``q`` is a text in a run's name, target, id, judge, benchmark or tags; ``tag`` one of its tags;
    with ``hidden`` the hidden ones are there too.
    """

    q: str = ""
    tag: str = ""
    hidden: str = ""
    sort: str = "begun"
    down: str = "1"

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Listing:
        """What an address asks for; what it does not say is as it is at first."""
        asked = {
            one.name: given[one.name].strip()[:LONGEST_TEXT]
            for one in fields(cls)
            if one.name in given
        }
        return replace(cls(), **asked)

    def query(self, **more: str) -> str:
        """The address's parameters with others in place of theirs, without what is as at first."""
        usual = {field.name: field.default for field in fields(self)}
        asked = {name: more.get(name, getattr(self, name)) for name in usual}
        pairs = {name: value for name, value in asked.items() if value != usual[name]}
        return f"?{urlencode(pairs)}" if pairs else ""

    def holds(self, run: RunRecord, card: Scorecard | None) -> bool:
        """True for a run that is asked for; its scorecard says more of it once it is there."""
        if HIDDEN in run.tags and self.hidden != "1":
            return False
        if self.tag and self.tag not in run.tags:
            return False
        said = [run.id, run.title, str(run.settings["target"]["model"]), *run.tags]
        if card:
            said += [card.target, *card.details, card.judge or "", card.benchmark.title]
        return any(self.q.casefold() in text.casefold() for text in said)


def show(library: Library, request: Request) -> Response:
    """The runs asked for, sorted; those whose numbers are not there yet come last."""
    asked = Listing.of(request.query_params)
    newest = library.runs()[::-1]
    snapshots = library.peek_all(newest)
    cards = [one.card if one else None for one in snapshots]
    found = list(zip(newest, cards, strict=True))
    wanted = [(run, card) for run, card in found if asked.holds(run, card)]
    ready = [(run, card) for run, card in wanted if card]
    sort, value = _sorting(asked.sort)
    ready.sort(key=lambda pair: _in_order(value(pair[1]), asked.down == "1"))
    return render(
        request,
        "runs.html",
        path=str(library.path),
        measures=across(scale_of(card) for _, card in ready),
        rows=ready,
        waiting=[(run, library.size(run)) for run, card in wanted if not card],
        asked=replace(asked, sort=sort),
        tags=[(one, one) for one in sorted({t for run in newest for t in run.tags} - {HIDDEN})],
        total=len(newest),
        hidden=[run for run in newest if HIDDEN in run.tags],
    )


def hide(library: Library, request: Request) -> Response:
    """Hide the picked runs, or show them again; then the list as it was asked for."""
    sent = request.state.form
    picked = library.picked(sent.getlist("run"))
    if not picked:
        raise MsbError("no run was picked; go back and tick those that are meant")
    change = {"remove" if sent.get("again") == "1" else "add": [HIDDEN]}
    with library.writing() as store:
        for run in picked:
            tag(store, run, **change)
    return RedirectResponse(f"/{Listing.of(request.query_params).query()}", 303)


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
