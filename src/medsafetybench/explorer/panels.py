"""What a run's page shows of its scorecard: a panel for each side, a table for each grouping.

for panel in panels(card):
    panel.title, panel.side, panel.measures
for table in group_tables(card):
    table.columns, table.rows
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..records import OPPOSED
from ..results.measures import SIDES, Measure, supported
from ..results.scorecard import Figure, Group, Scorecard, Side
from ..results.text import grouped, measures_of
from ..scale import SCALES, Scale
from ..statistics.interval import Interval
from .filters import NONE


@dataclass(frozen=True)
class Panel:
    """The requests of one intent, or all; ``side`` is None where a run has none of them."""

    key: str
    title: str
    side: Side | None
    measures: list[Measure]


def panels(card: Scorecard) -> list[Panel]:
    """Every side there is; of those that are never shown alone (``OPPOSED``) the other as well,
    with the measures that its judge would give."""
    scale, opposed = scale_of(card), any(key in card.sides for key in OPPOSED)
    return [
        Panel(
            key,
            title,
            card.sides.get(key),
            measures_of(card, key) if key in card.sides else supported(scale, key),
        )
        for key, title in SIDES.items()
        if key in card.sides or (opposed and key in OPPOSED)
    ]


def scale_of(card: Scorecard) -> Scale | None:
    """The scale that the run is judged on; None without a judge."""
    return SCALES[card.scale] if card.scale else None


@dataclass(frozen=True)
class GroupRow:
    """One group: its parameters in an address, its title, and the figure of each column."""

    wanted: dict[str, Any]
    title: str
    figures: list[Figure | None]
    scored: int
    n: int


@dataclass(frozen=True)
class GroupTable:
    """A run by principle, source and so on. The first column is drawn on an axis as well, which
    ends at ``ends``."""

    name: str
    columns: list[Measure]
    rows: list[GroupRow]
    ends: Interval


def group_tables(card: Scorecard) -> list[GroupTable]:
    """One for each way of grouping that has several groups; all intents in one row."""
    scale = scale_of(card)
    tables = []
    for name in dict.fromkeys(name for side in card.sides.values() for name in side.by):
        sides = grouped(card, name)
        columns = [(key, measure) for key in sides for measure in measures_of(card, key)]
        rows = _rows(sides, name, columns)
        if scale and columns and len(rows) > 1:
            measures = [measure for _, measure in columns]
            tables.append(GroupTable(name, measures, rows, measures[0].range(scale)))
    return tables


def _rows(sides: dict[str, Side], name: str, columns: list[tuple[str, Measure]]) -> list[GroupRow]:
    groups: dict[Any, dict[str, Group]] = {}
    for key, side in sides.items():
        for group in side.by.get(name, ()):
            groups.setdefault(group.value, {})[key] = group
    return [
        GroupRow(
            {name: NONE if value is None else value},
            _title(name, value, next(iter(found.values()))),
            [found[key].figures.get(m.key) if key in found else None for key, m in columns],
            sum(group.scored for group in found.values()),
            sum(group.n for group in found.values()),
        )
        for value, found in groups.items()
    ]


def _title(name: str, value: Any, group: Group) -> str:
    number = f"{value} " if name == "principle" and value is not None else ""
    return number + group.title
