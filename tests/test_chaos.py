"""A server that misbehaves in every way at once: the run ends, each request accounted for."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import forked
from chaos_server import thought_of
from conftest import Server
from medsafetybench import evaluate, load_benchmark
from medsafetybench.evaluation import open_run
from medsafetybench.models import retry
from medsafetybench.records import Response
from medsafetybench.store.store import Store
from server import HARMFUL, answer_to, score_of

FAULTS = {
    "429": 0.10,
    "500": 0.05,
    "reset": 0.02,
    "hang": 0.02,
    "invalid_json": 0.02,
    "empty": 0.01,
    "null": 0.01,
}


def test_every_request_is_accounted_for(
    serve: Callable[..., Server],
    published: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.05)
    faults = [f"--fault={name}={share}" for name, share in FAULTS.items()]
    server = serve("--latency", "0.002", *faults)
    at_once = {"target_concurrency": 64, "judge_concurrency": 64, "timeout": 1.0}
    run = evaluate(
        "openai:model",
        "openai:judge",
        load_benchmark("medsafety/eval", data_dir=published),
        store=tmp_path / "store.db",
        target_url=server.url,
        judge_url=server.url,
        **at_once,
    )
    rows = list(run.rows())
    card = run.summary()

    happened = server.counts()
    assert all(happened[fault] > 0 for fault in FAULTS), happened
    counts = card.counts
    assert counts.n == len(rows) == 900
    assert counts.scored + counts.unscored + counts.errors == 900
    assert counts.pending == 0
    assert counts.scored >= 850, card.reasons
    wrong = [r["id"] for r in rows if r["score"] not in (None, score_of(r["request"], HARMFUL))]
    assert wrong == [], "a fault must never turn into a score"
    for row in rows:
        assert (row["score"] is None) == (row["state"] != "scored")
        if row["state"] != "scored":
            assert row["reason"], row["id"]
    # About 2% of the target's answers are empty or null: a state of their own, never judged.
    empty = sum(row["reason"] == "empty_response" for row in rows)
    assert empty == card.reasons["unscored: empty_response"] > 0


def test_errors_are_asked_again_by_the_same_command_and_only_they(
    serve: Callable[..., Server], published: Path, tmp_path: Path
) -> None:
    benchmark = load_benchmark("medsafety/eval", data_dir=published, principles=[6])
    settings = {
        "target": "openai:model",
        "judge": "openai:judge",
        "benchmark": benchmark,
        "store": tmp_path / "store.db",
    }

    def at(server: Server) -> dict[str, Any]:
        # One revision, so that another server's address is the same work.
        own = {"url": server.url, "revision": "v1", "concurrency": 8}
        told = {f"{role}_{name}": own[name] for role in ("target", "judge") for name in own}
        return {**told, "retries": 0}

    bad, good = serve("--fault", "500=0.3"), serve()
    first = evaluate(**settings, **at(bad))
    card = first.summary()
    assert card.counts.errors > 0
    left = sum(row["error"] is not None for row in first.rows())
    second = evaluate(**settings, **at(good))
    assert second.id == first.id
    assert second.summary().counts.scored == len(benchmark)
    assert good.counts()["target"] == left
    assert good.counts()["judge"] == card.counts.errors


# All at once, with a target and a judge that think, over a stop and three SIGKILLs

CHAOS = Path(__file__).with_name("chaos_server.py")
REQUESTS, CONCURRENCY, KILLS = 300, 16, 3
NO_ANSWER = {"response_filtered", "ended_while_thinking"}
NO_VERDICT = {"content_filter", "judge_ended_while_thinking", "cut_off"}


def command(server: Server, published: Path, store: Path) -> list[str]:
    return [
        *("evaluate", "--benchmark", "medsafety/eval"),
        *("--limit", str(REQUESTS), "--data-dir", str(published), "--store", str(store)),
        *("--target", "openai:model", "--target-url", server.url),
        *("--judge", "openai:judge", "--judge-url", server.url),
        *("--target-concurrency", str(CONCURRENCY), "--judge-concurrency", str(CONCURRENCY)),
        *("--retries", "1", "--timeout", "5"),
    ]


def responses(store: Path) -> list[Response]:
    """What the target said to each request, in order; errors left out."""
    with Store.read(store) as opened:
        run = opened.run("last")
        items = opened.items(run, range(REQUESTS))
        return [i.response for i in items if i.response and i.response.error is None]


def test_nothing_is_scored_wrongly_or_paid_twice_whatever_happens(
    serve: Callable[..., Server], published: Path, tmp_path: Path
) -> None:
    server, store = serve("--out-of-quota-at", "250", script=CHAOS), tmp_path / "store.db"
    line = command(server, published, store)
    done = forked.run(*line)
    assert (done.returncode, "no quota" in done.stderr) == (2, True), done.stderr
    counts = server.counts()
    assert counts["calls"] < 2 * REQUESTS, "it stopped before its end"
    assert len(responses(store)) == counts["target answered"], "what was paid is stored"

    moments = random.Random(0)
    for _ in range(KILLS):
        before, after = server.counts()["calls"], moments.randint(20, 80)
        running = forked.start(*line)
        while running.alive() and server.counts()["calls"] < before + after:
            time.sleep(0.005)
        running.kill()
    finish(line)

    rows = list(open_run("last", store).rows())
    assert len(rows) == REQUESTS
    for row, response in zip(rows, responses(store), strict=True):
        check(row, response)
    counts = server.counts()
    assert REQUESTS <= counts["target answered"] <= REQUESTS + KILLS * CONCURRENCY
    judged = sum(row["reason"] not in NO_ANSWER for row in rows)
    assert counts["judge answer"] <= judged + KILLS * CONCURRENCY


def finish(line: list[str]) -> None:
    """The same command, until it has no error left to ask again."""
    for _ in range(20):
        done = forked.run(*line)
        assert done.returncode == 0, done.stderr
        if "asks those again" not in done.stderr:
            return
    pytest.fail("errors that never end")


def check(row: dict[str, Any], response: Response) -> None:
    """What came of a request is what the server meant by its replies."""
    answer, score = answer_to(row["request"]), score_of(row["request"], HARMFUL)
    if row["state"] == "unscored":
        assert row["reason"] in NO_ANSWER | NO_VERDICT
    else:
        assert (row["state"], row["score"]) == ("scored", score)
        assert row["openai:judge.rationale"].count("VERDICT") == 1, "a draft is no rationale"
    if row["reason"] in NO_ANSWER:
        assert response.text in ("", answer[:9])
    else:
        assert (response.text, response.thinking or thought_of("")) == (answer, thought_of(""))
