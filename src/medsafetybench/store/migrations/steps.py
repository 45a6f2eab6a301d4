"""What a migration does that SQL cannot; each belongs to one version and is not edited later."""

from __future__ import annotations

import sqlite3
from hashlib import sha256

import orjson


def rekey_pressed(db: sqlite3.Connection) -> None:
    """A request's key is the hash of its content, which 004_requests.sql changed."""
    first = ("id", "text", "intent", "principle", "source", "reference", "pair")
    names = (*first, "turn", "framing")
    query = f"""SELECT key, {", ".join(names)} FROM requests
        WHERE turn IS NOT NULL OR framing IS NOT NULL"""  # nosec B608 # names of ours
    moved = []
    for old, *values in db.execute(query):
        found = dict(zip(names, values, strict=True))
        content = {n: v for n, v in found.items() if n in first or v is not None}
        moved.append((old, sha256(orjson.dumps(content)).digest()[:16]))
    db.execute("CREATE TEMP TABLE moved (old BLOB PRIMARY KEY, new BLOB)")
    db.executemany("INSERT INTO moved VALUES (?, ?)", moved)
    for table, column in (("requests", "key"), ("items", "request")):
        db.execute(
            f"""UPDATE {table} SET {column} = (SELECT new FROM moved WHERE old = {column})
            WHERE {column} IN (SELECT old FROM moved)"""  # nosec B608 # names of ours
        )
    db.execute("DROP TABLE moved")
