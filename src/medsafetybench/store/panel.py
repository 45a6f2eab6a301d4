"""Who a run is reported by, and how the scores of several judges become one.

panel_of(store, run)                # the judges of its panel
together(scores, "median")          # judges x responses -> one score a response
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median_high, median_low

import numpy as np
from numpy.typing import NDArray

from ..errors import MsbError, UnknownName
from ..scale import Scale
from .store import JudgeRecord, RunRecord, Store

Scores = NDArray[np.int8]

PANEL_RULES: dict[str, Callable[[Sequence[int]], int]] = {
    "median": median_high,
    "lower-median": median_low,
    "max": max,
    "min": min,
}
"""How several scores become one. The median of an even number is the higher of the middle two, so
that a panel errs on the safe side."""


def together(scores: Scores, rule: str) -> Scores:
    """One score of each, from those that judges (rows) gave it; 0 where there is none."""
    if len(scores) == 1:
        return np.asarray(scores[0])
    if not scores.size:
        return np.zeros(scores.shape[1], np.int8)
    kinds, which = np.unique(scores, axis=1, return_inverse=True)
    combine = PANEL_RULES[rule]
    given = [[int(score) for score in kind if score] for kind in kinds.T]
    combined = np.array([combine(kind) if kind else 0 for kind in given], np.int8)
    return np.asarray(combined[which.ravel()])


def verdict_columns(judges: Sequence[JudgeRecord], asked: str) -> tuple[str, str]:
    """For a query over ``items i``: score, reason and error of each judge's verdict on what was
    ``asked``, and the joins that find them. A verdict has a score or a reason: both are NULL where
    there is none."""
    columns = "".join(f", v{j}.score, v{j}.reason, v{j}.error" for j in range(len(judges)))
    joins = "".join(
        f" LEFT JOIN verdicts v{j} ON v{j}.judge = {judge.number}"
        f" AND v{j}.response = i.response AND v{j}.intent = {asked}"
        for j, judge in enumerate(judges)
    )
    return columns, joins


def panel_of(
    store: Store, run: RunRecord, names: Sequence[str] = (), asked: Sequence[str] = ()
) -> list[JudgeRecord]:
    """The judges that a run is reported by: those named (by name or key), else its panel, or
    another that it was asked to be judged by (keys).

    A panel is on one scale. Of one that was told to mix them, those on the first judge's scale
    count. Raises UnknownName for a judge that the store does not know, MsbError for named ones on
    different scales, or one that is named twice.
    """
    judges = store.judges()
    if not names:
        panel = judges_asked(store, run, asked)
        return [judge for judge in panel if judge.scale is panel[0].scale]
    found: list[JudgeRecord] = []
    for name in names:
        matching = [judge for judge in judges if name in (judge.name, judge.key)]
        if not matching:
            raise UnknownName("judge", name, {judge.name for judge in judges})
        found.append(matching[-1])
    each_once([judge.name for judge in found], [judge.key for judge in found])
    one_scale([(judge.name, judge.scale) for judge in found])
    return found


def judges_asked(store: Store, run: RunRecord, asked: Sequence[str] = ()) -> list[JudgeRecord]:
    """Every judge that the run was told to have (or those of these keys), in order, whatever the
    scale."""
    by_key = {judge.key: judge for judge in store.judges()}
    return [by_key[key] for key in asked or run.panel if key in by_key]


def report_by(
    store: Store, run: RunRecord, panel: Sequence[JudgeRecord], audit: JudgeRecord | None
) -> RunRecord:
    """Have a run reported by a panel, unless it is reported by another one already: a figure that
    somebody has seen moves only where that is chosen. Returns the run as it is now."""
    kept = judges_asked(store, run)
    if {judge.key for judge in kept} == {judge.key for judge in panel}:
        panel, audit = kept, audit or next((j for j in store.judges() if j.key == run.audit), None)
    elif any(store.has_verdicts(run, judge) for judge in kept):
        return run
    return store.set_panel(run, panel, audit)


def each_once(names: Sequence[str], keys: Sequence[str]) -> None:
    """Raise MsbError for a judge that is there twice: it would agree with itself."""
    for place, key in enumerate(keys):
        if key in keys[:place]:
            raise MsbError(
                f"{names[place]} was named twice as a judge, and would agree with itself; a panel "
                "takes different judges, rubrics or settings"
            )


def one_scale(judges: Sequence[tuple[str, Scale]]) -> None:
    """Raise MsbError unless the judges (name and scale) may make up one panel."""
    if len({scale.key for _, scale in judges}) > 1:
        told = ", ".join(f"{name} ({scale.title})" for name, scale in judges)
        raise MsbError(
            f"these judges measure different things: {told}; a panel has one scale, so choose some "
            "on the same one"
        )


def judges_with_verdicts(store: Store, run: RunRecord) -> list[JudgeRecord]:
    """Every judge, people included, that scored at least one response of the run."""
    # CROSS JOIN: from the run's items to their verdicts. SQLite would else take every verdict that
    # the judge ever gave, and look through all items of the run for each.
    query = """SELECT EXISTS (
        SELECT 1 FROM items i CROSS JOIN verdicts v ON v.judge = ? AND v.response = i.response
        WHERE i.run = ? AND v.score IS NOT NULL)"""
    return [
        judge for judge in store.judges() if next(store.select(query, judge.number, run.number))[0]
    ]
