"""What another tool recorded, as a run of ours: requests, responses and the verdicts there are.

    log = Recorded("openai/gpt-4o", "inspect", sha256, samples)
    run, progress = store_recorded(log, Path("medsafety.db"))

Nothing is asked again: the target answers from the record, and so do the judges. Further judges can
score the run at once or later (`msb rejudge`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..benchmarks import Benchmark
from ..evaluation.evaluation import Evaluation, carry_out
from ..evaluation.perform import Reporter
from ..evaluation.pipeline import Progress
from ..judges import Judge
from ..judges.judge import on_scale
from ..models import Meter
from ..records import Conversation, Request, Response, Verdict
from ..results.run import Run
from ..scale import HARM, Scale
from ..store.store import Store
from ..taxonomy import load_taxonomy

ELSEWHERE = " (recorded elsewhere)"
"""Behind the name of a judge of ours whose verdicts come from a log."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One request with its response, and the verdict of each scorer that is on a scale of ours.

    ``conversation`` is all that was said before the response.
    """

    request: Request
    response: Response
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    conversation: Conversation = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """What identifies a judge: the name that people read, its fingerprint, and its scale."""

    name: str
    fingerprint: Mapping[str, Any]
    scale: Scale


@dataclass(frozen=True)
class Recorded:
    """A log: the target's name, the format it came in, and the hash of the file it was read from.

    ``scorers`` identifies those that are judges of ours, ``scale`` is that of the others; ``notes``
    say what was left out.
    """

    target: str
    format: str
    sha256: str
    samples: Sequence[Sample]
    benchmark: str = "imported"
    scorers: Mapping[str, Identity] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()
    scale: Scale = HARM


class RecordedTarget:
    """Answers each request with the response that the log has for it."""

    concurrency = 64
    paid = False

    def __init__(self, log: Recorded) -> None:
        self.name = log.target
        self.meter = Meter()
        self._log = log
        self._samples = {sample.request.name: sample for sample in log.samples}

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        """The target's name and settings, and the log's content."""
        log = self._log
        recorded = {"format": log.format, "sha256": log.sha256}
        return {"model": self.name, "recorded": recorded, **log.settings}

    def conversation(self, request: Request) -> Conversation:
        """What was said, with the request's name: a log may answer one text in two ways."""
        said = self._samples[request.name].conversation
        said = said or [{"role": "user", "content": request.text}]
        return [*said, {"role": "id", "content": request.name}]

    async def respond(self, request: Request) -> Response:
        """The recorded response."""
        return self._samples[request.name].response

    async def close(self) -> None:
        """Nothing to let go of."""


class RecordedJudge:
    """Gives the verdicts of one of the log's scorers."""

    concurrency = 64
    paid = False

    def __init__(self, log: Recorded, scorer: str) -> None:
        self._own = log.scorers.get(scorer)
        self.scale = self._own.scale if self._own else log.scale
        self.name = f"{self._own.name}{ELSEWHERE}" if self._own else f"{log.format}:{scorer}"
        self.meter = Meter()
        self._sha256 = log.sha256
        self._verdicts = {s.request.name: s.verdicts.get(scorer) for s in log.samples}

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        """That of the judge where the log holds it, and the log's: whoever wrote a log may have
        written its verdicts, so it is never taken for the judge that is asked here."""
        recorded = {"recorded": {"sha256": self._sha256}}
        return {**(self._own.fingerprint if self._own else {"model": self.name}), **recorded}

    def prompt(self, request: Request, response: Response) -> str:
        """Nobody is told anything."""
        return ""

    async def judge(self, request: Request, response: Response) -> Verdict:
        """The recorded verdict."""
        verdict = self._verdicts.get(request.name) or Verdict(reason="not_in_log")
        return on_scale(verdict, self.scale, request.intent)

    async def close(self) -> None:
        """Nothing to let go of."""


def store_recorded(
    log: Recorded, store: Path, judges: Sequence[Judge] = (), reporter: Reporter | None = None
) -> tuple[Run, Progress]:
    """Store a log as a run, with the verdicts it holds, and have further judges score it."""
    scorers = sorted({name for sample in log.samples for name in sample.verdicts})
    panel: list[Judge] = [RecordedJudge(log, scorer) for scorer in scorers]
    requests = [sample.request for sample in log.samples]
    benchmark = Benchmark(log.benchmark, lambda: iter(requests))
    with Store.open(store) as opened:
        target = RecordedTarget(log)
        everyone = [*panel, *judges]
        evaluation = Evaluation(opened, benchmark, target, everyone, load_taxonomy())
        return carry_out(evaluation, reporter)
