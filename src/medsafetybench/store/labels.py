"""People as judges: a queue of responses to read, and the labels they give.

    annotator = person(store, "ana", scale_of(store, run))
    sample = draw(store, run, 100, seed=0)
    for position in queue(store, run, annotator, n=100):
        ...
        label(store, annotator, item, 4, sample=sample)

A person is a judge like any other (``person:ana``) and a label is a verdict, so agreement, panels
and exports need nothing of their own. One who labels on two scales is two judges of one name.
Whoever stops half-way has labelled a random part. Which random sample a label is of, if it is of
one, is in samples.py; how labels that differ become one in settled.py.
"""

from __future__ import annotations

from ..errors import MsbError
from ..records import Verdict
from ..scale import HARM, Scale
from .panel import judges_with_verdicts, panel_of
from .samples import Sample, reach, sample_order, step_back
from .store import Item, JudgeRecord, RunRecord, Store

PERSON = "person:"


def scale_of(store: Store, run: RunRecord) -> Scale:
    """The scale that people label a run on: that of its judges, or harm before it has any and
    where theirs is of several verdicts a response."""
    panel = panel_of(store, run)
    return HARM if not panel or panel[0].scale.parts else panel[0].scale


def person(store: Store, name: str, scale: Scale = HARM) -> JudgeRecord:
    """The person of this name as a judge on a scale, registered. Raises MsbError without a name,
    and for a scale of several verdicts a response."""
    name = named(name)
    check_labelled(scale)
    settings = {"model": f"{PERSON}{name}", "person": name}
    # Left out on the harm scale, so that who labelled before there were others stays who they are.
    told = {} if scale is HARM else {"scale": scale.key}
    return store.register_judge(f"{PERSON}{name}", {**settings, **told}, scale)


def check_labelled(scale: Scale) -> None:
    """Raise MsbError for a scale that people cannot label on: one level would not say which parts
    it is made up of."""
    if scale.parts:
        raise MsbError(
            f"people give a response one level, and {scale.key} has a verdict on each "
            f"{scale.parts.key}; label it on another scale, as {HARM.key}"
        )


def known_judge(store: Store, name: str, scale: Scale) -> JudgeRecord | None:
    """The judge of this full name on a scale, if there is one; looking must not write."""
    return next((j for j in store.judges() if j.name == name and j.scale is scale), None)


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


def label(
    store: Store,
    annotator: JudgeRecord,
    item: Item,
    score: int,
    note: str = "",
    sample: Sample | None = None,
) -> Verdict:
    """Store a person's score of a response, in place of an earlier one of theirs.

    ``sample`` is the one in whose order they came to it, if they did. Raises MsbError for a score
    that is no level of the person's scale for such a request.
    """
    intent, scale = item.request.intent, annotator.scale
    if score not in scale.scores(intent):
        known = ", ".join(f"{level.score} {level.title}" for level in scale.levels[intent])
        raise MsbError(f"{item.request.id}: score {score}; for {intent} one of {known}")
    with store.transaction():
        if sample:
            reach(store, sample, annotator, item.position)
        store.forget_verdict(annotator, item.key, intent)
        verdict = Verdict(scale.level(score, intent), rationale=note)
        return store.put_verdict(annotator, item.key, intent, verdict)


def take_back(
    store: Store, annotator: JudgeRecord, item: Item, sample: Sample | None = None
) -> None:
    """Forget a person's label of a response, if there is one, as if they had not come to it."""
    with store.transaction():
        if sample:
            step_back(store, sample, annotator, item.position)
        store.forget_verdict(annotator, item.key, item.request.intent)
