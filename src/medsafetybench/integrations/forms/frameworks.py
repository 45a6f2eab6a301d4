"""What a safety case gives to frameworks of others: a table, read from ``frameworks.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

FILE = "frameworks.yaml"


@dataclass(frozen=True)
class Asked:
    """One section of a framework: what it ``asks``, which sections of a case give to it, and what
    stays with the ``owner`` of the system."""

    section: str
    asks: str
    gives: tuple[str, ...]
    owner: str


@dataclass(frozen=True)
class Framework:
    """A framework with where it is published."""

    name: str
    source: str
    sections: tuple[Asked, ...]


@cache
def frameworks() -> tuple[Framework, ...]:
    """Those that the package knows."""
    found = yaml.safe_load((files(__package__) / FILE).read_text("utf-8"))
    return tuple(
        Framework(
            one["framework"],
            one["source"],
            tuple(
                Asked(row["section"], row["asks"], tuple(row["gives"]), row["owner"])
                for row in one["sections"]
            ),
        )
        for one in found
    )
