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
from typing import Any
from urllib.parse import urlencode

from ..scale import HARM, Scale
from ..store import labels
from ..store.samples import Sample, draw
from ..store.store import RunRecord, Store

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


def labelled_by(store: Store, name: str, scale: Scale) -> Labelled:
    """What this person has labelled on this scale so far."""
    person = labels.known_judge(store, f"{labels.PERSON}{labels.tidy(name)}", scale)
    query = "SELECT response, intent FROM verdicts WHERE judge = ?"
    return set(store.select(query, person.number)) if person else set()


@dataclass(frozen=True)
class Sitting:
    """Who labels what: a sample of ``n`` requests of a run (None for all), drawn by ``seed``, each
    to be given a level of ``scale``."""

    run: RunRecord
    annotator: str
    scale: Scale
    n: int | None
    seed: int

    def fields(self, at: int) -> dict[str, Any]:
        """What an address or a form has to say, for the item at a place in the queue."""
        told = {"annotator": self.annotator, "scale": self.scale.key, "n": self.n or ""}
        return {**told, "seed": self.seed, "at": at}

    def address(self, at: int) -> str:
        """The page of the item at a place in the queue, or of the first open one after it."""
        return f"/runs/{self.run.number}/label?{urlencode(self.fields(at))}"

    def put(self, store: Store, position: int, score: int, note: str) -> None:
        """Store a label. Raises MsbError for a name or a score that cannot be."""
        with store.transaction():
            item = next(store.items(self.run, [position]))
            person = labels.person(store, self.annotator, self.scale)
            labels.label(store, person, item, score, note, self._sample(store))

    def take_back(self, store: Store, position: int) -> None:
        """Forget the label of one item, if there is one."""
        person = labels.known_judge(store, f"{labels.PERSON}{self.annotator}", self.scale)
        for item in store.items(self.run, [position]):
            if person:
                labels.take_back(store, person, item, self._sample(store))

    def _sample(self, store: Store) -> Sample:
        return draw(store, self.run, self.n, self.seed)
