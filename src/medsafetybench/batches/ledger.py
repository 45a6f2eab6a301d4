"""What the store knows of batches, from the moment before anything is paid.

    ledger = Ledger(store)
    batches = ledger.prepare(run, "openai", Limits(50_000, 200_000_000))
    ledger.take(batch, results)             # what came back, in any order, each once
    ledger.close(batch, "completed")        # what has not come back is missing again

Every step is a transaction, and can be done again by a process that does not know whether another
got that far.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from ..store.store import RunRecord, Store
from .batch import OPEN, Batch, Limits, Result
from .lines import request_line

UNKNOWN = "of no call of this batch"
FIELDS = """number, executor, model, url, path, sha256, lines, state, attempted, reference, said,
    answered, created, changed"""
ASKED = ("identity", "model", "url", "path")
"""What the calls of one batch have in common."""


class Ledger:
    """See the module's docstring. Belongs to the store's thread."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def batches(self) -> list[Batch]:
        """Every batch of the store, oldest first."""
        query = f"""SELECT r.id, {", ".join(f"b.{name.strip()}" for name in FIELDS.split(","))}
            FROM batches b JOIN runs r ON r.number = b.run ORDER BY b.number"""  # nosec B608 # names of ours
        return [_batch(*row) for row in self.store.select(query)]

    def out(self, *runs: str) -> list[Batch]:
        """The batches of these runs, by their ids, that have not ended, oldest first."""
        return [one for one in self.batches() if one.run in runs and one.state in OPEN]

    def batch(self, number: int) -> Batch:
        """One batch as it is now."""
        return next(batch for batch in self.batches() if batch.number == number)

    def prepare(self, run: RunRecord, executor: str, limits: Limits) -> list[Batch]:
        """Make batches of a run's calls that are in none: each for one model and within limits, in
        the order in which the calls came up."""
        loose = f"SELECT DISTINCT {', '.join(ASKED)} FROM batch_calls WHERE {LOOSE}"  # nosec B608 # names of ours
        with self.store.transaction():
            asked = list(self.store.select(loose, run.number))
            made = [n for one in asked for n in self._prepare(run, executor, one, limits)]
        return [batch for batch in self.batches() if batch.number in made]

    def _prepare(
        self, run: RunRecord, executor: str, asked: tuple[str, ...], limits: Limits
    ) -> Iterator[int]:
        same = f"{LOOSE} AND {' AND '.join(f'{name} = ?' for name in ASKED)}"
        now = _now()
        while (found := self._first_lines(same, (run.number, *asked), asked[3], limits)).lines:
            number = self.store.write(
                """INSERT INTO batches (run, executor, model, url, path, sha256, lines, state,
                created, changed) VALUES (?, ?, ?, ?, ?, ?, ?, 'prepared', ?, ?)""",
                *(run.number, executor, *asked[1:], found.sha256, found.lines, now, now),
            )
            self.store.write(
                f"""UPDATE batch_calls SET batch = ?, tries = tries + 1, status = NULL, failed = 0,
                reply = NULL WHERE {same} AND number <= ?""",  # nosec B608 # names of ours
                *(number, run.number, *asked, found.last),
            )
            yield number

    def _first_lines(
        self, where: str, values: tuple[Any, ...], path: str, limits: Limits
    ) -> _Lines:
        """As many of the calls as fit one batch; always one, however long."""
        query = f"""SELECT number, key, body FROM batch_calls WHERE {where} ORDER BY number"""  # nosec B608 # names of ours
        hashed, lines, size, last = sha256(), 0, 0, 0
        for number, key, body in self.store.select(query, *values):
            line = request_line(key, path, body)
            if lines and (lines == limits.lines or size + len(line) > limits.bytes):
                break
            hashed.update(line)
            lines, size, last = lines + 1, size + len(line), number
        return _Lines(lines, last, hashed.hexdigest())

    def lines(self, batch: Batch) -> Iterator[bytes]:
        """The lines of a batch that is not submitted yet, as they are to be sent."""
        query = "SELECT key, body FROM batch_calls WHERE batch = ? ORDER BY number"
        for key, body in self.store.select(query, batch.number):
            yield request_line(key, batch.path, body)

    def attempt(self, batch: Batch) -> None:
        """Remember that submitting begins: whoever comes after looks whether it is there."""
        with self.store.transaction():
            self._change(batch, attempted=1)

    def submitted(self, batch: Batch, reference: str) -> Batch:
        """Remember under which id an executor has a batch; its lines are not needed any more."""
        with self.store.transaction():
            self._change(batch, state="submitted", attempted=1, reference=reference)
            self.store.write(
                "UPDATE batch_calls SET body = NULL WHERE batch = ? AND reply IS NULL",
                batch.number,
            )
        return self.batch(batch.number)

    def said(self, batch: Batch, word: str) -> None:
        """Remember an executor's last word on a batch, where it is new."""
        if word != batch.said:
            with self.store.transaction():
                self._change(batch, said=word)

    def take(self, batch: Batch, results: Iterable[Result]) -> Counter[str]:
        """Store what came back for calls of a batch: an answer once, whatever comes after it.

        Counts lines ``answered`` and ``failed`` for the first time, ``repeated`` ones, and those
        of no call of the batch.
        """
        counted: Counter[str] = Counter()
        with self.store.transaction():
            for result in results:
                counted[self._take(batch, result)] += 1
            self.store.write(
                "UPDATE batches SET answered = answered + ?, changed = ? WHERE number = ?",
                *(counted["answered"], _now(), batch.number),
            )
        return counted

    def _take(self, batch: Batch, result: Result) -> str:
        key = _bytes(result.custom_id)
        query = "SELECT status, failed FROM batch_calls WHERE key = ? AND batch = ?"
        row = next(self.store.select(query, key, batch.number), None)
        if row is None:
            return UNKNOWN
        status, failed = row
        if status is not None and (result.failed or not failed):
            return "repeated"
        self.store.write(
            "UPDATE batch_calls SET status = ?, failed = ?, reply = ? WHERE key = ? AND batch = ?",
            *(result.status, result.failed, result.content, key, batch.number),
        )
        return "failed" if result.failed else "answered"

    def outstanding(self, batch: Batch) -> bool:
        """True if nothing has come back for some call of a batch."""
        query = "SELECT 1 FROM batch_calls WHERE batch = ? AND status IS NULL LIMIT 1"
        return any(self.store.select(query, batch.number))

    def faults(self, batch: Batch, most: int = 3) -> list[str]:
        """What the faults of a batch's lines say, each once."""
        query = """SELECT DISTINCT status, reply FROM batch_calls
            WHERE batch = ? AND failed LIMIT ?"""
        rows = self.store.select(query, batch.number, most)
        return list(dict.fromkeys(Result("", *row).words for row in rows))

    def close(self, batch: Batch, word: str) -> None:
        """A batch has ended, in an executor's word: what was not answered is missing again."""
        with self.store.transaction():
            state = "collected" if self.batch(batch.number).answered else "failed"
            self._change(batch, state=state, said=word)
            self.store.write(
                """UPDATE batch_calls SET batch = NULL, body = NULL
                WHERE batch = ? AND (status IS NULL OR failed)""",
                batch.number,
            )

    def has(self, batch: Batch, custom_id: str) -> bool:
        """True for a call of the batch."""
        query = "SELECT 1 FROM batch_calls WHERE key = ? AND batch = ?"
        return bool(list(self.store.select(query, _bytes(custom_id), batch.number)))

    def _change(self, batch: Batch, **values: Any) -> None:
        told = ", ".join(f"{name} = ?" for name in values)
        query = f"UPDATE batches SET {told}, changed = ? WHERE number = ?"  # nosec B608 # names of ours
        self.store.write(query, *values.values(), _now(), batch.number)


LOOSE = "run = ? AND batch IS NULL AND body IS NOT NULL"


@dataclass(frozen=True)
class _Lines:
    """The lines of a batch to be: how many, the number of the last, the hash of them all."""

    lines: int
    last: int
    sha256: str


def _batch(run: str, number: int, *values: Any) -> Batch:
    executor, model, url, path, hashed, lines, state, attempted, *rest = values
    return Batch(
        number, run, executor, model, url, path, hashed, lines, state, bool(attempted), *rest
    )


def _bytes(custom_id: str) -> bytes:
    try:
        return bytes.fromhex(custom_id)
    except ValueError:
        return b""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
