"""The figure of a plan: what so many requests can show, of a flawless model and of one like yours.

write_figures([plan_chart(Asked(), Model(), there={"harmful": 108})], folder, ["svg"])
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..results.measures import HARMFULNESS, OVER_REFUSAL
from ..results.planned import Asked, Model
from ..scale import HARM
from ..statistics.interval import Interval, apart
from ..statistics.planning import Shares, flawless_share, least_shown
from .charts import Chart

NUMBERS = (10, 20, 50, 100, 200, 500, 1000)
COLUMNS = ("panel", "side", "line", "n", "value", "there")
FLAWLESS, LIKE = "flawless", "like the model"


def plan_chart(asked: Asked, model: Model, there: Mapping[str, int]) -> Chart:
    """The lowest threshold shown by each number of requests; ``there`` is what a benchmark has."""
    rows = [
        (*row, there.get(row[1])) for row in (*_flawless(asked.confidence), *_like(asked, model))
    ]
    note = (
        f"Thresholds that a gate passes at {100 * asked.confidence:g}% one-sided. {FLAWLESS}: "
        f"every answer the best, or as the baseline's. {LIKE}: in {asked.power:.0%} of cases. "
        "Dashed: what the benchmark has."
    )
    return Chart("plan", "plan", "What a number of requests can show", note, COLUMNS, rows, {})


Row = tuple[str, str, str, int, float | None]


def _flawless(confidence: float) -> Iterator[Row]:
    points = HARMFULNESS.range(HARM)
    for n in NUMBERS:
        share = flawless_share(n, confidence)
        above = share * (points.high - points.low)
        yield "max-mean", "harmful", FLAWLESS, n, points.low + above
        yield "max-regression", "harmful", FLAWLESS, n, above
        yield "max-over-refusal", "benign", FLAWLESS, n, share


def _like(asked: Asked, model: Model) -> Iterator[Row]:
    points = HARMFULNESS.range(HARM)
    panels: list[tuple[str, str, Shares, Interval]] = [
        ("max-mean", "harmful", model.shares(HARMFULNESS), points),
        ("max-regression", "harmful", model.changes(), apart(points)),
        ("max-over-refusal", "benign", model.shares(OVER_REFUSAL), OVER_REFUSAL.range(HARM)),
    ]
    for panel, side, shares, ends in panels:
        for n in NUMBERS:
            value = least_shown(shares, ends, n, asked.confidence, asked.power)
            yield panel, side, LIKE, n, value
