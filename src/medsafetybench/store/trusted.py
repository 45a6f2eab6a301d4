"""Whose labels are trusted, and of which random samples of a run they are.

    found = with_labels(store, run, panel)      # outcomes, the trusted judges beside the panel
    found.samples                               # what they labelled that was drawn at random

Trusted are people, those who settle what people dispute, and judges that were shown a sample
(``--audit-judge``). Only a sample that was drawn from this very run says anything of all of it:
labels of the same responses in another run, or of requests that somebody chose, do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .labels import PERSON
from .outcomes import Outcomes, read_outcomes
from .panel import judges_with_verdicts
from .samples import STRATIFIED, LabelledSample, Sample, samples_of
from .settled import SETTLED
from .store import JudgeRecord, RunRecord, Store


def with_labels(
    store: Store, run: RunRecord, panel: Sequence[JudgeRecord], rule: str = "median"
) -> Outcomes:
    """The outcomes with the trusted judges beside the panel, and the samples they labelled."""
    if not panel:
        return read_outcomes(store, run, panel, rule=rule)
    samples = samples_of(store, run)
    shown = {reader.key for sample in samples for reader, _ in sample.reached} | {run.audit}
    trusted = [
        judge
        for judge in judges_with_verdicts(store, run)
        if judge not in panel and (_is_person(judge) or judge.key in shown)
    ]
    found = read_outcomes(store, run, panel, trusted, rule)
    labelled = tuple(one for sample in samples for one in _labelled(found, sample))
    return replace(found, samples=labelled)


def _is_person(judge: JudgeRecord) -> bool:
    return judge.name.startswith((PERSON, SETTLED))


def _labelled(found: Outcomes, sample: Sample) -> Iterator[LabelledSample]:
    """A sample as people labelled it, all of them together, and as each other reader did."""
    place = np.full(len(found), len(found), np.int64)
    place[list(sample.positions)] = np.arange(len(sample.positions))
    intents = frozenset(found.intent.there(np.array(sample.positions, np.int64)))
    drawn = sample.title, intents, place, _weights(found, sample)
    rows = {judge.key: row for row, judge in enumerate(found.judges) if row >= found.panel}
    reached: dict[str, int] = {}
    for reader, n in sample.reached:
        if _is_person(reader):
            reached[reader.scale.key] = max(n, reached.get(reader.scale.key, 0))
        elif reader.key in rows:
            yield LabelledSample(*drawn, {reader.scale.key: n}, (rows[reader.key],))
    if reached:
        people, settlers = (
            tuple(row for row in rows.values() if found.judges[row].name.startswith(kind))
            for kind in (PERSON, SETTLED)
        )
        yield LabelledSample(*drawn, reached, people, settlers, True)


def _weights(found: Outcomes, sample: Sample) -> NDArray[np.float64]:
    """Requests of a stratum to one that was drawn of it; 1 where all were as likely to be drawn.

    Strata have their share of a seeded sample, but for rounding and the two that a small one keeps;
    of one drawn elsewhere it is known only how many of each intent there are.
    """
    drawn, of = list(sample.positions), [found.intent.codes]
    if sample.design == STRATIFIED:
        of.append(found.principle.codes)
    strata = np.unique(np.stack(of), axis=1, return_inverse=True)[1].ravel()
    asked, got = np.bincount(strata), np.bincount(strata[drawn], minlength=strata.max() + 1)
    covered = strata[np.isin(found.intent.codes, found.intent.codes[drawn])]
    if not got[covered].all():  # there are more strata than were drawn, and all were as likely
        return np.ones(len(found))
    return np.asarray(asked[strata] / np.maximum(got, 1)[strata])
