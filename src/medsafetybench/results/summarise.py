"""Summing a run up: from its table of outcomes to its scorecard. Pure.

summarise(read_outcomes(store, run, judges), load_taxonomy())
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..scale import Scale
from ..statistics.clusters import Clusters
from ..store.outcomes import ERROR, PENDING, SCORED, STATES, UNSCORED, Column, Mask, Outcomes
from ..taxonomy import Taxonomy
from .agreement import panel_agreement
from .checked import checked_members
from .corrected import corrections, labels_given, not_corrected
from .estimate import estimate
from .interval_notes import of_scorecard
from .judge_card import JudgeCard
from .measures import SIDES, Measure, supported, unsupported
from .naming import details
from .scorecard import (
    SCHEMA,
    BenchmarkInfo,
    Group,
    LevelCount,
    MeasureInfo,
    Scorecard,
    Side,
    StoppedEarly,
)
from .survival import survival_of
from .values import Values

PARTS = ("principle", "source", "language", "turn", "framing")
"""What a side is shown by, where its requests differ in it: columns of the outcomes."""


def summarise(
    found: Outcomes,
    taxonomy: Taxonomy,
    others: Sequence[str] = (),
    cards: Sequence[JudgeCard] = (),
) -> Scorecard:
    """The scorecard. ``taxonomy`` gives the principles' titles. The samples that judges beside the
    panel labelled correct its figures; ``others`` names those that scored the run as well;
    ``cards`` say how far its judges were checked."""
    run, members, scale = found.run, found.members, found.scale
    fixed = corrections(found)
    return Scorecard(
        schema=SCHEMA,
        run=run.id,
        benchmark=BenchmarkInfo(**run.settings["benchmark"]),
        target=run.title,
        details=list(details(run.settings["target"])),
        judge=" + ".join(judge.name for judge in members),
        judges=[
            {"key": judge.key, "scale": judge.scale.key, **judge.settings} for judge in members
        ],
        scale=scale.key if scale else None,
        rule=found.rule if len(members) > 1 else None,
        created=run.created,
        measures=[_info(measure) for measure in measured(found)],
        not_measured=[m.title for m in unsupported(scale)] if scale else [],
        sides=_sides(found, taxonomy),
        reasons=_reasons(found),
        max_tokens=_max_tokens(run.settings["target"]),
        survival=None if found.stopped else survival_of(found),
        agreement=panel_agreement(found) if len(members) > 1 else None,
        corrected=fixed,
        not_corrected=not_corrected(found),
        labels=labels_given(found) if found.others else 0,
        stopped_early=StoppedEarly(**found.stopped) if found.stopped else None,
        intervals=of_scorecard(found.stopped is not None, bool(fixed)),
        others=list(others),
        checked=checked_members(members, found.rule, cards, run.id),
    )


def _max_tokens(target: Mapping[str, Any]) -> int | None:
    """The target's token limit, where its settings tell of one."""
    sampling = target.get("sampling")
    limit = sampling.get("max_tokens") if isinstance(sampling, Mapping) else None
    return limit if isinstance(limit, int) else None


def _info(measure: Measure) -> MeasureInfo:
    return MeasureInfo(**{name: getattr(measure, name) for name in MeasureInfo.model_fields})


def measured(found: Outcomes) -> list[Measure]:
    """The measures that the panel's scale supports and that say something of this run's requests:
    of criteria, those that its requests have."""
    there = supported(found.scale)
    return [m for m in there if not m.graded or m.of(found).told.any()]


def _sides(found: Outcomes, taxonomy: Taxonomy) -> dict[str, Side]:
    sides: dict[str, Side] = {}
    there = measured(found)
    for key in SIDES:
        measures, mask = [m for m in there if m.side == key], found.of_side(key)
        if mask.any() and (measures or key != "all"):
            sides[key] = _side(found, measures, mask, key, taxonomy)
    return sides


def _side(
    found: Outcomes, measures: Sequence[Measure], mask: Mask, key: str, taxonomy: Taxonomy
) -> Side:
    titles: dict[str, Callable[[Any], str]] = {
        "principle": taxonomy.title,
        "turn": lambda turn: f"turn {turn}",
    }
    values = {m.key: m.of(found) for m in measures}
    by = {
        name: _parts(found, measures, values, mask, getattr(found, name), titles.get(name, _plain))
        for name in PARTS
    }
    if any(measure.graded for measure in measures):
        by["tag"] = _tags(found, measures, mask)
    intent = "harmful" if key == "all" else key
    return Side(
        **_group(found, measures, values, mask),
        levels=_levels(found, mask, intent) if key != "all" else [],
        by={name: groups for name, groups in by.items() if groups},
    )


def _parts(
    found: Outcomes,
    measures: Sequence[Measure],
    values: Mapping[str, Values],
    mask: Mask,
    column: Column,
    title: Callable[[Any], str],
) -> list[Group]:
    """A group for each value that the column has; none where it has no value at all.

    A framing is no turn, and a turn no framing: such requests have no group there.
    """
    there = column.there(mask)
    if there == [None]:
        return []
    under_pressure = column is found.turn or column is found.framing
    return [
        Group(value=v, title=title(v), **_group(found, measures, values, mask & column.is_(v)))
        for v in there
        if v is not None or not under_pressure
    ]


def _tags(found: Outcomes, measures: Sequence[Measure], mask: Mask) -> list[Group]:
    """A group for each tag of criteria: the requests that have points to get under it, by the
    criteria with that tag alone."""
    groups = []
    for tag in found.grades.tagged if found.grades else ():
        assert found.grades is not None, "there are tags"
        only = found.grades.only(tag)
        level = only.levels()
        state = np.where(level > 0, SCORED, np.maximum(UNSCORED, found.state))
        part = replace(found, grades=only, score=level, state=state.astype(np.int8))
        values = {m.key: m.of(part) for m in measures}
        there = mask & (only.possible > 0)
        if there.any():
            groups.append(Group(value=tag, title=tag, **_group(part, measures, values, there)))
    return groups


def _plain(value: Any) -> str:
    return "-" if value is None else str(value)


def _group(
    found: Outcomes, measures: Sequence[Measure], values: Mapping[str, Values], mask: Mask
) -> dict[str, Any]:
    state = np.bincount(found.state[mask], minlength=len(STATES)).tolist()
    draws, anytime = _together(found.draws[mask]), found.stopped is not None
    return {
        "n": int(mask.sum()),
        "scored": state[SCORED],
        "unscored": state[UNSCORED],
        "errors": state[ERROR],
        "pending": state[PENDING],
        "figures": {m.key: estimate(m, values[m.key].at(mask), draws, anytime) for m in measures},
    }


def _together(draws: NDArray[np.int64]) -> Clusters:
    """The draws where some are of several requests; None, which is faster, where none is."""
    return draws if len(np.unique(draws)) < len(draws) else None


def _levels(found: Outcomes, mask: Mask, intent: str) -> list[LevelCount]:
    scale: Scale | None = found.scale
    if scale is None:
        return []
    counts = np.bincount(found.score[mask], minlength=16)
    return [
        LevelCount(score=level.score, level=level.title, count=int(counts[level.score]))
        for level in scale.levels[intent]
    ]


def _reasons(found: Outcomes) -> dict[str, int]:
    reasons = Counter[str]()
    codes = np.stack([found.state.astype(np.int32), found.reason.codes])
    for (state, code), count in zip(*_counted(codes), strict=True):
        if (reason := found.reason.values[code]) is not None:
            reasons[f"{STATES[state]}: {reason}"] += count
    return dict(reasons.most_common())


def _counted(codes: np.ndarray[Any, Any]) -> tuple[list[list[int]], list[int]]:
    kinds, counts = np.unique(codes, axis=1, return_counts=True)
    return kinds.T.tolist(), counts.tolist()
