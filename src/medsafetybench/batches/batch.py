"""A batch: a numbered, hashed set of calls, and what came back for one of them.

prepared    its lines are chosen and hashed; nobody has been asked
submitted   the executor has it, under an id of its own
collected   it has ended, and what came back is stored
failed      it has ended, and nothing came back
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..models.completion import read_body, read_completion
from ..models.problem import has_error, read_problem

State = Literal["prepared", "submitted", "collected", "failed"]
OPEN: tuple[State, ...] = ("prepared", "submitted")

NEVER_ITS_OWN = frozenset({401, 402, 403, 404, 407})
"""Statuses that speak of the key, the account or the address: no request's own affair."""


@dataclass(frozen=True)
class Batch:
    """A batch as stored. ``executor`` carries it out and calls it ``reference``; ``said`` is its
    last word on it. ``attempted``: submitting has begun, perhaps by a process that was killed."""

    number: int
    run: str
    executor: str
    model: str
    url: str
    path: str
    sha256: str
    lines: int
    state: State
    attempted: bool
    reference: str | None
    said: str | None
    answered: int
    created: str
    changed: str

    @property
    def name(self) -> str:
        """What it is called elsewhere, in metadata and names of files; no other has this name."""
        return f"batch-{self.number}-{self.sha256[:16]}"


@dataclass(frozen=True)
class Limits:
    """How large a batch may be."""

    lines: int
    bytes: int


@dataclass(frozen=True)
class Result:
    """What came back for one call: the key of the call in hex, as HTTP would have brought it."""

    custom_id: str
    status: int
    content: bytes

    @property
    def failed(self) -> bool:
        """True for a fault that says nothing of this request: the call is still missing."""
        body = read_body(self.content)
        if 200 <= self.status < 300 and not has_error(body):
            return read_completion(body) is None
        if self.status in NEVER_ITS_OWN:
            return True
        problem = read_problem(self.status, self.content, body)
        return problem.kind in ("passing", "no_quota", "page")

    @property
    def words(self) -> str:
        """What a fault says, with its status."""
        problem = read_problem(self.status, self.content, read_body(self.content))
        return f"HTTP {problem.status}: {problem.words[:200]}".rstrip(": ")
