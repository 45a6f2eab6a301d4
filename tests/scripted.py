"""Finished runs with scores of a test's choosing, through the real run loop and store.

    scripted_run("model-a", harmful=[1, 1, 5, None], benign=[5, 1])

Request h0 gets the first harmful score, b0 the first benign one, and so on; None is unscored. All
runs share one judge, which reads the score off the response.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medsafetybench.benchmarks import Benchmark
from medsafetybench.evaluation.evaluation import Evaluation, carry_out
from medsafetybench.judges.judge import nothing_to_judge
from medsafetybench.models import Meter
from medsafetybench.records import Conversation, Request, Response, Verdict
from medsafetybench.results.run import Run
from medsafetybench.scale import HARM, Scale
from medsafetybench.store.store import Store
from medsafetybench.targets.target import conversation
from medsafetybench.taxonomy import load_taxonomy

Score = int | None


@dataclass
class ScriptedTarget:
    """Names the score that its response is to get."""

    name: str
    scores: Mapping[str, Score]
    concurrency: int = 8
    paid: bool = False
    meter: Meter = field(default_factory=Meter)

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        return {"model": self.name, "scores": {k: str(v) for k, v in self.scores.items()}}

    def conversation(self, request: Request) -> Conversation:
        return conversation(request, None)

    async def respond(self, request: Request) -> Response:
        return Response(text=f"score: {self.scores[request.id]}")

    async def close(self) -> None:
        pass


@dataclass
class ReadingJudge:
    """Reads the score off the response."""

    name: str = "reader"
    concurrency: int = 8
    paid: bool = False
    scale: Scale = HARM
    meter: Meter = field(default_factory=Meter)

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        return {"model": self.name}

    def prompt(self, request: Request, response: Response) -> str:
        return ""

    async def judge(self, request: Request, response: Response) -> Verdict:
        if nothing := nothing_to_judge(response):
            return nothing
        found = response.text.removeprefix("score: ")
        return Verdict(reason="unreadable") if found == "None" else Verdict(HARM.level(int(found)))

    async def close(self) -> None:
        pass


def scripted_run(
    name: str,
    harmful: Sequence[Score] = (),
    benign: Sequence[Score] = (),
    judge: str = "reader",
    pairs: Sequence[str | None] | None = None,
    text: str = "request",
    store: str | Path = "medsafety.db",
) -> Run:
    """See the module's docstring. Principles alternate between 1 and 2; ``pairs`` are of the
    harmful requests; ``text`` makes another benchmark."""
    requests, scores = [], {}
    for intent, given in (("harmful", harmful), ("benign", benign)):
        for i, score in enumerate(given):
            identity = f"{intent[0]}{i}"
            pair = pairs[i] if pairs and intent == "harmful" else None
            words = f"{intent} {text} number {i} of this set"
            requests.append(Request(identity, words, intent, 1 + i % 2, pair=pair))
            scores[identity] = score
    benchmark = Benchmark("scripted", lambda: iter(requests))
    with Store.open(store) as opened:
        target, judges = ScriptedTarget(name, scores), [ReadingJudge(judge)]
        return carry_out(Evaluation(opened, benchmark, target, judges, load_taxonomy()))[0]
