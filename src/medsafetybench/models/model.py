"""A language model: completes a conversation. Targets and judges both stand on it.

response = await model.complete([{"role": "user", "content": "..."}], Sampling())
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from ..errors import BudgetSpent
from ..records import Conversation, Response, Sampling


@dataclass
class Budget:
    """How many calls a run may make, over all its models; ``limit`` None is no limit."""

    limit: int | None = None
    spent: int = 0

    def spend(self) -> None:
        """Take one call. Raises BudgetSpent if none is left."""
        if self.limit is not None and self.spent >= self.limit:
            raise BudgetSpent
        self.spent += 1


@dataclass
class Meter:
    """What one model was asked for: calls (retries included) and tokens, as they happen.

    ``answered_before`` is True if an earlier pass over the same work got answers of this model;
    ``doing`` is how far a model is with what takes long, where it knows. ``ending`` says that the
    work ends: calls that have not begun need not.
    """

    budget: Budget = field(default_factory=Budget)
    calls: int = 0
    retries: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    answered_before: bool = False
    doing: str | None = None
    ending: bool = False

    def call(self) -> None:
        """Count a call about to be made. Raises BudgetSpent if the budget has none left."""
        self.budget.spend()
        self.calls += 1

    def take_back(self, calls: int) -> None:
        """Count off calls that were not made after all."""
        self.budget.spent -= calls
        self.calls -= calls

    def tokens(self, response: Response) -> None:
        """Count the tokens of a response."""
        self.input_tokens += response.input_tokens or 0
        self.output_tokens += response.output_tokens or 0


class Model(Protocol):
    """Anything that completes a conversation.

    ``name`` is what people read; ``fingerprint`` holds all that decides the answers besides the
    conversation and the sampling; ``concurrency`` is how many calls it takes at once.
    """

    name: str
    concurrency: int
    meter: Meter

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        """What decides the answers, as JSON-like data."""

    async def complete(self, conversation: Conversation, sampling: Sampling) -> Response:
        """The model's answer, or a response that carries the error of this one call.

        Raises StopRun where no further call can succeed, and BudgetSpent.
        """

    async def close(self) -> None:
        """Let go of connections, processes and memory."""


@dataclass(frozen=True)
class Choice:
    """Which option a model finds likeliest, its share of the options' probability, and its cost."""

    option: str
    share: float
    input_tokens: int


@runtime_checkable
class Chooser(Protocol):
    """A model that can say which of several continuations it would likeliest write."""

    async def choose(
        self, conversation: Conversation, prefix: str, options: Sequence[str]
    ) -> Choice | None:
        """The likeliest of the options after ``prefix``, the beginning of its answer; None where it
        does not fit."""
