"""Samples: the requests of a run that were drawn to be labelled, how, and by whom they were read.

    sample = draw(store, run, 100, seed=0)           # the same one whenever it is asked for
    reach(store, sample, annotator, position)        # she has labelled this one
    for sample in samples_of(store, run): ...        # with who read it, and how far

A label is of a random sample if its request was drawn by chance and nobody chose what to label of
what was drawn. So the order drawn is kept, and how far each reader has come: what lies before that
and has no label was looked at and not labelled, which says something; what lies after says nothing.
A label that was given otherwise (of a request chosen by hand, or from a file that says nothing) is
a label like any other, and of no sample.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from ..errors import MsbError
from ..records import OPPOSED
from ..statistics.sampling import stratified_sample
from .store import NAME, JudgeRecord, RunRecord, Store

STRATIFIED, STATED = "stratified", "stated"


@dataclass(frozen=True)
class Sample:
    """Requests of a run by ``positions``, in the order drawn.

    ``design`` is ``stratified`` (drawn here by ``seed``, ``n`` of them or all, by intent and
    principle) or ``stated`` (drawn elsewhere at random, as whoever labelled them says). ``reached``
    says how many of the first have been before each reader.
    """

    number: int
    design: str
    seed: int | None
    n: int | None
    intents: tuple[str, ...]
    positions: tuple[int, ...]
    created: str
    reached: tuple[tuple[JudgeRecord, int], ...] = ()

    def holds(self, position: int, kind: str = "") -> bool:
        """True if this request was drawn and has been before a reader whose name begins so."""
        reached = max((n for reader, n in self.reached if reader.name.startswith(kind)), default=0)
        return position in self.positions[:reached]

    def told(self) -> str:
        """How it was drawn, and how far each reader has come."""
        of = len(self.positions)
        read = ", ".join(f"{reader.name} {n} of {of}" for reader, n in self.reached)
        return f"{self.title}: {read or 'nobody yet'}"

    def record(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            "design": self.design,
            "seed": self.seed,
            "n": self.n,
            "intents": list(self.intents),
            "strata": ["intent", "principle"] if self.design == STRATIFIED else [],
            "drawn": len(self.positions),
            "created": self.created,
            "readers": {reader.name: n for reader, n in self.reached},
        }

    @property
    def title(self) -> str:
        """How it was drawn, in a few words."""
        if self.design == STATED:
            return f"{len(self.positions)} requests drawn elsewhere, as stated"
        of = "" if len(self.intents) == len(OPPOSED) else f"{' and '.join(self.intents)} "
        share = "all" if self.n is None else str(self.n)
        return f"{share} {of}requests drawn by seed {self.seed}"


@dataclass(frozen=True)
class LabelledSample:
    """A random sample of a run's n requests of these intents, as somebody labelled it.

    ``place`` (n,) is where each request stands in the order drawn, from 0, and n where it was not
    drawn; ``weights`` (n,) is how many it would speak for, up to a factor. ``reached`` says how
    many of the first have been before readers on each scale. ``judges`` are the rows of the
    outcomes whose scores are the labels, ``settlers`` those of who settled them; ``people`` says
    that the labels are people's.
    """

    title: str
    intents: frozenset[str]
    place: NDArray[np.int64]
    weights: NDArray[np.float64]
    reached: Mapping[str, int]
    judges: tuple[int, ...]
    settlers: tuple[int, ...] = ()
    people: bool = False

    def drawn(self, scales: Container[str]) -> NDArray[np.bool_]:
        """Which requests were drawn and have been before somebody on one of these scales.

        The first of those drawn, in random order, are a random sample as well.
        """
        able = [n for scale, n in self.reached.items() if scale in scales]
        return np.asarray(self.place < max(able, default=0))


def sample_order(
    store: Store, run: RunRecord, n: int | None, seed: int, intents: Sequence[str] = OPPOSED
) -> list[int]:
    """Positions of a seeded sample of a run, stratified by intent and principle, in random order.

    ``n`` None, or more than there are, is all of them. Raises MsbError for a run without such
    requests.
    """
    query = f"""SELECT i.position, {NAME}, q.intent, q.principle FROM items i
        JOIN requests q ON q.key = i.request WHERE i.run = ? ORDER BY i.position"""  # nosec B608 # names of ours
    found = [row for row in store.select(query, run.number) if row[2] in intents]
    if not found:
        raise MsbError(f"{run.id} has no {' or '.join(intents)} requests to draw a sample from")
    position = {name: place for place, name, _, _ in found}
    strata = [row[2:] for row in found]
    size = len(found) if n is None else min(n, len(found))
    return [position[name] for name in stratified_sample(list(position), strata, size, seed)]


def draw(
    store: Store, run: RunRecord, n: int | None, seed: int, intents: Sequence[str] = OPPOSED
) -> Sample:
    """The seeded sample of a run; kept the first time it is asked for, and the same ever after.

    Raises MsbError as `sample_order` does.
    """
    asked = (STRATIFIED, seed, n, tuple(intents))
    with store.transaction():
        for known in samples_of(store, run):
            if (known.design, known.seed, known.n, known.intents) == asked:
                return known
        return _keep(store, run, *asked, sample_order(store, run, n, seed, intents))


def audited(store: Store, run: RunRecord, judge: JudgeRecord, n: int, seed: int) -> Sample:
    """The sample that an auditing judge is shown, all of it: of both sides, each by its share.

    An audit goes on as it was begun, and before samples were kept it was of harmful requests alone.
    Raises MsbError as `sample_order` does.
    """
    query = """SELECT DISTINCT v.intent FROM items i CROSS JOIN verdicts v
        ON v.judge = ? AND v.response = i.response WHERE i.run = ?"""
    with store.transaction():
        for known in samples_of(store, run):
            asked = (known.seed, known.n) == (seed, n)
            if asked and any(reader.key == judge.key for reader, _ in known.reached):
                return known
        judged = {intent for (intent,) in store.select(query, judge.number, run.number)}
        sample = draw(store, run, n, seed, ("harmful",) if judged == {"harmful"} else OPPOSED)
        reach(store, sample, judge)
        return sample


def stated(store: Store, run: RunRecord, positions: Sequence[int]) -> Sample:
    """A sample that was drawn elsewhere; that it is random is what whoever labelled it says."""
    asked = (STATED, None, len(positions), OPPOSED)
    with store.transaction():
        for known in samples_of(store, run):
            if known.design == STATED and known.positions == tuple(positions):
                return known
        return _keep(store, run, *asked, positions)


def _keep(
    store: Store,
    run: RunRecord,
    design: str,
    seed: int | None,
    n: int | None,
    intents: tuple[str, ...],
    positions: Sequence[int],
) -> Sample:
    created = datetime.now(UTC).isoformat(timespec="seconds")
    number = store.write(
        """INSERT INTO samples (run, design, seed, n, intents, positions, created)
        VALUES (?, ?, ?, ?, ?, ?, ?)""",
        *(run.number, design, seed, n, " ".join(intents)),
        *(orjson.dumps(list(positions)).decode(), created),
    )
    return Sample(number, design, seed, n, intents, tuple(positions), created)


def samples_of(store: Store, run: RunRecord) -> list[Sample]:
    """Every sample of a run, oldest first."""
    readers: dict[int, list[tuple[JudgeRecord, int]]] = {}
    judges = {judge.number: judge for judge in store.judges()}
    query = """SELECT r.sample, r.judge, r.reached FROM sample_readers r
        JOIN samples s ON s.number = r.sample WHERE s.run = ? ORDER BY r.judge"""
    for sample, judge, reached in store.select(query, run.number):
        readers.setdefault(sample, []).append((judges[judge], reached))
    query = """SELECT number, design, seed, n, intents, positions, created FROM samples
        WHERE run = ? ORDER BY number"""
    return [
        Sample(
            number,
            design,
            seed,
            n,
            tuple(intents.split()),
            tuple(orjson.loads(positions)),
            created,
            tuple(readers.get(number, ())),
        )
        for number, design, seed, n, intents, positions, created in store.select(query, run.number)
    ]


def reach(store: Store, sample: Sample, reader: JudgeRecord, position: int | None = None) -> None:
    """All that was drawn before this position, and itself, has been before the reader.

    None is the last. A position that is not of the sample changes nothing.
    """
    place = len(sample.positions) if position is None else _place(sample, position)
    with store.transaction():
        store.write(
            """INSERT INTO sample_readers (sample, judge, reached) VALUES (?, ?, ?)
            ON CONFLICT (sample, judge) DO UPDATE SET reached = MAX(reached, excluded.reached)""",
            *(sample.number, reader.number, place),
        )


def step_back(store: Store, sample: Sample, reader: JudgeRecord, position: int) -> None:
    """The reader takes the label of this position back: if it was the last, it is as not seen."""
    place = _place(sample, position)
    with store.transaction():
        store.write(
            """UPDATE sample_readers SET reached = reached - 1
            WHERE sample = ? AND judge = ? AND reached = ?""",
            *(sample.number, reader.number, place),
        )


def _place(sample: Sample, position: int) -> int:
    """How many were drawn up to and with this position; 0 if it was not."""
    return sample.positions.index(position) + 1 if position in sample.positions else 0
