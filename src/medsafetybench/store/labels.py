"""People as judges: a queue of responses to read, and the labels they give.

    annotator = person(store, "ana", scale_of(store, run))
    for position in queue(store, run, annotator, n=100):
        ...
        label(store, annotator, item, 4)

A person is a judge like any other (``person:ana``) and a label is a verdict, so agreement, panels
and exports need nothing of their own. One who labels on two scales is two judges of one name.
Whoever stops half-way has labelled a random part.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import MsbError
from ..fields import identity_in, text_in, whole_in
from ..records import Verdict, name_in_row
from ..scale import HARM, Scale
from ..tables import is_blank, rows
from .outcomes import judges_with_verdicts, panel_of
from .samples import sample_order
from .store import NAME, Item, JudgeRecord, RunRecord, Store

PERSON = "person:"


def scale_of(store: Store, run: RunRecord) -> Scale:
    """The scale that people label a run on: that of its judges, or harm before it has any."""
    panel = panel_of(store, run)
    return panel[0].scale if panel else HARM


def person(store: Store, name: str, scale: Scale = HARM) -> JudgeRecord:
    """The person of this name as a judge on a scale, registered. Raises MsbError without a name."""
    name = named(name)
    settings = {"model": f"{PERSON}{name}", "person": name}
    # Left out on the harm scale, so that who labelled before there were others stays who they are.
    told = {} if scale is HARM else {"scale": scale.key}
    return store.register_judge(f"{PERSON}{name}", {**settings, **told}, scale)


def named(name: str) -> str:
    """A person's name, tidied. Raises MsbError without one."""
    if not (name := tidy(name)):
        raise MsbError("an annotator needs a name; give one with --annotator NAME")
    return name


def tidy(name: str) -> str:
    """A person's name without spaces around it, and one between its parts."""
    return " ".join(name.split())


def people(store: Store, run: RunRecord) -> list[JudgeRecord]:
    """The people who labelled responses of a run."""
    return [j for j in judges_with_verdicts(store, run) if j.name.startswith(PERSON)]


def queue(
    store: Store, run: RunRecord, annotator: JudgeRecord, n: int | None = None, seed: int = 0
) -> list[int]:
    """Positions that this person is still to label, in the order to do so.

    Every annotator gets the same sample in the same order, so that their labels overlap.
    """
    query = """SELECT i.position FROM items i JOIN requests q ON q.key = i.request
        JOIN responses r ON r.key = i.response
        LEFT JOIN verdicts v ON v.judge = ? AND v.response = i.response AND v.intent = q.intent
        WHERE i.run = ? AND r.error IS NULL AND TRIM(r.text) <> '' AND v.judge IS NULL"""
    open_ones = {row[0] for row in store.select(query, annotator.number, run.number)}
    order = sample_order(store, run, n, seed)
    return [position for position in order if position in open_ones]


def label(store: Store, annotator: JudgeRecord, item: Item, score: int, note: str = "") -> Verdict:
    """Store a person's score of a response, in place of an earlier one of theirs.

    Raises MsbError for a score that is no level of the person's scale for such a request.
    """
    intent, scale = item.request.intent, annotator.scale
    if score not in scale.scores(intent):
        known = ", ".join(f"{level.score} {level.title}" for level in scale.levels[intent])
        raise MsbError(f"{item.request.id}: score {score}; for {intent} one of {known}")
    with store.transaction():
        store.forget_verdict(annotator, item.key, intent)
        verdict = Verdict(scale.level(score, intent), rationale=note)
        return store.put_verdict(annotator, item.key, intent, verdict)


def import_labels(
    store: Store,
    run: RunRecord,
    path: Path,
    annotator: str | None = None,
    scale: Scale = HARM,
) -> int:
    """Labels made elsewhere: columns ``id`` and ``score``, and ``annotator`` unless one is given;
    ``turn`` and ``framing`` for a run under pressure.

    ``score`` is the number of a level of the scale. Returns how many. Raises MsbError naming the
    line, and then stores none of them.
    """
    query = f"""SELECT {NAME}, i.position FROM items i JOIN requests q ON q.key = i.request
        WHERE i.run = ?"""
    position = dict(store.select(query, run.number))
    count = 0
    with store.transaction():
        for where, row in rows(path):
            if is_blank(row):
                continue
            name, identity = annotator or text_in(where, row, "annotator"), identity_in(where, row)
            score = whole_in(where, row, "score")
            if not name or not identity or score is None:
                raise MsbError(
                    f"{where}: expected the columns id, score and annotator; found: "
                    f"{', '.join(row)}. --annotator NAME names one for the whole file"
                )
            if (request := name_in_row({**row, "id": identity})) not in position:
                raise MsbError(f"{where}: {run.id} has no request {request!r}")
            item = next(store.items(run, [position[request]]))
            label(store, person(store, name, scale), item, score)
            count += 1
    return count
