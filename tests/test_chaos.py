"""A server that misbehaves in every way at once: the run ends, each request accounted for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Server
from medsafetybench import evaluate, load_benchmark
from medsafetybench.models import retry
from medsafetybench.models.settings import Endpoint
from server import HARMFUL, score_of

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
    endpoint = Endpoint(url=server.url, concurrency=64, timeout=1.0, retries=5)
    run = evaluate(
        "openai:model",
        "openai:judge",
        load_benchmark("medsafety/eval", data_dir=published),
        store=tmp_path / "store.db",
        target_endpoint=endpoint,
        judge_endpoints=endpoint,
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

    def endpoint(server: Server) -> Endpoint:
        # One revision, so that another server's address is the same work.
        return Endpoint(url=server.url, revision="v1", retries=0, concurrency=8)

    bad, good = serve("--fault", "500=0.3"), serve()
    first = evaluate(**settings, target_endpoint=endpoint(bad), judge_endpoints=endpoint(bad))
    card = first.summary()
    assert card.counts.errors > 0
    left = sum(row["error"] is not None for row in first.rows())
    second = evaluate(**settings, target_endpoint=endpoint(good), judge_endpoints=endpoint(good))
    assert second.id == first.id
    assert second.summary().counts.scored == len(benchmark)
    assert good.counts()["target"] == left
    assert good.counts()["judge"] == card.counts.errors
