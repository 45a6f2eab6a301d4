"""The samples of a log, gathered by target: none lost, and what is left out counted by why.

    found = Gathering(path, "promptfoo")
    found.add("gpt-4o", "0/0", Asked("How?"), Response(text="No."), metadata={"intent": "benign"})
    found.leave_out("results without a prompt")
    found.records()         # one for each target, with notes

An identity that comes again for a target is another answer to its request, or another request that
is called the same: both are kept, the second as ``ID#2``.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from itertools import chain, count
from pathlib import Path
from typing import Any

from ..conversations import Asked
from ..errors import MsbError
from ..models.thinking import all_apart, split
from ..records import Conversation, Message, Request, Response, Verdict
from .recorded import Recorded, Sample
from .requests import Foreign, intent_of, request_from


class Gathering:
    """See the module's docstring. ``intent`` is for requests that do not say theirs."""

    def __init__(self, path: Path, format: str, intent: str | None = None) -> None:
        self._path = path
        self._format = format
        self._intent = intent_of(intent)
        self._samples: dict[str, list[Sample]] = {}
        self._called: dict[str, list[str]] = {}
        self._taken: dict[str, set[str]] = {}
        self._left_out: dict[str, Counter[str]] = {}
        self._foreign = Foreign()

    def add(
        self,
        target: str,
        identity: str,
        asked: Asked,
        response: Response,
        *,
        metadata: Any = None,
        reference: Any = None,
        said: Conversation = (),
        verdicts: Mapping[str, Verdict] | None = None,
        framing: str | None = None,
    ) -> None:
        """One answer of a target to what was asked, with what the log keeps beside it.

        ``said`` is what the target was told, where that is not what is judged.
        """
        metadata = metadata if isinstance(metadata, Mapping) else {}
        request = request_from(identity, asked, metadata, self._intent, reference, self._foreign)
        self.add_request(target, replace(request, framing=framing), response, verdicts, said)

    def add_request(
        self,
        target: str,
        request: Request,
        response: Response,
        verdicts: Mapping[str, Verdict] | None = None,
        said: Conversation = (),
    ) -> None:
        """One answer of a target to a request."""
        said = said or [*request.context, {"role": "user", "content": request.text}]
        request = replace(request, context=tuple(map(_said_aloud, request.context)))
        self._called.setdefault(target, []).append(request.id)
        request = replace(request, id=self._free(target, request))
        sample = Sample(request, response, verdicts or {}, said)
        self._samples.setdefault(target, []).append(sample)

    def _free(self, target: str, request: Request) -> str:
        taken = self._taken.setdefault(target, set())
        numbered = (f"{request.id}#{number}" for number in count(2))
        for identity in chain([request.id], numbered):
            name = replace(request, id=identity).name
            if name not in taken:
                taken.add(name)
                return identity
        raise AssertionError("numbers do not end")

    def leave_out(self, what: str, n: int = 1, target: str = "") -> None:
        """Count what is not taken over, of one target or of none in particular."""
        self._left_out.setdefault(target, Counter())[what] += n

    def records(self, own_systems: bool = False) -> list[Recorded]:
        """A record for each target, in the order in which they came.

        A system prompt that all requests have in common is the target's, and not a part of what
        any of them asks, unless the log has ``own_systems`` of the requests. Raises MsbError if
        there is no answer at all.
        """
        general = [*self._told(""), *self._foreign.notes()]
        if not self._samples:
            why = "; ".join(general) or "expected at least one"
            raise MsbError(f"{self._path}: no response in this file; {why}")
        sha256 = hashlib.sha256(self._path.read_bytes()).hexdigest()
        notes = {target: self._told(target) for target in self._samples}
        next(iter(notes.values())).extend(general)
        found = []
        for target, samples in self._samples.items():
            bare, system = (samples, None) if own_systems else _shared_system(samples)
            found.append(
                Recorded(
                    target,
                    self._format,
                    sha256,
                    _without_thinking(_as_draws(bare, self._called[target])),
                    benchmark=self._path.name,
                    settings={"system": system} if system else {},
                    notes=notes[target],
                )
            )
        return found

    def _told(self, target: str) -> list[str]:
        counted = self._left_out.get(target, Counter())
        return [f"{n:,} {what} left out" for what, n in counted.items()]


def _as_draws(samples: list[Sample], called: list[str]) -> list[Sample]:
    """Answers to one request are one draw, as twins are: they have a pair in common.

    ``called`` are the identities that the log has for them.
    """
    draws = [(name, s.request.text) for name, s in zip(called, samples, strict=True)]
    sizes = Counter(draws)
    return [
        replace(sample, request=replace(sample.request, pair=draw[0]))
        if sizes[draw] > 1 and not (sample.request.pair or sample.request.turn)
        else sample
        for draw, sample in zip(draws, samples, strict=True)
    ]


def _said_aloud(turn: Message) -> Message:
    """The turn without what the assistant thought before it answered."""
    if turn["role"] != "assistant":
        return turn
    return {"role": "assistant", "content": split(turn["content"]).answer}


def _shared_system(samples: list[Sample]) -> tuple[list[Sample], str | None]:
    """The samples without a system prompt that they all have in common, and that prompt."""
    systems = {s.request.context[0]["content"] if _has_system(s) else None for s in samples}
    system = next(iter(systems))
    if len(systems) != 1 or system is None:
        return samples, None
    bare = [replace(s, request=replace(s.request, context=s.request.context[1:])) for s in samples]
    return bare, system


def _has_system(sample: Sample) -> bool:
    context = sample.request.context
    return bool(context) and context[0]["role"] == "system"


def _without_thinking(samples: list[Sample]) -> list[Sample]:
    """The samples with what was thought kept apart from what was answered."""
    responses = all_apart([sample.response for sample in samples])
    return [replace(s, response=r) for s, r in zip(samples, responses, strict=True)]
