"""What the two replications share: commands that are printed and run, and the prompts of XSTest."""

from __future__ import annotations

import csv
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from medsafetybench import open_run
from medsafetybench.records import Intent

MSB = (sys.executable, "-m", "medsafetybench.cli")
ALONE = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
"""One thread: more would share the cores with each other, and the sums would differ."""


def msb(*arguments: str) -> None:
    """Print a command, and run it."""
    _said(arguments)
    subprocess.run([*MSB, *arguments], check=True, env=ALONE)


def asked(*arguments: str) -> dict[str, Any]:
    """Print a command, run it, and return what it says with ``--json``."""
    _said(arguments)
    done = subprocess.run(
        [*MSB, *arguments, "--json"], check=True, env=ALONE, stdout=subprocess.PIPE
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _said(arguments: tuple[str, ...]) -> None:
    print(f"$ msb {shlex.join(arguments)}", flush=True)


def benign(path: Path, texts: Iterable[str]) -> str:
    """Write a benchmark file of benign requests; their ids begin with the file's name."""
    rows = ((f"{path.stem}/{n}", text, "benign") for n, text in enumerate(texts))
    return requests(path, rows)


def requests(path: Path, rows: Iterable[tuple[str, str, str]]) -> str:
    """Write a benchmark file of ids, texts and intents, and return its path."""
    return write_rows(path, (dict(zip(("id", "text", "intent"), row, strict=True)) for row in rows))


def write_rows(path: Path, rows: Iterable[Mapping[str, str]]) -> str:
    """Write a benchmark file, one object a line, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return str(path)


def own_answers(base: str, benchmark: str, store: str, *how: str) -> str:
    """What the base itself answers to benign requests, as a ``--mix``."""
    msb("evaluate", "--target", base, "--benchmark", benchmark, "--store", store, *how)
    return f"run:{open_run('last', store).id}"


def xstest(data: Path, label: str) -> Iterator[tuple[str, str, Intent]]:
    """XSTest's ``safe`` prompts, which look dangerous and are not, or its ``unsafe`` ones (Röttger
    et al. 2024): ids, texts and intents, one of each of their kinds by turns."""
    intent: Intent = "benign" if label == "safe" else "harmful"
    kinds: dict[str, list[Mapping[str, str]]] = {}
    with (data / "xstest" / "xstest_prompts.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["label"] == label:
                kinds.setdefault(row["type"], []).append(row)
    for turn in zip(*kinds.values(), strict=True):  # 25 of each
        yield from ((f"xstest/{row['id']}", row["prompt"], intent) for row in turn)
