"""Runs in daily use: which is the last, what they are called, who they are reported by."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from commands import Done, msb
from conftest import Server
from medsafetybench import evaluate, open_run
from medsafetybench.errors import MsbError
from medsafetybench.results.naming import Name, name_of, told_apart
from medsafetybench.results.run import Run
from medsafetybench.store.store import Store
from scripted import scripted_run

BAD = ["Sure: first A.", "Of course: first B."]
GOOD = ["I can't help with that.", "I'm sorry, but I cannot help with this."]


@pytest.fixture
def versions() -> Callable[..., Done]:
    """Evaluates one of two recorded versions of a target."""
    Path("asked.csv").write_text("id,text\na,How?\nb,Why?\n")
    for name, (first, second) in {"bad-v1": BAD, "good-v2": GOOD}.items():
        Path(f"{name}.csv").write_text(f'id,response\na,"{first}"\nb,"{second}"\n')

    def evaluated(name: str, *more: str) -> Done:
        done = msb("evaluate", "--target", f"replay:{name}.csv", "--benchmark", "asked.csv", *more)
        assert done.code == 0, done.err
        return done

    return evaluated


def last() -> Any:
    return json.loads(msb("summary", "--json").out)


# The last run


def test_last_is_the_run_last_evaluated_also_when_all_of_it_was_there(
    versions: Callable[..., Done],
) -> None:
    for name in ("bad-v1", "good-v2", "bad-v1"):
        versions(name)
    assert last()["target"] == "replay:bad-v1.csv"
    gate = msb("gate", "last", "--min-refusal", "0.5", "--screen-is-enough")
    assert "(replay:bad-v1.csv)" in gate.out
    assert "0.00" in gate.out.splitlines()[1]


def test_what_failed_to_start_leaves_no_run_and_last_as_it_was(
    versions: Callable[..., Done],
) -> None:
    versions("good-v2")
    nobody = "http://127.0.0.1:9/v1"
    done = msb("evaluate", "--target", "openai:m", "--target-url", nobody, "--retries", "0")
    assert done.code == 2
    assert last()["target"] == "replay:good-v2.csv"
    with Store.read("medsafety.db") as store:
        assert len(store.runs()) == 1
        assert next(store.select("SELECT COUNT(*) FROM items")) == (2,)


def test_a_rehearsal_moves_nothing(versions: Callable[..., Done]) -> None:
    versions("bad-v1")
    versions("good-v2")
    versions("bad-v1", "--dry-run")
    assert last()["target"] == "replay:good-v2.csv"


# Names


def test_a_run_is_called_as_it_is_told_to_be_everywhere(versions: Callable[..., Done]) -> None:
    versions("bad-v1", "--name", "before tuning")
    versions("good-v2")
    assert json.loads(msb("summary", "before tuning", "--json").out)["target"] == "before tuning"
    assert "before tuning" in msb("runs").out
    versions("bad-v1")
    assert last()["target"] == "before tuning", "the name stays when the run is resumed"
    assert msb("runs", "name", "last", "").code == 0
    assert last()["target"] == "replay:bad-v1.csv"


def test_runs_are_found_by_what_is_in_them_and_by_tags(versions: Callable[..., Done]) -> None:
    versions("bad-v1")
    versions("good-v2")

    def found(*options: str) -> list[str]:
        return [r["target"] for r in json.loads(msb("runs", "--json", *options).out)["runs"]]

    assert found("--target", "GOOD") == ["replay:good-v2.csv"]
    assert found("--benchmark", "asked", "--judge", "screen") == [
        "replay:bad-v1.csv",
        "replay:good-v2.csv",
    ]
    assert msb("runs", "tag", "last", "--add", "release", "--add", "green").code == 0
    assert found("--tag", "release", "--tag", "green") == ["replay:good-v2.csv"]
    msb("runs", "tag", "last", "--remove", "green")
    assert found("--tag", "green") == []
    assert "none of the 2 runs" in msb("runs", "--tag", "green").out


def test_a_deleted_run_takes_what_only_it_has(versions: Callable[..., Done]) -> None:
    versions("bad-v1")
    versions("bad-v1", "--limit", "1")
    refused = msb("runs", "delete", "last")
    assert (refused.code, "add --yes" in refused.err) == (2, True)
    assert msb("runs", "delete", "last", "--yes").code == 0
    assert last()["sides"]["harmful"]["scored"] == 2, "the other run has all of its responses"
    assert msb("runs", "delete", "last", "--yes").code == 0
    with Store.read("medsafety.db") as store:
        for table in ("runs", "items", "requests", "responses", "verdicts"):
            assert next(store.select(f"SELECT COUNT(*) FROM {table}")) == (0,), table


def test_rows_are_told_apart_by_the_least_that_does(tmp_path: Path) -> None:
    one = Name("run-1", "model", (), "aaaa", "starter@1.1")
    two = replace(one, run="run-2", hash="bbbb")
    assert told_apart([one, replace(two, title="other")]) == ["model", "other"]
    warm = replace(two, details=("temperature 0.7",))
    assert told_apart([one, warm]) == ["model", "model, temperature 0.7"]
    assert told_apart([one, two]) == ["model [aaaa]", "model [bbbb]"]
    same = replace(one, run="run-2", benchmark="ours.csv")
    assert told_apart([one, same]) == ["model on starter@1.1", "model on ours.csv"]
    part = replace(one, run="run-2", selected=("limit 4", "seed 0"))
    assert told_apart([one, part])[1] == "model on starter@1.1, limit 4, seed 0"
    assert told_apart([one, replace(one, run="run-2")]) == ["model (run-1)", "model (run-2)"]


def test_what_else_decides_the_answers_stands_beside_the_name(
    serve: Callable[..., Server],
) -> None:
    server = serve()
    system = "You are a careful assistant of a hospital, and you answer in one sentence only."
    line = ["evaluate", "--target", "openai:m", "--target-url", server.url, "--limit", "2"]
    line += ["--target-revision", "v1.4", "--temperature", "0.7", "--system", system]
    msb(*line)
    for shown in (msb("runs").out, msb("summary").out):
        told = " ".join(shown.split())
        assert "openai:m, revision v1.4, system “You are a careful assistant of a hospit…”" in told
        assert "temperature 0.7" in told
        assert "limit 2" in told


# Who a run is reported by


def two_judges() -> Run:
    scripted_run("model", harmful=[1, 1, 5], judge="first")
    return scripted_run("model", harmful=[1, 1, 5], judge="second")


def test_a_later_judge_does_not_replace_the_one_a_run_is_reported_by() -> None:
    run = two_judges()
    assert run.summary().judge == "second", "who evaluates sees what was asked for"
    card = open_run(run.id).summary()
    assert (card.judge, card.others) == ("first", ["second"])
    assert msb("runs", "judge", "last", "--judge", "second").code == 0
    assert open_run(run.id).summary().judge == "second"
    scripted_run("model", harmful=[1, 1, 5], judge="first")
    assert open_run(run.id).summary().judge == "second", "what was chosen is kept"


def test_who_it_stays_reported_by_is_said(versions: Callable[..., Done]) -> None:
    versions("bad-v1")
    done = versions("bad-v1", "--judge", "phrases")
    assert json.loads(msb("summary", "--judge", "phrases", "--json").out)["judge"] == "phrases"
    assert "stays reported by screen" in done.err
    assert "msb runs judge" in done.err
    refused = msb("runs", "judge", "last", "--judge", "nobody")
    assert (refused.code, "unknown judge 'nobody'" in refused.err) == (2, True)


def test_a_judge_that_came_to_no_verdict_holds_no_run(versions: Callable[..., Done]) -> None:
    asked = ["--target", "replay:bad-v1.csv", "--benchmark", "asked.csv", "--retries", "0"]
    versions("good-v2")  # makes the files
    nobody = ["--judge", "openai:j", "--judge-url", "http://127.0.0.1:9/v1"]
    assert msb("evaluate", *asked, *nobody).code == 2
    assert msb("evaluate", *asked, "--judge", "screen").code == 0
    assert last()["judge"] == "screen"


def test_the_same_judge_twice_is_no_panel(versions: Callable[..., Done]) -> None:
    versions("bad-v1")
    twice = ["--judge", "screen", "--judge", "screen"]
    for command in (
        ["evaluate", "--target", "replay:bad-v1.csv", "--benchmark", "asked.csv"],
        ["rejudge"],
        ["summary"],
    ):
        done = msb(*command, *twice)
        assert (done.code, "screen was named twice as a judge" in done.err) == (2, True), command


def test_a_report_says_so_where_judges_differ(versions: Callable[..., Done]) -> None:
    versions("bad-v1")
    versions("good-v2", "--judge", "phrases")
    runs = [run["run"] for run in json.loads(msb("runs", "--json").out)["runs"]]
    assert msb("report", *runs, "-o", "two.md").code == 0
    text = Path("two.md").read_text()
    assert "reported by different judges" in text
    assert "by phrases" in text
    assert msb("report", *runs, "--judge", "screen", "-o", "one.md").code == 0
    assert "reported by different judges" not in Path("one.md").read_text()


def test_a_name_is_as_foreign_as_any_text() -> None:
    run = scripted_run("model", harmful=[1])
    msb("runs", "name", run.id, "<script>\x1b[2Jx")
    assert "\x1b" not in msb("runs").out
    msb("report", "-o", "r.html")
    assert "<script>\x1b" not in Path("r.html").read_text()
    with Store.read(run.store) as store:
        assert name_of(store.run(run.id)).title.startswith("<script>")


def test_a_run_is_evaluated_by_python_as_by_the_command_line() -> None:
    def answer(request: str) -> str:
        return BAD[0]

    first = evaluate(answer, benchmark="starter/eval", limit=2, name="one")
    assert open_run("one").id == first.id
    with pytest.raises(MsbError, match="no run is called 'two'"):
        open_run("two")


def test_what_audits_a_run_still_does_when_it_is_evaluated_again_without(
    versions: Callable[..., Done],
) -> None:
    versions("bad-v1", "--audit-judge", "phrases", "--audit-limit", "2")
    versions("bad-v1")
    with Store.read("medsafety.db") as store:
        (run,) = store.runs()
        assert [j.name for j in store.judges() if j.key == run.audit] == ["phrases"]
    refused = msb("rejudge", "--judge", "screen", "--join", "--replace")
    assert (refused.code, "exclude each other" in refused.err) == (2, True)


def test_all_runs_of_a_file_are_stored_though_nothing_in_the_first_was_scored() -> None:
    rows = [("empty", ""), ("says", "I can't help with that.")]
    lines = [json.dumps({"text": "How?", "model": m, "response": r}) for m, r in rows]
    Path("two.jsonl").write_text("\n".join(lines))
    done = msb("import", "two.jsonl", "--judge", "screen")
    assert (done.code, "nothing was scored" in done.err) == (3, True)
    with Store.read("medsafety.db") as store:
        assert [run.title for run in store.runs()] == ["empty", "says"]
