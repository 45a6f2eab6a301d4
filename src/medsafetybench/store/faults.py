"""The errors of a run: what the target and the judges could not be asked for, and why.

    faults_of(store, run)[0]
    # Fault(of="target", error="ValueError: no such index", count=40, example="r-1")

Errors that differ in numbers and hashes alone are one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .panel import judges_asked
from .store import NAME, RunRecord, Store

_VARYING = re.compile(r"\b(?:0x)?[0-9a-f]*\d[0-9a-f]*\b", re.IGNORECASE)


@dataclass(frozen=True)
class Fault:
    """An error: whose, in the words of its first case, how many requests have it, and one of them.

    ``of`` is ``target`` or a judge's name.
    """

    of: str
    error: str
    count: int
    example: str


def faults_of(store: Store, run: RunRecord) -> list[Fault]:
    """The errors of a run, the commonest first."""
    found: dict[tuple[str, str], Fault] = {}
    target = f"""SELECT {NAME}, r.error FROM items i JOIN requests q ON q.key = i.request
        JOIN responses r ON r.key = i.response
        WHERE i.run = ? AND r.error IS NOT NULL ORDER BY i.position"""  # nosec B608 # names of ours
    for example, error in store.select(target, run.number):
        _count(found, "target", error, example)
    judged = f"""SELECT DISTINCT {NAME}, v.reason FROM items i
        JOIN requests q ON q.key = i.request
        JOIN verdicts v ON v.judge = ? AND v.response = i.response AND (v.intent = q.intent OR
            v.intent IN (SELECT json_extract(value, '$.key') FROM json_each(q.criteria)))
        WHERE i.run = ? AND v.error ORDER BY i.position"""  # nosec B608 # names of ours
    for judge in judges_asked(store, run):
        for example, error in store.select(judged, judge.number, run.number):
            _count(found, judge.name, error, example)
    return sorted(found.values(), key=lambda fault: -fault.count)


def _count(found: dict[tuple[str, str], Fault], of: str, error: str, example: str) -> None:
    key = of, alike(error)
    before = found.get(key, Fault(of, error, 0, example))
    found[key] = Fault(of, before.error, before.count + 1, before.example)


def alike(error: str) -> str:
    """The error without what differs from case to case: numbers and hashes."""
    return _VARYING.sub("#", error)
