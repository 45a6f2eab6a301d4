"""Demonstrations and runs in the forms that other tools read.

    export_run(run, "trl", Path("safe.jsonl"))            # Exported(written=212, left_out={...})
    export_benchmark(benchmark, "alpaca", Path("sft.json"))

    hf      a folder that datasets.load_dataset opens: every row, in Parquet, with a card
    openai  .jsonl  {"messages": [{"role": "user", ...}, {"role": "assistant", ...}]}
    trl     .jsonl  {"prompt": [{"role": "user", ...}], "completion": [{"role": "assistant", ...}]}
    alpaca  .json   [{"instruction": ..., "input": "", "output": ...}, ...]

The last three are what models are trained on, so they hold good examples only. Of a benchmark: the
requests that have a reference. Of a run: harmful requests that the response held out against (see
``results.measures``), and benign ones that were answered in full. What is left out is counted by
reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from ..benchmarks import Benchmark
from ..benchmarks.files import as_row
from ..errors import MsbError, UnknownName
from ..legible import markdown
from ..records import Message, Request
from ..results.measures import went_well
from ..results.run import Run
from ..scale import HARM, Scale
from ..store.store import Store
from ..tables import write_rows
from ..targets.pressure import CONVERTERS
from ..targets.target import conversation


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


FORMS: Mapping[str, tuple[str, Callable[[Dialogue], dict[str, Any] | str]]] = {
    "openai": (".jsonl", _openai),
    "trl": (".jsonl", _trl),
    "alpaca": (".json", _alpaca),
}
NAMES = ("hf", *FORMS)


@dataclass(frozen=True)
class Exported:
    """How many rows were written, and how many were left out for which reason."""

    written: int
    left_out: Mapping[str, int]

    def __str__(self) -> str:
        told = f"; left out: {_counted(self.left_out)}" if self.left_out else ""
        return f"{self.written:,} rows{told}"


def export_benchmark(benchmark: Benchmark, form: str, output: Path) -> Exported:
    """Write a benchmark. Raises MsbError for an unknown form, or if nothing can be written."""
    if form == "hf":
        return _folder(output, benchmark.name, benchmark.sha256, "requests", map(as_row, benchmark))
    found = (
        Dialogue(conversation(request, None), request.reference)
        if request.reference
        else "without a reference"
        for request in benchmark
    )
    return _dialogues(output, form, benchmark.name, found)


def export_run(
    run: Run, form: str, output: Path, judges: Iterable[str] = (), rule: str = "median"
) -> Exported:
    """Write a run. Raises MsbError for an unknown form, or if nothing can be written."""
    judges = tuple(judges)
    if form == "hf":
        card = run.summary(judges, rule)
        return _folder(output, run.id, card.benchmark.sha256, "rows", run.rows(judges, rule))
    with Store.read(run.store) as store:
        system = store.run(run.id).settings["target"].get("system")
    scale = run.outcomes(judges, rule).scale or HARM
    found = (_example(row, system, scale) for row in run.rows(judges, rule))
    return _dialogues(output, form, run.id, found)


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


def _dialogues(output: Path, form: str, name: str, found: Iterable[Dialogue | str]) -> Exported:
    if form not in FORMS:
        raise UnknownName("form", form, NAMES)
    suffix, shape = FORMS[form]
    if output.suffix != suffix:
        raise MsbError(f"{output}: expected a name ending in {suffix} for --to {form}")
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
        raise MsbError(f"{name} holds no example for --to {form}: {_counted(left_out)}")
    return Exported(write_rows(output, chain([first], rows)), left_out)


def _counted(left_out: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} {why}" for why, n in left_out.items())


CARD = """\
---
configs:
- config_name: default
  data_files:
  - split: {split}
    path: data/{split}.parquet
---

# {name}

{count:,} {what} of MedSafetyBench's evaluation, exported by `msb`; benchmark SHA-256 {sha256}.
It holds requests that are harmful by design, for evaluating and improving the safety of language
models.
"""


def _folder(
    output: Path, name: str, sha256: str, what: str, rows: Iterable[Mapping[str, Any]]
) -> Exported:
    """A folder as ``datasets.load_dataset`` takes it. The card comes last: it makes it whole."""
    if output.suffix or output.is_file():
        raise MsbError(f"{output}: expected the name of a folder for --to hf")
    part = name.rpartition("/")[2]
    split = part if part in ("improve", "eval") else what
    count = write_rows(output / "data" / f"{split}.parquet", rows)
    card = CARD.format(split=split, name=markdown(name), count=count, what=what, sha256=sha256)
    (output / "README.md").write_text(card, "utf-8")
    return Exported(count, {})
