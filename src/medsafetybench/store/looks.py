"""Looks at releases: a series is held to one promise together, so its looks are counted here.

    release = Release("starter", 20, settings, run, judges)
    look = take_look(store, release)            # which of the 20 this is
    record_verdict(store, look, "pass")

The same run by the same judges is the same look, however often it is asked for: a gate counts what
has no score as the worst, so what comes in later can only decide what was open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from ..errors import MsbError
from .store import JudgeRecord, Store


@dataclass(frozen=True)
class Release:
    """What is looked at: a run by a panel, as one of the ``looks`` of a series that is held to
    these settings."""

    series: str
    looks: int
    settings: Mapping[str, Any]
    run: str
    judges: Sequence[JudgeRecord]


@dataclass(frozen=True)
class LookRecord:
    """The ``number``-th of the ``looks`` of a series: one release, by one panel."""

    series: str
    number: int
    looks: int


def next_look(store: Store, release: Release) -> LookRecord:
    """The next look of a series, or the one that this run has there already; stores nothing.

    Raises MsbError where the series was begun with other settings, or has had all its looks.
    """
    series, looks = release.series, release.looks
    begun = next(store.select("SELECT looks, settings FROM series WHERE name = ?", series), None)
    if begun not in (None, (looks, _written(release.settings))):
        was = orjson.loads(begun[1])
        raise MsbError(
            f"the series {series!r} was begun with {begun[0]} looks: "
            f"{', '.join(f'{name} {value}' for name, value in was.items())}; give the same, or "
            "begin another with --series NAME"
        )
    query = "SELECT run, judges, number FROM looks WHERE series = ?"
    taken = {(name, panel): number for name, panel, number in store.select(query, series)}
    number = taken.get((release.run, _keys(release.judges)), 1 + len(taken))
    if number > looks:
        raise MsbError(
            f"the series {series!r} has had its {looks} look{'s' * (looks > 1)}, and its promise "
            "holds for no more; begin another with --series NAME"
        )
    return LookRecord(series, number, looks)


def take_look(store: Store, release: Release) -> LookRecord:
    """`next_look`, counted from now on."""
    with store.transaction():
        look = next_look(store, release)
        begun = (look.series, look.looks, _written(release.settings), _now())
        store.write(
            "INSERT OR IGNORE INTO series (name, looks, settings, created) VALUES (?, ?, ?, ?)",
            *begun,
        )
        store.write(
            """INSERT OR IGNORE INTO looks (series, number, run, judges, verdict, created)
            VALUES (?, ?, ?, ?, 'undecided', ?)""",
            *(look.series, look.number, release.run, _keys(release.judges), _now()),
        )
    return look


def record_verdict(store: Store, look: LookRecord, verdict: str) -> None:
    """Remember what a look came to."""
    with store.transaction():
        store.write(
            "UPDATE looks SET verdict = ? WHERE series = ? AND number = ?",
            verdict,
            look.series,
            look.number,
        )


def _keys(judges: Sequence[JudgeRecord]) -> str:
    return _written([judge.key for judge in judges])


def _written(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
