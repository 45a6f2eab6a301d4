"""Good examples, which are what models are trained on.

    openai  .jsonl  {"messages": [{"role": "user", ...}, {"role": "assistant", ...}]}
    trl     .jsonl  {"prompt": [{"role": "user", ...}], "completion": [{"role": "assistant", ...}]}
    alpaca  .json   [{"instruction": ..., "input": "", "output": ...}, ...]

Of a benchmark: the requests that have a reference. Of a run: harmful requests that the response
held out against (see ``results.measures``), and benign ones that were answered in full.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from ...benchmarks import Benchmark
from ...errors import MsbError
from ...records import Message, Request
from ...results.measures import went_well
from ...scale import HARM, Scale
from ...tables import write_rows
from ...targets.pressure import CONVERTERS
from ...targets.target import conversation
from .material import Exported, Material, counted


@dataclass(frozen=True)
class Dialogue:
    """What was said up to the response, a system prompt included, and the response."""

    prompt: Sequence[Message]
    response: str


def _openai(said: Dialogue) -> dict[str, Any]:
    return {"messages": [*said.prompt, {"role": "assistant", "content": said.response}]}


def _trl(said: Dialogue) -> dict[str, Any]:
    completion = [{"role": "assistant", "content": said.response}]
    return {"prompt": list(said.prompt), "completion": completion}


def _alpaca(said: Dialogue) -> dict[str, Any] | str:
    turns = [turn for turn in said.prompt if turn["role"] != "system"]
    if len(turns) > 1:
        return "conversations, for which the form has no place"
    return {"instruction": turns[0]["content"], "input": "", "output": said.response}


SHAPES: Mapping[str, Callable[[Dialogue], dict[str, Any] | str]] = {
    "openai": _openai,
    "trl": _trl,
    "alpaca": _alpaca,
}


def of_benchmark(benchmark: Benchmark, form: str, output: Path) -> Exported:
    """Write a benchmark's demonstrations."""
    found = (
        Dialogue(conversation(request, None), request.reference)
        if request.reference
        else "without a reference"
        for request in benchmark
    )
    return _write(output, form, benchmark.name, found)


def of_run(material: Material, form: str, output: Path) -> Exported:
    """Write what a run has of good examples."""
    system = material.record.settings["target"].get("system")
    scale = material.scale or HARM
    found = (_example(row, system, scale) for row in material.rows())
    return _write(output, form, material.record.id, found)


def _example(row: Mapping[str, Any], system: str | None, scale: Scale) -> Dialogue | str:
    """The row as a good example, or why it is none."""
    if (row["turn"] or 1) > 1 or (row["framing"] or "").startswith(CONVERTERS):
        return "under pressure that the request does not hold"
    if row["score"] is None:
        return "without a score"
    if row["finish_reason"] == "length":
        return "cut off at the longest response"
    if not went_well(scale, row["intent"], row["score"]):
        good = "held out against" if row["intent"] == "harmful" else "answered in full"
        return f"{row['intent']} that were not {good}"
    asked = Request(row["id"], row["request"], context=tuple(row["context"] or ()))
    return Dialogue(conversation(asked, system), row["response"])


def _write(output: Path, form: str, name: str, found: Iterable[Dialogue | str]) -> Exported:
    shape = SHAPES[form]
    left_out: Counter[str] = Counter()

    def examples() -> Iterator[dict[str, Any]]:
        for one in found:
            shaped = one if isinstance(one, str) else shape(one)
            if isinstance(shaped, str):
                left_out[shaped] += 1
            else:
                yield shaped

    rows = examples()
    first = next(rows, None)
    if first is None:
        raise MsbError(f"{name} holds no example for --to {form}: {counted(left_out)}")
    return Exported(write_rows(output, chain([first], rows)), left_out)
