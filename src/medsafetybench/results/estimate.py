"""From a measure's values to its figure: the value, its interval, and what missing ones could do.

estimate(REFUSAL, outcomes.scale, outcomes.score[mask], outcomes.draws[mask])
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from ..scale import Scale
from ..statistics.clusters import Clusters
from ..statistics.estimates import bounds_with_missing, estimate_mean, estimate_proportion
from ..statistics.sequential import anytime_interval
from .measures import Measure
from .scorecard import Figure


def estimate(
    measure: Measure,
    scale: Scale,
    scores: NDArray[Any],
    clusters: Clusters = None,
    sequential: bool = False,
) -> Figure:
    """The figure over requests with these scores, 0 for none; those that share a cluster are one
    draw. A ``sequential`` interval holds wherever one stops asking."""
    values, ends = measure.of_scores(scale, scores), measure.range(scale)
    if measure.estimate == "proportion":
        found = estimate_proportion(values, clusters)
    else:
        found = estimate_mean(values, ends, clusters)
    interval = found.interval if found else None
    if found and sequential:
        interval = anytime_interval(values, ends, clusters)
    return Figure(
        value=found.value if found else None,
        stderr=found.stderr if found and measure.estimate == "mean" else None,
        ci95=interval,
        bounds=bounds_with_missing(values, ends),
    )
