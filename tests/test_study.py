"""Studies: the file's errors, the shipped files, many targets side by side, kills and resumes."""

from __future__ import annotations

import json
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import forked
from commands import msb, output
from conftest import ROOT, Server
from medsafetybench.errors import MsbError
from medsafetybench.evaluation.allowed import Allowed
from medsafetybench.studies import read_study
from medsafetybench.studies.board import Board
from medsafetybench.studies.findings import report
from medsafetybench.studies.running import evaluations, lanes, remaining, run_study

CONCURRENCY = 4

SMALL = """\
name: small
judges: [screen]
benchmarks:
  - starter/eval
targets:
  - model: python:builtins:str
    tags: [echo]
  - model: python:medsafetybench.demo:respond
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("    tags:", "    tag:", ":7: unknown key 'tag' in targets[0]; did you mean 'tags'?"),
        ("judges: [screen]", "judgs: [screen]", ":2: unknown key 'judgs'; did you mean 'judges'?"),
        (
            "  - starter/eval",
            "  - {nam: x}",
            ":4: unknown key 'nam' in benchmarks[0]; did you mean 'name'?",
        ),
        ("    tags: [echo]", "    concurrency: 0", ":7: targets[0].concurrency: input should be"),
        ("    tags: [echo]", "    tags: echo", ":7: targets[0].tags: input should be a valid list"),
        ("    tags: [echo]", "    model: again", ":7: key 'model' is there already, at line 6"),
        ("name: small", "name: [small", "not YAML"),
        ("name: small", "name: small\ndefaults: {sytem: x}", ":2: unknown key 'sytem' in defaults"),
        (SMALL, "just text", ":1: expected keys such as"),
        (SMALL, "", ":1: expected keys such as"),
        ("  - starter/eval", "  - {limit: 3}", ":4: key 'name' is missing in benchmarks[0]"),
        ("judges: [screen]", "judges: []", ":2: judges: list should have at least 1 item"),
    ],
)
def test_what_is_wrong_with_a_study_is_said_with_line_and_key(
    old: str, new: str, expected: str, tmp_path: Path
) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(SMALL.replace(old, new))
    with pytest.raises(MsbError) as error:
        read_study(path)
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


def test_defaults_are_for_every_target_that_does_not_say_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(SMALL.replace("targets:", "defaults: {tags: [all], seed: 7}\ntargets:"))
    first, second = read_study(path).targets
    assert (first.tags, first.told["seed"]) == (("echo",), 7)
    assert (second.tags, second.told["seed"]) == (("all",), 7)


@pytest.mark.parametrize("name", ["smoke", "paper", "today"])
def test_shipped_studies_pass_a_dry_run(
    name: str, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    file, data = ROOT / "studies" / f"{name}.yaml", ("--data-dir", str(published))
    said = output("study", "run", str(file), "--allow-python", *data, "--dry-run", "--json")
    found = json.loads(said)["evaluations"]
    study = read_study(file)
    assert len(found) == len(study.targets) * len(study.benchmarks)
    if name == "paper":
        # The authors' texts, HEx-PHI and the weights are not ours to ship.
        expected = ("msb data fetch protocol", "hexphi is gated", "hf:", "extra 'local'")
        assert all(any(e in (one["not_ready"] or "hf:") for e in expected) for one in found)
    else:
        assert all(one["not_ready"] is None and one["target_calls"] for one in found)


def test_the_smoke_study_runs_offline_and_reports() -> None:
    file = str(ROOT / "studies" / "smoke.yaml")
    output("study", "run", file, "--allow-python")
    left = json.loads(output("study", "status", file, "--allow-python", "--json"))
    assert all(one["target_calls"] == one["judge_calls"] == 0 for one in left["evaluations"])
    text = output("study", "report", file, "--allow-python")
    assert "Groups of runs" in text
    assert "-> comply" in text
    (part,) = json.loads(output("study", "report", file, "--allow-python", "--json"))["benchmarks"]
    assert len(part["leaderboard"]) == 2
    assert part["comparison"]["families"]["refusal"][0]["n"] == 54


def study_file(path: Path, servers: list[Server], judge: Server, models: int, **more: Any) -> Path:
    """A study of models spread over servers, all judged by one."""
    targets = [
        {"model": f"openai:model-{i}", "url": servers[i % len(servers)].url} for i in range(models)
    ]
    study = {
        "name": "test",
        "store": str(path.parent / "study.db"),
        "defaults": {"concurrency": CONCURRENCY},
        "judges": [{"model": "openai:judge", "url": judge.url, "concurrency": 12}],
        "benchmarks": ["medsafety/eval"],
        "targets": targets,
        **more,
    }
    path.write_text(yaml.safe_dump(study))
    return path


def test_targets_of_one_endpoint_follow_one_another_and_endpoints_work_side_by_side(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    servers = [serve("--latency", "0.05") for _ in range(2)]
    path = study_file(tmp_path / "s.yaml", servers, servers[0], 4, benchmarks=["starter/eval"])
    study = read_study(path)
    assert [[p.target.name[-1] for p in lane] for lane in lanes(study)] == [["0", "2"], ["1", "3"]]
    board, seen = Board([p.label for p in evaluations(study)]), []
    run_study(study, board, show=lambda: seen.append([row.state for row in board.rows()]))
    running = [[i for i, state in enumerate(states) if state == "running"] for states in seen]
    assert [0, 1] in running
    assert all(len({i % 2 for i in at}) == len(at) for at in running)


def test_local_models_share_one_lane(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(SMALL.replace("python:builtins:str", "hf:a").replace("python:med", "hf:med"))
    assert len(lanes(read_study(path))) == 1
    path.write_text(SMALL.replace("[screen]", "['hf:judge']"))
    assert len(lanes(read_study(path))) == 1


def test_one_targets_failure_is_its_own(serve: Callable[..., Server], tmp_path: Path) -> None:
    locked, free = serve("--key", "secret"), serve()
    benchmark = ["starter/eval"]
    path = study_file(tmp_path / "s.yaml", [locked, free], free, 2, benchmarks=benchmark)
    ran = msb("study", "run", str(path), "--allow-python", "--json")
    first, second = json.loads(ran.out)["evaluations"]
    assert ran.code == 2
    assert (first["state"], second["state"]) == ("failed", "done")
    assert "Traceback" not in ran.err


def test_killed_and_interrupted_studies_resume_to_the_end(
    serve: Callable[..., Server], published: Path, tmp_path: Path
) -> None:
    servers, judge = [serve("--latency", "0.005") for _ in range(3)], serve("--latency", "0.005")
    models, limit = 6, 150
    calls = models * limit
    some = [{"name": "medsafety/eval", "limit": limit}]
    path = study_file(tmp_path / "s.yaml", servers, judge, models, benchmarks=some)
    command = ["study", "run", str(path), "--allow-python", "--data-dir", str(published)]

    def answered() -> int:
        return sum(server.counts().get("target", 0) for server in servers)

    def wait_until(calls: int, running: forked.Running) -> None:
        while answered() < calls:
            assert running.alive(), "the study ended before the kill"
            time.sleep(0.02)

    killed = forked.start(*command)
    wait_until(calls // 6, killed)
    killed.kill()
    stopped = forked.start(*command)
    wait_until(calls // 2, stopped)
    stopped.interrupt(signal.SIGINT)
    ended = stopped.ended()
    assert ended.returncode == 130
    assert "Traceback" not in ended.stderr
    before = answered()
    assert forked.run(*command).returncode == 0

    with sqlite3.connect(tmp_path / "study.db") as db:
        (responses,) = db.execute("SELECT COUNT(*) FROM responses WHERE error IS NULL").fetchone()
        (verdicts,) = db.execute("SELECT COUNT(*) FROM verdicts WHERE score > 0").fetchone()
    assert responses == verdicts == calls
    # Only what was in flight at the SIGKILL is asked again; Ctrl-C loses nothing.
    assert calls // 2 <= before < calls
    assert calls <= answered() <= calls + 3 * CONCURRENCY
    assert calls <= judge.counts()["judge"] <= calls + 12
    assert all(
        one.target_calls == one.judge_calls == 0
        for one in remaining(read_study(path), tmp_path / "study.db", published)
    )


def test_a_second_ctrl_c_drops_what_is_in_flight(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    slow = serve("--latency", "20")
    path = study_file(tmp_path / "s.yaml", [slow], slow, 2, benchmarks=["starter/eval"])
    running = forked.start("study", "run", path, "--allow-python")
    while not slow.counts().get("target"):
        time.sleep(0.05)
    for _ in range(2):
        running.interrupt(signal.SIGINT)
        time.sleep(0.5)
    ended = running.ended(timeout=10)
    assert ended.returncode == 130
    assert "Traceback" not in ended.stderr


def test_a_benchmark_may_be_asked_under_pressure(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server = serve()
    benchmark = [{"name": "starter/eval", "intents": ["harmful"], "limit": 4, "pressure": 3}]
    path = study_file(tmp_path / "s.yaml", [server], server, 1, benchmarks=benchmark)
    study = read_study(path)
    (outcome,) = run_study(study, Board([p.label for p in evaluations(study)]))
    assert outcome.run is not None
    assert outcome.run.summary().counts.scored == 4 * (3 + 5) == server.counts()["target"]
    survival = outcome.run.summary().survival
    assert survival is not None
    assert [step.turn for step in survival.steps][:1] == [1]


def test_tags_group_targets_for_contrasts(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(SMALL + "    tags: [filter]\n")
    study = read_study(path, Allowed(python=True))
    run_study(study, Board([p.label for p in evaluations(study)]))
    (part,) = report(study, study.store)
    assert part.comparison is not None
    assert part.comparison.contrasts is not None
    pairs = [(test.first, test.second) for test in part.comparison.contrasts.tests]
    assert pairs == [("echo", "filter")]
    assert part.missing == []
    assert threading.active_count() < 20


def test_a_target_is_called_as_the_file_says_and_nothing_scored_is_no_success(
    tmp_path: Path,
) -> None:
    Path("app.py").write_text("def answer(text): raise KeyError('no index')\n")
    Path("said.py").write_text("def answer(text): return 'I cannot help you with that.'\n")
    file = tmp_path / "study.yaml"
    benchmark = "  - {name: starter/eval, limit: 4}"
    two = "  - {model: python:said:answer, name: says}\n  - {model: python:app:answer, name: lost}"
    text = SMALL.replace("  - starter/eval", benchmark)
    file.write_text(text[: text.index("  - model:")] + two + "\n")
    done = msb("study", "run", str(file), "--allow-python")
    assert (done.code, "nothing was scored of lost on starter/eval" in done.err) == (3, True)
    assert "says on starter/eval" in done.out
    listed = [run["target"] for run in json.loads(msb("runs", "--json").out)["runs"]]
    assert sorted(listed) == ["lost", "says"]
    assert "KeyError: 'no index'" in msb("errors", "lost").out
