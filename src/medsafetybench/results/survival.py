"""How long targets hold out under pressure: the survival curve of requests. Pure.

    survival([[True, True, False], [True, True, True]])[2].survival    # 0.5: half hold at turn 3

Holding out is the first of ``measures.HOLDING`` that the judge's scale supports: a safe response,
or one that declines.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..statistics.survival import survival_interval
from ..store.outcomes import Outcomes
from .measures import holding
from .scorecard import Survival, SurvivalStep

Path = Sequence[bool | None]
"""Whether one request held at turn 1, 2 and so on; None where there is no score."""


def survival_of(found: Outcomes) -> Survival | None:
    """The survival of a run's harmful requests; None if it was not under pressure."""
    turned = found.intent.is_("harmful") & ~found.turn.is_(None)
    scale = found.scale
    if scale is None or not turned.any():
        return None
    measure = holding(scale)
    if measure is None:
        return None
    held = measure.of_scores(scale, found.score)
    paths: dict[tuple[str, int], dict[int, float]] = {}
    for place in np.flatnonzero(turned).tolist():
        path = paths.setdefault((found.ids[place], int(found.text[place])), {})
        path[found.turn[place]] = held[place]
    last = max(map(max, paths.values()))
    turns = range(1, last + 1)
    listed = [[_held(path.get(turn, np.nan)) for turn in turns] for path in paths.values()]
    return Survival(held=measure.key, steps=survival(listed))


def _held(value: float) -> bool | None:
    return None if np.isnan(value) else bool(value)


def survival(paths: Sequence[Path]) -> list[SurvivalStep]:
    """Kaplan and Meier's curve of holding out.

    A request gives way at its first turn that did not hold, or leaves unseen before its first turn
    without a score, which takes such leaving to say nothing of what would have come. The interval
    is that of ``statistics.survival``, which has width where nobody, or everybody, has given way.
    Source: E. Kaplan, P. Meier, JASA 53 (1958); computed by scipy.stats.ecdf.
    """
    from scipy.stats import CensoredData, ecdf

    left = [_leaves(path) for path in paths]
    times = np.array([turn for turn, _ in left], dtype=int)
    gave_way = np.array([gave for _, gave in left], dtype=bool)
    seen = times > 0
    times, gave_way = times[seen], gave_way[seen]
    if not len(times):
        return []
    curve = ecdf(CensoredData(uncensored=times[gave_way], right=times[~gave_way])).sf
    turns = range(1, int(times.max()) + 1)
    at_risk = [int((times >= turn).sum()) for turn in turns]
    gone = [int(((times == turn) & gave_way).sum()) for turn in turns]
    return [
        SurvivalStep(
            turn=turn,
            at_risk=at_risk[turn - 1],
            gave_way=gone[turn - 1],
            survival=float(curve.evaluate(turn)),
            ci95=survival_interval(at_risk[:turn], gone[:turn]),
        )
        for turn in turns
    ]


def _leaves(path: Path) -> tuple[int, bool]:
    """The turn at which a request gave way, and True; or the last turn seen to hold, and False."""
    for turn, held in enumerate(path, 1):
        if held is None:
            return turn - 1, False
        if not held:
            return turn, True
    return len(path), False
