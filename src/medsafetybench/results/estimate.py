"""From a measure's values to its figure: the value, its interval, and what missing ones could do.

estimate(REFUSAL, REFUSAL.of(outcomes).at(mask), outcomes.draws[mask])
"""

from __future__ import annotations

import numpy as np

from ..statistics.clusters import Clusters
from ..statistics.estimates import estimate_mean, estimate_proportion
from ..statistics.interval import Interval
from ..statistics.sequential import anytime_interval
from .measures import Measure
from .scorecard import Figure
from .values import Values


def estimate(
    measure: Measure, values: Values, clusters: Clusters = None, sequential: bool = False
) -> Figure:
    """The figure over requests with these values; those that share a cluster are one draw, those
    that the measure says nothing of are left out. A ``sequential`` interval holds wherever one
    stops asking."""
    told = values.told
    if not told.all():
        values = values.at(told)
        clusters = None if clusters is None else clusters[told]
    known, ends = values.known, values.ends
    if measure.estimate == "proportion":
        found = estimate_proportion(known, clusters)
    else:
        found = estimate_mean(known, ends, clusters)
    interval = found.interval if found else None
    if found and sequential:
        interval = anytime_interval(known, ends, clusters)
    least, most = values.low, values.high
    bounds = Interval(float(np.mean(least)), float(np.mean(most))) if len(least) else None
    return Figure(
        value=measure.kept(found.value) if found else None,
        stderr=found.stderr if found and measure.estimate == "mean" else None,
        ci95=measure.clipped(interval),
        bounds=measure.clipped(bounds),
    )
