"""Thirty kills of runs in batches at random moments: what the server was given, by its own count.

    python bench/bench_batches.py --kills 30

Each run is the 900 published requests by a scripted model, and as many verdicts, through a loopback
server of batches (tests/batch_server.py). Its process is killed (SIGKILL) at moments that are drawn
uniformly from what the run takes, at most ``--each`` times, and then let finish. A line is counted
``again`` where it was submitted while it was out, or had been answered.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("MSB_DATA_DIR", ROOT.parent / "shared" / "data"))


@contextmanager
def server(looks: int) -> Iterator[str]:
    """The address of a server process of batches that end after so many looks."""
    command = [sys.executable, ROOT / "tests" / "batch_server.py", "--looks", str(looks)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
    finally:
        process.kill()
        process.wait()


def command(url: str, store: Path, executor: str) -> list[str]:
    return [
        *(sys.executable, "-m", "medsafetybench.cli", "evaluate", "--benchmark", "medsafety/eval"),
        *("--data-dir", str(DATA / "medsafetybench"), "--store", str(store), "--batch", executor),
        *("--target", "openai:model", "--target-url", url),
        *("--judge", "openai:judge", "--judge-url", url),
    ]


def counts(url: str) -> Counter[str]:
    with urlopen(url.replace("/v1", "/counts")) as reply:
        return Counter(json.load(reply))


def at(store: Path) -> str:
    """Where a run is: the states of its batches, and whether all that was answered is stored."""
    if not store.exists():
        return "before there was a store"
    with sqlite3.connect(store) as db:
        try:
            found = [state for (state,) in db.execute("SELECT state FROM batches ORDER BY number")]
            rows = [db.execute(f"SELECT COUNT(*) FROM {t}").fetchone()[0] for t in TABLES]
        except sqlite3.Error:
            return "before there was a store"
    if not found:
        return "before any batch"
    settling = found[-1] == "collected" and 0 < rows[len(found) > 1] < 900
    return f"{len(found)}. batch {'being settled' if settling else found[-1]}"


TABLES = ("responses", "verdicts")


def run(executor: str, kills: int, takes: float, moments: random.Random) -> Counter[str]:
    """One run, killed at most so many times; where it was each time, and what the server says."""
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder, server(looks=3) as url:
        store = Path(folder) / "store.db"
        for _ in range(kills):
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            process = subprocess.Popen(command(url, store, executor), **quiet)
            time.sleep(moments.uniform(0, takes))
            if process.poll() is not None:
                break
            process.send_signal(signal.SIGKILL)
            process.wait()
            found["kills"] += 1
            found[f"  {at(store)}"] += 1
        subprocess.run(command(url, store, executor), check=True, capture_output=True)
        with sqlite3.connect(store) as db:
            for table in TABLES:
                found[f"stored {table}"] += db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[
                    0
                ]
        found["runs"] += 1
        return found + counts(url)


def undisturbed(executor: str) -> float:
    """Seconds that a run takes."""
    with tempfile.TemporaryDirectory() as folder, server(looks=3) as url:
        started = time.monotonic()
        told = command(url, Path(folder) / "store.db", executor)
        subprocess.run(told, check=True, capture_output=True)
        return time.monotonic() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--each", type=int, default=6)
    parser.add_argument("--executor", action="append", choices=("openai", "anthropic"))
    options = parser.parse_args()
    for executor in options.executor or ("openai", "anthropic"):
        moments, total = random.Random(0), Counter[str]()
        takes = undisturbed(executor)
        while total["kills"] < options.kills:
            left = options.kills - total["kills"]
            total += run(executor, min(left, options.each), takes, moments)
        print(
            f"{executor}: a run takes {takes:.1f} s; {total['kills']} kills in {total['runs']} runs"
        )
        for name in sorted(n for n in total if n.startswith("  ")):
            print(f"{name}: {total[name]}")
        for name in ("submitted", "answered", *(f"stored {t}" for t in TABLES)):
            print(
                f"  {name}: {total[name]:,} (900 or 1,800 a run: {total[name] / total['runs']:g})"
            )
        print(f"  again: {total['again']}", flush=True)


if __name__ == "__main__":
    main()
