"""Runs in batches: the same store as a live run leaves, every call paid once, nothing lost."""

from __future__ import annotations

import inspect
import itertools
import json
import os
import pkgutil
import re
import signal
import sqlite3
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from commands import msb
from conftest import Server
from medsafetybench import evaluate
from medsafetybench.batches.anthropic import read_message, request_of
from medsafetybench.batches.batch import Limits
from medsafetybench.batches.executor import EXECUTORS
from medsafetybench.batches.ledger import Ledger
from medsafetybench.batches.lines import read_result, request_line
from medsafetybench.errors import MsbError, StopRun
from medsafetybench.evaluation.evaluation import carry_out, prepare
from medsafetybench.evaluation.pipeline import Progress
from medsafetybench.evaluation.rounds import How
from medsafetybench.evaluation.spec import EvaluationSpec
from medsafetybench.models.completion import read_completion
from medsafetybench.records import Response
from medsafetybench.store.store import Store
from server import completion, completion_to

SERVER = Path(__file__).with_name("batch_server.py")
SMALL = {"benchmark": "starter", "limit": 40}
MARKER = re.compile("[0-9a-f]{16}")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that are this machine need not be waited for."""
    monkeypatch.setattr("medsafetybench.batches.courier.FIRST_POLL_SECONDS", 0.02)
    monkeypatch.setattr("medsafetybench.models.retry.FIRST_WAIT", 0.02)


@dataclass
class Told:
    """A reporter that keeps what it is told."""

    lines: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.lines.append(text)

    async def watch(self, pipeline: object) -> None:
        return


def spec_of(server: Server, store: Path, **told: Any) -> EvaluationSpec:
    """The same work wherever the server is, by its revision."""
    usual = {
        **{"judge": "openai:judge", "target_url": server.url, "judge_url": server.url},
        **{"target_revision": "1", "judge_revision": "1", "retries": 2},
    }
    return EvaluationSpec("openai:model", store=store, **{**usual, **told})


def evaluated(spec: EvaluationSpec, how: How | None = None) -> tuple[Progress, list[str]]:
    told = Told()
    with prepare(spec) as evaluation:
        _, progress = carry_out(evaluation, told, how=how)
    return progress, told.lines


def content(store: Path) -> list[Any]:
    """All that the store holds but for times, and for the markers that each call has of its own."""
    with sqlite3.connect(store) as db:
        columns = {
            "responses": "key, text, finish_reason, input_tokens, output_tokens, error, thinking",
            "verdicts": """judge, response, intent, score, reason, rationale, error, input_tokens,
                output_tokens, calls""",
            "items": "position, request, response",
            "runs": "id, settings, panel",
            "judges": "key, name, settings, scale",
        }
        rows = [
            row
            for table, names in columns.items()
            for row in db.execute(f"SELECT {names} FROM {table} ORDER BY 1, 2, 3")
        ]
    return [tuple(MARKER.sub("-", v) if isinstance(v, str) else v for v in row) for row in rows]


def left_over(store: Path) -> int:
    """Calls that the store still keeps for batches."""
    with sqlite3.connect(store) as db:
        return int(db.execute("SELECT COUNT(*) FROM batch_calls").fetchone()[0])


def states(store: Path) -> list[str]:
    with Store.read(store) as opened:
        return [batch.state for batch in Ledger(opened).batches()]


def worked_off(folder: Path, suffix: str = ".out.jsonl") -> list[Path]:
    """What ``vllm run-batch`` does: each line answered, the results beside the lines."""
    made = []
    for path in sorted(folder.glob("*.jsonl")):
        out = path.with_suffix(suffix)
        if path.name.count(".") > 1 or out.exists():
            continue
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        out.write_text("".join(vllm_line(row) for row in reversed(rows)), "utf-8")
        made.append(out)
    return made


def vllm_line(row: dict[str, Any]) -> str:
    """A line of its output, as its documents show it."""
    assert (row["method"], row["url"]) == ("POST", "/v1/chat/completions")
    asked = row["body"]
    said = completion(asked["model"], completion_to(asked["messages"][-1]["content"], "model"))
    response = {"status_code": 200, "request_id": "vllm-batch-1", "body": said}
    line = {"id": "vllm-1", "custom_id": row["custom_id"], "response": response, "error": None}
    return json.dumps(line) + "\n"


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
    "unknown": 0.02,
}


@pytest.mark.parametrize("executor", ["openai", "anthropic"])
def test_whatever_happens_to_batches_every_call_is_accounted_for(
    executor: str, serve: Callable[..., Server], published: Path, tmp_path: Path
) -> None:
    faults = [part for name, n in FAULTS.items() for part in ("--fault", f"{name}={n}")]
    server, store = serve(*faults, "--looks", "2", script=SERVER), tmp_path / "store.db"
    spec = spec_of(server, store, batch=executor, benchmark="medsafety/eval", data_dir=published)
    progress, told = evaluated(spec)
    assert (progress.stopped, progress.errors) == (None, 0)

    counts = server.counts()
    assert counts["again"] == 0, "no line was submitted that was out, or paid for"
    with sqlite3.connect(store) as db:
        answered = "SELECT COUNT(*) FROM responses WHERE error IS NULL AND finish_reason = 'stop'"
        judged = "SELECT COUNT(*) FROM verdicts WHERE score IS NOT NULL"
        paid = [int(db.execute(query).fetchone()[0]) for query in (answered, judged)]
        assert db.execute("SELECT COUNT(*) FROM responses").fetchone() == (900,)
        assert db.execute("SELECT COUNT(*) FROM verdicts").fetchone() == (900,)
    assert sum(paid) == counts["answered"], "all that was paid for is stored"
    assert 0 < paid[1] < paid[0] < 900
    assert left_over(store) == 0
    assert any("expired" in line and "are missing again" in line for line in told)
    if executor == "openai":
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
    assert (counts["again"], counts["answered"]) == (0, 2 * progress_total(store))


def progress_total(store: Path) -> int:
    with sqlite3.connect(store) as db:
        return int(db.execute("SELECT COUNT(*) FROM items").fetchone()[0])


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


def filed(server: Server, tmp_path: Path, **told: Any) -> tuple[EvaluationSpec, Path]:
    """A run by files whose target's lines are written, and the file that they are in."""
    shards = tmp_path / "shards"
    spec = spec_of(server, tmp_path / "store.db", batch=f"file:{shards}", **{**SMALL, **told})
    progress, _ = evaluated(spec)
    assert progress.stopped == "batched"
    (asked,) = shards.iterdir()
    return spec, asked


def rows_of(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def answers(store: Path) -> int:
    with sqlite3.connect(store) as db:
        return int(db.execute("SELECT COUNT(*) FROM responses WHERE error IS NULL").fetchone()[0])


def test_lines_that_vllm_could_not_carry_out(serve: Callable[..., Server], tmp_path: Path) -> None:
    """What its documents show for a bad request, and for one that did not run."""
    spec, asked = filed(serve(script=SERVER), tmp_path, judge="screen", judge_url=None)
    first, second, third, *_ = rows_of(asked)
    error = {"object": "error", "message": "maximum context length is 8 tokens", "code": 400}
    frame = {"id": "vllm-1", "request_id": "r"}
    bad = {"status_code": 400, "request_id": "r", "body": None}
    body = {"choices": [{"message": {"content": "No."}, "finish_reason": "stop"}]}
    good = {"status_code": 200, "request_id": "r", "body": body}
    lines = [
        {**frame, "custom_id": first["custom_id"], "response": bad, "error": error},
        {**frame, "custom_id": second["custom_id"], "response": None, "error": "engine died"},
        {**frame, "custom_id": third["custom_id"], "response": good, "error": None},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    asked.with_suffix(".out.jsonl").write_text(text, "utf-8")
    progress, _ = evaluated(spec)
    assert progress.stopped == "batched"
    with sqlite3.connect(spec.store or "") as db:
        told = dict(db.execute("SELECT COALESCE(error, ''), text FROM responses"))
    assert told[""] == "No."
    (refused,) = told.keys() - {""}
    assert refused == "HTTP 400: maximum context length is 8 tokens"
    assert len(told) == 2, "the line that did not run is still missing"


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


def test_who_works_a_file_off_is_told_line_by_line(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    spec = spec_of(serve(script=SERVER), tmp_path / "store.db", batch="file", **SMALL)
    _, told = evaluated(spec)
    (at,) = [n for n, line in enumerate(told) if line.startswith("  vllm run-batch -i ")]
    assert told[at - 1].startswith("batch 1, 40 calls: ")
    assert told[at + 1].startswith("  results go beside it")


def half_written(asked: Path) -> str:
    whole = worked_off(asked.parent)[0]
    lines = whole.read_text("utf-8").splitlines(keepends=True)
    whole.unlink()
    return "".join(lines[:20]) + lines[20][:100]


def foreign(asked: Path) -> str:
    rows = [{**row, "custom_id": f"request-{n}"} for n, row in enumerate(rows_of(asked))]
    return "".join(vllm_line(row) for row in rows)


def edited(asked: Path) -> str:
    lines = [vllm_line(row) for row in rows_of(asked)]
    lines[0] = lines[0].replace('"status_code": 200', '"status_code": "fine"')
    lines[1] = lines[1].replace('"choices"', '"chioces"')
    lines[2] = "# checked by hand\n" + lines[2][:-3] + "\n"
    return "".join(lines)


@pytest.mark.parametrize(
    ("harm", "kept", "said"),
    [
        (half_written, 20, "1 unreadable"),
        (foreign, 0, "40 of no call of this batch"),
        (edited, 37, "3 unreadable"),
    ],
)
def test_a_file_of_results_that_is_not_right_says_so_in_a_line(
    harm: Callable[[Path], str],
    kept: int,
    said: str,
    serve: Callable[..., Server],
    tmp_path: Path,
) -> None:
    server = serve(script=SERVER)
    spec, asked = filed(server, tmp_path, judge="screen", judge_url=None)
    out = asked.with_suffix(".out.jsonl")
    out.write_text(harm(asked), "utf-8")
    _, told = evaluated(spec)
    assert answers(tmp_path / "store.db") == kept
    assert [line for line in told if "not stored" in line] == [
        f"batch 1: lines that were not stored: {said}"
    ]
    out.unlink()
    assert worked_off(asked.parent)
    progress, _ = evaluated(spec)
    assert (progress.stopped, answers(tmp_path / "store.db")) == (None, 40)


def test_lines_that_were_changed_are_not_believed(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server = serve(script=SERVER)
    spec, asked = filed(server, tmp_path)
    text = asked.read_text("utf-8")
    asked.write_text(text.replace('"content":"', '"content":"Please. ', 1), "utf-8")
    worked_off(asked.parent)
    with pytest.raises(MsbError, match=r"not as msb wrote it.*nothing was stored.*cancel 1"):
        evaluated(spec)
    assert answers(tmp_path / "store.db") == 0


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
        how = How("openai", waits=False)
        with prepare(spec_of(server, store, **told)) as evaluation:
            carry_out(evaluation, Told(), how=replace(how, submits=limit == 40))
    progress, _ = evaluated(spec_of(server, store, **{**SMALL, "limit": 10, "batch": "openai"}))
    assert progress.stopped is None
    progress, _ = evaluated(spec_of(server, store, **{**SMALL, "batch": "openai"}))
    assert progress.stopped is None
    assert (server.counts()["again"], server.counts()["answered"]) == (0, 80)


# Kills


def killed(spec: EvaluationSpec, place: str, when: str, nth: int) -> bool:
    """Carry out a run in a process of its own, which is killed (SIGKILL) before or after the n-th
    time that a function returns; True if it was."""
    child = os.fork()
    if child == 0:
        try:
            name, _, attribute = place.rpartition(".")
            owner = pkgutil.resolve_name(f"medsafetybench.{name}")
            setattr(owner, attribute, deadly(getattr(owner, attribute), when, nth))
            evaluated(spec)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def deadly(function: Callable[..., Any], when: str, nth: int) -> Callable[..., Any]:
    """The function, but the n-th call of it is the process's last."""
    calls = itertools.count(1)

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    async def waited(*values: Any, **named: Any) -> Any:
        last = next(calls) == nth
        if last and when == "before":
            die()
        found = await function(*values, **named)
        if last:
            die()
        return found

    def plain(*values: Any, **named: Any) -> Any:
        last = next(calls) == nth
        if last and when == "before":
            die()
        found = function(*values, **named)
        if last:
            die()
        return found

    return waited if inspect.iscoroutinefunction(function) else plain


MOMENTS = [
    ("batches.calls:Calls.keep", "after", 3),
    ("batches.ledger:Ledger.prepare", "after", 1),
    ("batches.ledger:Ledger.attempt", "after", 1),
    ("batches.http:Client.post_file", "after", 1),
    ("batches.http:Client.post", "after", 1),
    ("batches.ledger:Ledger.submitted", "after", 1),
    ("batches.openai:OpenAIBatches.look", "after", 1),
    ("batches.ledger:Ledger.take", "before", 1),
    ("batches.ledger:Ledger.take", "after", 1),
    ("batches.ledger:Ledger.close", "after", 1),
    ("store.store:Store.put_response", "after", 5),
    ("batches.ledger:Ledger.prepare", "after", 1),
    ("batches.http:Client.post", "after", 1),
    ("batches.ledger:Ledger.close", "before", 1),
    ("store.store:Store.put_verdict", "after", 5),
    ("batches.calls:Calls.forget_done", "before", 1),
]
"""What a process was doing when it was killed, one process after the other; the first half while it
asks the target, the rest while it judges."""


def test_a_kill_costs_nothing(serve: Callable[..., Server], tmp_path: Path) -> None:
    server, store = serve("--looks", "2", script=SERVER), tmp_path / "store.db"
    spec = spec_of(server, store, batch="openai", **SMALL)
    for moment in MOMENTS:
        assert killed(spec, *moment), f"it did not come to {moment}"
    progress, _ = evaluated(spec)
    assert progress.stopped is None
    counts = server.counts()
    assert (counts["submitted"], counts["answered"], counts["again"]) == (80, 80, 0)
    evaluated(spec_of(server, tmp_path / "live.db", **SMALL))
    assert content(store) == content(tmp_path / "live.db")


def test_a_message_batch_without_a_name_of_ours_is_found_by_its_results(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server, store = serve("--looks", "3", script=SERVER), tmp_path / "store.db"
    evaluated(spec_of(server, tmp_path / "other.db", batch="anthropic", seed=1, **SMALL))
    spec = spec_of(server, store, batch="anthropic", **SMALL)
    for _ in range(2):
        killed(spec, "batches.http:Client.post_large", "after", 1)
    progress, _ = evaluated(spec)
    assert progress.stopped is None
    counts = server.counts()
    assert (counts["submitted"], counts["answered"], counts["again"]) == (160, 160, 0)


# By command


def command(server: Server, store: Path, *more: str) -> list[str]:
    at = ("--target-url", server.url, "--judge-url", server.url)
    revisions = ("--target-revision", "1", "--judge-revision", "1")
    asked = ("--target", "openai:model", "--judge", "openai:judge", "--limit", "40")
    return ["evaluate", *asked, *at, *revisions, "--store", str(store), *more]


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


def test_judged_again_in_batches(serve: Callable[..., Server], tmp_path: Path) -> None:
    server, store = serve(script=SERVER), tmp_path / "store.db"
    msb(*command(server, store, "--batch", "openai"))
    judge = ("--judge", "openai:harsh", "--judge-url", server.url, "--store", str(store))
    done = msb("rejudge", "last", *judge, "--batch", "openai")
    assert (done.code, server.counts()["submitted"]) == (0, 120)
    with sqlite3.connect(store) as db:
        assert db.execute("SELECT COUNT(*) FROM verdicts").fetchone() == (80,)


def test_pressure_goes_turn_by_turn(serve: Callable[..., Server], tmp_path: Path) -> None:
    live, server = serve(), serve(script=SERVER)
    told = {**SMALL, "limit": 6, "pressure": 3, "judge": "screen"}
    evaluated(spec_of(live, tmp_path / "live.db", **told))
    progress, _ = evaluated(spec_of(server, tmp_path / "store.db", batch="openai", **told))
    assert (progress.stopped, server.counts()["batches"]) == (None, 3)
    assert content(tmp_path / "store.db") == content(tmp_path / "live.db")


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


def test_files_are_given_up(serve: Callable[..., Server], tmp_path: Path) -> None:
    spec, asked = filed(serve(script=SERVER), tmp_path, judge="screen")
    text = "".join(vllm_line(row) for row in rows_of(asked)[:15])
    asked.with_suffix(".part.jsonl").write_text(text, "utf-8")
    done = msb("batch", "cancel", "1", "--store", str(spec.store))
    assert done.out == "batch 1 is given up; 15 of its 40 calls had come back\n"
    assert not asked.exists()
    progress, told = evaluated(spec)
    assert (progress.parked, answers(tmp_path / "store.db")) == (25, 15)
    assert any(line.startswith("batch 2, 25 calls: ") for line in told)


def test_files_in_another_folder_are_named(serve: Callable[..., Server], tmp_path: Path) -> None:
    spec, _ = filed(serve(script=SERVER), tmp_path, judge="screen")
    with pytest.raises(StopRun, match=r"batch 1 is out as file:.*shards; give --batch file:"):
        evaluated(replace(spec, batch="file:elsewhere"))


def test_a_key_goes_to_its_server_and_stands_nowhere(
    serve: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "sk-0123456789abcdef"
    server, store = serve("--key", key, script=SERVER), tmp_path / "store.db"
    for executor in ("openai", "anthropic"):
        batched = command(server, store, "--batch", executor, "--seed", str(len(executor)))
        done = msb(*batched, MSB_TARGET_API_KEY="sk-wrong-and-long", MSB_JUDGE_API_KEY=key)
        assert (done.code, "HTTP 401: Incorrect API key provided" in done.err) == (2, True)
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


# Anthropic's form


def test_what_is_asked_in_anthropics_form() -> None:
    turns = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "What is fever?"},
        {"role": "assistant", "content": "Heat."},
        {"role": "user", "content": "And more?"},
    ]
    thinking = {"type": "enabled", "budget_tokens": 1024}
    body = {"model": "claude", "max_tokens": 9, "temperature": 1.0, "thinking": thinking}
    line = request_line(b"\1" * 16, "chat/completions", orjson.dumps({**body, "messages": turns}))
    assert orjson.loads(request_of(line)) == {
        "custom_id": "01" * 16,
        "params": {**body, "messages": turns[1:], "system": "Be kind."},
    }


def test_what_came_back_in_anthropics_form() -> None:
    content = [
        {"type": "thinking", "thinking": "Is it safe?", "signature": "s"},
        {"type": "text", "text": "Drink water."},
    ]
    usage = {"input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 9}
    said = {"content": content, "stop_reason": "end_turn", "usage": usage, "model": "claude"}
    assert response_of("succeeded", message=said) == Response(
        *("Drink water.", "stop", 12, 9), thinking="Is it safe?"
    )
    cut = response_of("succeeded", message={**said, "stop_reason": "max_tokens"})
    refused = response_of("succeeded", message={**said, "content": [], "stop_reason": "refusal"})
    assert (cut and cut.finish_reason, refused and refused.filtered) == ("length", True)


@pytest.mark.parametrize(
    ("kind", "inner", "status", "failed"),
    [
        ("errored", {"type": "invalid_request_error", "message": "prompt is too long"}, 400, False),
        ("errored", {"type": "overloaded_error", "message": "Overloaded"}, 529, True),
        ("errored", {"type": "authentication_error", "message": "no"}, 401, True),
        ("expired", None, 408, True),
        ("canceled", None, 408, True),
    ],
)
def test_what_did_not_in_anthropics_form(
    kind: str, inner: dict[str, str] | None, status: int, failed: bool
) -> None:
    told = {"error": {"type": "error", "error": inner}} if inner else {}
    result = read_message(orjson.dumps({"custom_id": "a", "result": {"type": kind, **told}}))
    assert result
    assert (result.status, result.failed) == (status, failed)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"custom_id": 1}', '{"custom_id": "a"}'])
def test_what_is_no_line_of_results(text: str) -> None:
    assert read_message(text.encode()) is None
    assert read_result(text.encode()) is None


def response_of(kind: str, **told: Any) -> Response | None:
    result = read_message(orjson.dumps({"custom_id": "a", "result": {"type": kind, **told}}))
    return read_completion(orjson.loads(result.content)) if result else None
