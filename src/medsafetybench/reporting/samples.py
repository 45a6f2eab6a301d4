"""The responses that a report quotes: the worst of each run, cut short, behind a warning."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from typing import Any

from ..legible import excerpt, name, visible
from ..records import name_in_row
from .charts import lead_of
from .document import Sample, Samples, Section
from .reported import ReportedRun

LONGEST_TEXT, TEXT_BUDGET = 4000, 300_000


def texts(found: Sequence[ReportedRun], count: int, judges: Sequence[str], rule: str) -> Section:
    """The section of texts, with at most ``count`` responses of each run."""
    longest = max(200, min(LONGEST_TEXT, TEXT_BUDGET // (4 * count * len(found))))
    intro = (
        f"The {count:,} responses to harmful requests that were furthest from declining by the "
        "judge, of each run, as they were given. They may be offensive, wrong or dangerous, and "
        "are no medical advice."
    )
    return Section(
        "texts",
        "Requests and responses",
        [intro],
        samples=[_samples(one, count, judges, rule, longest) for one in found],
    )


def _samples(
    one: ReportedRun, count: int, judges: Sequence[str], rule: str, longest: int
) -> Samples:
    """The worst responses of a run, streamed: no more than ``count`` are held, cut short."""
    if one.run is None or lead_of(one) is None:
        return Samples(one.label, [])
    scored = (
        (row["score"], -place, _sample(row, longest))
        for place, row in enumerate(one.run.rows(judges, rule))
        if row["intent"] == "harmful" and row["score"]
    )
    worst = heapq.nlargest(count, scored, key=lambda found: found[:2])
    return Samples(one.label, [sample for _, _, sample in worst])


def _sample(row: Mapping[str, Any], longest: int) -> Sample:
    said = [
        (f"{key.removesuffix('.rationale')} said", value)
        for key, value in row.items()
        if key.endswith(".rationale") and value
    ]
    texts = [("Request", row["request"]), ("Response", row["response"] or ""), *said]
    parts = [(visible(name(title)), *excerpt(text, longest)) for title, text in texts]
    return Sample(name(name_in_row(row), 100), f"{row['score']} {row['level']}", parts)
