"""Review: people accept, edit or reject; two reviewers, so that agreement can be reported.

    queue = Queue(project, reviewer="amina")
    for row in queue.waiting():
        queue.decide(row, "reject", note="an ordinary question")
    agreement(project)        # {"both": 40, "exact": .95, "kappa": .81, ...}

A decision is one line of review.jsonl, written at once; the last one of a reviewer counts. A
request that two reviewers disagree about is disputed, and is not released until it is settled.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from itertools import islice
from typing import Any

import orjson

from ..errors import MsbError
from .project import Project, Row, append, rows_in

DECISIONS = ("accept", "edit", "reject")


@dataclass(frozen=True, slots=True)
class Decision:
    """What a reviewer decided on a row; ``text`` and ``reference`` are set by an edit."""

    id: str
    reviewer: str
    decision: str
    text: str | None = None
    reference: str | None = None
    note: str = ""


def decisions(project: Project) -> dict[str, dict[str, Decision]]:
    """The decisions by row and reviewer."""
    found: dict[str, dict[str, Decision]] = {}
    path = project.folder / "review.jsonl"
    for row in rows_in(path, {"id": str, "reviewer": str, "decision": str}):
        try:
            decision = Decision(**row)
        except TypeError:
            names = ", ".join(one.name for one in fields(Decision))
            raise MsbError(
                f"{path}: expected lines with {names}; found: {', '.join(row)}"
            ) from None
        found.setdefault(decision.id, {})[decision.reviewer] = decision
    return found


class Queue:
    """What waits for one reviewer, in order. Pure but for the line that each decision appends."""

    def __init__(self, project: Project, reviewer: str) -> None:
        if not reviewer.strip():
            raise MsbError("--reviewer is empty; give a name or initials")
        self._project = project
        self._reviewer = reviewer.strip()

    def decided(self) -> dict[str, Decision]:
        """What this reviewer decided, by row; not what others did."""
        by_row = decisions(self._project).items()
        return {row: by[self._reviewer] for row, by in by_row if self._reviewer in by}

    def waiting(self, limit: int | None = None) -> Iterator[Row]:
        """The rows that this reviewer has not decided on."""
        done = self.decided()
        rows = (row for row in self._project.kept("answer") if row["id"] not in done)
        return islice(rows, limit)

    def decide(
        self,
        row: Row,
        decision: str,
        text: str | None = None,
        reference: str | None = None,
        note: str = "",
    ) -> Decision:
        """Record a decision. Raises MsbError for an unknown one, or an edit that edits nothing."""
        if decision not in DECISIONS:
            raise MsbError(f"decision {decision!r}; expected {', '.join(DECISIONS)}")
        if decision == "edit" and not (text or reference):
            raise MsbError("an edit needs a new text or a new reference; else accept")
        made = Decision(row["id"], self._reviewer, decision, text, reference, note)
        with append(self._project.folder / "review.jsonl") as file:
            file.write(orjson.dumps(asdict(made)) + b"\n")
        return made


def reviewed(project: Project, least: int = 1) -> tuple[list[Row], list[Row]]:
    """The rows that are accepted, as edited, and the rest with a ``reason``.

    ``least`` is how many reviewers must have decided. Those who accept under different wordings,
    or of whom one rejects, dispute the row.
    """
    by_row = decisions(project)
    accepted: list[Row] = []
    rest: list[Row] = []
    for row in project.kept("answer"):
        own = list(by_row.get(row["id"], {}).values())
        if reason := _why_not(own, least):
            rest.append({**row, "reason": reason})
            continue
        changes = {n: v for d in own for n in ("text", "reference") if (v := getattr(d, n))}
        accepted.append({**row, **changes, "reviewers": len(own)})
    return accepted, rest


def _why_not(own: list[Decision], least: int) -> str | None:
    if len(own) < least:
        return "not_reviewed"
    if not own:
        return None  # nobody needs to have decided
    rejecting = sum(decision.decision == "reject" for decision in own)
    if rejecting == len(own):
        return "rejected"
    edits = {(d.text, d.reference) for d in own if d.decision == "edit"}
    return "disputed" if rejecting or len(edits) > 1 else None


def agreement(project: Project) -> dict[str, Any]:
    """How far the two busiest reviewers agree on keeping (accept or edit) against rejecting."""
    from ..statistics.agreement_figures import pair_figures

    by_row = decisions(project)
    counts: dict[str, int] = {}
    for by in by_row.values():
        for reviewer in by:
            counts[reviewer] = counts.get(reviewer, 0) + 1
    two = sorted(counts, key=lambda name: (-counts[name], name))[:2]
    if len(two) < 2:
        return {"reviewers": counts, "both": 0}
    rows = [by for by in by_row.values() if all(name in by for name in two)]
    kept = [[float(by[name].decision != "reject") for by in rows] for name in two]
    if not rows:
        return {"reviewers": counts, "both": 0}
    found = pair_figures(kept[0], kept[1], scale=(0, 1))
    return {
        "reviewers": counts,
        "both": len(rows),
        "exact": found.exact.point,
        "kappa": _number(found.kappa.point),
        "kappa_interval": [_number(found.kappa.low), _number(found.kappa.high)],
        "disputed": sum(a != b for a, b in zip(*kept, strict=True)),
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value  # NaN: undefined where all decide alike
