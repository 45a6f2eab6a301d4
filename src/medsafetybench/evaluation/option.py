"""A setting of an evaluation: how it is told, by whatever way it is told.

    url: str | None = told(None, Option("Its address.", stored="url"))

``options(kind)`` lists those of a class of settings (see ``options.py`` for them all).
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from inspect import get_annotations
from typing import Any, TypeVar

T = TypeVar("T")

TARGET, JUDGE, REQUESTS, RUN, OUTPUT = GROUPS = "Target", "Judge", "Requests", "Run", "Output"
"""The parts of a page of help, in order."""

PRICE, PAIRS, NAMES = "a price", "values by name", "names by name"
"""Kinds of value that no Python type says: ``IN,OUT``; ``NAME=JSON``; ``NAME=NAME``."""


@dataclass(frozen=True)
class Option:
    """How a setting is told.

    ``kind`` is the type of one value, ``least`` its smallest. ``many``: any number of values;
    ``each``: one for all judges or one for each; ``shared``: for target and judges, each of which
    may have another; ``file``: ``@FILE`` reads it from one. ``key`` is
    its name in an entry of a study, where that is not the field's without its role; ``stored`` is
    where the settings of a stored run keep it, below the target, the judge or the benchmark.
    ``also`` are further names, of old.
    """

    help: str
    kind: type | str = str
    least: float | None = None
    metavar: str | None = None
    many: bool = False
    each: bool = False
    file: bool = False
    shared: bool = False
    key: str | None = None
    stored: str | None = None
    env: str | None = None
    also: tuple[str, ...] = ()


def told(default: T, option: Option) -> T:
    """A field of a dataclass that holds a setting."""
    return field(default=default, metadata={"option": option})


def needed(option: Option) -> Any:
    """One that has no default."""
    return field(metadata={"option": option})


def options(kind: Any) -> dict[str, Option]:
    """The options of a class of settings, or of one of its values, by the names of its fields."""
    return {f.name: f.metadata["option"] for f in fields(kind)}


def defaults(kind: Any) -> dict[str, Any]:
    """The defaults of the fields that have one."""
    return {f.name: f.default for f in fields(kind) if f.default is not f.default_factory}


def group_of(kind: type, name: str) -> str:
    """The group of the class that a field was declared in."""
    homes: list[Any] = [c for c in kind.__mro__ if name in get_annotations(c)]
    return str(homes[0].group)
