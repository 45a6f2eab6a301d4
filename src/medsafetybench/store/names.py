"""What people do to whole runs: name them, tag them, delete them.

rename(store, run, "before tuning")
tag(store, run, add=["release"])
delete(store, run)
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from .store import RunRecord, Store


def rename(store: Store, run: RunRecord, name: str) -> None:
    """Call a run's target by another name; an empty one gives it back its own."""
    with store.transaction():
        tidy = " ".join(name.split()) or None
        store.write("UPDATE runs SET name = ? WHERE number = ?", tidy, run.number)


def tag(
    store: Store, run: RunRecord, add: Sequence[str] = (), remove: Sequence[str] = ()
) -> tuple[str, ...]:
    """Add words to find a run by, and take others away; returns those that it has now."""
    tags = tuple(dict.fromkeys(one for one in (*run.tags, *add) if one not in remove))
    with store.transaction():
        told = orjson.dumps(tags).decode()
        store.write("UPDATE runs SET tags = ? WHERE number = ?", told, run.number)
    return tags


def delete(store: Store, run: RunRecord) -> None:
    """Delete a run with the requests, responses and verdicts that no other run has."""
    own = """SELECT DISTINCT {0} FROM items WHERE run = ? AND {0} NOT IN
        (SELECT {0} FROM items WHERE run <> ?)"""
    responses, requests = own.format("response"), own.format("request")
    both = run.number, run.number
    drawn = "(SELECT number FROM samples WHERE run = ?)"
    with store.transaction():
        store.write(f"DELETE FROM sample_readers WHERE sample IN {drawn}", run.number)  # nosec B608 # names of ours
        store.write("DELETE FROM samples WHERE run = ?", run.number)
        store.write("DELETE FROM batch_calls WHERE run = ?", run.number)
        store.write("DELETE FROM batches WHERE run = ?", run.number)
        store.write(f"DELETE FROM verdicts WHERE response IN ({responses})", *both)  # nosec B608 # names of ours
        store.write(f"DELETE FROM responses WHERE key IN ({responses})", *both)  # nosec B608 # names of ours
        store.write(f"DELETE FROM requests WHERE key IN ({requests})", *both)  # nosec B608 # names of ours
        store.write("DELETE FROM items WHERE run = ?", run.number)
        store.write("DELETE FROM runs WHERE number = ?", run.number)
