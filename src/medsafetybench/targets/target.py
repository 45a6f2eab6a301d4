"""A target: the model or application under evaluation.

A target turns a request into the conversation it is asked with (pure, so that the work has a key
before it is done), and answers one request at a time; the run loop calls it many times at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ..errors import MsbError
from ..models import Meter
from ..models.settings import Endpoint
from ..records import Conversation, Request, Response, Sampling


@dataclass(frozen=True)
class Asked:
    """How a target is asked, for the ``open`` of its class.

    ``data_folder`` is where the authors' files are, for ``prompt_style``.
    """

    endpoint: Endpoint
    system: str | None = None
    sampling: Sampling | None = None
    prompt_style: str | None = None
    meter: Meter | None = None
    data_folder: Path | None = None

    def without_prompts(self, scheme: str) -> None:
        """Raises MsbError if it is told what a target with prompts of its own cannot honour."""
        if self.system or self.prompt_style:
            raise MsbError(
                "--system and --prompt-style are for models; "
                f"a {scheme} target has prompts of its own"
            )


class Target(Protocol):
    """Who answers. ``fingerprint`` decides the answers together with the conversation.

    ``paid`` is True where asking takes a call that may cost money or time.
    """

    name: str
    concurrency: int
    paid: bool
    meter: Meter

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        """What decides the answers besides the conversation, as JSON-like data."""

    def conversation(self, request: Request) -> Conversation:
        """The conversation that the target is asked to continue."""

    async def respond(self, request: Request) -> Response:
        """The answer, or a response that carries an error. Raises StopRun and BudgetSpent."""

    async def close(self) -> None:
        """Let go of what the target holds."""


@runtime_checkable
class Conversing(Protocol):
    """A target that goes on with a conversation of any length, under its own sampling."""

    async def carry_on(self, said: Conversation) -> Response:
        """Its next turn."""


@runtime_checkable
class Explaining(Protocol):
    """A target that has something to say before it is asked."""

    def explain(self) -> str | None:
        """What its identity rests on, in a line; None for nothing."""


def conversation(request: Request, system: str | None) -> Conversation:
    """The plain conversation: the system prompt if any, what was said before, the request.

    Raises MsbError for a request that brings a system prompt of its own beside ours.
    """
    turns = [*request.context, {"role": "user", "content": request.text}]
    if not system:
        return turns
    if turns[0]["role"] == "system":
        raise MsbError(
            f"{request.id} is a conversation with a system prompt of its own; drop --system, or "
            "take it out of the benchmark"
        )
    return [{"role": "system", "content": system}, *turns]
