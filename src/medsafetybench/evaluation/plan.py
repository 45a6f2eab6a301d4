"""What a run would still cost: calls, tokens and dollars, estimated before a call is made.

    Plan(target=Share(calls=900, input_tokens=27_000, shared_tokens=0, ...), ...)

Many calls begin alike: by a judge's instructions, and those about one response by all but the
criteria. A server that keeps the beginnings of prompts reads them once, so they are counted apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from ..judges import Judge
from ..judges.judge import Grader
from ..judges.marker import NO_MARKER
from ..models.settings import Price
from ..records import Request, Response
from ..store.grades import left_to_grade
from ..store.store import JudgeRecord, RunRecord, Store
from ..targets import Target
from .evaluation import Evaluation

CHARACTERS_A_TOKEN = 4
"""A rule of thumb for English; tokenizers differ by a third either way."""


@dataclass(frozen=True)
class Share:
    """One model's share: calls left, estimated input tokens, at most so many output tokens.

    ``shared_tokens`` of the input are the beginnings of calls that an earlier call began with, as
    far as whole prompts tell; dollars are without a discount for them.
    """

    name: str
    calls: int
    input_tokens: int
    shared_tokens: int
    output_tokens: int
    dollars: float | None


@dataclass(frozen=True)
class Plan:
    """What is left to do, by the target and by each judge; retries and re-asked verdicts come on
    top."""

    run: str
    n: int
    target: Share
    judges: list[Share]


def plan(evaluation: Evaluation) -> Plan:
    """What is left of an evaluation. Leaves the store as it was."""
    store, target = evaluation.store, evaluation.target
    with store.rehearsal():
        run, records = evaluation.register()
        work = evaluation.work(run, records)
        asked = _characters(store, run, target, work.unanswered) if target.paid else None
        judges = [
            _share(judge, _told(evaluation, run, judge, records[j], work.to_judge(j)), price)
            for j, (judge, price) in enumerate(evaluation.everyone)
        ]
        share = _share(target, asked, evaluation.target_price)
        return Plan(run.id, len(evaluation.benchmark), share, judges)


@dataclass
class _Calls:
    """The characters of each call, and how many of all of them a call before began with."""

    characters: list[int] = field(default_factory=list)
    shared: int = 0

    def add(self, characters: int, shared: int) -> None:
        self.characters.append(characters)
        self.shared += shared


def _characters(store: Store, run: RunRecord, target: Target, positions: list[int]) -> _Calls:
    """What the target is sent, for each call."""
    calls, begins = _Calls(), _Beginnings()
    for item in store.items(run, positions):
        said = "".join(turn["content"] for turn in target.conversation(item.request))
        calls.add(len(said), begins.of("", partial(str, said)))
    return calls


def _told(
    evaluation: Evaluation, run: RunRecord, judge: Judge, record: JudgeRecord, positions: list[int]
) -> _Calls | None:
    """What a judge is sent, for each call; None if it is sent nothing.

    The prompt around a request is measured once, but for criteria, which differ. A response that is
    not there yet counts as long as the target may make it.
    """
    if not judge.paid:
        return None
    longest = _most_tokens(evaluation.target) * CHARACTERS_A_TOKEN
    calls, begins = _Calls(), _Beginnings()
    around: int | None = None
    for item in evaluation.store.items(run, positions):
        answered = item.response is not None and not item.response.error
        length = len(item.response.text) if item.response and answered else longest
        if isinstance(judge, Grader):
            left = left_to_grade(evaluation.store, record, item)
            _graded(calls, begins, judge.prompts(left, Response()), length)
            continue
        request = item.request
        if around is None:
            around = len(judge.prompt(request, Response())) - _length(request)
        begun = begins.of(request.intent, partial(judge.prompt, request, Response()))
        calls.add(around + _length(request) + length, begun)
    return calls


def _graded(calls: _Calls, begins: _Beginnings, prompts: list[str], length: int) -> None:
    """The calls on one response: after the first, all that stands before the criteria is shared."""
    for place, prompt in enumerate(prompts):
        if place == 0:
            shared = begins.of("", lambda: prompts[0])
        else:
            shared = _alike(prompts[place - 1], prompt) + length
        calls.add(len(prompt) + length, shared)


class _Beginnings:
    """How much prompts of one kind begin alike: told by the first two, up to what is drawn anew."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}
        self._alike: dict[str, int] = {}

    def of(self, kind: str, prompt: Callable[[], str]) -> int:
        """The characters that a prompt of a kind shares with those before; none for the first."""
        if kind in self._alike:
            return self._alike[kind]
        if kind not in self._first:
            self._first[kind] = prompt().partition(NO_MARKER)[0]
            return 0
        self._alike[kind] = _alike(self._first[kind], prompt())
        return self._alike[kind]


def _alike(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))


def _length(request: Request) -> int:
    """Characters of what a judge is told of a request: the turns before it and the text."""
    return sum(len(turn["content"]) for turn in request.context) + len(request.text)


def _most_tokens(asked: Target | Judge) -> int:
    return int(asked.fingerprint.get("sampling", {}).get("max_tokens", 0))


def _share(asked: Target | Judge, calls: _Calls | None, price: Price | None) -> Share:
    """The share of one target or judge, from what it is sent for each call."""
    calls = calls or _Calls()
    tokens_in = sum(calls.characters) // CHARACTERS_A_TOKEN
    shared = calls.shared // CHARACTERS_A_TOKEN
    tokens_out = len(calls.characters) * _most_tokens(asked)
    dollars = price.of(tokens_in, tokens_out) if price else None
    return Share(asked.name, len(calls.characters), tokens_in, shared, tokens_out, dollars)
