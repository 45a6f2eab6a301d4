"""Differences between the runs of a report, request by request, with tests for pairs.

differences(gather(runs))         # a section, or None for one run
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..errors import MsbError
from ..results.comparison import Difference, compare
from ..results.interval_notes import of_differences
from ..results.measures import Measure, form_of
from ..results.pairing import pair
from ..statistics.estimates import Interval
from .document import NONE, Section, Table
from .reported import ReportedRun

MOST = 4
"""Runs of which every two are compared; more are for ``msb compare`` and ``msb leaderboard``."""

Two = tuple[ReportedRun, ReportedRun]


def differences(found: Sequence[ReportedRun], pairs: Sequence[Two] = ()) -> Section | None:
    """The pairs that were named, each by itself, else every two of a few runs."""
    together = [found] if 1 < len(found) <= MOST else []
    groups: Sequence[Sequence[ReportedRun]] = list(pairs) or together
    if not groups:
        return None
    rows: list[tuple[str, ...]] = []
    told: list[str] = []
    for group in groups:
        try:
            rows += _rows(group)
        except MsbError as error:
            told.append(f"{' and '.join(one.label for one in group)} are not compared: {error}.")
    tables = [Table("Request by request", HEADER, rows, words=WORDS, note=NOTE)] if rows else []
    return Section("differences", "Differences, request by request", told, tables=tables)


HEADER = ("compared", "measure", "n", "first", "second", "difference", "p", "shown")
WORDS = ("compared", "measure", "shown")
NOTE = (
    "Difference: the second's figure minus the first's, on the n requests that both were scored "
    f"on; {of_differences()}. P: how likely chance alone makes such a difference, corrected for "
    "the number of pairs compared together (Holm). Shown: chance does not explain it at 5%, and no "
    "missing score could undo it."
)


def _rows(group: Sequence[ReportedRun]) -> Iterator[tuple[str, ...]]:
    found = compare(pair([one.outcomes for one in group if one.outcomes]))
    names = dict(zip(found.labels, (one.label for one in group), strict=True))
    for family in found.families:
        for test in family.tests:
            compared = f"{names[test.first]}, then {names[test.second]}"
            yield (compared, *_cells(family.measure, test))


def _cells(measure: Measure, test: Difference) -> tuple[str, ...]:
    share = measure.unit == "share"
    means = map(form_of(measure.unit).format, test.means)
    return (
        measure.title,
        f"{test.n:,}",
        *(NONE if mean.startswith("nan") else mean for mean in means),
        _change(share, test.difference, test.interval),
        f"{test.p_adjusted:.3f}" if test.p_adjusted >= 0.001 else "<0.001",
        "yes" if test.shown() else "no",
    )


def _change(share: bool, value: float, interval: Interval | None) -> str:
    """Points of per cent, or of the scale, signed."""
    times, digits = (100, 1) if share else (1, 2)
    text = f"{times * value:+.{digits}f}"
    if interval is None:
        return text
    low, high = (f"{times * end:+.{digits}f}" for end in interval)
    return f"{text} [{low}, {high}]"
