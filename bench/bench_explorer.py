"""How fast the explorer answers on a store of two runs of 74,374 requests (medsafety/llama3).

    python bench/bench_explorer.py [FOLDER]    # the store is made in FOLDER once, and kept
    python bench/bench_explorer.py FOLDER --against CHECKOUT STORE

Responses and verdicts are made up from hashes; the requests are the published ones. Each page is
asked for over HTTP from the running command; printed is the first answer, the median and slowest of
the rest, and the least processor time that one of them took, in milliseconds, and the memory of the
process at its largest.

With --against, another checkout of this project serves a store of its own (made by its own
benchmark), and each page is asked for from both in turn: one run, so that what else the machine
does falls on both. A copy of that store is what we then serve. The last column is our processor
time divided by theirs: what a busy machine adds is least in it.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, RemoteDisconnected
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

from medsafetybench import load_benchmark
from medsafetybench.benchmarks import Benchmark
from medsafetybench.records import Response, Verdict
from medsafetybench.scale import HARM
from medsafetybench.store.store import Store, judge_key, response_key

ROUNDS = 30
SENTENCES = (
    "I cannot help with that, because it would put patients at risk.",
    "Here is a general outline of what a clinician would consider.",
    "Please speak with a qualified professional about the specifics.",
    "Confidentiality and consent matter at every step.",
    "First, gather the records and then review them with care.",
    "The dose depends on weight, renal function and other medicines.",
)
JUDGE = {"model": "hash", "revision": "1"}


def made_up(model: str, text: str) -> tuple[Response, Verdict]:
    """A response of four to fifteen sentences and a verdict; both follow from model and text."""
    hashed = hashlib.sha256(f"{model} {text}".encode()).digest()
    words = " ".join(SENTENCES[byte % 6] for byte in hashed[: 4 + hashed[31] % 12])
    if hashed[30] < 3:
        return Response(words, "stop"), Verdict(reason="illegible")
    score = 1 + (hashed[29] % 7) % 5
    return Response(words, "stop"), Verdict(HARM.level(score), rationale=f"It {SENTENCES[score]}")


def fill(store: Store, model: str, benchmark: Benchmark) -> None:
    """One finished run, written in batches as the writer of an evaluation would."""
    target = {"model": model}
    keyed = [
        (r, response_key(target, [{"role": "user", "content": r.text}, {"id": r.id}]))
        for r in benchmark
    ]
    info = {"name": benchmark.name, "sha256": benchmark.sha256, "selection": {}}
    run = store.register(f"run-{model}", {"benchmark": info, "target": target}, keyed)
    judge = store.register_judge("hash", JUDGE, HARM)
    assert judge.key == judge_key(JUDGE)
    items = iter(keyed)
    while chunk := list(islice(items, 2000)):
        with store.transaction():
            for request, key in chunk:
                response, verdict = made_up(model, request.text)
                store.put_response(key, response)
                store.put_verdict(judge, key, request.intent, verdict)
    store.set_panel(run, [judge])


@dataclass
class Answer:
    """One answer: milliseconds by the clock and of the server's processor time, and bytes."""

    clock: float
    processor: float
    size: int


@dataclass
class Served:
    """An explorer that runs."""

    connection: HTTPConnection
    headers: dict[str, str]
    """Host and cookie."""
    pid: int

    def get(self, path: str) -> Answer:
        """Ask for a page."""
        before, started = self.processor(), time.perf_counter()
        try:
            self.connection.request("GET", path, headers=self.headers)
            reply = self.connection.getresponse()
        except (RemoteDisconnected, ConnectionResetError):  # it was idle for too long: ask again
            self.connection.close()
            return self.get(path)
        size = len(reply.read())
        assert reply.status == 200, (path, reply.status)
        clock = 1000 * (time.perf_counter() - started)
        return Answer(clock, self.processor() - before, size)

    def processor(self) -> float:
        """Milliseconds that all its threads computed so far."""
        files = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(file.read_text().split()[0]) for file in files) / 1e6

    def wait(self) -> float:
        """Seconds until the numbers of both runs are there."""
        started = time.perf_counter()
        while min(self.get("/runs/1").size, self.get("/runs/2").size) < 5000:
            time.sleep(0.1)
        return time.perf_counter() - started

    def peak(self) -> int:
        """Its largest memory, in MB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) // 1024


@contextmanager
def serving(store: Path, source: Path | None = None) -> Iterator[Served]:
    """The explorer over a store: this one, or that of another checkout."""
    command = [sys.executable, "-m", "medsafetybench.cli", "explore", "--store", str(store)]
    environment = {**os.environ, "PYTHONPATH": str(source)} if source else None
    process = subprocess.Popen(
        [*command, "--no-browser"], stdout=subprocess.PIPE, text=True, bufsize=1, env=environment
    )
    try:
        assert process.stdout is not None
        parts = urlsplit(process.stdout.readline().strip())
        connection = HTTPConnection("127.0.0.1", parts.port, timeout=120)
        headers = {"Host": parts.netloc}
        connection.request("GET", f"{parts.path}?{parts.query}", headers=headers)
        reply = connection.getresponse()
        reply.read()
        headers["Cookie"] = (reply.getheader("Set-Cookie") or "").partition(";")[0]
        connection.close()
        yield Served(connection, headers, process.pid)
    finally:
        process.terminate()
        process.wait()


PAGES = {
    "runs": "/",
    "a run": "/runs/1",
    "last page": "/runs/1?page=1488",
    "by principle": "/runs/1?principle=4",
    "by score, principle": "/runs/1?principle=4&score=5&page=3",
    "unscored": "/runs/1?state=unscored",
    "text, common": "/runs/1?q=patient",
    "text, rare": "/runs/1?q=pharmacokinetic",
    "text, none": "/runs/1?q=zzyzx",
    "text and score": "/runs/1?q=insulin&score=5",
    "a request": "/runs/1/requests/40000",
    "a filtered request": "/runs/1/requests/40000?principle=4&score=5",
    "compare": "/compare?run=1&run=2",
    "compare, filtered": "/compare?run=1&run=2&change=worse&principle=3&page=20",
    "label": "/runs/1/label?annotator=ana&n=200",
    "label all": "/runs/1/label?annotator=ana",
    "progress": "/runs/1/progress",
}


HEADER = ("page", "first", "median", "slowest", "processor", "ratio")


def measure(served: Sequence[Served], folder: Path) -> None:
    """Print a line for each page, and write the same as CSV: ours, and ours divided by theirs."""
    rows = []
    print("{:22s}{:>10s}{:>10s}{:>10s}{:>10s}{:>10s}".format(*HEADER))
    for name, path in PAGES.items():
        first = [one.get(path).clock for one in served]
        rounds = [[one.get(path) for one in served] for _ in range(ROUNDS)]
        clock = [answers[0].clock for answers in rounds]
        ours, *others = (min(a.processor for a in each) for each in zip(*rounds, strict=True))
        row = [first[0], statistics.median(clock), max(clock), ours, *(ours / o for o in others)]
        rows.append([name, *(round(value, 2) for value in row)])
        print(f"{name:22s}" + "".join(f"{value:10.2f}" for value in row), flush=True)
    print(f"largest memory {', '.join(str(one.peak()) for one in served)} MB")
    with (folder / "explorer.csv").open("w", newline="") as file:
        csv.writer(file).writerows([HEADER[: len(rows[0])], *rows])


def made(path: Path) -> Path:
    """The store at the path, made if it is not there."""
    if not path.exists():
        benchmark = load_benchmark("medsafety/llama3")
        with Store.open(path) as store:
            for model in ("one", "two"):
                fill(store, model, benchmark)
    return path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=Path, default=None)
    parser.add_argument("--against", nargs=2, type=Path, metavar=("CHECKOUT", "STORE"))
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    if options.against:
        checkout, theirs = options.against
        ours = Path(shutil.copy(theirs, folder / "copy.db"))
        stores = [(ours, None), (theirs, checkout / "src")]
    else:
        stores = [(made(folder / "explorer.db"), None)]
    with ExitStack() as stack:
        served = []
        for store, source in stores:
            served.append(stack.enter_context(serving(store, source)))
            print(f"numbers of both runs ready after {served[-1].wait():.1f} s")
        measure(served, folder)


if __name__ == "__main__":
    main()
