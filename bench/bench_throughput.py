"""How fast a run goes, beside other ways to make the same calls: one table, and what is promised.

    python bench/bench_throughput.py                            # 9,000, then all 74,374
    python bench/bench_throughput.py --requests 900 --no-scale

Each contender has the same distinct published requests answered and judged by one loopback server
of 20 ms latency, with the same prompts, the same reading of verdicts, and concurrency 256:

    bare-aiohttp    a loop over aiohttp and orjson that stores nothing: the limit to work towards
    bare-openai     the same loop over the openai client with its aiohttp transport
    msb             evaluate(...) into a new store, and the scorecard
    inspect         Inspect AI with its log, on the same transport as bare-openai; what it can leave
                    out (live views, raw API calls, display, running scores) is left out

Each has a process of its own, so its CPU and peak memory are its own. The clock starts when its
library is imported and its requests are read. Exit code 1 if a promise is not kept.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import secrets
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from importlib import import_module
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp
import orjson

from medsafetybench import evaluate, load_benchmark
from medsafetybench.benchmarks import Benchmark
from medsafetybench.judges.reading import read_verdict
from medsafetybench.judges.rubric import load_rubric
from medsafetybench.records import Request
from medsafetybench.taxonomy import load_taxonomy

ROOT = Path(__file__).resolve().parents[1]
BENCHMARK, SMALL, ALL = "medsafety/llama3", 900, 74_374
CONCURRENCY, LATENCY = 256, 0.02
RUBRIC = load_rubric("ama", load_taxonomy())
# What evaluate(...) asks for where it is told nothing.
SAMPLING: dict[str, Any] = {
    "target": {"temperature": 0.0, "max_tokens": 512},
    "judge": {"temperature": 0.0, "max_tokens": 1024},
}
Ask = Callable[[str, str], Awaitable[tuple[str, str | None]]]
"""From ``target`` or ``judge`` and a prompt to the reply and why it ended."""


class Timing(NamedTuple):
    """Of one process: seconds, seconds of CPU, peak MB, requests scored; calls as served."""

    wall: float
    cpu: float
    rss: float
    scored: int
    calls: int = 0


def first(data: str, n: int) -> Benchmark:
    """The first n requests of distinct text; the benchmark as it is where all are asked for."""
    whole = load_benchmark(BENCHMARK, data_dir=data)

    def read() -> Iterator[Request]:
        seen: set[str] = set()
        fresh = (r for r in whole if r.text not in seen)
        for request in islice(fresh, n):
            seen.add(request.text)
            yield request

    return whole if n >= ALL else Benchmark(BENCHMARK, read, {"first": n})


async def judge(request: Request, answer: str, ask: Ask) -> int | None:
    """The score that one call to the judge gives."""
    marker = secrets.token_hex(8)
    return read_verdict(*await ask("judge", RUBRIC.prompt(request, answer, marker)), marker)[0]


async def bare(requests: Iterable[Request], ask: Ask) -> int:
    """Workers that draw on the same requests; each answers one and judges it."""
    left = iter(requests)

    async def work() -> int:
        scored = 0
        for request in left:
            answer, _ = await ask("target", request.text)
            scored += await judge(request, answer, ask) is not None
        return scored

    return sum(await asyncio.gather(*(work() for _ in range(CONCURRENCY))))


async def bare_aiohttp(url: str, requests: Iterable[Request], _: str) -> int:
    """The protocol as plain as it gets."""

    async def ask(role: str, prompt: str) -> tuple[str, str | None]:
        body = {"messages": [{"role": "user", "content": prompt}], **SAMPLING[role]}
        sent = orjson.dumps({"model": role, **body})
        async with session.post(f"{url}/chat/completions", data=sent, headers=headers) as reply:
            choice = orjson.loads(await reply.read())["choices"][0]
        return choice["message"]["content"], choice["finish_reason"]

    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        return await bare(requests, ask)


async def bare_openai(url: str, requests: Iterable[Request], _: str) -> int:
    """What one would write by hand."""
    import openai

    async def ask(role: str, prompt: str) -> tuple[str, str | None]:
        body: Any = {"messages": [{"role": "user", "content": prompt}], **SAMPLING[role]}
        said = await client.chat.completions.create(model=role, **body)
        return said.choices[0].message.content, said.choices[0].finish_reason

    transport = openai.DefaultAioHttpClient()
    async with openai.AsyncOpenAI(base_url=url, api_key="-", http_client=transport) as client:
        return await bare(requests, ask)


def msb(url: str, requests: Benchmark, folder: str) -> int:
    """Ours."""
    run = evaluate(
        "openai:target",
        "openai:judge",
        requests,
        store=f"{folder}/msb.db",
        target_url=url,
        target_concurrency=CONCURRENCY,
        judge_url=url,
        judge_concurrency=CONCURRENCY,
    )
    return sum(side.scored for side in run.summary().sides.values())


def inspect(url: str, requests: Iterable[Request], folder: str) -> int:
    """Inspect AI; twice 256 samples at once, so that both models have their 256 calls."""
    import inspect_ai as ai
    from inspect_ai.solver import generate

    by_id = {request.id: request for request in requests}
    samples = [ai.dataset.Sample(id=r.id, input=r.text) for r in by_id.values()]
    models = {role: inspect_model(url, role) for role in SAMPLING}

    async def ask(role: str, prompt: str) -> tuple[str, str | None]:
        output = await models[role].generate(prompt)
        return output.completion, output.stop_reason

    @ai.scorer.scorer(metrics=[ai.scorer.mean()])
    def harmfulness() -> Any:
        async def score(state: Any, _: Any) -> ai.scorer.Score:
            given = await judge(by_id[state.sample_id], state.output.completion, ask)
            return ai.scorer.Score(value=given or 0)

        return score

    task = ai.Task(samples, solver=generate(), scorer=harmfulness())
    logs: Any = ai.eval(task, model=models["target"], log_dir=folder, **inspect_options())
    return sum(score.value > 0 for score in logs[0].reductions[0].samples)


def inspect_model(url: str, role: str) -> Any:
    """A model of Inspect's. On this transport it takes a third less CPU than on its own."""
    import openai
    from inspect_ai.model import GenerateConfig, get_model

    config = GenerateConfig(max_connections=CONCURRENCY, **SAMPLING[role])
    at: Any = {"base_url": url, "api_key": "-", "http_client": openai.DefaultAioHttpClient()}
    return get_model(f"openai-api/local/{role}", config=config, **at)


def inspect_options() -> dict[str, Any]:
    """What makes Inspect fastest and still leaves it its log of all samples."""
    off = ("score_display", "log_realtime", "log_model_api", "ctl_server")
    quiet = {"log_level": "warning", "display": "none", **dict.fromkeys(off, False)}
    return {"max_samples": 2 * CONCURRENCY, "log_buffer": 1000, "log_header_only": True, **quiet}


# Each with the library to import before the clock starts.
CONTENDERS: dict[str, tuple[Callable[..., Any], str]] = {
    "bare-aiohttp": (bare_aiohttp, "aiohttp"),
    "bare-openai": (bare_openai, "openai.types.chat"),
    "msb": (msb, "medsafetybench"),
    "inspect": (inspect, "inspect_ai.model"),
}


def contend(name: str, url: str, data: str, n: int, folder: str) -> Timing:
    """Time one contender in this process."""
    work, library = CONTENDERS[name]
    import_module(library)
    requests = first(data, n) if name == "msb" else list(first(data, n))
    wall, cpu = time.perf_counter(), time.process_time()
    done = work(url, requests, folder)
    scored = asyncio.run(done) if asyncio.iscoroutine(done) else done
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Timing(wall, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, scored)


@contextmanager
def server() -> Iterator[str]:
    """The loopback server's address, while it runs."""
    command = [sys.executable, str(ROOT / "tests/server.py"), "--latency", str(LATENCY)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.kill()


def served(url: str) -> int:
    """How many calls the server has counted."""
    connection = HTTPConnection(urlsplit(url).netloc)
    connection.request("GET", "/counts")
    return int(json.load(connection.getresponse()).get("calls", 0))


def printed(*command: str) -> str:
    """What a command prints; its failure is ours."""
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout


def start(name: str, url: str, data: str, n: int, folder: str) -> Timing:
    """Time one contender in a process of its own; every request must come out scored."""
    before = served(url)
    out = printed(sys.executable, __file__, "--contend", name, url, data, str(n), folder)
    timing = Timing(*json.loads(out.splitlines()[-1]))._replace(calls=served(url) - before)
    if timing.scored != n:
        sys.exit(f"{name} scored {timing.scored} of {n} requests: not the same work")
    return timing


def resume(url: str, data: str, folder: str) -> float:
    """Seconds that the whole command takes to find that nothing is left to do."""
    command = [str(Path(sys.executable).with_name("msb")), "evaluate", "--json"]
    for role in SAMPLING:
        command += [f"--{role}", f"openai:{role}", f"--{role}-url", url]
        command += [f"--{role}-concurrency", str(CONCURRENCY)]
    command += ["--benchmark", BENCHMARK, "--data-dir", data, "--store", f"{folder}/msb.db"]
    calls, begun = served(url), time.perf_counter()
    scorecard = json.loads(printed(*command))
    seconds = time.perf_counter() - begun
    if sum(side["scored"] for side in scorecard["sides"].values()) != ALL or served(url) != calls:
        sys.exit("the run was not resumed: calls were made, or requests are not scored")
    return seconds


HEADER = (
    f"{'contender':<14}{'requests':>10}{'calls':>9}{'wall s':>9}{'calls/s':>9}{'CPU s':>9}"
    f"{'peak MB':>10}{'/bare-openai':>13}"
)


def line(name: str, n: int, t: Timing, of: Timing | None = None) -> str:
    """One line of the table."""
    ratio = f"{t.wall / of.wall:.2f}" if of else "-"
    calls = f"{n:>10,}{t.calls:>9,}{t.wall:>9.2f}{t.calls / t.wall:>9,.0f}"
    return f"{name:<14}{calls}{t.cpu:>9.2f}{t.rss:>10.0f}{ratio:>13}"


def compare(url: str, data: str, n: int, without: list[str]) -> list[bool]:
    """Time the contenders one after the other; then what is promised of ours beside others."""
    timings: dict[str, Timing] = {}
    for name in [name for name in CONTENDERS if name not in without]:
        with TemporaryDirectory() as folder:
            timings[name] = start(name, url, data, n, folder)
    for name, timing in timings.items():
        print(line(name, n, timing, timings.get("bare-openai")))
    wall = {name: timing.wall for name, timing in timings.items()}
    kept = []
    if {"msb", "bare-openai"} <= wall.keys():
        kept.append(
            promise("msb's wall time / bare-openai's", wall["msb"] / wall["bare-openai"], 1.3)
        )
    if {"msb", "inspect"} <= wall.keys():
        kept.append(
            promise("inspect's wall time / msb's", wall["inspect"] / wall["msb"], at_least=8)
        )
    return kept


def grow(url: str, data: str) -> list[bool]:
    """From 900 requests to all, then again with nothing left to do; and what is promised of it."""
    with TemporaryDirectory() as folder:
        small = start("msb", url, data, SMALL, folder)
        print(line("msb", SMALL, small))
    with TemporaryDirectory() as folder:
        large = start("msb", url, data, ALL, folder)
        print(line("msb", ALL, large))
        seconds = resume(url, data, folder)
    return [
        promise(f"peak MB at {ALL:,} requests - at {SMALL}", large.rss - small.rss, 150),
        promise(f"resuming the finished {ALL:,}, whole command, s", seconds, 5),
    ]


def promise(
    text: str, found: float, at_most: float = float("inf"), at_least: float = float("-inf")
) -> bool:
    """Print whether a promise is kept."""
    kept = at_least <= found <= at_most
    bound = f"at most {at_most:g}" if at_most < float("inf") else f"at least {at_least:g}"
    print(f"{'pass' if kept else 'FAIL'}  {text:<52}{found:>8.2f}  ({bound})", flush=True)
    return kept


def load() -> str:
    """What else the machine is busy with."""
    one, five, _ = os.getloadavg()
    return f"load average {one:.1f} (1 min), {five:.1f} (5 min) on {os.cpu_count()} cores"


def main() -> int:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=9_000)
    parser.add_argument("--without", action="append", default=[], choices=CONTENDERS)
    parser.add_argument("--scale", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--contend", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contend:
        name, url, data, n, folder = options.contend
        print(json.dumps(contend(name, url, data, int(n), folder)))
        return 0
    data = os.environ.get("MSB_DATA_DIR", str(ROOT.parent / "shared" / "data"))
    print(f"{LATENCY * 1000:.0f} ms latency, concurrency {CONCURRENCY}; at the start: {load()}")
    print(HEADER, flush=True)
    with server() as url:
        kept = compare(url, data, options.requests, options.without)
        kept += grow(url, data) if options.scale else []
    print(f"at the end: {load()}")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
