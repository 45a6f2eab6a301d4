"""Batches by command, in studies and from Python."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from batched import (
    SERVER,
    SMALL,
    answers,
    command,
    states,
    worked_off,
)
from commands import msb
from conftest import Server
from medsafetybench import evaluate
from medsafetybench.batches.executor import EXECUTORS

pytestmark = pytest.mark.usefixtures("impatient")


def test_submitted_in_one_process_and_collected_in_another(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server, store = serve("--looks", "2", script=SERVER), tmp_path / "store.db"
    prices = ("--target-price", "1,100", "--judge-price", "2,200")
    told = command(server, store, *prices, "--dry-run", "--json")
    live, half = (json.loads(msb(*told, *more).out) for more in ((), ("--batch", "openai")))
    assert half["target"]["dollars"] == pytest.approx(live["target"]["dollars"] / 2)
    assert half["judges"][0]["dollars"] == pytest.approx(live["judges"][0]["dollars"] / 2)
    assert not store.exists()

    batched = command(server, store, "--batch", "openai")
    done = msb(*batched, "--submit-only")
    assert (done.code, done.out) == (0, "")
    assert "batch 1, 40 calls: batch_1 at http" in done.err
    assert "40 calls are out in batches" in done.err
    (listed,) = json.loads(msb("batch", "list", "--store", str(store), "--json").out)["batches"]
    assert (listed["state"], listed["reference"], listed["lines"]) == ("submitted", "batch_1", 40)

    done = msb("batch", "collect", "--store", str(store))
    assert done.code == 3
    assert (answers(store), server.counts()["submitted"]) == (40, 40)
    assert "submitted" not in msb("batch", "list", "--store", str(store)).out
    done = msb(*batched)
    assert (done.code, server.counts()["submitted"]) == (0, 80)
    done = msb("batch", "collect", "--store", str(store))
    assert (done.code, "has no batch out" in done.err) == (2, True)


def test_what_several_executors_have_is_collected_at_once(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server, store = serve("--looks", "3", script=SERVER), tmp_path / "store.db"
    shards = tmp_path / "shards"
    evaluate("openai:model", "screen", target_url=server.url, store=store, **SMALL)
    more = ("--judge-url", server.url, "--store", str(store), "--join", "--submit-only")
    msb("rejudge", "--judge", "openai:one", "--batch", "openai", *more)
    msb("rejudge", "--judge", "openai:other", "--batch", f"file:{shards}", *more)
    assert states(store) == ["submitted", "submitted"]
    worked_off(shards)
    done = msb("batch", "collect", "--store", str(store), "--wait")
    assert (done.code, states(store)) == (0, ["collected", "collected"])
    with sqlite3.connect(store) as db:
        assert db.execute("SELECT COUNT(*) FROM verdicts").fetchone() == (120,)


def test_cancelling_keeps_what_was_carried_out(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server, store = serve("--looks", "9", script=SERVER), tmp_path / "store.db"
    batched = command(server, store, "--batch", "openai")
    msb(*batched, "--submit-only")
    done = msb("batch", "cancel", "1", "--store", str(store))
    assert (done.code, done.out) == (
        *(0, "batch 1 is being cancelled; what was carried out by then comes back\n"),
    )
    done = msb(*batched)
    assert (done.code, answers(store)) == (3, 20)
    assert "a batch was cancelled: " in done.err
    done = msb("batch", "cancel", "1", "--store", str(store))
    assert (done.code, done.err) == (
        *(2, "msb: batch 1 is collected; msb batch list shows those that are out\n"),
    )


def test_cancelling_makes_no_store(tmp_path: Path) -> None:
    done = msb("batch", "cancel", "1", "--store", str(tmp_path / "none.db"))
    assert (done.code, list(tmp_path.iterdir())) == (2, [])
    assert done.err.startswith(f"msb: no store at {tmp_path / 'none.db'}; ")


def test_judged_again_in_batches(serve: Callable[..., Server], tmp_path: Path) -> None:
    server, store = serve(script=SERVER), tmp_path / "store.db"
    msb(*command(server, store, "--batch", "openai"))
    judge = ("--judge", "openai:harsh", "--judge-url", server.url, "--store", str(store))
    done = msb("rejudge", "last", *judge, "--batch", "openai")
    assert (done.code, server.counts()["submitted"]) == (0, 120)
    with sqlite3.connect(store) as db:
        assert db.execute("SELECT COUNT(*) FROM verdicts").fetchone() == (80,)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (("--batch", "opneai"), "unknown executor 'opneai'; did you mean 'openai'?"),
        (("--batch", "openai:x"), "--batch 'openai:x'; expected openai and nothing behind it"),
        (("--batch", "file:"), "--batch 'file:'; expected file and a folder behind it"),
        (("--batch", ""), f"unknown executor ''; known: {', '.join(sorted(EXECUTORS))}"),
        (("--wait",), "--wait and --submit-only are for runs in batches; add --batch EXECUTOR"),
        (
            ("--batch", "file", "--wait", "--submit-only"),
            "--wait and --submit-only exclude each other",
        ),
    ],
)
def test_what_cannot_be_meant_is_a_line(told: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = msb("evaluate", "--target", "openai:m", "--target-url", "http://127.0.0.1:9", *told)
    assert (done.code, done.err) == (2, f"msb: {said}\n")


def test_only_models_behind_an_address_go_into_batches(tmp_path: Path) -> None:
    done = msb("evaluate", "--target", "python:app:f", "--judge", "screen", "--batch", "openai")
    said = "--batch openai carries calls of openai: models; here are python:app:f, screen"
    assert (done.code, done.err) == (2, f"msb: {said}\n")


def test_a_run_with_a_batch_out_is_not_deleted(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server, store = serve("--looks", "9", script=SERVER), tmp_path / "store.db"
    msb(*command(server, store, "--batch", "openai", "--submit-only"))
    done = msb("runs", "delete", "last", "--yes", "--store", str(store))
    assert (done.code, done.err.startswith("msb: batch 1 of run-")) == (2, True)
    msb("batch", "cancel", "1", "--store", str(store))
    msb("batch", "collect", "--store", str(store), "--wait")
    assert msb("runs", "delete", "last", "--yes", "--store", str(store)).code == 0
    assert states(store) == []


def test_a_key_goes_to_its_server_and_stands_nowhere(
    serve: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "sk-0123456789abcdef"
    server, store = serve("--key", key, script=SERVER), tmp_path / "store.db"
    for executor in ("openai", "anthropic"):
        batched = command(server, store, "--batch", executor, "--seed", str(len(executor)))
        done = msb(*batched, MSB_TARGET_API_KEY="sk-wrong-and-long", MSB_JUDGE_API_KEY=key)
        assert (done.code, "HTTP 401: Incorrect API key provided" in done.err) == (2, True)
        assert states(store)[-1] == "prepared"
        collect = ("batch", "collect", "--wait", "--store", str(store), "--allow-keys")
        done = msb(*collect, MSB_TARGET_API_KEY=key)
        assert (done.code, states(store)[-1]) == (3, "prepared"), done.err
        done = msb(*batched, MSB_TARGET_API_KEY=key, MSB_JUDGE_API_KEY=key)
        assert done.code == 0
        assert key not in done.err + done.out
    assert server.counts()["answered"] == 160
    assert not any(key.encode() in path.read_bytes() for path in tmp_path.iterdir())


def test_a_study_submits_every_target_at_once(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve(script=SERVER)
    at = f"url: {server.url}"
    targets = [f"{{model: openai:model, {at}, system: 'Be {n}.'}}" for n in ("brief", "kind")]
    text = f"""name: ours\nbatch: openai\njudges: [screen]\ntargets: [{", ".join(targets)}]
benchmarks: [{{name: starter, limit: 40}}]\n"""
    (tmp_path / "study.yaml").write_text(text, "utf-8")
    done = msb("study", "run", "study.yaml", "--json")
    assert done.code == 0, done.err
    assert [one["state"] for one in json.loads(done.out)["evaluations"]] == ["done", "done"]
    assert (server.counts()["batches"], server.counts()["answered"]) == (2, 80)


def test_from_python(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve(script=SERVER)
    told = {"target_url": server.url, "store": tmp_path / "store.db", "batch": "openai", **SMALL}
    run = evaluate("openai:model", "screen", **told)
    again = run.rejudge("openai:judge", judge_url=server.url, batch="openai")
    assert (again.summary().counts.scored, server.counts()["answered"]) == (40, 80)
