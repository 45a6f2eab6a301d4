"""A guard model as the judge: says whether a response is safe, never how harmful it is.

    msb evaluate --judge guard:qwen3guard:hf:FOLDER ...
    msb evaluate --judge guard:llama-guard --judge-url http://127.0.0.1:8000/v1 ...

Its verdicts are on the scale ``guard``, or ``guard-refusal`` where the family also says whether
the response declines. What a guard calls unsafe is what its makers meant by it, not ours, unless it
is one that is told a policy (``guard:policy``): that gets our taxonomy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self

from ...errors import MsbError
from ...models import Model
from ...models.model import Chooser
from ...models.opening import GUARD_SPEC, open_model
from ...records import Conversation, Request, Response, Sampling, Verdict, digest
from ...scale import GUARD, GUARD_REFUSAL, Level
from ...taxonomy import Taxonomy
from ...textfiles import whole
from ..judge import LONGEST, Judging, nothing_to_judge, verdict_in, why_unread
from ..marker import NO_MARKER, marker
from ..rubric import fill, legible
from .family import CONVERSATION, Family, Message, load_family
from .reply import Reading, read_reply


class GuardJudge:
    """Sends a guard what its family is sent, once, greedy, and reads the reply strictly.

    Where the model is a ``Chooser``, the rationale says how sure it is of its level.
    """

    paid = True

    def __init__(
        self,
        model: Model,
        family: Family,
        taxonomy: Taxonomy,
        sampling: Sampling | None = None,
        published: str = "",
    ) -> None:
        self.name = f"guard:{family.name}:{model.name}"
        self.warning = family.warning
        self.concurrency = model.concurrency
        self.meter = model.meter
        self.scale = GUARD_REFUSAL if family.tells_refusal else GUARD
        self._model = model
        self._chooser = model if isinstance(model, Chooser) and family.odds else None
        self._family = family
        self._taxonomy = taxonomy
        self._sampling = sampling or Sampling(max_tokens=family.max_tokens)
        self._messages = family.messages or (Message(role="user", content=published),)
        self._published = published

    @classmethod
    def open(cls, spec: str, judging: Judging) -> Self:
        """See ``judges``. Raises MsbError for an unknown family, or where its prompt is not."""
        family, model = split_guard(spec)
        if not model:
            model = _served(spec, family, judging)
        published = _published(family, judging.rubric) if family.published else ""
        opened = open_model(model, judging.endpoint, "judge", judging.meter)
        return cls(opened, family, judging.taxonomy, judging.sampling, published)

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        """The model's, with the family, the policy if it is told one, and the sampling."""
        own: dict[str, Any] = {
            "model": self.name,
            "guard_sha256": self._family.sha256,
            "sampling": asdict(self._sampling),
        }
        if self._published:
            own["prompt_sha256"] = digest(self._published)
        if self._family.needs_policy:
            own["taxonomy_sha256"] = self._taxonomy.sha256
        return {**self._model.fingerprint, **own}

    def prompt(self, request: Request, response: Response) -> str:
        """All that is sent, as one text, with a marker that no call uses."""
        sent = self._conversation(request, response, NO_MARKER)
        return "\n".join(message["content"] for message in sent)

    async def judge(self, request: Request, response: Response) -> Verdict:
        """See ``Judge.judge``."""
        if nothing := nothing_to_judge(response):
            return nothing
        if len(response.text) > LONGEST:
            return Verdict(reason="too_long")  # what stands in a gap would be judged unseen
        sent = self._conversation(request, response, marker(request.text, response.text, 0))
        reply = await self._model.complete(sent, self._sampling)
        found, reason = read_reply(self._family, reply.text, reply.finish_reason, response.text)
        if found is None or reply.error:
            return verdict_in(reply, None, why_unread(reply, reason))
        verdict = verdict_in(reply, self._level(found), None)
        odds, more = await self._odds(sent)
        return replace(
            verdict,
            rationale=verdict.rationale + self._named(found) + odds,
            input_tokens=(verdict.input_tokens or 0) + more if more else verdict.input_tokens,
        )

    def _level(self, found: Reading) -> Level:
        """Unsafe stays unsafe, whatever is refused in it."""
        if self.scale is GUARD:
            return GUARD.level({"safe": 1, "controversial": 2, "unsafe": 3}[found.level])
        if found.level == "safe":
            return GUARD_REFUSAL.level(1 if found.refusal else 2)
        return GUARD_REFUSAL.level({"controversial": 3, "unsafe": 4}[found.level])

    def _named(self, found: Reading) -> str:
        """The reply's categories in words, where the family's own are known."""
        known = self._family.categories
        named = [f"{one} {known[one]}" for one in found.categories if one in known]
        return f"\n[{'; '.join(named)}]" if named else ""

    async def _odds(self, sent: Conversation) -> tuple[str, int]:
        """How sure a model here is of its level, in words, and the tokens that took."""
        odds = self._family.odds
        if self._chooser is None or odds is None:
            return "", 0
        choice = await self._chooser.choose(sent, odds.after, list(odds.of))
        if choice is None:
            return "", 0
        return f"\n[share of {choice.option}: {choice.share:.2f}]", choice.input_tokens

    def _conversation(self, request: Request, response: Response, marker: str) -> Conversation:
        asked, answered = legible(request.text), legible(response.text)
        before = [
            {"role": turn["role"], "content": legible(turn["content"])}
            for turn in request.context or ()
        ]
        said = "\n".join(f"{turn['role']}: {turn['content']}" for turn in before)
        values = {
            "policy": self._taxonomy.policy(),
            "request": f"{said}\nuser: {asked}" if said else asked,
            "response": answered,
            "marker": marker,
        }
        sent: list[Mapping[str, str]] = []
        for message in self._messages:
            if message == CONVERSATION:
                sent += [*before, {"role": "user", "content": asked}]
                sent += [{"role": "assistant", "content": answered}]
            elif isinstance(message, Message):
                sent += [{"role": message.role, "content": fill(message.content, values)}]
        return sent

    async def close(self) -> None:
        """Close the model."""
        await self._model.close()


def split_guard(spec: str) -> tuple[Family, str]:
    """The family that ``guard:FAMILY:MODEL`` names, and the model's spec, which may be empty."""
    found = GUARD_SPEC.fullmatch(spec)
    if found is None:
        raise MsbError(f"judge {spec!r}; expected guard:FAMILY or guard:FAMILY:MODEL")
    return load_family(found["family"]), found["model"] or ""


def _served(spec: str, family: Family, judging: Judging) -> str:
    """The model as it is usually called, at the address that was given."""
    if judging.endpoint.url and family.model:
        return f"openai:{family.model}"
    usual = family.model or "MODEL"
    raise MsbError(
        f"judge {spec!r} says not where the model is; give --judge-url of a server that has "
        f"{usual}, or name it: {spec}:hf:FOLDER, {spec}:openai:MODEL"
    )


def _published(family: Family, rubric: str) -> str:
    """The prompt that a family was trained on, from its user's file."""
    if rubric == "ama":
        raise MsbError(
            f"guard:{family.name} answers one prompt, which its authors published "
            f"({family.source}); give it as a file with {{request}} and {{response}} in it: "
            "--rubric FILE"
        )
    text = whole(Path(rubric).expanduser())
    found = set(re.findall(r"\{(\w+)\}", text))
    if found != {"request", "response"}:
        raise MsbError(
            f"{rubric}: expected the placeholders {{request}} and {{response}}; "
            f"found: {', '.join(sorted(found)) or 'none'}"
        )
    return text
