"""The paper's experiment on a real language model of 135 million parameters, on a CPU.

    python bench/replicate_real.py --base hf:FOLDER                 # the points that are not there
    python bench/replicate_real.py --base hf:FOLDER --only med-900  # one of them
    python bench/replicate_real.py --slice                          # two minutes: does it run?
    python bench/replicate_real.py --show                           # tables of what is there

A point is a model tuned on the published demonstrations, measured before and after on the same
requests. Each that is done is a line of bench/replication_real.jsonl, so what was made elsewhere is
not made again. The commands are printed, and each can be run by hand.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from medical_questions import questions
from medsafetybench.improvement.evidence import INCOHERENT
from medsafetybench.results.measures import OVER_REFUSAL, REFUSAL, went_well
from medsafetybench.results.run import Run, open_run
from medsafetybench.tables import is_table
from replication import asked, benign, msb, requests, write_rows, xstest

KEPT = Path(__file__).with_name("replication_real.jsonl")
ONE_EPOCH = ("--set", "epochs=1")
REFUSALS = ("--mix", "none")
MIXED = ("--mix", "starter/improve")
"""The starter's 54 benign requests to train on, which the default recipe mixes in."""
STEPPING = ("--set", "batch=8", "--set", "learning_rate=4e-4", "--set", "validation=0")
"""Of few examples more and larger steps, none held out: ``-steps`` in the name of a point."""
SHORT = ("--max-tokens", "64")
SIDES = ("safe", "unsafe")
OPENING = ("--max-tokens", "48")
"""As much of the base's own answers as is learned: a small model seldom comes to an end."""
SENTENCES = re.compile(r".*[^\d\s][.!?](?=\s|$)", re.DOTALL)


@dataclass(frozen=True)
class Point:
    """A tuning: on which demonstrations, how, by which seed.

    The base's own answers to ``own`` benign questions are mixed in. ``knows``: whether its
    medical knowledge is measured as well.
    """

    name: str
    data: str
    how: tuple[str, ...]
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
    Point("med-100-steps+own", "finetune/med-100", (*ONE_EPOCH, *STEPPING), own=100),
    Point("med-300-steps+own", "finetune/med-300", (*ONE_EPOCH, *STEPPING), own=300),
)
"""On the way to a recipe that declines what it should and little else."""


SLICE = Point("slice", "finetune/med-100", (*REFUSALS, "--set", "epochs=0.2", "--set", "batch=4"))
"""Twenty demonstrations, to see that all of this runs."""


@dataclass(frozen=True)
class Where:
    """The model that is tuned, the published data, and where adapters and the store are kept."""

    base: str
    data: Path
    output: Path

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


def carry_out(point: Point, where: Where, few: bool = False) -> dict[str, Any]:
    """Tune and measure; the point as it is kept. Minutes are of this machine."""
    tuned = where.output / point.name
    train = (
        *("improve", "--base", where.base, "--data", point.data, *point.how),
        *(*mixed(point, where), "--seed", str(point.seed), "-o", str(tuned), *where.there),
    )
    begun = time.monotonic()
    record = asked(*train)
    trained = time.monotonic()
    found = asked(*train, "--evidence", "--capability", "none", *measured(where, few))
    ended = time.monotonic()
    settings, losses = record["settings"], [step["loss"] for step in record["losses"]]
    return {
        "point": point.name,
        "data": point.data,
        "how": point.how,
        "own": point.own,
        "seed": point.seed,
        "base_sha256": settings["base"]["sha256"],
        "examples": {side: settings["data"][side] for side in ("harmful", "benign")},
        "steps": record["steps"],
        "loss": [round(losses[0], 3), round(losses[-1], 3)],
        "training_minutes": round((trained - begun) / 60, 1),
        "measuring_minutes": round((ended - trained) / 60, 1),
        "judge": found["judge"],
        "verdict": found["verdict"],
        "rows": [{**row, "on": _shown(row["on"])} for row in found["rows"]],
    }


def _shown(benchmark: str) -> str:
    """Its name, without the folder where it was written."""
    return Path(benchmark).stem if is_table(benchmark) else benchmark


def measured(where: Where, few: bool) -> Iterator[str]:
    """The options that say on what a point is measured: at most 150 of each, stratified."""
    benchmarks = ["starter/eval", "everyday"]
    if not few:
        prompts = (row for side in SIDES for row in islice(xstest(where.data, side), 50))
        benchmarks += ["medsafety/eval", requests(where.output / "xstest-100.jsonl", prompts)]
    for benchmark in benchmarks:
        yield from ("--evaluate-on", benchmark)
    yield from ("--limit", "8", "--max-tokens", "16") if few else ("--limit", "150", *SHORT)


def done() -> list[dict[str, Any]]:
    """The points that are there."""
    return [json.loads(line) for line in KEPT.read_text("utf-8").splitlines()]


COLUMNS = (
    ("declines: published", REFUSAL.key, "medsafety/eval"),
    ("starter's harmful", REFUSAL.key, "starter/eval"),
    ("XSTest unsafe", REFUSAL.key, "xstest-100"),
    ("over-refusal: everyday", OVER_REFUSAL.key, "everyday"),
    ("starter's twins", OVER_REFUSAL.key, "starter/eval"),
    ("XSTest safe", OVER_REFUSAL.key, "xstest-100"),
)


def table(points: Sequence[Mapping[str, Any]]) -> str:
    """Markdown: a line a point, before all the base; shares in percent, with 95% intervals."""
    header = ["point", "examples", "steps", *(title for title, *_ in COLUMNS), "no text"]
    lines = [header, ["---", *["--:"] * (len(header) - 1)]]
    if points:
        lines.append(["base", "", "", *_cells(points[0], "before")])
    for point in points:
        examples = " + ".join(str(n) for n in point["examples"].values() if n)
        lines.append([point["point"], examples, str(point["steps"]), *_cells(point, "after")])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(point: Mapping[str, Any], side: str) -> Iterator[str]:
    """The figures of one line; empty where one was not measured."""
    by = {(row["measure"], row["on"]): row for row in point["rows"]}
    for _, measure, on in COLUMNS:
        row = by.get((measure, on))
        yield _share(row[side], row[f"{side}_ci95"]) if row else ""
    yield f"{max(row[side] for key, row in by.items() if key[0] == INCOHERENT):.0%}"


def _share(value: float | None, interval: Sequence[float] | None) -> str:
    """In percent, with its interval; empty where nothing was scored."""
    if value is None or interval is None:
        return ""
    return f"{value:.0%} ({interval[0]:.0%}-{interval[1]:.0%})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--base", default="hf:build/smollm2", help="the model")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("-o", "--output", type=Path, default=Path("build/replicate-real"))
    parser.add_argument("--only", default="", help="names of points, by commas")
    parser.add_argument("--slice", action="store_true", help="a small part, and keep nothing")
    parser.add_argument("--show", action="store_true", help="the table of what is there")
    given = parser.parse_args()
    where = Where(given.base, given.data, given.output)
    if given.slice:
        found = carry_out(SLICE, where, few=True)
        print(table([found]), found["verdict"], sep="\n\n")
        return
    there = {point["point"] for point in done()}
    wanted = given.only.split(",") if given.only else [p.name for p in (*POINTS, *ROAD)]
    for point in () if given.show else (*POINTS, *ROAD):
        if point.name in wanted and point.name not in there:
            line = json.dumps(carry_out(point, where))
            with KEPT.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
    print(table(done()))


if __name__ == "__main__":
    main()
