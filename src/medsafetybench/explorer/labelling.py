"""Labelling in the browser: the queue of store/labels.py, one item at a time.

    desk = Desk(read_queue(store, run, order), labelled_by(store, "ana", HARM), "ana")
    desk.next(0)              # the first place in the queue that this person has not labelled

The order of the queue depends on the run, the sample and the seed alone, so everyone labels the
same items in the same order, in the terminal or here, and nothing needs to be remembered between
two pages: taking a label back goes to the last labelled place before the one on screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..scale import HARM, Scale
from ..store import labels
from ..store.store import JudgeRecord, RunRecord, Store

Labelled = set[tuple[bytes, str]]
"""Response and intent of what a person has labelled, in any run."""


@dataclass(frozen=True)
class Queue:
    """What there is to label, in order: position in the run, response and intent."""

    items: list[tuple[int, tuple[bytes, str]]]
    whole: bool

    def __len__(self) -> int:
        return len(self.items)


def read_queue(store: Store, run: RunRecord, order: Sequence[int]) -> Queue:
    """The items of the order that were answered; ``whole`` if that is all of them.

    An answer is never replaced, so a whole queue stays as it is.
    """
    query = """SELECT i.position, i.response, q.intent
        FROM items i JOIN requests q ON q.key = i.request JOIN responses r ON r.key = i.response
        WHERE i.run = ? AND r.error IS NULL AND TRIM(r.text) <> ''"""
    answered = {row[0]: (row[1], row[2]) for row in store.select(query, run.number)}
    items = [(position, answered[position]) for position in order if position in answered]
    return Queue(items, len(items) == len(order))


class Desk:
    """One person's place at a queue."""

    def __init__(self, queue: Queue, labelled: Labelled, name: str) -> None:
        self.name = name
        self.total = len(queue)
        self._items = queue.items
        self._labelled = labelled
        self.done = sum(what in labelled for _, what in queue.items) if labelled else 0

    def next(self, place: int) -> tuple[int, int] | None:
        """(place, position) of the first open one from this place on."""
        return self._find(range(place, self.total), done=False)

    def previous(self, place: int) -> tuple[int, int] | None:
        """(place, position) of the last labelled one before this place."""
        return self._find(range(min(place, self.total) - 1, -1, -1), done=True)

    def _find(self, places: range, done: bool) -> tuple[int, int] | None:
        for place in places:
            position, what = self._items[place]
            if (what in self._labelled) == done:
                return place, position
        return None


def scales_of(store: Store, run: RunRecord) -> list[Scale]:
    """The scales that a person may label a run on: that of its judges first, then harm."""
    own = labels.scale_of(store, run)
    return [own] if own is HARM else [own, HARM]


def known_person(store: Store, name: str, scale: Scale) -> JudgeRecord | None:
    """The person of this name, if they have labelled on this scale; looking must not write."""
    full = f"{labels.PERSON}{labels.tidy(name)}"
    return next((j for j in store.judges() if j.name == full and j.scale is scale), None)


def labelled_by(store: Store, name: str, scale: Scale) -> Labelled:
    """What this person has labelled on this scale so far."""
    person = known_person(store, name, scale)
    query = "SELECT response, intent FROM verdicts WHERE judge = ?"
    return set(store.select(query, person.number)) if person else set()


def put(
    store: Store, run: RunRecord, name: str, scale: Scale, position: int, score: int, note: str
) -> None:
    """Store a label. Raises MsbError for a name or a score that cannot be."""
    with store.transaction():
        item = next(store.items(run, [position]))
        labels.label(store, labels.person(store, name, scale), item, score, note)


def take_back(store: Store, run: RunRecord, name: str, scale: Scale, position: int) -> None:
    """Forget a person's label of one item, if there is one."""
    person = known_person(store, name, scale)
    for item in store.items(run, [position]):
        if person:
            store.forget_verdict(person, item.key, item.request.intent)
