"""How far verdicts can be trusted: judges against each other and against people.

    agreement_of(read_outcomes(store, run, panel, others))

Pairs are compared on the requests that both scored, each figure with its interval. Two on
one scale are compared on its levels; two on different scales on what both measure, by the table of
measures: whether a request was declined, or a response unsafe. Two that measure nothing in common
are not compared. Where people differ, each judge is compared with the settled
labels besides (store/settled.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ..scale import HARM, Scale
from ..statistics.agreement import (
    Figure,
    Level,
    cohen_kappa,
    exact,
    krippendorff_alpha,
    within_one,
)
from ..statistics.agreement_figures import PairFigures, alpha_figure, pair_figures
from ..store.labels import PERSON
from ..store.outcomes import Outcomes
from ..store.panel import Scores
from ..store.settled import SETTLED, by_rule
from .measures import Measure, common
from .scorecard import JudgePair, PanelAgreement

PEOPLE = "people, settled"
"""The settled labels, as one of those who judge."""


@dataclass(frozen=True)
class PairAgreement:
    """Two judges on the ``n`` requests both scored.

    ``levels`` names the rows (first judge) and columns (second) of ``confusion``, which counts
    requests. ``bias`` is the mean of first minus second, in points of the scale or as a share of
    what both tell, as of those declined; ``within_one`` and ``quadratic_kappa`` are None where
    levels are no points. ``ac2`` is Gwet's, which nearly equal verdicts do not upset.
    """

    judges: tuple[str, str]
    n: int
    levels: tuple[str, ...]
    confusion: list[list[int]]
    exact: Figure
    within_one: Figure | None
    kappa: Figure
    quadratic_kappa: Figure | None
    ac2: Figure
    bias: Figure


@dataclass(frozen=True)
class Disagreement:
    """A request on which judges differ, with the level of each, None where it has none."""

    id: str
    levels: tuple[str | None, ...]


@dataclass(frozen=True)
class Agreement:
    """Agreement of all judges (Krippendorff's alpha) and of each pair; ``apart`` are the pairs that
    measure nothing in common."""

    judges: list[str]
    intent: str
    alpha: Figure | None
    pairs: list[PairAgreement]
    disagreements: list[Disagreement]
    apart: list[tuple[str, str]]


def agreement_of(found: Outcomes, intent: str = "harmful", worst: int = 10) -> Agreement | None:
    """Compare all judges of the outcomes on requests of an intent; None if no two scored the same.

    ``worst`` is how many disagreements to name. Pairs with a person come first.
    """
    mask, members = found.intent.is_(intent), _with_settled(found)
    judges = [member.name for member in members]
    scales = [member.scale for member in members]
    scores = np.array([member.scores[mask] for member in members], np.int8)
    draws = found.draws[mask]
    two = sorted(combinations(range(len(judges)), 2), key=lambda p: _nobody(judges, p))
    told = {p: told_by_all([scales[i] for i in p], intent) for p in two}
    same = {p for p in two if scales[p[0]] is scales[p[1]]}
    pairs = [
        _pair((judges[a], judges[b]), scores[[a, b]], (scales[a], scales[b]), told[a, b], draws)
        for a, b in two
        if (told[a, b] or (a, b) in same)
        and ((scores[a] > 0) & (scores[b] > 0)).any()
        and not _part(judges[a], judges[b])
    ]
    if not pairs:
        return None
    ids = [identity for identity, chosen in zip(found.ids, mask.tolist(), strict=True) if chosen]
    of_all = [row for row, name in enumerate(judges) if name != PEOPLE]
    return Agreement(
        judges,
        intent,
        _alpha([scales[row] for row in of_all], scores[of_all], intent, draws),
        pairs,
        _disagreements(ids, scores, scales, intent, worst),
        [(judges[a], judges[b]) for a, b in two if not told[a, b] and (a, b) not in same],
    )


def told_by_all(scales: Sequence[Scale], intent: str) -> Measure | None:
    """What all of the scales tell of a response to requests of an intent; None for nothing."""
    # A request of care is one to be answered, for who knows of no care.
    sides = {intent, "all", *(("benign",) if intent == "care" else ())}
    return next((m for m in common(scales) if m.side in sides and m.counted), None)


def _alpha(
    scales: Sequence[Scale], scores: Scores, intent: str, draws: NDArray[np.int64]
) -> Figure | None:
    """Krippendorff's alpha, of levels on one scale, else of what all tell, if anything."""
    if len({scale.key for scale in scales}) == 1:
        level: Level = "ordinal" if scales[0] is HARM else "nominal"
        return alpha_figure(_numbers(scores), level, draws, scales[0].scores("harmful"))
    if (measure := told_by_all(scales, intent)) is None:
        return None
    return alpha_figure(_numbers(_comparable(scales, scores, measure)), "nominal", draws, (1, 2))


@dataclass(frozen=True)
class _Member:
    """Who judges, on which scale, and the score of each request."""

    name: str
    scale: Scale
    scores: Scores


def _with_settled(found: Outcomes) -> list[_Member]:
    """Judges and people, and on each scale on which people differ the settled labels as one."""
    everyone = [
        _Member(judge.name, judge.scale, scores)
        for judge, scores in zip(found.judges, found.scores, strict=True)
    ]
    members = [one for one in everyone if not one.name.startswith(SETTLED)]
    for scale in dict.fromkeys(one.scale.key for one in everyone):
        on_it = [one for one in everyone if one.scale.key == scale]
        people, settlers = (
            [one.scores for one in on_it if one.name.startswith(kind)] for kind in (PERSON, SETTLED)
        )
        if len(people) > 1:
            score = by_rule(np.array(people), np.array(settlers, np.int8))[1]
            members.append(_Member(PEOPLE, on_it[0].scale, score))
    return members


def _part(first: str, second: str) -> bool:
    """True for the settled labels and somebody whose labels are in them."""
    names = {first, second}
    return PEOPLE in names and any(name.startswith((PERSON, PEOPLE)) for name in names - {PEOPLE})


def _nobody(judges: Sequence[str], pair: tuple[int, int]) -> bool:
    """True for a pair without a person."""
    return not any(judges[i].startswith((PERSON, PEOPLE)) for i in pair)


def _comparable(scales: Sequence[Scale], scores: Scores, measure: Measure) -> Scores:
    """2 where a judge says what the measure counts, 1 where not, 0 without a score."""
    told = [measure.of_scores(scale, own) for scale, own in zip(scales, scores, strict=True)]
    return np.array([np.where(np.isnan(own), 0, 1 + own) for own in told]).astype(np.int8)


def _numbers(scores: Scores) -> NDArray[np.float64]:
    """The scores with NaN for none."""
    return np.where(scores == 0, np.nan, scores.astype(float))


def _figures(scores: Scores, draws: NDArray[np.int64], levels: int) -> PairFigures:
    first, second = _numbers(scores)
    return pair_figures(first, second, draws, range(1, levels + 1))


def _pair(
    judges: tuple[str, str],
    scores: Scores,
    scales: tuple[Scale, Scale],
    measure: Measure | None,
    draws: NDArray[np.int64],
) -> PairAgreement:
    same = scales[0] is scales[1]
    counted = _comparable(scales, scores, measure) if measure else scores
    told = scores if same else counted
    # On the scale of harm the table has all five levels, whatever the intent.
    whole = [level.title for level in scales[0].levels["harmful"]]
    named = whole if same or measure is None else [f"not {measure.counted}", measure.counted]
    table = np.zeros((len(named), len(named)), dtype=np.int64)
    both = told[:, (told > 0).all(axis=0)].astype(int)
    np.add.at(table, (both[0] - 1, both[1] - 1), 1)
    figures = _figures(told, draws, len(named))
    shares = _figures(counted, draws, 2) if same and measure else figures
    ordered = same and scales[0] is HARM
    return PairAgreement(
        judges,
        figures.n,
        tuple(named),
        table.tolist(),
        figures.exact,
        figures.within_one if ordered else None,
        figures.kappa,
        figures.quadratic_kappa if ordered else None,
        figures.ac2,
        figures.bias if ordered else shares.bias,
    )


def _disagreements(
    ids: Sequence[str], scores: Scores, scales: Sequence[Scale], intent: str, worst: int
) -> list[Disagreement]:
    """The requests on which judges are furthest apart: in points, else by what all tell."""
    told = scores
    if len({scale.key for scale in scales}) > 1:
        if (measure := told_by_all(scales, intent)) is None:
            return []
        told = _comparable(scales, scores, measure)
    rated = (told > 0).sum(axis=0) > 1
    highest = told.max(axis=0, initial=0)
    spread = np.where(rated, highest - np.where(told > 0, told, highest).min(axis=0), 0)
    order = [int(p) for p in np.argsort(-spread, kind="stable")[:worst] if spread[p]]
    return [
        Disagreement(
            ids[place],
            tuple(
                _level(scale, int(score), intent)
                for scale, score in zip(scales, scores[:, place], strict=True)
            ),
        )
        for place in order
    ]


def _level(scale: Scale, score: int, intent: str) -> str | None:
    return f"{score} {scale.title_of(score, intent)}" if score else None


def panel_agreement(found: Outcomes) -> PanelAgreement:
    """How far the judges of the panel agree on harmful requests, for the scorecard."""
    mask = found.intent.is_("harmful")
    scores = found.scores[: found.panel][:, mask].astype(float)
    scores[scores == 0] = np.nan
    pairs = []
    for a, b in combinations(range(found.panel), 2):
        first, second = scores[a], scores[b]
        pairs.append(
            JudgePair(
                judges=(found.judges[a].name, found.judges[b].name),
                n=int((~np.isnan(first) & ~np.isnan(second)).sum()),
                exact=_known(exact(first, second)),
                within_one=_known(within_one(first, second)),
                quadratic_kappa=_known(cohen_kappa(first, second, weights="quadratic")),
            )
        )
    return PanelAgreement(alpha=_known(krippendorff_alpha(scores)), pairs=pairs)


def _known(value: float) -> float | None:
    """None for the NaN of a figure that is undefined: JSON has no NaN."""
    return None if math.isnan(value) else value
