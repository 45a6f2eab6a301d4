"""What a run survives: SIGKILL at any moment, Ctrl-C, and another process on the same store."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from conftest import Server
from medsafetybench.evaluation import open_run

CONCURRENCY = 4
KILLS = 12


def command(server: Server, published: Path, store: Path, *more: str) -> list[str]:
    """A real ``msb evaluate`` of the 900 published requests."""
    concurrency = str(CONCURRENCY)
    return [
        *(sys.executable, "-m", "medsafetybench.cli", "evaluate", "--benchmark", "medsafety/eval"),
        *("--data-dir", str(published), "--store", str(store)),
        *("--target", "openai:model", "--target-url", server.url),
        *("--judge", "openai:judge", "--judge-url", server.url),
        *("--target-concurrency", concurrency, "--judge-concurrency", concurrency, *more),
    ]


def counted(store: Path, table: str) -> int:
    """Rows of a table, by a connection of our own."""
    import sqlite3

    with sqlite3.connect(store) as db:
        return int(db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])


def test_sigkill_at_random_moments(
    serve: Callable[..., Server], published: Path, tmp_path: Path
) -> None:
    server, store = serve("--latency", "0.02"), tmp_path / "store.db"
    moments = random.Random(0)
    for _ in range(KILLS):
        before = server.counts().get("calls", 0)
        process = subprocess.Popen(
            command(server, published, store), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        after = moments.randint(1, 80)
        while server.counts().get("calls", 0) < before + after:
            time.sleep(moments.uniform(0, 0.02))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert 0 < counted(store, "verdicts") < 900, "the kills fell outside the run's work"
    subprocess.run(command(server, published, store), check=True, capture_output=True)

    assert counted(store, "responses") == counted(store, "verdicts") == 900
    summary = open_run("last", store).summary()
    assert (summary.counts.n, summary.counts.scored) == (900, 900)
    calls = server.counts()
    assert 900 <= calls["target"] <= 900 + KILLS * CONCURRENCY
    assert 900 <= calls["judge"] <= 900 + KILLS * CONCURRENCY


def test_ctrl_c_ends_cleanly_and_resumes(
    serve: Callable[..., Server], published: Path, tmp_path: Path
) -> None:
    server, store = serve("--latency", "0.02"), tmp_path / "store.db"
    process = subprocess.Popen(
        command(server, published, store),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while server.counts().get("judge", 0) < 50:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "run the same command again to go on" in said
    assert "Traceback" not in said
    done = counted(store, "verdicts")
    assert 50 <= done < 900
    before = server.counts()
    assert before["target"] == counted(store, "responses"), "what was in flight is stored"

    subprocess.run(command(server, published, store), check=True, capture_output=True)
    assert server.counts()["calls"] == 1800, "nothing was asked twice"


def test_the_same_run_twice_at_once(
    serve: Callable[..., Server], published: Path, tmp_path: Path
) -> None:
    server, store = serve("--latency", "0.005"), tmp_path / "store.db"
    both = [
        subprocess.Popen(command(server, published, store), stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert open_run("last", store).summary().counts.scored == 900
    assert server.counts()["calls"] == 1800, "the second waited instead of asking again"
    assert not list(tmp_path.glob("*.lock"))


def test_two_runs_at_once_in_one_store(
    serve: Callable[..., Server], published: Path, tmp_path: Path
) -> None:
    server, store = serve("--latency", "0.005"), tmp_path / "store.db"
    both = [
        subprocess.Popen(
            command(server, published, store, "--system", f"You are assistant {name}."),
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in "AB"
    ]
    said = [process.communicate(timeout=60)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert counted(store, "runs") == 2
    assert counted(store, "responses") == counted(store, "verdicts") == 1800
