"""What a run survives: SIGKILL at any moment, Ctrl-C, and another process on the same store."""

from __future__ import annotations

import random
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import forked
from conftest import Server
from medsafetybench.evaluation import open_run

CONCURRENCY = 4
KILLS = 12
REQUESTS = 300


def command(server: Server, published: Path, store: Path, *more: str) -> list[str]:
    """A real ``msb evaluate`` of published requests."""
    concurrency = str(CONCURRENCY)
    return [
        *("evaluate", "--benchmark", "medsafety/eval", "--limit", str(REQUESTS)),
        *("--data-dir", str(published), "--store", str(store)),
        *("--target", "openai:model", "--target-url", server.url),
        *("--judge", "openai:judge", "--judge-url", server.url),
        *("--target-concurrency", concurrency, "--judge-concurrency", concurrency, *more),
    ]


def counted(store: Path, table: str) -> int:
    """Rows of a table, by a connection of our own."""
    with closing(sqlite3.connect(store)) as db:
        return int(db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])


def test_sigkill_at_random_moments(
    serve: Callable[..., Server], published: Path, tmp_path: Path
) -> None:
    server, store = serve("--latency", "0.01"), tmp_path / "store.db"
    moments = random.Random(0)
    for _ in range(KILLS):
        before = server.counts().get("calls", 0)
        running = forked.start(*command(server, published, store))
        after = moments.randint(1, 40)
        while server.counts().get("calls", 0) < before + after:
            time.sleep(moments.uniform(0, 0.02))
        running.kill()
    assert 0 < counted(store, "verdicts") < REQUESTS, "the kills fell outside the run's work"
    finish(server, published, store)

    assert counted(store, "responses") == counted(store, "verdicts") == REQUESTS
    summary = open_run("last", store).summary()
    assert (summary.counts.n, summary.counts.scored) == (REQUESTS, REQUESTS)
    calls = server.counts()
    assert REQUESTS <= calls["target"] <= REQUESTS + KILLS * CONCURRENCY
    assert REQUESTS <= calls["judge"] <= REQUESTS + KILLS * CONCURRENCY


def finish(server: Server, published: Path, store: Path) -> None:
    """The same command, to its end."""
    done = forked.run(*command(server, published, store))
    assert done.returncode == 0, done.stderr


def test_ctrl_c_ends_cleanly_and_resumes(
    serve: Callable[..., Server], published: Path, tmp_path: Path
) -> None:
    server, store = serve("--latency", "0.02"), tmp_path / "store.db"
    running = forked.start(*command(server, published, store))
    while server.counts().get("judge", 0) < 50:
        time.sleep(0.02)
    running.interrupt(signal.SIGINT)
    ended = running.ended(timeout=30)
    assert ended.returncode == 130
    assert "run the same command again to go on" in ended.stderr
    assert "Traceback" not in ended.stderr
    done = counted(store, "verdicts")
    assert 50 <= done < REQUESTS
    before = server.counts()
    assert before["target"] == counted(store, "responses"), "what was in flight is stored"

    finish(server, published, store)
    assert server.counts()["calls"] == 2 * REQUESTS, "nothing was asked twice"


def test_the_same_run_twice_at_once(
    serve: Callable[..., Server], published: Path, tmp_path: Path
) -> None:
    server, store = serve("--latency", "0.005"), tmp_path / "store.db"
    both = [forked.start(*command(server, published, store)) for _ in range(2)]
    ended = [running.ended() for running in both]
    assert [done.returncode for done in ended] == [0, 0], ended
    assert open_run("last", store).summary().counts.scored == REQUESTS
    assert server.counts()["calls"] == 2 * REQUESTS, "the second waited instead of asking again"
    assert not list(tmp_path.glob("*.lock"))


def test_two_runs_at_once_in_one_store(
    serve: Callable[..., Server], published: Path, tmp_path: Path
) -> None:
    server, store = serve("--latency", "0.005"), tmp_path / "store.db"
    both = [
        forked.start(*command(server, published, store, "--system", f"You are assistant {name}."))
        for name in "AB"
    ]
    ended = [running.ended() for running in both]
    assert [done.returncode for done in ended] == [0, 0], ended
    assert counted(store, "runs") == 2
    assert counted(store, "responses") == counted(store, "verdicts") == 2 * REQUESTS
