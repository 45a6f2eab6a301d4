"""Agreement with each of several raters on yes and no, as HealthBench has it. Pure.

    found = agreement(said, given, raters, groups, draws, names)
    found.judge                # macro F1 of the judge against every label, with its interval
    found.raters[0]            # against one rater, and that rater against the others there

Each label that a rater gave is one comparison. Macro F1 is the mean of the F1 of yes and of no;
within groups (HealthBench's categories of criteria), the mean over the groups where both are
defined. Sources: R. Arora et al., arXiv:2505.08775, section 8; openai/simple-evals,
healthbench_meta_eval.py. The interval is a bootstrap over draws, percentiles of 1,000 seeded ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .agreement import Figure
from .interval import Floats

DRAWS, SEED = 1_000, 0
Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RaterF1:
    """One rater, who labelled ``n``: ``judge`` is the judge's macro F1 against these labels,
    ``others`` the rater's own against the other raters of the same. NaN where it is not defined."""

    rater: str
    n: int
    judge: float
    others: float


@dataclass(frozen=True)
class EachF1:
    """``judge`` and ``others`` are over all labels together, ``judge_by_group`` and
    ``others_by_group`` means over the groups; ``raters`` those with a label."""

    judge: Figure
    judge_by_group: float
    others: float
    others_by_group: float
    raters: list[RaterF1]
    groups: int


def macro_f1(said: Floats, truth: Floats) -> float:
    """Macro F1 of two arrays of 1 and 0; pairs with NaN are left out. NaN unless each has a yes and
    each a no: as in HealthBench, precision and recall of what does not occur are not defined."""
    both = ~np.isnan(said) & ~np.isnan(truth)
    return float(_of_counts(_counts(said[both], truth[both]).sum(axis=0)))


def agreement(
    said: Floats, given: Floats, raters: Codes, groups: Codes, draws: Codes, names: list[str]
) -> EachF1:
    """``said`` (n,) are the judge's verdicts, ``given`` (slots, n) the labels and ``raters``
    (slots, n) who gave each, by place in ``names``; NaN and -1 for none. ``groups`` and ``draws``
    (n,) say what is averaged over, and what was drawn together."""
    slots = len(given)
    judge = np.tile(said, (slots, 1))
    group, draw = np.tile(groups, (slots, 1)), np.tile(draws, (slots, 1))
    there = ~np.isnan(given) & ~np.isnan(judge)
    own, other, who, where = _pairs(given, raters, groups)
    people = [
        RaterF1(
            name,
            int((raters == code).sum()),
            macro_f1(judge[raters == code], given[raters == code]),
            macro_f1(own[who == code], other[who == code]),
        )
        for code, name in enumerate(names)
        if (raters == code).any()
    ]
    return EachF1(
        _with_interval(judge[there], given[there], draw[there]),
        _by_group(judge[there], given[there], group[there]),
        macro_f1(own, other),
        _by_group(own, other, where),
        people,
        len(np.unique(groups)),
    )


def from_plain_f1(row: Mapping[str, Any]) -> EachF1:
    """What was kept as JSON, where null is NaN."""

    def told(values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: np.nan if value is None else value for name, value in values.items()}

    judge = Figure(*(np.nan if end is None else end for end in row["judge"]))
    raters = [RaterF1(**told(one)) for one in row["raters"]]
    return EachF1(**{**told(row), "judge": judge, "raters": raters})


def _pairs(given: Floats, raters: Codes, groups: Codes) -> tuple[Floats, Floats, Codes, Codes]:
    """Every label beside every other of the same response: both, whose the first is, the group."""
    parts = [
        (given[a][both], given[b][both], raters[a][both], groups[both])
        for a in range(len(given))
        for b in range(len(given))
        if a != b
        for both in [~np.isnan(given[a]) & ~np.isnan(given[b])]
    ]
    if not parts:
        none = np.array([], float)
        return none, none, np.array([], np.int64), np.array([], np.int64)
    own, other, who, where = zip(*parts, strict=True)
    return tuple(map(np.concatenate, (own, other, who, where)))  # type: ignore[return-value]


def _by_group(said: Floats, truth: Floats, groups: Codes) -> float:
    found = [macro_f1(said[groups == g], truth[groups == g]) for g in np.unique(groups)]
    known = [value for value in found if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _counts(said: Floats, truth: Floats) -> Floats:
    """For each pair four columns: both yes, yes and no, no and yes, both no."""
    columns = [(said == a) & (truth == b) for a, b in ((1, 1), (1, 0), (0, 1), (0, 0))]
    return np.stack(columns, axis=-1).astype(float).reshape(-1, 4)


def _of_counts(counts: Floats) -> Floats:
    """Macro F1 of sums of counts, in the last axis."""
    yes, more, less, no = np.moveaxis(counts, -1, 0)
    return (_f1(yes, more, less) + _f1(no, less, more)) / 2


def _f1(right: Floats, more: Floats, less: Floats) -> Floats:
    """Of what was said ``more`` than was true, and ``less``; NaN where nothing was said or true."""
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall = right / (right + more), right / (right + less)
        both = precision + recall
        return np.where(both == 0, 0.0, 2 * precision * recall / both)


def _with_interval(said: Floats, truth: Floats, draws: Codes) -> Figure:
    point = macro_f1(said, truth)
    _, codes = np.unique(draws, return_inverse=True)
    n = int(codes.max()) + 1 if len(codes) else 0
    if n < 2 or np.isnan(point):
        return Figure(point, np.nan, np.nan)
    counts = np.zeros((n, 4))
    np.add.at(counts, codes, _counts(said, truth))
    weights = np.random.default_rng(SEED).multinomial(n, np.full(n, 1 / n), DRAWS)
    low, high = np.nanpercentile(_of_counts(weights @ counts), [2.5, 97.5])
    return Figure(point, float(low), float(high))
