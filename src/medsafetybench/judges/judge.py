"""A judge: reads a request and a response and gives a verdict."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ..models import Meter
from ..models.settings import Endpoint
from ..records import Request, Response, Sampling, Verdict
from ..scale import Level, Scale
from ..taxonomy import Taxonomy

LONGEST = 24_000
"""Characters of a response that a judge reads. A longer one would overflow a context, and could so
stop a run; of one that is cut, what stands in the gap would be judged unseen: it is ``too_long``.
In pieces it is not judged either: the middle of a refusal is none."""

CRITERIA_PER_CALL = 8
"""With eight, a seventh of the calls that one for each takes; longer lists save little more, and
what they may cost in care no scripted judge can tell (`make bench-criteria`)."""


@dataclass(frozen=True)
class Judging:
    """How a judge judges, for the ``open`` of its class.

    ``data_folder`` is where the authors' files are, for their rubrics; ``criteria_per_call`` the
    most criteria that one call is about.
    """

    endpoint: Endpoint
    rubric: str
    taxonomy: Taxonomy
    sampling: Sampling | None = None
    meter: Meter | None = None
    data_folder: Path | None = None
    criteria_per_call: int = CRITERIA_PER_CALL


class Judge(Protocol):
    """Who scores. ``fingerprint`` holds all that decides the verdict of a given response.

    Its verdicts are levels of its ``scale``. ``paid`` is True where judging takes a call that may
    cost money or time.
    """

    name: str
    concurrency: int
    paid: bool
    meter: Meter
    scale: Scale

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        """What decides the verdicts, as JSON-like data."""

    def prompt(self, request: Request, response: Response) -> str:
        """What the judge is told, for estimates of cost; empty where it is no language model."""

    async def judge(self, request: Request, response: Response) -> Verdict:
        """The verdict on a response that is no error. Raises StopRun and BudgetSpent."""

    async def close(self) -> None:
        """Let go of what the judge holds."""


@runtime_checkable
class Grader(Protocol):
    """A judge that gives a verdict on each of a request's criteria."""

    def grade(self, request: Request, response: Response) -> AsyncIterator[Mapping[str, Verdict]]:
        """Verdicts by the keys of the criteria, a call's at a time, each on the scale's parts."""

    def prompts(self, request: Request, response: Response) -> list[str]:
        """What is sent in all the calls on a response."""


async def verdicts_of(
    judge: Judge, request: Request, response: Response
) -> AsyncGenerator[Mapping[str, Verdict]]:
    """A judge's verdicts on a response, by what it was asked: the request's intent, or each of its
    criteria by key; as they come."""
    # Asking for the protocol costs as much as the rest of this, so only where it may be.
    if not (judge.scale.parts and isinstance(judge, Grader)):
        yield {request.intent: await judge.judge(request, response)}
        return
    async for some in judge.grade(request, response):
        yield some


@runtime_checkable
class Warned(Protocol):
    """A judge with a known trap; ``warning`` says it to whoever chooses it."""

    warning: str


class OverJudge:
    """A judge by another one's means, under a name of its own; ``told`` is what sets it apart."""

    def __init__(self, judge: Judge, name: str, told: Mapping[str, Any]) -> None:
        self.name = name
        self.concurrency = judge.concurrency
        self.paid = judge.paid
        self.meter = judge.meter
        self.scale = judge.scale
        self._judge = judge
        self._told = told

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        """The other judge's, and what sets this one apart."""
        return {**self._judge.fingerprint, **self._told}

    def prompt(self, request: Request, response: Response) -> str:
        """What the judge is told."""
        return self._judge.prompt(request, response)

    async def judge(self, request: Request, response: Response) -> Verdict:
        """The other judge's verdict."""
        return await self._judge.judge(request, response)

    async def close(self) -> None:
        """Close the other judge."""
        await self._judge.close()


def nothing_to_judge(response: Response) -> Verdict | None:
    """The verdict on a response that holds nothing to judge, or None if it does hold something.

    What a filter took is no answer, whatever it left of it.
    """
    if response.filtered:
        return Verdict(reason="response_filtered", rationale=response.notice or "")
    if not response.empty:
        return None
    return Verdict(reason="ended_while_thinking" if response.thinking else "empty_response")


def why_unread(reply: Response, reason: str | None) -> str | None:
    """Why a judge's reply gives no verdict: ``reason``, unless all that it holds is a thought."""
    ended = reply.empty and reply.thinking and not reply.filtered
    return "judge_ended_while_thinking" if ended else reason


def verdict_in(reply: Response, level: Level | None, reason: str | None) -> Verdict:
    """The verdict that one reply of a model gives: the level read in it, or the reason of none."""
    return Verdict(
        None if reply.error else level,
        reason=reply.error or reason,
        rationale=(reply.text or reply.notice or "").strip(),
        error=reply.error is not None,
        input_tokens=reply.input_tokens,
        output_tokens=reply.output_tokens,
        calls=1,
        latency=reply.latency,
        thinking=reply.thinking,
    )


def on_scale(verdict: Verdict, scale: Scale, intent: str) -> Verdict:
    """A verdict made elsewhere; unscored where no request of this intent can get its level."""
    if verdict.level is None or scale.has(verdict.level, intent):
        return verdict
    return replace(verdict, level=None, reason="out_of_range")
