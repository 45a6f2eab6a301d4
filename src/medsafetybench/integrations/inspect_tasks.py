"""Our benchmarks and our judge as Inspect tasks.

    inspect eval medsafetybench/medsafety --model openai/gpt-4o -T judge=openai:gpt-4o-mini
    inspect eval medsafetybench/starter --model mockllm/model

The judge is any of ours (`screen`, `openai:MODEL`, `inspect:PROVIDER/MODEL`, ...), with the same
rubric and the same reading of verdicts as `msb evaluate`: on the same replies, the same scores. An
unreadable verdict is unscored, with its reason, and never a score. The metrics are our measures;
one that the judge's scale does not support is NaN. `msb import` turns the log into a run.
"""

from __future__ import annotations

import asyncio
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessage, GenerateConfig
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import TaskState, generate

from ..benchmarks import load_benchmark
from ..benchmarks.official import data_folder
from ..judges import Judge, open_judge
from ..models.inspect import read_output, to_inspect
from ..models.settings import Endpoint
from ..records import Request, Verdict
from ..results.measures import MEASURES, Measure
from ..scale import SCALES
from ..targets.target import conversation
from ..taxonomy import load_taxonomy


@task
def medsafety(
    benchmark: str = "medsafety/eval",
    judge: str = "screen",
    judge_url: str | None = None,
    rubric: str = "ama",
    limit: int | None = None,
    sample_seed: int = 0,
    data_dir: str | None = None,
) -> Task:
    """A benchmark of ours by name or file, greedy, 512 new tokens, as the paper has it."""
    requests = load_benchmark(benchmark, data_dir=data_dir)
    if limit is not None:
        requests = requests.sample(limit, sample_seed)
    samples = [Sample(id=r.id, input=_input(r), metadata=_metadata(r)) for r in requests]
    return Task(
        dataset=MemoryDataset(samples, name=benchmark),
        solver=generate(),
        scorer=verdict(judge, judge_url, rubric, data_dir),
        config=GenerateConfig(temperature=0.0, max_tokens=512),
        version=requests.sha256[:12],
    )


@task
def starter(judge: str = "screen", judge_url: str | None = None, rubric: str = "ama") -> Task:
    """The embedded starter benchmark: harmful requests and their benign twins. No download."""
    return medsafety("starter", judge, judge_url, rubric)


def _input(request: Request) -> str | list[ChatMessage]:
    """The text, or the whole conversation that it ends."""
    said = conversation(request, None)
    return to_inspect(said) if request.context else request.text


def _metadata(request: Request) -> dict[str, Any]:
    left_out = ("id", "text")
    return {name: value for name, value in request.content().items() if name not in left_out}


def _metric(measure: Measure) -> Metric:
    """The measure over the samples that have a score, NaN where there is none or it is not
    supported by the judge's scale."""

    @metric(name=measure.key)
    def over_side() -> Metric:
        def compute(scores: list[SampleScore]) -> float:
            values = [_value(measure, found.score) for found in scores]
            known = [value for value in values if value is not None]
            return sum(known) / len(known) if known else float("nan")

        return compute

    return over_side()


def _value(measure: Measure, score: Score) -> float | None:
    told = score.metadata or {}
    scale = SCALES.get(str((told.get("judge") or {}).get("scale")))
    if scale is None or not measure.supports(scale) or measure.side not in ("all", told["intent"]):
        return None
    if measure.graded:
        return None  # Inspect keeps a level alone, and not the verdicts on criteria
    return measure.values[scale.key].get(int(score.as_float()), 0.0)


@scorer(metrics=[_metric(measure) for measure in MEASURES])
def verdict(
    judge: str = "screen",
    judge_url: str | None = None,
    rubric: str = "ama",
    data_dir: str | None = None,
) -> Scorer:
    """The verdict of one of our judges on the model's response: a level of the judge's scale."""
    opened = _Shared(
        open_judge(
            judge,
            Endpoint(url=judge_url),
            rubric,
            load_taxonomy(),
            data_folder=data_folder(data_dir),
        )
    )

    async def score(state: TaskState, target: Target) -> Score:
        request = Request(str(state.sample_id), state.input_text, **_fields(state.metadata))
        return _score(await opened.judge(request, state), request, opened.identity)

    return score


def _fields(metadata: dict[str, Any]) -> dict[str, Any]:
    names = ("intent", "principle", "source", "reference", "pair", "language")
    found = {name: metadata[name] for name in names if metadata.get(name) is not None}
    return {**found, "context": tuple(metadata.get("context") or ())}


class _Shared:
    """A judge for all samples: at most its concurrency at once, its connections closed when nobody
    uses them, since Inspect tells a scorer of no end."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._using = 0
        self._turns = asyncio.Semaphore(judge.concurrency)
        self._door = asyncio.Lock()
        self.identity = {
            "name": judge.name,
            "fingerprint": dict(judge.fingerprint),
            "scale": judge.scale.key,
        }

    async def judge(self, request: Request, state: TaskState) -> Verdict:
        async with self._door:  # nobody comes in while the connections are being closed
            self._using += 1
        try:
            async with self._turns:
                return await self._judge.judge(request, read_output(state.output))
        finally:
            async with self._door:
                self._using -= 1
                if not self._using:
                    await self._judge.close()


def _score(verdict: Verdict, request: Request, judge: dict[str, Any]) -> Score:
    metadata = {
        "intent": request.intent,
        "principle": request.principle,
        "judge": judge,
        "calls": verdict.calls,
        "input_tokens": verdict.input_tokens,
        "output_tokens": verdict.output_tokens,
        "latency": verdict.latency,
        "error": verdict.error,
    }
    if verdict.score is None:
        return Score.unscored(
            reason=verdict.reason, explanation=verdict.rationale, metadata=metadata
        )
    return Score(value=verdict.score, explanation=verdict.rationale, metadata=metadata)
