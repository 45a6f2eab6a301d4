"""Whose labels are trusted, and of which random samples of a run they are.

    found, samples = with_labels(store, run, panel)      # outcomes, the trusted beside the panel

Trusted are people, those who settle what people dispute, and judges that were shown a sample
(``--audit-judge``). Only a sample that was drawn from this very run says anything of all of it:
labels of the same responses in another run, or of requests that somebody chose, do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..store.labels import PERSON
from ..store.outcomes import Mask, Outcomes, judges_with_verdicts, read_outcomes
from ..store.samples import Sample, samples_of
from ..store.settled import SETTLED
from ..store.store import JudgeRecord, RunRecord, Store
from .measures import Floats, Measure


@dataclass(frozen=True)
class Labels:
    """Labels of a random sample of a run of n requests.

    ``place`` (n,) is where each request stands in the order drawn, from 0, and n where it was not
    drawn; ``weights`` (n,) is how many it would speak for, up to a factor. ``reached`` says how
    many of the first have been before readers on each scale. ``judges`` are the rows of the
    outcomes whose scores are the labels, ``settlers`` those of who settled them; ``people`` says
    that the labels are people's.
    """

    title: str
    place: NDArray[np.int64]
    weights: Floats
    reached: Mapping[str, int]
    judges: tuple[int, ...]
    settlers: tuple[int, ...] = ()
    people: bool = False

    def drawn(self, measure: Measure) -> Mask:
        """Which requests were drawn and have been before somebody who can tell the measure.

        The first of those drawn, in random order, are a random sample as well.
        """
        able = [n for scale, n in self.reached.items() if scale in measure.values]
        return np.asarray(self.place < max(able, default=0))


def with_labels(
    store: Store, run: RunRecord, panel: Sequence[JudgeRecord], rule: str = "median"
) -> tuple[Outcomes, list[Labels]]:
    """The outcomes with the trusted judges beside the panel, and the samples they labelled."""
    if not panel:
        return read_outcomes(store, run, panel, rule=rule), []
    samples = samples_of(store, run)
    shown = {reader.key for sample in samples for reader, _ in sample.reached} | {run.audit}
    trusted = [
        judge
        for judge in judges_with_verdicts(store, run)
        if judge not in panel and (_is_person(judge) or judge.key in shown)
    ]
    found = read_outcomes(store, run, panel, trusted, rule)
    return found, [labels for sample in samples for labels in _labels(found, sample)]


def _is_person(judge: JudgeRecord) -> bool:
    return judge.name.startswith((PERSON, SETTLED))


def _labels(found: Outcomes, sample: Sample) -> Iterator[Labels]:
    """A sample as people labelled it, all of them together, and as each other reader did."""
    place = np.full(len(found), len(found), np.int64)
    place[list(sample.positions)] = np.arange(len(sample.positions))
    drawn = sample.title, place, _weights(found, sample)
    rows = {judge.key: row for row, judge in enumerate(found.judges) if row >= found.panel}
    reached: dict[str, int] = {}
    for reader, n in sample.reached:
        if _is_person(reader):
            reached[reader.scale.key] = max(n, reached.get(reader.scale.key, 0))
        elif reader.key in rows:
            yield Labels(*drawn, {reader.scale.key: n}, (rows[reader.key],))
    if reached:
        people, settlers = (
            tuple(row for row in rows.values() if found.judges[row].name.startswith(kind))
            for kind in (PERSON, SETTLED)
        )
        yield Labels(*drawn, reached, people, settlers, True)


def _weights(found: Outcomes, sample: Sample) -> Floats:
    """Requests of a stratum to one that was drawn of it; 1 where the design says nothing.

    Strata have their share of a sample, but for rounding and the two that a small one keeps.
    """
    if sample.seed is None or sample.n is None:
        return np.ones(len(found))
    kinds = np.stack([found.intent.codes, found.principle.codes])
    strata = np.unique(kinds, axis=1, return_inverse=True)[1].ravel()
    drawn = np.bincount(strata[list(sample.positions)], minlength=strata.max() + 1)
    return np.asarray(np.bincount(strata)[strata] / np.maximum(drawn, 1)[strata])
