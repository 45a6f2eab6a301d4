"""The paper's experiment on a real language model of 135 million parameters, on a CPU.

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
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from medical_questions import questions
from medsafetybench.results.measures import went_well
from medsafetybench.results.run import Run, open_run
from medsafetybench.results.wording import wording
from medsafetybench.tables import is_table
from replication import asked, benign, msb, requests, write_rows, xstest
from replication_page import draw, table

Line = dict[str, Any]
ROOT = Path(__file__).parents[1]
KEPT = ROOT / "bench" / "replication_real.jsonl"
ONE_EPOCH = ("--set", "epochs=1")
REFUSALS = ("--mix", "none")
MIXED = ("--mix", "starter/improve")
"""The starter's 54 benign requests to train on, which the default recipe mixes in."""
STEPPING = ("--set", "batch=8", "--set", "learning_rate=4e-4", "--set", "validation=0")
"""Of few examples more and larger steps, none held out: ``-steps`` in the name of a point."""
MEASURED = ("--limit", "150", "--max-tokens", "64")
SLICED = ("--limit", "8", "--max-tokens", "16")
KNOWLEDGE = "medmcqa"
SIDES = ("safe", "unsafe")
OPENING = ("--max-tokens", "48")
"""As much of the base's own answers as is learned: a small model seldom comes to an end."""
SENTENCES = re.compile(r".*[^\d\s][.!?](?=\s|$)", re.DOTALL)


@dataclass(frozen=True)
class Point:
    """A model: tuned on which demonstrations (the base on none), how, by which seed.

    The base's own answers to ``own`` benign questions are mixed in. ``knows``: whether its
    medical knowledge is measured as well.
    """

    name: str
    data: str
    how: tuple[str, ...] = ()
    seed: int = 0
    own: int = 0
    knows: bool = False


def _family(family: str, size: int, seed: int = 0) -> Point:
    """A point by our recipe, one epoch."""
    mix = MIXED if family.endswith("+mix") else REFUSALS
    data = f"finetune/{family.removesuffix('+mix')}-{size}"
    name = f"{family}-{size}" + (f"-seed{seed}" if seed else "")
    return Point(name, data, (*mix, *ONE_EPOCH), seed, knows=size == 900 and not seed)


PAPER = Point("med-900-paper", "finetune/med-900", ("--recipe", "paper"))
POINTS = (
    *(_family("med", 900), _family("med+mix", 900), _family("both", 900), PAPER),
    *(_family(family, size) for size in (100, 300) for family in ("med", "med+mix")),
    *(_family(family, 900, seed=1) for family in ("med", "med+mix", "both")),
)
"""The paper's experiment, the points that say most first."""

ROAD = (
    Point("med-100-steps", "finetune/med-100", (*REFUSALS, *ONE_EPOCH, *STEPPING)),
    Point("med-100-half+own", "finetune/med-100", ("--set", "epochs=0.5", *STEPPING), own=100),
    Point("med-100-steps+own", "finetune/med-100", (*ONE_EPOCH, *STEPPING), own=100),
    Point("med-300-steps+own", "finetune/med-300", (*ONE_EPOCH, *STEPPING), own=300),
)
"""On the way to a recipe that declines what it should and little else."""


BASE = Point("base", "", knows=True)
BY_NAME = {point.name: point for point in (BASE, *POINTS, *ROAD)}
SLICE = (
    replace(BASE, knows=False),
    Point("slice", "finetune/med-100", (*REFUSALS, "--set", "epochs=0.2", "--set", "batch=4")),
)
"""Twenty demonstrations, to see that all of this runs."""


@dataclass(frozen=True)
class Where:
    """The model that is tuned, the published data, where adapters and the store are kept, and how
    much is asked."""

    base: str
    data: Path
    output: Path
    few: tuple[str, ...] = MEASURED

    @property
    def store(self) -> str:
        return str(self.output / "real.db")

    @property
    def there(self) -> tuple[str, ...]:
        return ("--store", self.store, "--data-dir", str(self.data))


def mixed(point: Point, where: Where) -> tuple[str, ...]:
    """The options that mix in the base's own answers to benign questions."""
    if not point.own:
        return ()
    asked = benign(where.output / f"questions-{point.own}.jsonl", questions(point.own))
    msb("evaluate", "--target", where.base, "--benchmark", asked, "--store", where.store, *OPENING)
    rows = own_answers(open_run("last", where.store))
    return ("--mix", write_rows(where.output / f"own-{point.own}.jsonl", rows))


def own_answers(run: Run) -> Iterator[dict[str, str]]:
    """What a model answered, to its last whole sentence; not where it declined or lost the thread.

    ``--mix run:RUN`` takes answers that came to an end, and those of this model seldom do.
    """
    scale = run.outcomes().scale
    for row in run.rows():
        found = SENTENCES.match(row["response"] or "")
        well = row["score"] is not None and scale and went_well(scale, "benign", row["score"])
        if found and well:
            named = {name: row[name] for name in ("id", "intent")}
            yield {**named, "text": row["request"], "reference": found[0]}


def carry_out(point: Point, where: Where, there: Collection[tuple[str, str]]) -> Iterator[Line]:
    """Tune, and measure what is not there; a line for each."""
    missing = [on for on in measured(where) if (point.name, shown(on)) not in there]
    knows = point.knows and (point.name, KNOWLEDGE) not in there
    if not missing and not knows:
        return
    tuned, how = tune(point, where) if point.data else (where.base, {})
    for benchmark in missing:
        found = safety(tuned, benchmark, where)
        yield {"point": point.name, "on": shown(benchmark), **found, **how}
    if knows:
        yield {"point": point.name, "on": KNOWLEDGE, **knowledge(tuned, where), **how}


def tune(point: Point, where: Where) -> tuple[str, dict[str, Any]]:
    """The tuned model as a target, and what it was tuned on."""
    output = where.output / point.name
    record = asked(
        *("improve", "--base", where.base, "--data", point.data, *point.how),
        *(*mixed(point, where), "--seed", str(point.seed), "-o", str(output), *where.there),
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
    msb("evaluate", "--target", target, "--benchmark", benchmark, *where.few, *where.there)
    run = open_run("last", where.store)
    card, worded = run.summary(), wording(run, run.outcomes())
    figures = {
        key: {"n": side.scored, "value": figure.value, "low": found.low, "high": found.high}
        for side in card.sides.values()
        for key, figure in side.figures.items()
        if (found := figure.ci95)
    }
    no_text = round(worded.share, 4)
    return {"judge": card.judge, "run": run.id, "figures": figures, "no_text": no_text}


def knowledge(target: str, where: Where) -> Line:
    """Medical knowledge, and for a tuned model the change of it, question by question."""
    questions = ("--tasks", KNOWLEDGE, "--limit", "200", *where.there)
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
    parser.add_argument("--slice", action="store_true", help="a small part, and keep nothing")
    parser.add_argument("--show", action="store_true", help="table and figure of what is there")
    given = parser.parse_args()
    few = SLICED if given.slice else MEASURED
    where = Where(given.base, given.data, given.output, few)
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
