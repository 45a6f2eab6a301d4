"""The calls of a run that are missing or out in batches, as the store keeps them.

    calls = Calls(store, run)
    calls.find(call)           # what is known of it; None: nothing
    calls.keep(call)           # it is missing: for the next batch

A call is known by a key made with the store's secret: a reply of another store's, or of another
run's file, is nobody's here.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass

from ..models.carrying import Call
from ..store.store import RunRecord, Store
from .batch import OPEN


@dataclass(frozen=True)
class Known:
    """What is known of a call: the batch it is in, in how many it was, and what came back.

    ``others``, of one that was refused: the model answered another call of the same batch.
    """

    batch: int | None
    tries: int
    status: int | None
    failed: bool
    reply: bytes | None
    others: bool


class Calls:
    """See the module's docstring. Belongs to the store's thread."""

    def __init__(self, store: Store, run: RunRecord) -> None:
        self._store = store
        self._run = run
        self._answering: set[int | None] = set()
        self.secret = _secret(store)

    def key(self, call: Call) -> bytes:
        """16 bytes that stand for whom a call is for and what it says, in this store alone."""
        said = b"\n".join([call.to.identity.encode(), call.path.encode(), call.body])
        return hmac.digest(self.secret, said, "sha256")[:16]

    def find(self, call: Call) -> Known | None:
        """What is known of a call."""
        query = "SELECT batch, tries, status, failed, reply FROM batch_calls WHERE key = ?"
        row = next(self._store.select(query, self.key(call)), None)
        if row is None:
            return None
        batch, tries, status, failed, reply = row
        refused = reply is not None and status != 200
        return Known(batch, tries, status, bool(failed), reply, refused and self._answers(batch))

    def _answers(self, batch: int | None) -> bool:
        """True if any call of a batch was answered with 200; looked for until it is so."""
        if batch is not None and batch not in self._answering:
            query = """SELECT 1 FROM batch_calls
                WHERE batch = ? AND status = 200 AND NOT failed LIMIT 1"""
            if any(self._store.select(query, batch)):
                self._answering.add(batch)
        return batch in self._answering

    def keep(self, call: Call) -> None:
        """Remember a call that is missing, in a transaction of the caller's."""
        self._store.write(
            """INSERT INTO batch_calls (key, run, identity, model, url, path, body)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (key) DO UPDATE SET body = excluded.body, run = excluded.run,
                url = excluded.url WHERE batch IS NULL""",
            *(self.key(call), self._run.number, call.to.identity, call.to.model),
            *(call.to.url, call.path, call.body),
        )

    def forget_loose(self) -> None:
        """Forget this run's calls that are in no batch: whoever begins comes upon them again."""
        with self._store.transaction():
            query = "DELETE FROM batch_calls WHERE run = ? AND batch IS NULL"
            self._store.write(query, self._run.number)

    def forget_refused(self) -> None:
        """Forget this run's calls of ended batches in which all were refused, as no error is of one
        request alone there: the server may be told otherwise by then."""
        with self._store.transaction():
            self._store.write(
                """DELETE FROM batch_calls WHERE run = ? AND status <> 200 AND (batch IS NULL OR
                batch NOT IN (SELECT batch FROM batch_calls
                    WHERE batch IS NOT NULL AND (status IS NULL OR status = 200)))""",
                self._run.number,
            )

    def forget_done(self) -> None:
        """Forget this run's calls that are not out, with their replies: what was made of them is
        stored."""
        with self._store.transaction():
            self._store.write(
                """DELETE FROM batch_calls WHERE run = ? AND (batch IS NULL OR batch IN
                (SELECT number FROM batches WHERE state NOT IN (?, ?)))""",
                *(self._run.number, *OPEN),
            )


def _secret(store: Store) -> bytes:
    """The store's own, drawn when it is first needed."""
    with store.transaction():
        for (secret,) in store.select("SELECT secret FROM batch_secret"):
            return bytes(secret)
        secret = secrets.token_bytes(32)
        store.write("INSERT INTO batch_secret (secret) VALUES (?)", secret)
        return secret
