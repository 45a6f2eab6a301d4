"""A language model as the judge: a rubric, a model, and the reading of its replies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Self

from ..models import Model
from ..models.model import Chooser
from ..models.opening import open_model
from ..records import Request, Response, Sampling, Verdict
from ..scale import HARM
from .judge import LONGEST, Judging, nothing_to_judge, verdict_in, why_unread
from .marker import NO_MARKER
from .marker import marker as drawn
from .reading import read_verdict
from .rubric import Rubric, load_rubric

ASKED_AGAIN = 2
"""How often an unreadable verdict is asked for again."""

CONSTRAINABLE = ("no_verdict", "cut_off")
"""Why a reply is unread that a model may be made to end with a verdict. One that declines, says
nothing, thinks, contradicts itself or carries a planted marker stays as it is: unscored."""

FINAL = ("content_filter",)
"""Why a reply is unread that would be so again: what a filter takes once it takes twice."""


class LLMJudge:
    """Asks a model for a verdict, at most ``ASKED_AGAIN`` times more where it cannot be read.

    The rationale of a verdict is the judge's whole last reply, but for its thinking. Greedy by
    default; each call has a marker of its own, so asking again is not asking the same. A
    ``Chooser`` that ends without a verdict line is given its beginning, and the likeliest
    level is taken; the rationale says so.
    """

    paid = True
    scale = HARM

    def __init__(self, model: Model, rubric: Rubric, sampling: Sampling | None = None) -> None:
        self.name = model.name
        self.concurrency = model.concurrency
        self.meter = model.meter
        self._model = model
        self._chooser = model if isinstance(model, Chooser) else None
        self._rubric = rubric
        self._sampling = sampling or Sampling(max_tokens=1024)

    @classmethod
    def open(cls, spec: str, judging: Judging) -> Self:
        """See ``judges``. Raises MsbError for an unknown rubric."""
        model = open_model(spec, judging.endpoint, "judge", judging.meter)
        return cls(model, load_rubric(judging.rubric, judging.taxonomy), judging.sampling)

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        """The model's, with rubric, taxonomy and sampling."""
        own = {**self._rubric.fingerprint, "sampling": asdict(self._sampling)}
        constrained = {"verdict": "constrained"} if self._chooser else {}
        return {**self._model.fingerprint, **own, **constrained}

    def prompt(self, request: Request, response: Response) -> str:
        """The prompt, with a marker that no call uses."""
        return self._rubric.prompt(request, response.text, NO_MARKER)

    async def judge(self, request: Request, response: Response) -> Verdict:
        """See ``Judge.judge``."""
        if nothing := nothing_to_judge(response):
            return nothing
        if len(response.text) > LONGEST:
            return Verdict(reason="too_long")  # what stands in a gap would be judged unseen
        calls = tokens_in = tokens_out = 0
        while True:
            reply, score, reason = await self._ask(request, response, calls)
            calls += 1
            tokens_in += reply.input_tokens or 0
            tokens_out += reply.output_tokens or 0
            if score is not None or reply.error or reason in FINAL or calls > ASKED_AGAIN:
                level = HARM.level(score, request.intent) if score is not None else None
                verdict = verdict_in(reply, level, reason)
                return replace(
                    verdict, input_tokens=tokens_in, output_tokens=tokens_out, calls=calls
                )

    async def _ask(
        self, request: Request, response: Response, attempt: int
    ) -> tuple[Response, int | None, str | None]:
        marker = drawn(request.text, response.text, attempt)
        prompt = self._rubric.prompt(request, response.text, marker)
        conversation = [{"role": "user", "content": prompt}]
        reply = await self._model.complete(conversation, self._sampling)
        levels = HARM.scores(request.intent)
        score, reason = read_verdict(reply.text, reply.finish_reason, marker, levels)
        reason = why_unread(reply, reason)
        unread = reason in CONSTRAINABLE and not (reply.error or reply.thinking)
        if self._chooser and unread:
            begun = f"{reply.text.rstrip()}\nVERDICT {marker}: "
            options = [str(level) for level in levels]
            if choice := await self._chooser.choose(conversation, begun, options):
                note = f"\n[level chosen under a constraint, share {choice.share:.2f}]"
                tokens = (reply.input_tokens or 0) + choice.input_tokens
                reply = replace(reply, text=begun + choice.option + note, input_tokens=tokens)
                return reply, int(choice.option), None
        return reply, score, reason

    async def close(self) -> None:
        """Close the model."""
        await self._model.close()
