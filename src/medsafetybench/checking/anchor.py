"""Drift: a judge asked again about responses that it judged before, after its provider's update.

    drift_of([open_judge("openai:judge", at)], "run-31e6748c41", limit=100)

What it says now is stored beside what it said then, under a name with the day: one asking a day,
which goes on where it was stopped. A judge's verdicts of before are never changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ..errors import MsbError
from ..evaluation.perform import Reporter, Silent, perform
from ..evaluation.pipeline import Pipeline, Progress, Work
from ..judges import Judge
from ..judges.judge import OverJudge
from ..results.drift import Drift, drift
from ..store.outcomes import read_outcomes
from ..store.panel import judges_with_verdicts
from ..store.samples import sample_order
from ..store.store import JudgeRecord, RunRecord, Store

AGAIN = "asked_again"
"""In a judge's settings: the day on which it was asked again."""


def asked_again(judge: Judge, day: str) -> Judge:
    """The judge on another day: its verdicts are stored apart from its own."""
    return OverJudge(judge, f"{judge.name} (asked again {day})", {AGAIN: day})


def drift_of(
    judges: Sequence[Judge],
    run: str = "last",
    store: str | Path = "medsafety.db",
    limit: int | None = None,
    seed: int = 0,
    reporter: Reporter | None = None,
    day: str | None = None,
) -> tuple[list[Drift], Progress]:
    """Ask judges again about a seeded sample of the responses of a run that each of them scored.

    Every asking so far has its row, the newest last. Raises MsbError for a judge that scored none.
    """
    today = day or datetime.now(UTC).date().isoformat()
    with Store.open(store) as opened:
        record = opened.run(run)
        again = [asked_again(judge, today) for judge in judges]
        before = [opened.register_judge(j.name, j.fingerprint, j.scale) for j in judges]
        samples = [_sample(opened, record, judge, limit, seed) for judge in before]
        now = [opened.register_judge(j.name, j.fingerprint, j.scale) for j in again]
        pipeline = Pipeline(opened, record, None, list(zip(again, now, strict=True)))

        def left() -> Work:
            work = Work.left(opened, record, now, samples)
            return Work([], work.unjudged, work.samples)

        progress = perform(pipeline, left, reporter or Silent())
        found = [
            drift(read_outcomes(opened, record, [judge], [other]), other.settings[AGAIN])
            for judge in before
            for other in _askings(opened, judge)
        ]
        return [one for one in found if one.n], progress


def _sample(
    store: Store, run: RunRecord, judge: JudgeRecord, limit: int | None, seed: int
) -> frozenset[int]:
    """Positions of the run that the judge scored, so many of them in a seeded order."""
    scored = set(np.flatnonzero(read_outcomes(store, run, [judge]).score).tolist())
    if not scored:
        known = ", ".join(other.name for other in judges_with_verdicts(store, run)) or "nobody"
        raise MsbError(
            f"{judge.name}, as it is told here, has scored nothing of {run.id} to compare with; "
            f"scored by: {known}"
        )
    order = [place for place in sample_order(store, run, None, seed) if place in scored]
    return frozenset(order[:limit])


def _askings(store: Store, judge: JudgeRecord) -> list[JudgeRecord]:
    """The judge as it was asked again, by day."""
    found = [
        other
        for other in store.judges()
        if AGAIN in other.settings
        and {k: v for k, v in other.settings.items() if k != AGAIN} == dict(judge.settings)
    ]
    return sorted(found, key=lambda other: str(other.settings[AGAIN]))
