"""How many criteria to ask about in one call: what that costs and changes, on scripted judges.

    make bench-criteria

Thirty requests with 24 criteria each, drawn from the conversations of the tests, graded by a judge
whose errors are known: ``slips`` is wrong of 1 in 20 criteria and unreadable of 1 in 20, however
it is asked; ``tired`` as well of 1 in 4 of those behind the eighth of a list. So this says what a
call costs, and how an error that lists bring would show; of a real model it says nothing.
"""

from __future__ import annotations

import asyncio
import random
import sys
from dataclasses import dataclass, field
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
sys.path.insert(0, str(TESTS))

import criteria_server  # noqa: E402 # of the tests
from medsafetybench.benchmarks import load_benchmark  # noqa: E402
from medsafetybench.judges.criteria.judge import CriteriaJudge  # noqa: E402
from medsafetybench.models import Meter  # noqa: E402
from medsafetybench.records import (  # noqa: E402
    Conversation,
    Criterion,
    Request,
    Response,
    Sampling,
)

LONG, SEED = 24, 0
PER_CALL = (1, 4, 8, 16, 24)


@dataclass
class Scripted:
    """A model that answers as the tests' server does, and keeps what it was sent."""

    name: str
    sent: list[str] = field(default_factory=list)
    concurrency: int = 1
    meter: Meter = field(default_factory=Meter)

    @property
    def fingerprint(self) -> dict[str, str]:
        return {"model": self.name}

    async def complete(self, conversation: Conversation, sampling: Sampling) -> Response:
        self.sent.append(conversation[0]["content"])
        said = criteria_server.reply(self.name, self.sent[-1])
        tokens = len(self.sent[-1]) // 4, len(said) // 4
        return Response(said, "stop", input_tokens=tokens[0], output_tokens=tokens[1])

    async def close(self) -> None:
        pass


@dataclass
class Cost:
    """What one way of asking took, and the verdicts it came to, by request and criterion."""

    calls: int
    tokens_in: int
    shared: int
    tokens_out: int
    met: dict[tuple[str, str], bool | None]


def requests() -> list[Request]:
    """The tests' conversations, each with 24 criteria of all of them."""
    like = list(load_benchmark(f"healthbench:{TESTS / 'healthbench_like.jsonl'}"))
    texts = sorted({one.text for request in like for one in request.criteria})
    drawn = random.Random(SEED)
    return [
        Request(r.id, r.text, "care", criteria=tuple(Criterion(t, 1.0) for t in chosen))
        for r in like
        for chosen in [drawn.sample(texts, LONG)]
    ]


async def grade(model: str, per_call: int) -> Cost:
    """Grade every request with so many criteria in a call."""
    met: dict[tuple[str, str], bool | None] = {}
    calls = tokens_in = shared = tokens_out = 0
    for request in requests():
        scripted = Scripted(model)
        judge = CriteriaJudge(scripted, most=per_call)
        response = Response(criteria_server.answer(request.text), "stop")
        by_key = {one.key: one.text for one in request.criteria}
        async for some in judge.grade(request, response):
            for key, verdict in some.items():
                met[request.id, by_key[key]] = None if verdict.level is None else verdict.score == 2
                calls += verdict.calls
                tokens_in += verdict.input_tokens or 0
                tokens_out += verdict.output_tokens or 0
        pairs = zip(scripted.sent[1:], scripted.sent, strict=False)
        shared += sum(map(begun_alike, *zip(*pairs, strict=True))) // 4 if scripted.sent[1:] else 0
    return Cost(calls, tokens_in, shared, tokens_out, met)


def begun_alike(one: str, other: str) -> int:
    """How many characters two texts begin with alike; markers, drawn anew, up to them."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))


def agreement(one: dict[tuple[str, str], bool | None], other: object) -> float:
    """The share of criteria read in the first on which the other says the same."""
    told = other if isinstance(other, dict) else {}
    both = [key for key, met in one.items() if met is not None and told.get(key) is not None]
    return sum(one[key] == told[key] for key in both) / len(both)


def main() -> None:
    found = {m: {n: asyncio.run(grade(m, n)) for n in PER_CALL} for m in ("slips", "tired")}
    print(
        "| judge | criteria a call | calls | tokens in | of them as in the call before | ", end=""
    )
    print("tokens out | unreadable | right | as one call each |")
    print("| --- | --: | --: | --: | --: | --: | --: | --: | --: |")
    for model, ways in found.items():
        for n, cost in ways.items():
            truth = {key: criteria_server.met("exact", key[1]) for key in cost.met}
            lost = sum(met is None for met in cost.met.values()) / len(cost.met)
            print(
                f"| `{model}` | {n} | {cost.calls:,} | {cost.tokens_in:,} | "
                f"{cost.shared / cost.tokens_in:.0%} | "
                f"{cost.tokens_out:,} | {lost:.1%} | {agreement(cost.met, truth):.1%} | "
                f"{agreement(cost.met, ways[1].met):.1%} |"
            )


if __name__ == "__main__":
    main()
