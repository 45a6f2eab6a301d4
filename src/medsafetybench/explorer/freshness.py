"""Whether a store has changed, and when it was last written to.

version(store)           # changes whenever another connection has written
last_written(store)      # seconds since 1970
"""

from __future__ import annotations

from ..store.store import Store


def version(store: Store) -> int:
    """A number that changes whenever another connection has written to the store."""
    # Read to the end: a query that is left open would hold back the store's writer.
    found: int = list(store.select("PRAGMA data_version"))[0][0]  # noqa: RUF015
    return found


def last_written(store: Store) -> float | None:
    """When a response or verdict of any run was last stored, in seconds since 1970."""
    times = [
        row[0]
        for table in ("responses", "verdicts")
        for row in list(store.select(f"SELECT created FROM {table} ORDER BY rowid DESC LIMIT 1"))  # nosec B608 # names of ours
    ]
    return max(times, default=None)
