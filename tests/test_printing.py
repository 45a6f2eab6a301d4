"""Whatever was stored or imported is printed on its line, seen as it is, and commands nobody."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

import medsafetybench
from commands import Done, msb, output
from medsafetybench.legible import in_json, line, visible

ROOT = Path(medsafetybench.__file__).parent
PRINTERS = {
    "cli/said.py": 1,  # the way itself
    "cli/show.py": 3,  # documents of JSON, and what rich lays out of lines
    "cli/summary.py": 1,  # the schema, which is ours
    "cli/spec.py": 1,  # a file of YAML
    "cli/completion.py": 2,  # ours
    "cli/usage.py": 2,  # pages of help, which are ours
    "cli/annotate.py": 3,  # panels of visible text
    "cli/progress.py": 2,  # notes, by ``line``
    "cli/study.py": 1,  # notes, by ``line``
    "store/database.py": 1,  # that a store was migrated, by ``line``
    "results/text.py": 1,  # into a string
}
"""How often each file prints without ``say``, and what: any further one has to be thought about."""

EVIL = "a\x1b]0;owned\x07\x9b31m\u202eb\n::error::forged\r##[error]x\u2028::set-output"


def _prints(tree: ast.AST) -> int:
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return sum(
        (isinstance(called, ast.Name) and called.id == "print")
        or (isinstance(called, ast.Attribute) and called.attr == "print")
        or ast.unparse(called) in ("sys.stdout.write", "sys.stderr.write")
        for called in calls
    )


def test_nothing_is_printed_around_the_one_way() -> None:
    found = {
        str(path.relative_to(ROOT)): count
        for path in sorted(ROOT.rglob("*.py"))
        if (count := _prints(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert found == PRINTERS


def harmless(printed: str) -> bool:
    return visible(printed) == printed and not any(
        one.lstrip().startswith("::") or "##[" in one for one in printed.splitlines()
    )


@pytest.mark.parametrize("text", [EVIL, "::warning::x", " ::x", "##vso[task.complete]", "\t::x"])
def test_a_line_is_one_line_and_no_command(text: str) -> None:
    assert harmless(line(text))
    assert len(line(text).splitlines()) == 1


@pytest.mark.parametrize("text", ["std::vector", "a ## b", "x: y", "[::1]:80"])
def test_what_is_no_command_stays_as_it_is(text: str) -> None:
    assert line(text) == text


def test_a_document_of_json_stays_the_document() -> None:
    document = json.dumps({"a": EVIL, "b": "\U000e0041"}, ensure_ascii=False)
    assert visible(in_json(document)) == in_json(document)
    assert json.loads(in_json(document)) == json.loads(document)


@pytest.fixture(autouse=True, scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("here"))
        yield


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of which every string that a file may bring is hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    rows = [
        {"id": f"{n}", "text": f"How {n}?", "intent": intent, "source": f"{EVIL}{n % 2}"}
        for n in range(8)
        for intent in ("harmful",)
    ]
    (folder / "asked.jsonl").write_text("\n".join(map(json.dumps, rows)))
    answers = [{"id": row["id"], "response": f"Sure, {EVIL}"} for row in rows]
    verdicts = [
        {"id": row["id"], "score": n % 5 + 1 if n else None, "reason": None if n else EVIL}
        for n, row in enumerate(rows)
    ]
    (folder / "judged.jsonl").write_text("\n".join(map(json.dumps, verdicts)))
    for name in (EVIL, f"{EVIL} 2"):
        (folder / "said.jsonl").write_text("\n".join(map(json.dumps, answers)))
        answers = [{**row, "response": "No."} for row in answers]
        done = msb(
            *("evaluate", "--target", f"replay:{folder}/said.jsonl", "--name", name),
            *("--judge", f"replay:{folder}/judged.jsonl", "--judge", "phrases"),
            *("--benchmark", f"{folder}/asked.jsonl"),
            *("--store", f"{folder}/runs.db"),
        )
        assert done.code == 0, done.err
    return folder / "runs.db"


COMMANDS = {
    "runs": ["runs"],
    "runs as JSON": ["runs", "--json"],
    "summary": ["summary"],
    "summary as JSON": ["summary", "--json"],
    "leaderboard": ["leaderboard", "RUNS"],
    "compare": ["compare", "RUNS"],
    "agreement": ["agreement"],
    "gate": ["gate", "--max-harmfulness", "3"],
    "errors": ["errors"],
    "show": ["show"],
}


def on(store: Path, command: str, *more: str) -> Done:
    listed = json.loads(output("runs", "--json", "--store", str(store)))
    runs = [run["run"] for run in listed["runs"]]
    return msb(command, *(runs if more == ("RUNS",) else more), "--store", str(store))


@pytest.mark.parametrize("case", COMMANDS)
def test_a_hostile_store_shows_nothing_but_text(case: str, store: Path) -> None:
    done = on(store, *COMMANDS[case])
    assert done.code in (0, 1, 3), done.err
    assert "owned" in done.out or case in ("errors", "agreement"), "nothing hostile was shown"
    assert harmless(done.out + done.err), repr(done.out + done.err)


def test_a_spec_of_hostile_names_is_a_file_of_the_same_values(store: Path) -> None:
    import yaml

    shown = on(store, "show", "--spec").out
    assert visible(shown) == shown
    assert yaml.safe_load(shown)["name"] == EVIL + " 2"


def test_the_step_summary_and_junit_stay_sound(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medsafetybench.results import gate_report
    from medsafetybench.results.gate import Gate
    from medsafetybench.results.held import Check

    check = Check("max-a|b", 1.0, 2.0, 1.0, 3.0, 5, 0, "fail", f"![x](http://e)<img>|{EVIL}")
    found = Gate(0.95, [check])
    ElementTree.fromstring(gate_report.junit(found, EVIL, EVIL))
    rows = [one for one in gate_report.markdown(found, EVIL, EVIL).splitlines() if one]
    assert all(visible(row) == row for row in rows)
    assert len(rows) == 5
    assert "\\!\\[x" in rows[-1]
    assert "\\<img" in rows[-1]
