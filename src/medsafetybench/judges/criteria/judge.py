"""A language model that grades a response by its request's own criteria.

    msb evaluate --judge criteria:openai:MODEL --benchmark starter/care ...

Each criterion gets a verdict of its own, met or not met. As many as a reply has room for are asked
about in one call; docs/criteria.md has what that costs against one call for each. What cannot be
read is asked again, in calls of half as many, at most ``ASKED_AGAIN`` times; then it is unscored.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self, TypeVar

from ...models import Model
from ...models.carrying import CARRIER, Parked, all_of
from ...models.opening import open_model
from ...records import Criterion, Request, Response, Sampling, Verdict
from ...scale import CRITERIA, CRITERION, points_level
from ..judge import CRITERIA_PER_CALL, LONGEST, Judging, nothing_to_judge, why_unread
from ..llm import ASKED_AGAIN, FINAL
from ..marker import NO_MARKER
from ..marker import marker as drawn
from .prompt import Ours, Published
from .reading import Reading

T = TypeVar("T")


class CriteriaJudge:
    """See the module's docstring. Greedy by default."""

    paid = True
    scale = CRITERIA

    def __init__(
        self,
        model: Model,
        prompt: Ours | Published | None = None,
        sampling: Sampling | None = None,
        most: int = CRITERIA_PER_CALL,
    ) -> None:
        self.name = f"criteria:{model.name}"
        self.concurrency = model.concurrency
        self.meter = model.meter
        self._model = model
        self._prompt = prompt or Ours()
        self._sampling = sampling or Sampling(max_tokens=1024)
        self._most = self._prompt.most or most

    @classmethod
    def open(cls, spec: str, judging: Judging) -> Self:
        """See ``judges``. A rubric other than the usual is a file with a published prompt."""
        model = open_model(spec.partition(":")[2], judging.endpoint, "judge", judging.meter)
        own = judging.rubric != "ama"
        prompt = Published.read_from(Path(judging.rubric).expanduser()) if own else Ours()
        return cls(model, prompt, judging.sampling, judging.criteria_per_call)

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        """The model's, with the prompt, how many criteria are in a call, and the sampling."""
        own = {"model": self.name, **self._prompt.fingerprint, "sampling": asdict(self._sampling)}
        return {**self._model.fingerprint, **own, "criteria_per_call": self._most}

    def prompt(self, request: Request, response: Response) -> str:
        """The first call's, with a marker that no call uses."""
        return next(iter(self.prompts(request, response)), "")

    def prompts(self, request: Request, response: Response) -> list[str]:
        """Those of all calls on a response, if each reply can be read."""
        calls = _parts(request.criteria, self._most)
        return [self._prompt.render(request, response.text, one, NO_MARKER) for one in calls]

    async def judge(self, request: Request, response: Response) -> Verdict:
        """The level that the verdicts on all criteria amount to; unscored if one has none."""
        found: dict[str, Verdict] = {}
        async for some in self.grade(request, response):
            found |= some
        lacking = next((v for v in found.values() if v.level is None), None)
        if lacking or not request.possible:
            return lacking or Verdict(reason="no_points" if request.criteria else "no_criteria")
        met = sum(one.points for one in request.criteria if found[one.key].score == 2)
        calls = sum(verdict.calls for verdict in found.values())
        return Verdict(points_level(met / request.possible), calls=calls)

    async def grade(
        self, request: Request, response: Response
    ) -> AsyncGenerator[Mapping[str, Verdict]]:
        """Verdicts on the request's criteria by their keys, as they come: a call's at a time.

        A call's tokens stand with one of the criteria that it was about. Raises as ``judge``.
        """
        left = list({one.key: one for one in request.criteria}.values())
        nothing = nothing_to_judge(response)
        if nothing is None and len(response.text) > LONGEST:
            nothing = Verdict(reason="too_long")
        if nothing:
            yield {one.key: nothing for one in left}
            return
        # What is carried by others is asked for again with all of it, so none is stored before.
        held: dict[str, Verdict] | None = {} if CARRIER.get() else None
        async for found in self._graded(left, request, response):
            if held is None:
                yield found
            else:
                held |= found
        if held:
            yield held

    async def _graded(
        self, left: list[Criterion], request: Request, response: Response
    ) -> AsyncGenerator[dict[str, Verdict]]:
        most, unread = self._most, dict[str, Verdict]()
        for attempt in range(1 + ASKED_AGAIN):
            marker = drawn(request.text, response.text, attempt)  # one, so that calls begin alike
            again: list[Criterion] = []
            waiting: list[Parked] = []
            for part in _parts(left, most):
                try:
                    found = await self._ask(request, response, part, marker)
                except Parked as parked:  # the other calls can wait beside it
                    waiting.append(parked)
                    continue
                found |= {key: _both(unread.pop(key), found[key]) for key in found if key in unread}
                last = attempt == ASKED_AGAIN
                more = [one for one in part if not last and _may_be_read(found[one.key])]
                unread |= {one.key: found.pop(one.key) for one in more}
                again += more
                if found:
                    yield found
            if waiting:
                raise all_of(waiting)
            left, most = again, max(1, most // 2)

    async def _ask(
        self, request: Request, response: Response, criteria: Sequence[Criterion], marker: str
    ) -> dict[str, Verdict]:
        sent = self._prompt.render(request, response.text, criteria, marker)
        reply = await self._model.complete([{"role": "user", "content": sent}], self._sampling)
        readings = self._prompt.read(
            reply.text, reply.finish_reason, marker, len(criteria), response.text
        )
        verdicts = {
            one.key: _verdict(reply, reading)
            for one, reading in zip(criteria, readings, strict=True)
        }
        first = criteria[0].key
        verdicts[first] = replace(
            verdicts[first],
            input_tokens=reply.input_tokens,
            output_tokens=reply.output_tokens,
            calls=1,
            latency=reply.latency,
            thinking=reply.thinking,
        )
        return verdicts

    async def close(self) -> None:
        """Close the model."""
        await self._model.close()


def _verdict(reply: Response, reading: Reading) -> Verdict:
    if reply.error:
        return Verdict(reason=reply.error, error=True)
    if reading.met is None:
        return Verdict(reason=why_unread(reply, reading.reason), rationale=reading.said)
    return Verdict(CRITERION.level(2 if reading.met else 1), rationale=reading.said)


def _may_be_read(verdict: Verdict) -> bool:
    """True if asking again may bring a verdict."""
    return verdict.level is None and not verdict.error and verdict.reason not in FINAL


def _both(before: Verdict, verdict: Verdict) -> Verdict:
    """A later verdict, with what the earlier one took as well."""
    tokens_in, tokens_out = (
        None if a is None and b is None else (a or 0) + (b or 0)
        for a, b in (
            (before.input_tokens, verdict.input_tokens),
            (before.output_tokens, verdict.output_tokens),
        )
    )
    calls = before.calls + verdict.calls
    return replace(verdict, input_tokens=tokens_in, output_tokens=tokens_out, calls=calls)


def _parts(whole: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    """In parts as even as can be, none longer than ``most``."""
    if not whole:
        return
    size = -(-len(whole) // -(-len(whole) // most))
    yield from (whole[i : i + size] for i in range(0, len(whole), size))
