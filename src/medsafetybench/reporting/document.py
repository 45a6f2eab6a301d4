"""A report as data: sections of paragraphs, tables, charts, commands and samples. How it looks is
``forms``' affair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .charts import Chart

NONE = "\u2013"


@dataclass(frozen=True)
class Table:
    """Cells as text. Columns named in ``words`` hold words; the others are figures."""

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    words: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Sample:
    """A request with its response and what the judges said, each cut to a readable length."""

    id: str
    score: str
    parts: list[tuple[str, str, int]]
    """Title, text, and how many characters were left out."""


@dataclass(frozen=True)
class Samples:
    """The samples of one run."""

    title: str
    samples: list[Sample]


@dataclass(frozen=True)
class Section:
    """A part of the report under a heading of its own."""

    key: str
    title: str
    paragraphs: list[str] = field(default_factory=list)
    points: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    commands: list[tuple[str, str, list[str]]] = field(default_factory=list)
    samples: list[Samples] = field(default_factory=list)


@dataclass(frozen=True)
class Tile:
    """One figure at the head of a report: what it is, its value, and its interval."""

    title: str
    value: str
    detail: str


@dataclass(frozen=True)
class Report:
    """See the module's docstring."""

    title: str
    made: str
    tiles: list[Tile]
    sections: list[Section]
