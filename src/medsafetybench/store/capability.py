"""Capability results in the store: which questions a target got right, by task and seed.

    with CapabilityStore.open("medsafety.db") as store:
        store.put(measured_target, question_set, Answers(shots=3, seed=0, correct=...), harness)
        store.get(measured_target.key, question_set.key, shots=3, seed=0)

What is there is never measured again. Tables: capability_* of migrations/001_runs.sql.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from ..errors import MsbError
from ..records import digest
from .database import Database

KEY_BYTES = 8


@dataclass(frozen=True)
class MeasuredTarget:
    """Who was measured: a name to show, and the settings that its key is the hash of."""

    name: str
    settings: Mapping[str, Any]

    @property
    def key(self) -> str:
        """16 hex digits that stand for all that determines its answers."""
        return digest(self.settings)[:16]


@dataclass(frozen=True)
class QuestionSet:
    """A task as asked: ``key`` stands for its questions, their order and how they are put.

    ``questions`` has one number for each question, the beginning of its hash: the same question
    has the same number in every target's results.
    """

    key: str
    task: str
    version: str
    questions: NDArray[np.uint64]


@dataclass(frozen=True)
class Answers:
    """Which questions were answered right with so many examples, drawn by this seed."""

    shots: int
    seed: int
    correct: NDArray[np.bool_]

    @property
    def accuracy(self) -> float:
        """Share that is right."""
        return float(self.correct.mean())

    @property
    def stderr(self) -> float | None:
        """Standard error of the accuracy, questions as draws; None below two."""
        n, share = len(self.correct), self.accuracy
        return None if n < 2 else float(np.sqrt(share * (1 - share) / (n - 1)))


class CapabilityStore(Database):
    """See the module's docstring."""

    def get(self, target: str, task: str, shots: int, seed: int) -> Answers | None:
        """The stored answers, or None."""
        rows = self.select(
            "SELECT n, correct FROM capability_results "
            "WHERE target = ? AND task = ? AND shots = ? AND seed = ?",
            *(target, task, shots, seed),
        )
        for n, correct in rows:
            return Answers(shots, seed, _bits(n, correct))
        return None

    def put(
        self, target: MeasuredTarget, asked: QuestionSet, answers: Answers, harness: str
    ) -> None:
        """Store answers; ``harness`` is the version of lm-eval that scored them."""
        settings = orjson.dumps(target.settings).decode()
        with self.transaction():
            self._db.execute(
                "INSERT OR IGNORE INTO capability_targets (key, name, settings) VALUES (?, ?, ?)",
                (target.key, target.name, settings),
            )
            self._db.execute(
                "INSERT OR IGNORE INTO capability_tasks (key, name, version, questions) "
                "VALUES (?, ?, ?, ?)",
                (asked.key, asked.task, asked.version, asked.questions.astype("<u8").tobytes()),
            )
            self._db.execute(
                """INSERT OR REPLACE INTO capability_results (target, task, shots, seed, n,
                accuracy, stderr, correct, harness, created)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                (
                    target.key,
                    asked.key,
                    answers.shots,
                    answers.seed,
                    len(answers.correct),
                    answers.accuracy,
                    answers.stderr,
                    np.packbits(answers.correct).tobytes(),
                    harness,
                    datetime.now(UTC).isoformat(timespec="seconds"),
                ),
            )

    def targets(self) -> list[MeasuredTarget]:
        """Every target that has results, in the order they were first measured."""
        rows = self.select("SELECT name, settings FROM capability_targets ORDER BY rowid")
        return [MeasuredTarget(name, orjson.loads(settings)) for name, settings in rows]

    def target(self, given: str) -> MeasuredTarget:
        """A target by the beginning of its key. Raises MsbError if there is none, or several."""
        there = self.targets()
        found = [target for target in there if given and target.key.startswith(given)]
        if len(found) != 1:
            known = ", ".join(f"{t.key[:8]} ({t.name})" for t in found or there) or "none yet"
            which = "several targets begin with" if found else "no measured target is called"
            raise MsbError(f"{which} {given!r} in {self.path}; there: {known}")
        return found[0]

    def results(self, target: str) -> Iterator[tuple[QuestionSet, Answers]]:
        """All that is stored of a target, task by task, each by shots and seed."""
        rows = self.select(
            "SELECT t.key, t.name, t.version, t.questions, r.shots, r.seed, r.n, r.correct "
            "FROM capability_results r JOIN capability_tasks t ON t.key = r.task "
            "WHERE r.target = ? ORDER BY t.rowid, r.shots, r.seed",
            target,
        )
        for key, name, version, questions, shots, seed, n, correct in rows:
            asked = QuestionSet(key, name, version, np.frombuffer(questions, "<u8"))
            yield asked, Answers(shots, seed, _bits(n, correct))


def _bits(n: int, packed: bytes) -> NDArray[np.bool_]:
    return np.unpackbits(np.frombuffer(packed, np.uint8), count=n).astype(bool)


def question_number(text: str) -> int:
    """The beginning of a question's hash as a number."""
    return int(digest(text)[: 2 * KEY_BYTES], 16)
