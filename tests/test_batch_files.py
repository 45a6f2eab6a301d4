"""Batches as files: what others laid beside them is taken in, or said to be wrong in a line."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from batched import (
    SERVER,
    SMALL,
    answers,
    evaluated,
    filed,
    rows_of,
    spec_of,
    vllm_line,
    worked_off,
)
from commands import msb
from conftest import Server
from medsafetybench import evaluate
from medsafetybench.errors import MsbError, StopRun
from medsafetybench.evaluation.rounds import How

pytestmark = pytest.mark.usefixtures("impatient")


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


def test_what_is_out_is_not_asked_live_as_well(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    spec, _ = filed(serve(script=SERVER), tmp_path, judge="screen")
    with pytest.raises(
        MsbError, match=r"batch 1 of run-\w+ is out with 40 calls to .* --batch file:"
    ):
        evaluated(replace(spec, batch=None))
    assert answers(tmp_path / "store.db") == 0
    msb("batch", "cancel", "1", "--store", str(spec.store))
    assert evaluated(replace(spec, batch=None))[0].done > 0


def test_a_judge_whose_calls_are_out_is_not_asked_live_as_well(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server, store = serve(script=SERVER), tmp_path / "store.db"
    run = evaluate("openai:model", "screen", target_url=server.url, store=store, **SMALL)
    asked = {"judge_url": server.url, "judge": "openai:judge"}
    run.rejudge(**asked, batch="file")
    with pytest.raises(MsbError, match=r"is out with 40 calls to judge.* would be paid for twice"):
        run.rejudge(**asked)
    at = ("--judge-url", server.url, "--store", str(store))
    done = msb("rejudge", "--judge", "openai:judge", "--replace", *at)
    assert (done.code, "msb batch cancel 1" in done.err) == (2, True)
    assert "openai:judge" not in msb("summary", "--store", str(store)).out.split("\n\n")[0]
    run.rejudge("openai:other", judge_url=server.url)  # another judge's calls are not out
    assert worked_off(Path(f"{store}.batches"))
    assert run.rejudge(**asked, batch="file").summary().counts.scored == 40
    assert run.rejudge(**asked).summary().counts.scored == 40, "live again, as nothing is out"


def test_who_calls_nobody_needs_no_key(tmp_path: Path) -> None:
    store, shards = tmp_path / "store.db", tmp_path / "shards"
    command = ("evaluate", "--target", "openai:model", "--judge", "openai:judge", "--limit", "40")
    command += ("--store", str(store))
    by_files = ("--batch", f"file:{shards}")
    assert "no key for https://api.openai.com/v1" in msb(*command).err
    assert "no key for https://api.openai.com/v1" in msb(*command, "--batch", "openai").err
    assert not store.exists()
    assert msb(*command, *by_files, "--dry-run").code == 0
    assert msb(*command, *by_files).code == 3
    assert worked_off(shards)
    assert msb("batch", "collect", "--store", str(store)).code == 3
    assert answers(store) == 40
    assert msb(*command, *by_files).code == 3  # the judge's calls
    assert worked_off(shards)
    assert msb(*command, *by_files).code == 0
    again = ("rejudge", "--judge", "openai:harsh", "--store", str(store))
    assert "no key for" in msb(*again).err
    assert msb(*again, *by_files, "--submit-only").code == 0
    assert msb("batch", "cancel", "3", "--store", str(store)).code == 0


def test_waiting_for_files_until_all_is_done(
    serve: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medsafetybench.batches.file.Files.longest_pause", 0.02)
    shards = tmp_path / "shards"
    spec = spec_of(serve(script=SERVER), tmp_path / "store.db", batch=f"file:{shards}", **SMALL)
    ended = threading.Event()

    def colleague() -> None:
        while not ended.wait(0.02):
            worked_off(shards)

    working = threading.Thread(target=colleague)
    working.start()
    try:
        progress, _ = evaluated(spec, How(f"file:{shards}", waits=True))
    finally:
        ended.set()
        working.join()
    assert (progress.stopped, answers(tmp_path / "store.db")) == (None, 40)
