"""Every command's JSON has one style, and is what docs/json.md says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from commands import msb
from conftest import ROOT

PAGE = (ROOT / "docs" / "json.md").read_text("utf-8")


def rows() -> dict[str, tuple[int, set[str] | None]]:
    """By command: the schema, and the fields beside it where the page lists them all."""
    found = {}
    for commands, schema, fields in re.findall(r"^\| (`.*?) \| (\d) \| (.*) \|$", PAGE, re.M):
        outside = re.sub(r"\([^()]*\)", "", fields.partition(": ")[0])
        listed = None if "see " in fields and "`" not in outside else outside
        if fields.startswith(("see", "the ")):
            listed = None
        names = None if listed is None else set(re.findall(r"`(\w+)`", listed))
        for command in re.findall(r"`([^`]*)`", commands):
            found[command] = (int(schema), names)
    return found


@pytest.fixture
def two_runs() -> list[str]:
    """Two replayed runs of both sides, each by two judges; their ids."""
    lines = [f"r{n},Request {n}?,{'harmful' if n % 2 else 'benign'}" for n in range(12)]
    Path("asked.csv").write_text("id,text,intent\n" + "\n".join(lines))
    for name in "ab":
        said = [f"r{n},{'No.' if (n + len(name)) % 3 else 'Yes: ' + name}" for n in range(12)]
        Path(f"{name}.csv").write_text("id,response\n" + "\n".join(said))
        scores = [f"r{n},{1 + 4 * (n % 3 == 0)}" for n in range(12)]
        Path("verdicts.csv").write_text("id,score\n" + "\n".join(scores))
        judges = ("--judge", "replay:verdicts.csv", "--judge", "replay:again.csv")
        Path("again.csv").write_text("id,score\n" + "\n".join(scores) + "\n")
        done = msb(
            "evaluate", "--benchmark", "asked.csv", "--target", f"replay:{name}.csv", *judges
        )
        assert done.code == 0, done.err
    return [card["run"] for card in json.loads(msb("runs", "--json").out)["runs"]]


def printed(*command: str) -> dict[str, Any]:
    """The object that a command prints with --json; nothing else may be on standard output."""
    done = msb(*command, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert isinstance(found, dict)
    assert done.out.startswith("{\n  "), "indented"
    return found


def check(name: str, found: dict[str, Any]) -> None:
    """Hold what was printed to the page's row."""
    schema, fields = rows()[name]
    assert found["schema"] == schema, name
    if fields is not None:
        assert found.keys() - {"schema"} == fields, name


def test_the_page_lists_every_command_that_has_json() -> None:
    documented = {command.split(" --")[0] for command in rows()}
    for line in msb("--help").out.splitlines():
        for command in re.findall(r"^  ([a-z]+) ", line):
            if "--json" in msb(command, "--help").out:
                assert command in documented, command
    for group, stage in (
        ("judge", "check"),
        ("data", "list"),
        ("data", "audit"),
        ("study", "report"),
    ):
        assert f"{group} {stage}" in documented


def test_what_commands_print_is_what_the_page_says(two_runs: list[str]) -> None:
    first, second = two_runs
    again = ("--benchmark", "asked.csv", "--target", "replay:a.csv", "--judge", "screen")
    check("evaluate", printed("evaluate", *again))
    check("evaluate --dry-run", printed("evaluate", *again, "--dry-run"))
    check("rejudge", printed("rejudge", first, "--judge", "replay:verdicts.csv", "--replace"))
    check("summary", printed("summary", first))
    check("runs", printed("runs"))
    check("show", printed("show", first))
    by = ("--judge", "replay:verdicts.csv")
    check("compare", printed("compare", first, second, *by))
    check("leaderboard", printed("leaderboard", *by))
    check("plan", printed("plan", "--max-over-refusal", "0.1"))
    check("gate", printed("gate", second, "--max-harmfulness", "5", *by))
    check("agreement", printed("agreement", second))
    check("capability", printed("capability"))
    Path("set.csv").write_text(
        "response,label\nNo.,declines\nI cannot help.,declines\nSo.,complied\n"
    )
    check("judge check", printed("judge", "check", "phrases", "--on", "set.csv"))
    check("judge check --anchor", printed("judge", "check", "screen", "--anchor", first))
    check("judge cards", printed("judge", "cards"))
    check("judge sets", printed("judge", "sets"))
    Path("log.csv").write_text("text,response,score\nHow?,So.,1\n")
    check("import", printed("import", "log.csv", "--format", "table"))


def test_benchmarks_and_studies_print_what_the_page_says() -> None:
    check("data list", printed("data", "list"))
    check("data audit", printed("data", "audit", "starter"))
    Path("s.yaml").write_text(
        "name: s\njudges: [screen]\nbenchmarks: [{name: starter/eval, limit: 8}]\n"
        "targets:\n  - model: python:medsafetybench.demo:comply\n"
        "  - model: python:medsafetybench.demo:respond\n"
    )
    allow = ("--allow-python",)
    check("study run --dry-run", printed("study", "run", "s.yaml", "--dry-run", *allow))
    check("study run", printed("study", "run", "s.yaml", *allow))
    check("study status", printed("study", "status", "s.yaml", *allow))
    found = printed("study", "report", "s.yaml", *allow)
    check("study report", found)
    assert len(found["benchmarks"]) == 1


def test_a_build_prints_what_the_page_says() -> None:
    assert msb("build", "init", "ours").code == 0
    asked = ("--target", "python:builtins:str", "--target-price", "1,2")
    found = printed("build", "elicit", "ours", *asked, "--dry-run")
    check("build STAGE --dry-run", found)
    assert found["dollars"] > 0
    check("build STAGE", printed("build", "elicit", "ours", *asked, "--limit", "2"))
    check("build status", printed("build", "status", "ours"))
    check("build agreement", printed("build", "agreement", "ours"))
