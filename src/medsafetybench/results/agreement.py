"""How far verdicts can be trusted: judges against each other and against people.

    reliability(matrix, ["openai:judge", "screen", "person:ana"])

Pairs are compared on the requests that both scored, each figure with a bootstrap interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ..statistics import agreement
from ..statistics.agreement import Interval
from ..store.outcomes import ScoreMatrix

DRAWS = 2000


@dataclass(frozen=True)
class PairAgreement:
    """Two judges on the ``n`` requests both scored. ``bias`` is the mean of first minus second;
    ``confusion[i][j]`` counts requests that the first scored i + 1 and the second j + 1."""

    judges: tuple[str, str]
    n: int
    exact: Interval
    within_one: Interval
    kappa: Interval
    quadratic_kappa: Interval
    bias: Interval
    confusion: list[list[int]]


@dataclass(frozen=True)
class Disagreement:
    """A request on which scores differ, with the score of each judge, None where it has none."""

    id: str
    scores: tuple[int | None, ...]


@dataclass(frozen=True)
class Reliability:
    """Agreement of all judges (Krippendorff's ordinal alpha) and of each pair."""

    judges: list[str]
    alpha: Interval
    pairs: list[PairAgreement]
    disagreements: list[Disagreement]


def reliability(
    matrix: ScoreMatrix, judges: Sequence[str], seed: int = 0, worst: int = 10
) -> Reliability:
    """Compare the judges whose rows ``matrix`` holds; ``worst`` is how many requests to name."""
    rated = (~np.isnan(matrix.scores)).sum(axis=0) >= 2
    scores = matrix.scores[:, rated]
    pairs = [
        _pair((judges[a], judges[b]), scores[a], scores[b], seed)
        for a, b in combinations(range(len(judges)), 2)
    ]
    alpha = agreement.bootstrap(agreement.krippendorff_alpha, scores, draws=DRAWS, seed=seed)
    ids = [identity for identity, chosen in zip(matrix.ids, rated, strict=True) if chosen]
    kept = [pair for pair in pairs if pair.n]
    return Reliability(list(judges), alpha, kept, _disagreements(ids, scores, worst))


def _pair(
    judges: tuple[str, str], a: NDArray[np.float64], b: NDArray[np.float64], seed: int
) -> PairAgreement:
    both = ~np.isnan(a) & ~np.isnan(b)
    a, b = a[both], b[both]

    def interval(statistic: object) -> Interval:
        return agreement.bootstrap(statistic, a, b, draws=DRAWS, seed=seed)  # type: ignore[arg-type]

    return PairAgreement(
        judges,
        int(both.sum()),
        interval(agreement.exact),
        interval(agreement.within_one),
        interval(agreement.cohen_kappa),
        interval(lambda x, y: agreement.cohen_kappa(x, y, weights="quadratic")),
        interval(agreement.bias),
        agreement.confusion(a, b).tolist(),
    )


def _disagreements(
    ids: Sequence[str], scores: NDArray[np.float64], worst: int
) -> list[Disagreement]:
    if not len(ids):
        return []
    spread = np.nanmax(scores, axis=0) - np.nanmin(scores, axis=0)
    order = [int(place) for place in np.argsort(-spread, kind="stable")[:worst] if spread[place]]
    return [
        Disagreement(ids[place], tuple(None if np.isnan(s) else int(s) for s in scores[:, place]))
        for place in order
    ]
