"""The labelled sets that a check is on: published ones, files, and people's labels of stored runs.

open_sets(store, ["xstest", "ours.csv", "run-31e6748c41"], [judge.scale], Choice(part="test"))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import MsbError, UnknownName
from ..labelled import Labelled, LabelledSet, load_set, sets_at_hand
from ..labelled.published import PUBLISHED
from ..labelled.split import PARTS
from ..results.judge_card import Checked, compared_on
from ..results.measures import REFUSAL
from ..scale import SCALES, Scale
from ..statistics.sampling import stratified_sample
from ..store.settled import settled_labels
from ..store.store import RunRecord, Store
from ..tables import is_table


@dataclass(frozen=True)
class Choice:
    """What of the sets is taken.

    ``part`` is one of PARTS, or None for *test* of a published set and all of one's own. ``limit``
    is how many responses of each, a seeded sample stratified by label.
    """

    part: str | None = None
    limit: int | None = None
    seed: int = 0
    data_dir: str | Path | None = None
    columns: Mapping[str, str] | None = None
    scale: Scale | None = None


@dataclass(frozen=True)
class Part:
    """A set with the rows of it that are taken; ``whole`` is how many it has."""

    found: LabelledSet
    part: str
    whole: int


def open_sets(
    store: Store, names: Sequence[str], scales: Sequence[Scale], choice: Choice
) -> list[Part]:
    """The sets by name, or all that are at hand if none is named. Raises MsbError.

    ``scales`` are those of the judges: labels of a run are taken on one of them if there are any.
    """
    if choice.part is not None and choice.part not in PARTS:
        raise UnknownName("part", choice.part, PARTS)
    parts = []
    for name in dict.fromkeys(names or _telling(sets_at_hand(choice.data_dir), scales)):
        whole = _open(store, name, scales, choice)
        part = choice.part or ("all" if whole.own else "test")
        taken = _sample(whole.part(part), choice)
        if not taken.rows:
            raise MsbError(f"{name} has no response in its part {part!r}; try --split all")
        parts.append(Part(taken, part, len(whole.rows)))
    return parts


def _telling(names: Sequence[str], scales: Sequence[Scale]) -> list[str]:
    """The published sets that all of the judges can be compared on. Raises MsbError for none."""
    found = [
        name
        for name in names
        if all(compared_on(scale, PUBLISHED[name].scale) is not None for scale in scales)
    ]
    if not found:
        said = " and ".join(dict.fromkeys(scale.title for scale in scales))
        raise MsbError(
            f"no labelled set at hand says {said}; name one with --on, such as healthbench-meta "
            "for criteria, a file, or a run that people labelled"
        )
    return found


def _open(store: Store, name: str, scales: Sequence[Scale], choice: Choice) -> LabelledSet:
    if is_table(name) or name in PUBLISHED:
        return load_set(name, data_dir=choice.data_dir, columns=choice.columns, scale=choice.scale)
    runs = store.runs()
    if name != "last" and not any(name == run.name or run.id.startswith(name) for run in runs):
        known = [*PUBLISHED, *(run.id for run in runs[-8:]), "FILE.csv", "FILE.jsonl"]
        raise UnknownName("labelled set", name, known)
    run = store.run(name)
    return run_set(store, run, [choice.scale] if choice.scale else scales)


def run_set(store: Store, run: RunRecord, scales: Sequence[Scale]) -> LabelledSet:
    """People's settled labels of a run, on the first of the scales that they labelled on, else on
    one that tells declining.

    Raises MsbError where there are none.
    """
    telling = [scale for scale in SCALES.values() if REFUSAL.supports(scale)]
    for scale in {scale.key: scale for scale in (*scales, *telling)}.values():
        found = settled_labels(store, run, scale)
        positions = [int(place) for place in np.flatnonzero(found.score)]
        if not positions:
            continue
        given = found.given[:, positions].T.tolist()
        items = store.items(run, positions)
        rows = [
            Labelled(
                item.request,
                item.response,
                int(found.score[item.position]),
                tuple(own) if len(found.people) > 1 else (),
                item.key,
            )
            for item, own in zip(items, given, strict=True)
            if item.response and not item.response.error
        ]
        names = tuple(person.name for person in found.people)
        return LabelledSet(
            run.id,
            scale,
            tuple(rows),
            annotators=names if len(names) > 1 else (),
            left_out=int((found.given > 0).any(axis=0).sum()) - len(rows),
            own=True,
        )
    raise MsbError(
        f"{run.id} has no labels of people; `msb annotate {run.id}` takes them, or imports them "
        "from a file"
    )


def _sample(found: LabelledSet, choice: Choice) -> LabelledSet:
    if choice.limit is None or choice.limit >= len(found.rows):
        return found
    places = [f"{place:07}" for place in range(len(found.rows))]
    strata = [row.label for row in found.rows]
    chosen = sorted(map(int, stratified_sample(places, strata, choice.limit, choice.seed)))
    return replace(found, rows=tuple(found.rows[place] for place in chosen), whole=found.sha256)


def checked_part(part: Part) -> Checked:
    """The rows taken of a set in arrays, for cards."""
    rows = part.found.rows
    draws: dict[str, int] = {}
    numbers = [draws.setdefault(row.request.pair or row.request.id, len(draws)) for row in rows]
    given = [row.given or (0,) * len(part.found.annotators) for row in rows]
    raters: dict[str, int] = {}
    who = [[raters.setdefault(one, len(raters)) for one in row.raters] for row in rows]
    slots = max(map(len, who), default=0)
    groups: dict[str | None, int] = {}
    return Checked(
        name=part.found.name,
        version=part.found.version,
        sha256=part.found.sha256,
        licence=part.found.licence,
        part=part.part,
        own=part.found.own,
        scale=part.found.scale,
        labels=np.array([row.label for row in rows], np.int8),
        given=np.array(given, np.int8).reshape(len(rows), -1).T,
        draws=np.array(numbers, np.int64),
        whole=part.whole,
        left_out=part.found.left_out,
        by=part.found.by,
        raters=np.array([own + [-1] * (slots - len(own)) for own in who], np.int64).T,
        names=list(raters),
        groups=np.array([groups.setdefault(r.request.source, len(groups)) for r in rows], np.int64),
    )
