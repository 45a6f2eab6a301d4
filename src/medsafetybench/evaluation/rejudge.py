"""Judging again: another judge for a stored run, without asking the target.

rejudge("run-31e6748c41", [open_judge("screen")], store="medsafety.db")
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

from ..errors import MsbError
from ..judges import Judge
from ..judges.thinking import ThinkingJudge
from ..results.run import Run
from ..store.grades import has_criteria
from ..store.panel import judges_asked, report_by
from ..store.provenance import here
from ..store.store import JudgeRecord, RunRecord, Store
from ..taxonomy import load_taxonomy
from .perform import Reporter, Silent, perform
from .pipeline import Pipeline, Progress, Work
from .rounds import How, check_live, done_by

Report: TypeAlias = Literal["as before", "by all", "by these"]


def rejudge(
    run: str,
    judges: Sequence[Judge],
    store: str | Path = "medsafety.db",
    report: Report = "as before",
    reporter: Reporter | None = None,
    how: How | None = None,
) -> tuple[Run, Progress]:
    """Have judges score the responses of a stored run, at once or in batches (``how``); again is
    resuming.

    ``report`` says by whom the run is reported from now on: by its panel as before, by that and
    these judges together, or by these alone; those of its thinking are never among them. The run
    that is returned is the one as these judges see it. Raises MsbError for an unknown run, and
    where calls that would be made at once are out in a batch.
    """
    reporter = reporter or Silent()
    with Store.open(store) as opened:
        record = opened.run(run)
        grading = next((judge.name for judge in judges if judge.scale.parts), None)
        if grading and not has_criteria(opened, record):
            raise MsbError(
                f"{grading} grades by each request's own criteria, and {record.id} asks nothing "
                "that has criteria"
            )
        if how is None:  # before anything is changed
            check_live(opened, record, [judge.name for judge in judges])
        added = [
            opened.register_judge(judge.name, judge.fingerprint, judge.scale) for judge in judges
        ]
        both = zip(judges, added, strict=True)
        these = [record for judge, record in both if not isinstance(judge, ThinkingJudge)]
        before = judges_asked(opened, record)
        if report == "by all":
            these = [judge for judge in before if judge not in these] + these
        if report == "as before":
            report_by(opened, record, these, None)
        else:
            opened.set_panel(record, these, None)
        opened.add_provenance(record, here())
        pipeline = Pipeline(opened, record, None, list(zip(judges, added, strict=True)))
        left, way = partial(_judgements_left, opened, record, added), done_by(how, reporter)
        progress = perform(pipeline, left, reporter, way)
        asked = tuple(judge.key for judge in these)
        return Run(record.id, opened.path, load_taxonomy(), asked), progress


def _judgements_left(store: Store, run: RunRecord, judges: Sequence[JudgeRecord]) -> Work:
    left = Work.left(store, run, judges)
    return Work([], left.unjudged, left.samples)
