"""Runs in batches: the same store as a live run leaves, every call paid once, nothing lost."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from batched import (
    SERVER,
    SMALL,
    Told,
    answers,
    content,
    evaluated,
    filed,
    items,
    left_over,
    rows_of,
    spec_of,
    states,
    worked_off,
)
from commands import msb
from conftest import Server
from medsafetybench.batches.batch import Limits
from medsafetybench.batches.ledger import Ledger
from medsafetybench.errors import MsbError, StopRun
from medsafetybench.evaluation.evaluation import carry_out, prepare
from medsafetybench.evaluation.rounds import How
from medsafetybench.store.store import Store

pytestmark = pytest.mark.usefixtures("impatient")


def test_the_published_requests_by_each_executor_as_live(
    serve: Callable[..., Server], published: Path, tmp_path: Path
) -> None:
    live, server = serve(), serve(script=SERVER)
    whole = {"benchmark": "medsafety/eval", "data_dir": published}
    evaluated(spec_of(live, tmp_path / "live.db", **whole))
    expected = content(tmp_path / "live.db")
    assert len(expected) == 900 * 3 + 2

    evaluated(spec_of(server, tmp_path / "openai.db", batch="openai", **whole))
    assert content(tmp_path / "openai.db") == expected
    counts = server.counts()
    assert (counts["submitted"], counts["answered"], counts["again"]) == (1800, 1800, 0)
    assert left_over(tmp_path / "openai.db") == 0

    filed = spec_of(server, tmp_path / "file.db", batch=f"file:{tmp_path / 'shards'}", **whole)
    progress, told = evaluated(filed)
    assert (progress.stopped, progress.parked) == ("batched", 900)
    assert "vllm run-batch -i " in "\n".join(told)
    for _ in range(2):
        assert worked_off(tmp_path / "shards")
        progress, _ = evaluated(filed)
    assert progress.stopped is None
    assert content(tmp_path / "file.db") == expected

    anthropic = spec_of(server, tmp_path / "anthropic.db", batch="anthropic", **whole)
    evaluated(anthropic)
    assert content(tmp_path / "anthropic.db") == expected
    assert server.counts()["again"] == 900, "the target's lines of before, and no others"


FAULTS = {
    "expired": 1,
    "lost": 1,
    "truncated": 1,
    "line_429": 0.1,
    "line_400": 0.05,
    "duplicate": 0.1,
    "unknown": 0.05,
}


@pytest.mark.parametrize(
    ("executor", "benchmark", "n"),
    [("openai", "medsafety/eval", 900), ("anthropic", "starter", 216)],
)
def test_whatever_happens_to_batches_every_call_is_accounted_for(
    executor: str,
    benchmark: str,
    n: int,
    serve: Callable[..., Server],
    published: Path,
    tmp_path: Path,
) -> None:
    faults = [part for name, m in FAULTS.items() for part in ("--fault", f"{name}={m}")]
    server, store = serve(*faults, "--looks", "2", script=SERVER), tmp_path / "store.db"
    spec = spec_of(server, store, batch=executor, benchmark=benchmark, data_dir=published)
    progress, told = evaluated(spec)
    assert (progress.stopped, progress.errors) == (None, 0)

    counts = server.counts()
    assert counts["again"] == 0, "no line was submitted that was out, or paid for"
    with sqlite3.connect(store) as db:
        answered = "SELECT COUNT(*) FROM responses WHERE error IS NULL AND finish_reason = 'stop'"
        judged = "SELECT COUNT(*) FROM verdicts WHERE score IS NOT NULL"
        paid = [int(db.execute(query).fetchone()[0]) for query in (answered, judged)]
        assert db.execute("SELECT COUNT(*) FROM responses").fetchone() == (n,)
        assert db.execute("SELECT COUNT(*) FROM verdicts").fetchone() == (n,)
    assert sum(paid) == counts["answered"], "all that was paid for is stored"
    assert 0 < paid[1] < paid[0] < n
    assert left_over(store) == 0
    assert any("expired" in line and "are missing again" in line for line in told)
    assert any("of no call of this batch" in line for line in told)


def test_a_cancelled_batch_keeps_what_was_paid_for_and_ends_the_run(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server, store = serve("--fault", "cancelled=1", script=SERVER), tmp_path / "store.db"
    spec = spec_of(server, store, batch="openai", **SMALL)
    progress, _ = evaluated(spec)
    assert progress.stopped == "cancelled"
    half = server.counts()["answered"]
    assert sqlite3.connect(store).execute("SELECT COUNT(*) FROM responses").fetchone() == (half,)
    progress, _ = evaluated(spec)
    assert progress.stopped is None
    counts = server.counts()
    assert (counts["again"], counts["answered"]) == (0, 2 * items(store))


def test_a_batch_that_is_refused_says_why_in_a_line(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server, store = serve("--fault", "failed=1", script=SERVER), tmp_path / "store.db"
    spec = spec_of(server, store, batch="openai", **SMALL)
    with pytest.raises(StopRun, match=r"batch 1 came back without .*no such model.* asks them"):
        evaluated(spec)
    assert states(store) == ["failed"]
    progress, _ = evaluated(spec)
    assert progress.stopped is None
    assert states(store) == ["failed", "collected", "collected"]


def test_what_refuses_every_call_is_asked_again_by_the_same_command(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    """As a live run does: meanwhile somebody may have set the server right."""
    spec, asked = filed(serve(script=SERVER), tmp_path, judge="screen", judge_url=None)
    bad = {"status_code": 400, "body": {"error": {"message": "no chat template"}}}
    lines = [{"custom_id": row["custom_id"], "response": bad} for row in rows_of(asked)]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    asked.with_suffix(".out.jsonl").write_text(text, "utf-8")
    with pytest.raises(StopRun, match="no chat template"):
        evaluated(spec)
    progress, _ = evaluated(spec)
    assert (progress.stopped, progress.parked) == ("batched", 40)
    assert worked_off(asked.parent)
    progress, _ = evaluated(spec)
    assert (progress.stopped, answers(tmp_path / "store.db")) == (None, 40)


def test_what_lies_among_results_and_is_no_file(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    spec, asked = filed(serve(script=SERVER), tmp_path, judge="screen", judge_url=None)
    asked.with_suffix(".folder.jsonl").mkdir()
    asked.with_suffix(".gone.jsonl").symlink_to(tmp_path / "nowhere")
    progress, _ = evaluated(spec)
    assert (progress.stopped, progress.parked) == ("batched", 40)


def test_results_that_cannot_be_read_say_so_in_a_line(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    spec, asked = filed(serve(script=SERVER), tmp_path, judge="screen", judge_url=None)
    out = asked.with_suffix(".out.jsonl")
    out.symlink_to("/proc/self/mem")
    with pytest.raises(MsbError, match=r"out\.jsonl cannot be read: .*; make it readable"):
        evaluated(spec)


def test_a_folder_that_cannot_be_written_is_a_line_and_another_takes_its_place(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("")
    spec = spec_of(serve(script=SERVER), tmp_path / "store.db", judge="screen", **SMALL)
    with pytest.raises(MsbError, match=r"jsonl cannot be written: .*: msb batch cancel 1$"):
        evaluated(replace(spec, batch=f"file:{tmp_path / 'taken'}"))
    assert msb("batch", "cancel", "1", "--store", str(tmp_path / "store.db")).code == 0
    progress, _ = evaluated(replace(spec, batch=f"file:{tmp_path / 'free'}"))
    assert (progress.stopped, progress.parked) == ("batched", 40)


def test_who_works_a_file_off_is_told_line_by_line(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    spec = spec_of(serve(script=SERVER), tmp_path / "store.db", batch="file", **SMALL)
    _, told = evaluated(spec)
    (at,) = [n for n, line in enumerate(told) if line.startswith("  vllm run-batch -i ")]
    assert told[at - 1].startswith("batch 1, 40 calls: ")
    assert told[at + 1].startswith("  results go beside it")


def test_limits_split_batches(
    serve: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(script=SERVER)
    kind = "medsafetybench.batches.openai.OpenAIBatches.limits"
    monkeypatch.setattr(kind, Limits(15, 200_000_000))
    evaluated(spec_of(server, tmp_path / "lines.db", batch="openai", **SMALL))
    monkeypatch.setattr(kind, Limits(50_000, 30_000))
    evaluated(spec_of(server, tmp_path / "bytes.db", batch="openai", **SMALL))
    with Store.read(tmp_path / "lines.db") as store:
        assert [batch.lines for batch in Ledger(store).batches()] == [15, 15, 10] * 2
    with Store.read(tmp_path / "bytes.db") as store:
        lines = [batch.lines for batch in Ledger(store).batches()]
    assert lines[0] == 40
    assert (len(lines) > 3, sum(lines)) == (True, 80)
    assert content(tmp_path / "lines.db") == content(tmp_path / "bytes.db")


def test_no_more_calls_than_allowed(serve: Callable[..., Server], tmp_path: Path) -> None:
    server, store = serve(script=SERVER), tmp_path / "store.db"
    progress, _ = evaluated(spec_of(server, store, batch="openai", max_calls=25, **SMALL))
    assert (progress.stopped, server.counts()["submitted"]) == ("budget", 25)
    assert answers(store) == 25
    progress, _ = evaluated(spec_of(server, store, batch="openai", **SMALL))
    assert (progress.stopped, server.counts()["submitted"]) == (None, 80)


def test_another_run_with_the_same_calls_waits_for_the_same_batch(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server, store = serve(script=SERVER), tmp_path / "store.db"
    for limit in (40, 10):
        told = {**SMALL, "limit": limit, "batch": "openai"}
        how = How("openai" if limit == 40 else None, waits=False)
        with prepare(spec_of(server, store, **told)) as evaluation:
            carry_out(evaluation, Told(), how=how)
    progress, _ = evaluated(spec_of(server, store, **{**SMALL, "limit": 10, "batch": "openai"}))
    assert progress.stopped is None
    progress, _ = evaluated(spec_of(server, store, **{**SMALL, "batch": "openai"}))
    assert progress.stopped is None
    assert (server.counts()["again"], server.counts()["answered"]) == (0, 80)


def test_pressure_goes_turn_by_turn(serve: Callable[..., Server], tmp_path: Path) -> None:
    live, server = serve(), serve(script=SERVER)
    told = {**SMALL, "limit": 6, "pressure": 3, "judge": "screen"}
    evaluated(spec_of(live, tmp_path / "live.db", **told))
    progress, _ = evaluated(spec_of(server, tmp_path / "store.db", batch="openai", **told))
    assert (progress.stopped, server.counts()["batches"]) == (None, 3)
    assert content(tmp_path / "store.db") == content(tmp_path / "live.db")


def test_a_server_that_is_down_for_a_while_is_waited_for(
    serve: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than one request is tried again; what is submitted and not reached is not lost."""
    monkeypatch.setattr("medsafetybench.batches.http.ATTEMPTS", 2)
    server = serve("--looks", "2", "--fault", "down=7", script=SERVER)
    told = {**SMALL, "judge": "screen", "batch": "openai"}
    progress, _ = evaluated(spec_of(server, tmp_path / "store.db", **told))
    assert (progress.stopped, server.counts()["submitted"]) == (None, 40)


def test_a_batch_of_other_calls_is_named(serve: Callable[..., Server], tmp_path: Path) -> None:
    server, store = serve("--looks", "9", script=SERVER), tmp_path / "store.db"
    told = {**SMALL, "batch": "openai"}
    evaluated(spec_of(server, store, **told, judge="screen"), How("openai", waits=False))
    other = spec_of(server, store, **told, judge="screen", target_param={"top_p": 0.5})
    progress, said = evaluated(other, How("openai", waits=False))
    assert progress.stopped == "batched"
    assert not any("does not make" in line for line in said), "it is of another run"
    evaluated(spec_of(server, store, **told, judge="screen"))
    judged = spec_of(server, store, **told)
    evaluated(judged, How("openai", waits=False))
    progress, said = evaluated(replace(judged, judge="screen"), How("openai", waits=False))
    assert progress.stopped is None
    assert any(line.startswith("batch 3 is out, of calls that this") for line in said)
