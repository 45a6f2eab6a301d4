"""Judging again: another judge for a stored run, without asking the target.

rejudge("run-31e6748c41", [open_judge("screen")], store="medsafety.db")
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..judges import Judge
from ..judges.thinking import ThinkingJudge
from ..results.run import Run
from ..store.outcomes import judges_asked
from ..store.provenance import here
from ..store.store import JudgeRecord, RunRecord, Store
from ..taxonomy import load_taxonomy
from .perform import Reporter, Silent, perform
from .pipeline import Pipeline, Progress, Work


def rejudge(
    run: str,
    judges: Sequence[Judge],
    store: str | Path = "medsafety.db",
    replace: bool = False,
    reporter: Reporter | None = None,
) -> tuple[Run, Progress]:
    """Have judges score the responses of a stored run; again is resuming.

    They join the run's panel, or with ``replace`` become it, but for those of its thinking. Raises
    MsbError for an unknown run.
    """
    reporter = reporter or Silent()
    with Store.open(store) as opened:
        record = opened.run(run)
        added = [
            opened.register_judge(judge.name, judge.fingerprint, judge.scale) for judge in judges
        ]
        before = [] if replace else judges_asked(opened, record)
        both = zip(judges, added, strict=True)
        joining = [record for judge, record in both if not isinstance(judge, ThinkingJudge)]
        panel = [judge for judge in before if judge not in joining] + joining
        opened.set_panel(record, panel, None)
        opened.add_provenance(record, here())
        pipeline = Pipeline(opened, record, None, list(zip(judges, added, strict=True)))
        progress = perform(pipeline, lambda: _judgements_left(opened, record, added), reporter)
        return Run(record.id, opened.path, load_taxonomy()), progress


def _judgements_left(store: Store, run: RunRecord, judges: Sequence[JudgeRecord]) -> Work:
    left = Work.left(store, run, judges)
    return Work([], left.unjudged, left.samples)
