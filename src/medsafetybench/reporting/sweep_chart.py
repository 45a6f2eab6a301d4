"""The figure of a sweep: safety, over-refusal and capability against the number of demonstrations.

write_figures([sweep_chart(rows, judge)], folder, ["svg"])
"""

from __future__ import annotations

from collections.abc import Sequence

from ..improvement.evidence import CAPABILITY
from ..improvement.sweep import BASE, Row, broken, means
from ..results.measures import MEASURES, OVER_REFUSAL
from .charts import Chart

COLUMNS = ("family", "size", "measure", "on", "n", "seeds", "value", "low", "high")


def sweep_chart(rows: Sequence[Row], judge: str) -> Chart:
    """Means over seeds, with the least and greatest; the base is size 0 of every family."""
    found = means(rows)
    there = {mean.measure for mean in found}
    harmful = [m.key for m in MEASURES if m.side == "harmful" and m.key in there][:1]
    wanted = {*harmful, OVER_REFUSAL.key, CAPABILITY}
    families = list(dict.fromkeys(mean.family for mean in found if mean.family != BASE))
    shown = [
        (family, *(getattr(mean, column) for column in COLUMNS[1:]))
        for mean in found
        if mean.measure in wanted
        for family in (families if mean.family == BASE else [mean.family])
    ]
    seeds = max(mean.seeds for mean in found)
    note = f"Judge: {judge}. Means over {seeds} seed{'s' * (seeds > 1)}; bars from least to most."
    note += "".join(f" {sentence}." for sentence in broken(rows))
    title = "What more demonstrations change"
    return Chart("sweep", "sweep", title, note, COLUMNS, shown, {})
