"""What a store may hold besides rows: the tables that our own migrations make, and nothing else.

    check_shape(db, path)      # MsbError for a trigger, a view, a table that is not ours

A store is passed around. A trigger or a view in one would act when the store is opened or written,
and give a score that nobody gave; so would a column that is computed, or a table of another kind.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path

from ..errors import MsbError
from ..legible import name as legible
from .migrations import schema, version_of

SQLITE_S_OWN = {"sqlite_sequence", "sqlite_stat1", "sqlite_stat4"}
"""Tables that SQLite makes for itself, and that we read nothing from."""

Shape = dict[tuple[str, str], str]


def check_shape(db: sqlite3.Connection, path: Path) -> None:
    """Raise MsbError unless a store is laid out as its version is."""
    version, found = version_of(db), _shape(db)
    if version == 0 and not found:
        return
    ours = _ours(version)
    for (kind, name), made in found.items():
        if ours.get((kind, name)) != made:
            raise MsbError(
                f"{path} holds a {legible(kind)} that is none of ours ({legible(name)}): it could "
                "change scores when it is opened; ask whoever gave it to you for the store as msb "
                "wrote it"
            )
    # The first stores got tables without a new version, so there one may still be missing.
    if version > 1 and (missing := sorted(name for _, name in ours.keys() - found.keys())):
        raise MsbError(f"{path} lacks the table {missing[0]}; put a whole copy in its place")


def _shape(db: sqlite3.Connection) -> Shape:
    found = db.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    return {
        (str(kind), str(name)): _bare(made)
        for kind, name, made in found
        if not (kind == "table" and name in SQLITE_S_OWN)
        # The index behind a key has no SQL; whatever else has none was not made by SQL.
        if not (kind == "index" and made is None)
    }


def _bare(made: object) -> str:
    """The SQL without comments and layout."""
    return " ".join(re.sub(r"--[^\n]*", "", str(made)).split())


@cache
def _ours(version: int) -> Shape:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        schema(db, version)
        return _shape(db)
