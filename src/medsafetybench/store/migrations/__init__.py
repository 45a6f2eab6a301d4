"""The versions of a store: numbered files of SQL, applied in order, once, all of them or none.

    migrate(db, keep)     # user_version 1 -> newest()

``001_runs.sql`` makes a store; each file after it changes what those before it made, and is not
edited once a store was made by it. What SQL cannot do is a function in ``AFTER`` (steps.py), under
the number of the file that it follows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files

from . import steps

APPLICATION_ID = 0x4D53_4245  # "MSBE", in the file's header: how we know a store of ours

AFTER: Mapping[int, Callable[[sqlite3.Connection], None]] = {4: steps.rekey_pressed}


@cache
def _steps() -> dict[int, str]:
    """The SQL of each version, in order."""
    found = sorted(f.name for f in files(__name__).iterdir() if f.name.endswith(".sql"))
    return {int(name[:3]): files(__name__).joinpath(name).read_text("utf-8") for name in found}


def newest() -> int:
    """The version that this program reads and writes."""
    return max(_steps())


def version_of(db: sqlite3.Connection) -> int:
    """The version of a store; 0 if there is nothing in it yet."""
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    return version


def schema(db: sqlite3.Connection, version: int) -> None:
    """Make the tables of a version in a database that holds nothing."""
    for number, sql in _steps().items():
        if number <= version:
            _apply(db, number, sql)


def migrate(db: sqlite3.Connection, keep: Callable[[int], None]) -> int:
    """Bring a store to the newest version, in one transaction; return the version it had.

    Of several processes that open a store at once, one does so while the others wait. ``keep`` is
    told the version of an older store before anything in it is changed.
    """
    if version_of(db) == newest():
        return newest()
    db.execute("BEGIN IMMEDIATE")
    try:
        before = version_of(db)  # another process may have been first
        if 0 < before < newest():
            keep(before)
        for number, sql in _steps().items():
            if number > before or number == before == 1:
                _apply(db, number, sql)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return before


def _apply(db: sqlite3.Connection, number: int, sql: str) -> None:
    for statement in _statements(sql):
        db.execute(statement)
    if number in AFTER:
        AFTER[number](db)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {number}")


def _statements(sql: str) -> Iterator[str]:
    """One by one: ``executescript`` would commit the transaction first."""
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    yield statement
