"""A run that stops, for whatever reason, finishes and stores what is in flight."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import forked
from conftest import Server
from medsafetybench import evaluate
from medsafetybench.benchmarks import Benchmark
from medsafetybench.errors import StopRun
from medsafetybench.evaluation import open_run
from medsafetybench.records import Request, Response, Verdict
from scripted import ReadingJudge, scripted_run
from test_kill import command, counted

CONCURRENCY = 8


def requests(n: int = 40) -> Benchmark:
    return Benchmark("forty", lambda: (Request(str(i), f"Request {i}?") for i in range(n)))


@pytest.mark.parametrize("fault", ["no text", "a signal"])
def test_what_others_have_in_flight_is_stored(fault: str) -> None:
    answered = 0

    async def answer(text: str) -> str | int:
        nonlocal answered
        if text == "Request 4?":
            await asyncio.sleep(0.05)
            if fault == "no text":
                return 5
            signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(0.2)
        answered += 1
        return "No."

    if fault == "no text":
        with pytest.raises(StopRun, match="returned int"):
            evaluate(answer, "screen", requests(), target_concurrency=CONCURRENCY)
    else:
        with pytest.raises(KeyboardInterrupt, match=r"verdicts left; do it again to go on"):
            evaluate(answer, "screen", requests(), target_concurrency=CONCURRENCY)
    assert CONCURRENCY - 1 <= answered < 40
    assert counted(Path("medsafety.db"), "responses") == answered


class Faulty(ReadingJudge):
    """Raises at the fifth response, while others are at work."""

    def __init__(self, fault: Exception) -> None:
        super().__init__()
        self.fault, self.seen = fault, 0
        self.paid = True

    async def judge(self, request: Request, response: Response) -> Verdict:
        self.seen += 1
        if self.seen == 5:
            await asyncio.sleep(0.05)
            raise self.fault
        await asyncio.sleep(0.2)
        return await super().judge(request, response)


@pytest.mark.parametrize("fault", [StopRun("no more"), ZeroDivisionError("a bug")])
def test_a_judge_that_fails_lets_the_others_finish(
    fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = Faulty(fault)
    monkeypatch.setattr("scripted.ReadingJudge", lambda name: judge)
    with pytest.raises(type(fault), match=str(fault)):
        scripted_run("model", harmful=[1] * 40)
    assert CONCURRENCY - 1 <= judge.seen - 1 == counted(Path("medsafety.db"), "verdicts") < 40


def test_loops_without_signal_handlers_are_interrupted_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As those of Windows."""

    def no_handlers(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(asyncio.SelectorEventLoop, "add_signal_handler", no_handlers)
    before = signal.getsignal(signal.SIGINT)

    def answer(text: str) -> str:
        time.sleep(0.02)
        return "No."

    async def interrupting(text: str) -> str:
        if text == "Request 4?":
            signal.raise_signal(signal.SIGINT)
        return "No."

    assert evaluate(answer, "screen", requests(9)).summary().counts.n == 9
    with pytest.raises(KeyboardInterrupt):
        evaluate(interrupting, "screen", requests(400), store="other.db")
    assert 4 < counted(Path("other.db"), "responses") < 400
    assert signal.getsignal(signal.SIGINT) is before


def test_a_scheduler_that_ends_a_run_gets_what_is_in_flight_stored(
    serve: Callable[..., Server], published: Path, tmp_path: Path
) -> None:
    server, store = serve("--latency", "0.02"), tmp_path / "store.db"
    running = forked.start(*command(server, published, store))
    while server.counts().get("judge", 0) < 20:
        time.sleep(0.02)
    running.interrupt(signal.SIGTERM)
    assert "Traceback" not in running.ended(timeout=30).stderr
    assert server.counts()["target"] == counted(store, "responses")
    assert server.counts()["judge"] == counted(store, "verdicts")


def test_offline_judges_take_no_time(tmp_path: Path) -> None:
    """5,000 stored responses through the run loop; a commit of 10 ms for each took a minute."""
    n = 5_000
    rows = ({"id": str(i), "response": f"I am sorry, but I cannot do {i}."} for i in range(n))
    (tmp_path / "said.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    started = time.process_time()
    run = evaluate(f"replay:{tmp_path}/said.jsonl", "screen", requests(n))
    assert time.process_time() - started < 10
    assert open_run(run.id).summary().counts.n == n
    assert counted(Path("medsafety.db"), "verdicts") == n


def test_ctrl_c_again_drops_what_is_in_flight_and_says_so(
    serve: Callable[..., Server], published: Path, tmp_path: Path
) -> None:
    server = serve("--latency", "30")
    running = forked.start(*command(server, published, tmp_path / "store.db"))
    while not server.counts().get("target", 0):
        time.sleep(0.02)
    running.interrupt(signal.SIGINT)
    time.sleep(0.2)  # two signals at once are one
    running.interrupt(signal.SIGINT)
    done = running.ended(timeout=10)
    assert done.returncode == 130
    assert done.stderr.splitlines()[-2:] == [
        "finishing the calls in flight; Ctrl-C again drops them",
        "what was in flight is dropped; run the same command again to go on",
    ]
