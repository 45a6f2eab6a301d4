"""How fast the explorer answers on a store of two runs of 74,374 requests (medsafety/llama3).

    python bench/bench_explorer.py [FOLDER]    # the store is made in FOLDER once, and kept

Responses and verdicts are made up from hashes; the requests are the published ones. Each page is
asked for over HTTP from the running command; printed is the first answer, the median and the
slowest of the rest, in milliseconds, and the memory of the process at its largest.
"""

from __future__ import annotations

import csv
import hashlib
import statistics
import subprocess
import sys
import tempfile
import time
from http.client import HTTPConnection
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

from medsafetybench import load_benchmark
from medsafetybench.benchmarks import Benchmark
from medsafetybench.records import Response, Verdict
from medsafetybench.scale import HARM
from medsafetybench.store.store import Store, judge_key, response_key

ROUNDS = 15
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


def get(connection: HTTPConnection, path: str, cookie: str) -> tuple[float, int]:
    """Milliseconds and bytes of one answer."""
    started = time.perf_counter()
    connection.request("GET", path, headers={"Cookie": cookie})
    reply = connection.getresponse()
    size = len(reply.read())
    assert reply.status == 200, (path, reply.status)
    return 1000 * (time.perf_counter() - started), size


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    path = folder / "explorer.db"
    if not path.exists():
        benchmark = load_benchmark("medsafety/llama3")
        with Store.open(path) as store:
            for model in ("one", "two"):
                fill(store, model, benchmark)
    command = [sys.executable, "-m", "medsafetybench.cli", "explore", "--store", str(path)]
    process = subprocess.Popen(
        [*command, "--no-browser"], stdout=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        assert process.stdout is not None
        measure(process.stdout.readline().strip(), process.pid, folder)
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


def measure(url: str, pid: int, folder: Path) -> None:
    """Print a line for each page, and write the same as CSV."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=120)
    connection.request("GET", f"{parts.path}?{parts.query}")
    reply = connection.getresponse()
    reply.read()
    cookie = (reply.getheader("Set-Cookie") or "").partition(";")[0]
    started = time.perf_counter()
    while (
        get(connection, "/runs/1", cookie)[1] < 5000 or get(connection, "/runs/2", cookie)[1] < 5000
    ):
        time.sleep(0.1)
    print(f"numbers of both runs ready after {time.perf_counter() - started:.1f} s")
    rows = []
    for name, path in PAGES.items():
        first, size = get(connection, path, cookie)
        times = [get(connection, path, cookie)[0] for _ in range(ROUNDS)]
        rows.append((name, round(first), round(statistics.median(times)), round(max(times)), size))
        print("{:22s} first {:5d}  median {:4d}  slowest {:4d} ms  {:7d} bytes".format(*rows[-1]))
    status = Path(f"/proc/{pid}/status").read_text()
    print(next(line for line in status.splitlines() if line.startswith("VmHWM")))
    with (folder / "explorer.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("page", "first", "median", "slowest", "bytes"), *rows])


if __name__ == "__main__":
    main()
