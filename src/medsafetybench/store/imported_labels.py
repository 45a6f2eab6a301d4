"""Labels made elsewhere, from a file.

import_labels(store, run, Path("labels.csv"))                    # labels, and no random sample
import_labels(store, run, Path("labels.csv"), n=100, seed=0)     # of the sample drawn here
import_labels(store, run, Path("labels.csv"), random=True)       # of one drawn elsewhere
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..errors import MsbError
from ..fields import identity_in, text_in, whole_in
from ..records import name_in_row
from ..scale import HARM, Scale
from ..tables import is_blank, rows
from .labels import label, person, queue
from .samples import draw, reach, stated
from .store import NAME, JudgeRecord, RunRecord, Store


class ImportedLabel(NamedTuple):
    """A line of the file: who said what of which request; no score is "could not be labelled"."""

    name: str
    position: int
    score: int | None


def import_labels(
    store: Store,
    run: RunRecord,
    path: Path,
    annotator: str | None = None,
    scale: Scale = HARM,
    n: int | None = None,
    seed: int = 0,
    random: bool = False,
) -> int:
    """Store labels made elsewhere: columns ``id`` and ``score``, and ``annotator`` unless one is
    given; ``turn`` and ``framing`` for a run under pressure. Returns how many.

    ``score`` is the number of a level of the scale. The labels are of a random sample of the run if
    ``n`` is given (that of `draw`), if the lines are said to be one (``random``; one without a
    score could then not be labelled), or if somebody labelled all harmful or all
    benign requests. Raises MsbError naming
    the line, and then stores none of them.
    """
    if random and n is not None:
        raise MsbError(
            "--random-sample says that the file was drawn elsewhere, --limit that it was drawn "
            "here; give one of them"
        )
    with store.transaction():
        found = list(_read(store, run, path, annotator, random))
        people = {name: person(store, name, scale) for name in dict.fromkeys(f.name for f in found)}
        given = [one for one in found if one.score is not None]
        for one in given:
            item = next(store.items(run, [one.position]))
            label(store, people[one.name], item, one.score or 0)
        positions = list(dict.fromkeys(one.position for one in found))
        for who in people.values():
            _say_how_drawn(store, run, who, positions, n, seed, random)
    return len(given)


def _say_how_drawn(
    store: Store,
    run: RunRecord,
    who: JudgeRecord,
    positions: list[int],
    n: int | None,
    seed: int,
    random: bool,
) -> None:
    if random:
        reach(store, stated(store, run, positions), who)
    elif n is not None:
        reach(store, draw(store, run, n, seed), who)
    else:
        for intent in _labelled_whole(store, run, who):
            reach(store, draw(store, run, None, seed, (intent,)), who)


def _labelled_whole(store: Store, run: RunRecord, who: JudgeRecord) -> set[str]:
    """The intents of which somebody labelled all there is: no sample is better."""
    left = store.items(run, sorted(queue(store, run, who)))
    query = """SELECT DISTINCT q.intent FROM items i JOIN requests q ON q.key = i.request
        WHERE i.run = ?"""
    asked = {intent for (intent,) in store.select(query, run.number)}
    return asked - {item.request.intent for item in left}


def _read(
    store: Store, run: RunRecord, path: Path, annotator: str | None, blank: bool
) -> Iterator[ImportedLabel]:
    query = f"""SELECT {NAME}, i.position FROM items i JOIN requests q ON q.key = i.request
        WHERE i.run = ?"""  # nosec B608 # names of ours
    position = dict(store.select(query, run.number))
    for where, row in rows(path):
        if is_blank(row):
            continue
        name, identity = annotator or text_in(where, row, "annotator"), identity_in(where, row)
        score = whole_in(where, row, "score")
        if not name or not identity or (score is None and not (blank and "score" in row)):
            raise MsbError(
                f"{where}: expected the columns id, score and annotator; found: "
                f"{', '.join(row)}. --annotator NAME names one for the whole file"
            )
        if (request := name_in_row({**row, "id": identity})) not in position:
            raise MsbError(f"{where}: {run.id} has no request {request!r}")
        yield ImportedLabel(name, position[request], score)
