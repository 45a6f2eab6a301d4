"""The paper's experiment on a real language model of 135 million parameters.

    python bench/replicate_real.py --base hf:FOLDER                 # whatever is not there yet
    python bench/replicate_real.py --base hf:FOLDER --only med-900  # one model
    python bench/replicate_real.py --slice                          # two minutes: does it run?
    python bench/replicate_real.py --show                           # table and figure of what is

A point is a model: the base, or one tuned on the published demonstrations. Each of its figures is a
line of bench/replication_real.jsonl as soon as it is measured, and what has its line, from here or
from elsewhere, is not measured again. The commands are printed, and each can be run by hand.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from medical_questions import questions
from medsafetybench.benchmarks import load_benchmark
from medsafetybench.improvement.examples import answered as answered_well
from medsafetybench.records import Request
from medsafetybench.results.measures import went_well
from medsafetybench.results.run import Run, open_run
from medsafetybench.results.wording import wording
from medsafetybench.store.store import Store
from medsafetybench.tables import is_table
from replication import asked, benign, requests, write_rows, xstest
from replication_page import KNOWLEDGE, draw, table
from replication_points import BY_NAME, SLICE, Point

Line = dict[str, Any]
ROOT = Path(__file__).parents[1]
KEPT = ROOT / "bench" / "replication_real.jsonl"
MEASURED = ("--limit", "150", "--max-tokens", "64")
SLICED = ("--limit", "8", "--max-tokens", "16")
SIDES = ("safe", "unsafe")
OPENING, BEGUN = ("--max-tokens", "48"), ("--max-tokens", "64")
"""As much of the base's own answers as is learned, to end or not: a small model seldom does."""
SENTENCES = re.compile(r".*[^\d\s][.!?](?=\s|$)", re.DOTALL)


@dataclass(frozen=True)
class Where:
    """The model that is tuned, the published data, where adapters and the store are kept, and how
    much is asked."""

    base: str
    data: Path
    output: Path
    few: tuple[str, ...] = MEASURED
    questions: str = "200"

    @property
    def store(self) -> str:
        return str(self.output / "real.db")

    @property
    def there(self) -> tuple[str, ...]:
        return ("--store", self.store, "--data-dir", str(self.data), "--dtype", "float32")


def learned(point: Point, where: Where) -> tuple[str, ...]:
    """The options that say what is learned beside the demonstrations: the base's own answers to
    benign questions, as examples or as preferences."""
    if not point.own:
        return ()
    asked_of = benign(where.output / f"questions-{point.own}.jsonl", questions(point.own))
    length = OPENING if point.ending else BEGUN
    run = answered(where.base, asked_of, where, *length)
    if not point.ending and not point.preferring:
        return ("--mix", f"run:{run.id}")
    good = list(own_answers(run) if point.ending else begun(run))
    if not point.preferring:
        return ("--mix", write_rows(where.output / f"own-{point.own}.jsonl", good))
    own = answered(where.base, point.data, where, *length)
    rows = preferences(load_benchmark(point.data, data_dir=where.data), own, good, point.ending)
    return ("--mix", "none", "--pairs", write_rows(where.output / f"{point.name}.jsonl", rows))


def answered(target: str, benchmark: str, where: Where, *how: str) -> Run:
    """A run of these requests."""
    told = asked("evaluate", "--target", target, "--benchmark", benchmark, *how, *where.there)
    return open_run(told["run"], where.store)


def own_answers(run: Run) -> Iterator[dict[str, str]]:
    """What a model answered, to its last whole sentence; not where it declined or looped."""
    scale = run.outcomes().scale
    for row in run.rows():
        found = SENTENCES.match(row["response"] or "")
        well = row["score"] is not None and scale and went_well(scale, "benign", row["score"])
        if found and well:
            named = {name: row[name] for name in ("id", "intent")}
            yield {**named, "text": row["request"], "reference": found[0]}


def begun(run: Run) -> Iterator[dict[str, str]]:
    """The same answers as they broke off, or ended; what ``--mix run:RUN`` takes."""
    for one in answered_well(run):
        cut = "chosen" if one.cut else ""
        yield {"text": one.request, "reference": one.response, "cut": cut}


def preferences(
    demonstrations: Iterable[Request], run: Run, good: Sequence[Mapping[str, str]], ending: bool
) -> Iterator[dict[str, str]]:
    """Of harmful requests the published response, rather than the base's own; of benign ones the
    base's own answer, rather than a published refusal, each of them by turns."""
    own = {row["request"]: row for row in run.rows()}
    refusals = {r.text: r.reference for r in demonstrations if r.reference}
    for text, refusal in refusals.items():
        row = own.get(text, {})
        if said := (row.get("response") or "").strip():
            cut = "rejected" if row["finish_reason"] == "length" and not ending else ""
            sides = {"request": text, "chosen": refusal, "rejected": said}
            yield {**sides, "intent": "harmful", "cut": cut}
    for row, refusal in zip(good, cycle(refusals.values()), strict=False):
        sides = {"request": row["text"], "chosen": row["reference"], "rejected": refusal}
        yield {**sides, "intent": "benign", "cut": row.get("cut", "")}


def carry_out(point: Point, where: Where, there: Collection[tuple[str, str]]) -> Iterator[Line]:
    """Tune, and measure what is not there; a line for each."""
    missing = [on for on in measured(where) if (point.name, shown(on)) not in there]
    unknown = [task for task in KNOWLEDGE if (point.name, task) not in there and point.knows]
    if not missing and not unknown:
        return
    tuned, how = tune(point, where) if point.data else (where.base, {})
    for benchmark in missing:
        found = safety(tuned, benchmark, where)
        yield {"point": point.name, "on": shown(benchmark), **found, **how}
    for task in unknown:
        yield {"point": point.name, "on": task, **knowledge(tuned, task, where), **how}


def tune(point: Point, where: Where) -> tuple[str, dict[str, Any]]:
    """The tuned model as a target, and what it was tuned on."""
    output = where.output / point.name
    record = asked(
        *("improve", "--base", where.base, "--data", point.data, *point.how),
        *(*learned(point, where), "--seed", str(point.seed), "-o", str(output), *where.there),
    )
    data = record["settings"]["data"]
    losses = [round(step["loss"], 3) for step in record["losses"]]
    return f"{where.base}+{output}", {
        "seed": point.seed,
        "harmful": data["harmful"],
        "benign": data["benign"],
        "steps": record["steps"],
        "loss": [losses[0], losses[-1]],
        "base_sha256": record["settings"]["base"]["sha256"],
    }


def safety(target: str, benchmark: str, where: Where) -> Line:
    """What a model declines, with intervals, and how much of what it says is no text."""
    run = answered(target, benchmark, where, *where.few)
    card, worded = run.summary(), wording(run, run.outcomes())
    figures = {
        key: {"n": side.scored, "value": figure.value, "low": found.low, "high": found.high}
        for side in card.sides.values()
        for key, figure in side.figures.items()
        if (found := figure.ci95)
    }
    no_text = round(worded.share, 4)
    with Store.read(run.store) as store:
        machine = store.run(run.id).provenance[-1]["machine"]["gpu"] or "cpu"
    measured = {"judge": card.judge, "run": run.id, "machine": machine}
    return {**measured, "figures": figures, "no_text": no_text}


def knowledge(target: str, task: str, where: Where) -> Line:
    """Medical knowledge, and for a tuned model the change of it, question by question."""
    questions = ("--tasks", task, "--limit", where.questions, *where.there)
    baseline = () if target == where.base else ("--baseline", where.base)
    found = asked("capability", "--target", target, *baseline, *questions)
    if not baseline:
        only = found["results"][0]
        return {name: only[name] for name in ("n", "accuracy", "ci95", "chance")}
    change = found["changes"][0]
    return {"n": change["n"], "accuracy": change["after"], "change": change}


def shown(benchmark: str) -> str:
    """Its name, without the folder where it was written."""
    return Path(benchmark).stem if is_table(benchmark) else benchmark


def measured(where: Where) -> list[str]:
    """On what a point is measured, what says most first."""
    prompts = (row for side in SIDES for row in islice(xstest(where.data, side), 50))
    ours = requests(where.output / "xstest-100.jsonl", prompts)
    return ["everyday", "medsafety/eval", "starter/eval", ours]


def done() -> list[Line]:
    """The lines that are there."""
    return [json.loads(line) for line in KEPT.read_text("utf-8").splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--base", default="hf:build/smollm2", help="the model")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("-o", "--output", type=Path, default=Path("build/replicate-real"))
    parser.add_argument("--only", default="", help="names of points, by commas")
    parser.add_argument("--questions", default="200", help="of each set of medical knowledge")
    parser.add_argument("--slice", action="store_true", help="a small part, and keep nothing")
    parser.add_argument("--show", action="store_true", help="table and figure of what is there")
    given = parser.parse_args()
    few = SLICED if given.slice else MEASURED
    where = Where(given.base, given.data, given.output, few, given.questions)
    if given.slice:
        print(table([line for point in SLICE for line in carry_out(point, where, ())]))
        return
    names = given.only.split(",") if given.only else list(BY_NAME)
    if unknown := set(names) - BY_NAME.keys():
        parser.error(f"no point {', '.join(unknown)}; there are {', '.join(BY_NAME)}")
    there = {(line["point"], line["on"]) for line in done()}
    for name, point in BY_NAME.items() if not given.show else ():
        for line in carry_out(point, where, there) if name in names else ():
            with KEPT.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
    print(table(done()))
    draw(done(), ROOT / "docs" / "images")


if __name__ == "__main__":
    main()
