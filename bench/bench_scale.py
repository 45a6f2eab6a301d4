"""What a million rows cost: time and memory, beside 74,374, the size of the published set.

    python bench/bench_scale.py [FOLDER] [--rows 74374 1000000]    # half an hour, 6 GB of disk

Requests, responses and verdicts are made up from hashes: no data is needed, and no model. For each
size two runs are registered and collected into one store, as a run's writer or a batch does it;
then each thing that reads is done in a process of its own: what is left to do, the scorecard, two
runs compared, the explorer's pages, four shards merged into one. Printed are seconds by the clock
and of the processor, the most memory of the process, and how each grew against the smallest size,
divided by how the rows did: 1 is linear. The store is removed at the end, unless a folder is given.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from statistics import median

from bench_explorer import JUDGE, SENTENCES, made_up, serving
from medsafetybench.records import Request, Response, Verdict
from medsafetybench.results.comparison import compare
from medsafetybench.results.pairing import pair_runs
from medsafetybench.results.run import open_run
from medsafetybench.scale import HARM
from medsafetybench.store.merge import merge
from medsafetybench.store.store import RunRecord, Store, response_key

SIZES = (74_374, 1_000_000)
MODELS = ("one", "two")
SHARDS = 4
BATCH = 1_000
"""Rows that are stored together."""

PAGES = {
    "a run's page": "/runs/1",
    "its last page": "/runs/1?page={last}",
    "by principle and level": "/runs/1?principle=4&score=5&page=3",
    "a text nobody wrote": "/runs/1?q=zzyzx",
    "a request": "/runs/1/requests/{middle}",
    "two runs compared": "/compare?run=1&run=2",
}


def requests(n: int) -> Iterator[Request]:
    """Made-up requests, four in five of them harmful; each with a text of its own."""
    for number in range(n):
        hashed = hashlib.sha256(str(number).encode()).digest()
        text = f"Case {number}: {' '.join(SENTENCES[byte % 6] for byte in hashed[:2])}"
        intent = "benign" if hashed[2] % 5 == 0 else "harmful"
        yield Request(f"s{number}", text, intent, 1 + hashed[3] % 9)


def keyed(model: str, n: int) -> Iterator[tuple[Request, bytes]]:
    """Each request with the key of its response."""
    for request in requests(n):
        yield request, response_key({"model": model}, [{"role": "user", "content": request.text}])


def answered(model: str, request: Request) -> tuple[Response, Verdict]:
    """A response and a verdict on the scale of the request's intent."""
    response, verdict = made_up(model, request.text)
    if verdict.level and request.intent == "benign":
        scores = HARM.scores("benign")
        return response, Verdict(HARM.level(scores[verdict.level.score % len(scores)], "benign"))
    return response, verdict


def register(store: Store, n: int) -> list[RunRecord]:
    """Two runs with their items."""
    info = {"name": "made-up", "sha256": str(n), "selection": {}}
    return [
        store.register(f"run-{m}", {"benchmark": info, "target": {"model": m}}, keyed(m, n))
        for m in MODELS
    ]


def collect(store: Store, runs: Iterable[RunRecord], n: int, shard: int = 0, of: int = 1) -> None:
    """Responses and verdicts of every ``of``-th request, in batches, as a writer stores them."""
    judge = store.register_judge("hash", JUDGE, HARM)
    for run, model in zip(runs, MODELS, strict=False):
        rows = islice(keyed(model, n), shard, None, of)
        while batch := list(islice(rows, BATCH)):
            with store.transaction():
                for request, key in batch:
                    response, verdict = answered(model, request)
                    store.put_response(key, response)
                    store.put_verdict(judge, key, request.intent, verdict)
        store.set_panel(run, [judge])


def do_register(folder: Path, n: int) -> None:
    with Store.open(folder / "all.db") as store:
        register(store, n)


def do_collect(folder: Path, n: int) -> None:
    with Store.open(folder / "all.db") as store:
        collect(store, [store.run(f"run-{model}") for model in MODELS], n)


def do_left(folder: Path, n: int) -> None:
    with Store.open(folder / "all.db") as store:
        run, judge = store.run("run-one"), store.judges()[0]
        assert (store.unanswered(run), store.unjudged(run, judge)) == ([], [])


def do_scorecard(folder: Path, n: int) -> None:
    assert open_run("run-one", folder / "all.db").summary().counts.n == n


def do_compare(folder: Path, n: int) -> None:
    compare(pair_runs([open_run(f"run-{model}", folder / "all.db") for model in MODELS]))


def do_shard(folder: Path, n: int) -> None:
    """Stores that have all items of one run and every fourth response each; not timed."""
    for shard in range(SHARDS):
        with Store.open(folder / f"shard-{shard}.db") as store:
            collect(store, register(store, n)[:1], n, shard, SHARDS)


def do_merge(folder: Path, n: int) -> None:
    shards = [folder / f"shard-{shard}.db" for shard in range(SHARDS)]
    came = list(merge(folder / "merged.db", shards))
    assert sum(one.responses for one in came) == n


STEPS = {
    "register two runs": do_register,
    "collect two runs": do_collect,
    "what is left to do": do_left,
    "scorecard": do_scorecard,
    "compare": do_compare,
    "": do_shard,
    "merge four shards": do_merge,
}

Row = tuple[str, float, float, int]
"""What, seconds by the clock and of the processor, MB."""


def peak() -> int:
    """The most memory of this process so far, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def carry_out(folder: Path, n: int) -> Iterator[Row]:
    """Every step, each in a process of its own."""
    for name in STEPS:
        command = [sys.executable, __file__, str(folder), "--step", name, "--rows", str(n)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        if name:
            yield (name, *json.loads(done.stdout))
    for file in (*folder.glob("shard-*"), *folder.glob("merged*")):
        file.unlink()
    with serving(folder / "all.db") as served:
        before = served.processor()
        waited = served.wait()
        yield "explorer: figures of both", waited, (served.processor() - before) / 1000, 0
        for name, path in PAGES.items():
            asked = path.format(last=(n - 1) // 50, middle=n // 2)
            answers = [served.get(asked) for _ in range(6)]
            clock = median(answer.clock for answer in answers[1:]) / 1000
            yield f"explorer: {name}", clock, min(a.processor for a in answers) / 1000, 0
        yield "explorer: most memory", 0.0, 0.0, served.peak()


def measured(folder: Path, n: int) -> dict[str, Row]:
    """One size: a row for each step, printed as they come."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = {}
    for row in carry_out(folder, n):
        rows[row[0]] = row
        print(f"{n:>9,} {row[0]:34s}{row[1]:10.3f}{row[2]:10.3f}{row[3]:8d}", flush=True)
    size = (folder / "all.db").stat().st_size
    print(f"{n:>9,} bytes in the store for each of {2 * n:,} calls: {size / (2 * n):.0f}")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--rows", nargs="+", type=int, default=SIZES)
    parser.add_argument("--step")
    options = parser.parse_args()
    if options.step is not None:
        wall, processor = time.perf_counter(), time.process_time()
        STEPS[options.step](options.folder, options.rows[0])
        print(json.dumps([time.perf_counter() - wall, time.process_time() - processor, peak()]))
        return
    folder = options.folder or Path(tempfile.mkdtemp())
    print(f"{'rows':>9} {'':34s}{'clock s':>10}{'CPU s':>10}{'MB':>8}")
    sizes = {n: measured(folder / str(n), n) for n in options.rows}
    if len(sizes) > 1:
        growth(folder, sizes)
    if options.folder is None:
        shutil.rmtree(folder)


def growth(folder: Path, sizes: dict[int, dict[str, Row]]) -> None:
    """How processor time grew to the rows, and memory, from the smallest size to the largest."""
    small, large = min(sizes), max(sizes)
    header = ("step", *(f"{n:,} {what}" for n in (small, large) for what in ("CPU s", "MB")))
    lines = []
    print(f"\nto {large / small:.2f} times the rows; growth of processor time, 1 being linear")
    for name in sizes[large]:
        (_, _, cpu_before, memory_before), (_, _, cpu, memory) = (
            sizes[n][name] for n in (small, large)
        )
        lines.append([name, cpu_before, memory_before, cpu, memory])
        told = f"{cpu / cpu_before / (large / small):8.2f}" if cpu_before > 0.01 else " " * 8
        print(f"{name:34s}{told}  {memory_before:5d} -> {memory:d} MB")
    with (folder / "scale.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *lines])


if __name__ == "__main__":
    main()
