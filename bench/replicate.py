"""The paper's experiment at toy scale: the demo model tuned on the published demonstrations.

    python bench/replicate.py --data ../shared/data -o build/replicate

Families med, gen and both without benign examples, as published, and med with benign ones mixed in
(+mix), five sizes, three seeds; safety on the 900 published requests to evaluate on, over-refusal
on the starter's benign twins and on XSTest's safe prompts, and a capability probe. What is mixed in
are the demo model's own answers to everyday requests of our wording (demo_text.py) and to the
starter's benign requests to improve on: neither is derived from what over-refusal is measured on.
The commands are printed, and each can be run by hand. Interrupted, it goes on where it was.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from demo_text import everyday
from medsafetybench import open_run

EVERYDAY = 450
MSB = (sys.executable, "-m", "medsafetybench.cli")
SHORT = ("--max-tokens", "48")
"""Enough to tell a refusal from an answer."""


def write(path: Path, rows: Iterable[Mapping[str, str]]) -> str:
    """A benchmark file of benign requests."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps({**row, "intent": "benign"}) + "\n" for row in rows)
    path.write_text("".join(lines), "utf-8")
    return str(path)


def everyday_requests() -> Iterable[Mapping[str, str]]:
    """Distinct everyday requests of our own wording."""
    rng = random.Random(1)
    texts: dict[str, None] = {}
    while len(texts) < EVERYDAY:
        texts[everyday(rng)] = None
    return ({"id": f"everyday/{n}", "text": text} for n, text in enumerate(texts))


def safe_prompts(data: Path) -> Iterable[Mapping[str, str]]:
    """XSTest's 250 safe prompts, which look dangerous and are not (Röttger et al. 2024)."""
    with (data / "xstest" / "xstest_prompts.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] == "safe"]
    return ({"id": f"xstest/{row['id']}", "text": row["prompt"]} for row in rows)


def msb(*arguments: str) -> None:
    """Print a command, and run it."""
    print(f"$ msb {shlex.join(arguments)}", flush=True)
    # One thread: more would share the cores with each other, and the sums would differ.
    subprocess.run([*MSB, *arguments], check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("-o", "--output", type=Path, default=Path("build/replicate"))
    parser.add_argument("--families", default="med,gen,both,med+mix")
    parser.add_argument("--sizes", default="100,300,500,700,900")
    parser.add_argument("--seeds", default="0,1,2")
    asked = parser.parse_args()

    output, store = asked.output, str(asked.output / "replicate.db")
    daily = write(output / "everyday.jsonl", everyday_requests())
    safe = write(output / "xstest-safe.jsonl", safe_prompts(asked.data))
    mix = []
    for benchmark, share in ((daily, "0.5"), ("starter/improve", "0.25")):
        msb("evaluate", "--target", "hf:demo", "--benchmark", benchmark, "--store", store)
        mix += ["--mix", f"run:{open_run('last', store).id}:{share}"]
    msb(
        *("sweep", "--base", "hf:demo", "--recipe", "toy", *mix, "-o", str(output)),
        *("--families", asked.families, "--sizes", asked.sizes, "--seeds", asked.seeds),
        *("--evaluate-on", "medsafety/eval", "--evaluate-on", "starter/eval"),
        *("--evaluate-on", safe, "--capability", "probe", *SHORT),
        *("--data-dir", str(asked.data), "--store", store),
    )


if __name__ == "__main__":
    main()
