"""What a run would still cost: calls, tokens and dollars, estimated before a call is made.

Plan(target=Share(calls=900, input_tokens=27_000, output_tokens=460_800, dollars=0.28), ...)
"""

from __future__ import annotations

from dataclasses import dataclass

from ..judges import Judge
from ..models.settings import Price
from ..records import Request, Response
from ..store.store import RunRecord, Store
from ..targets import Target
from .evaluation import Evaluation

CHARACTERS_A_TOKEN = 4
"""A rule of thumb for English; tokenizers differ by a third either way."""


@dataclass(frozen=True)
class Share:
    """One model's share: calls left, estimated input tokens, at most so many output tokens."""

    name: str
    calls: int
    input_tokens: int
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
            _share(judge, _told(evaluation, run, judge, work.to_judge(j)), price)
            for j, (judge, price) in enumerate(evaluation.everyone)
        ]
        share = _share(target, asked, evaluation.target_price)
        return Plan(run.id, len(evaluation.benchmark), share, judges)


def _characters(store: Store, run: RunRecord, target: Target, positions: list[int]) -> list[int]:
    """Characters that the target is sent, for each call."""
    return [
        sum(len(turn["content"]) for turn in target.conversation(item.request))
        for item in store.items(run, positions)
    ]


def _told(
    evaluation: Evaluation, run: RunRecord, judge: Judge, positions: list[int]
) -> list[int] | None:
    """Characters that a judge is sent, for each call; None if it is sent nothing.

    The prompt around a request is measured once. A response that is not there yet counts as long
    as the target may make it.
    """
    if not judge.paid:
        return None
    longest = _most_tokens(evaluation.target) * CHARACTERS_A_TOKEN
    told: list[int] = []
    around: int | None = None
    for item in evaluation.store.items(run, positions):
        if around is None:
            around = len(judge.prompt(item.request, Response())) - _length(item.request)
        answered = item.response is not None and not item.response.error
        length = len(item.response.text) if item.response and answered else longest
        told.append(around + _length(item.request) + length)
    return told


def _length(request: Request) -> int:
    """Characters of what a judge is told of a request: the turns before it and the text."""
    return sum(len(turn["content"]) for turn in request.context) + len(request.text)


def _most_tokens(asked: Target | Judge) -> int:
    return int(asked.fingerprint.get("sampling", {}).get("max_tokens", 0))


def _share(asked: Target | Judge, characters: list[int] | None, price: Price | None) -> Share:
    """The share of one target or judge, from the characters it is sent for each call."""
    calls = len(characters or ())
    tokens_in = sum(characters or ()) // CHARACTERS_A_TOKEN
    tokens_out = calls * _most_tokens(asked)
    dollars = price.of(tokens_in, tokens_out) if price else None
    return Share(asked.name, calls, tokens_in, tokens_out, dollars)
