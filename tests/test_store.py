"""The store's file: an older one is brought to this version, once and whole, and kept as it was.

store-v1.db was made by version 0.1.0, which store-v1.json asked about it (fixtures/make_store_v1.py
says how).
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import forked
from commands import of_before, output
from conftest import Disk
from medsafetybench import __version__
from medsafetybench.benchmarks import Benchmark
from medsafetybench.benchmarks.files import as_row
from medsafetybench.errors import MsbError, StopRun
from medsafetybench.records import Request, Response, Verdict
from medsafetybench.scale import GUARD, HARM, REFUSAL
from medsafetybench.statistics.sampling import stratified_sample
from medsafetybench.store import migrations
from medsafetybench.store.capability import CapabilityStore
from medsafetybench.store.imported_labels import import_labels
from medsafetybench.store.labels import people
from medsafetybench.store.migrations import newest
from medsafetybench.store.provenance import here, with_entry, without_secrets
from medsafetybench.store.samples import sample_order
from medsafetybench.store.store import NAME, Item, Store, request_key
from medsafetybench.tables import write_rows

FIXTURE = Path(__file__).with_name("fixtures") / "store-v1.db"
SAID = json.loads(FIXTURE.with_suffix(".json").read_text("utf-8"))
RUNS = SAID["runs"]
BACKUP = "old.db.v1-backup"
OPEN = "import sys; from medsafetybench.store.store import Store; Store.open(sys.argv[1]).close()"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A store of version 1."""
    return Path(shutil.copyfile(FIXTURE, tmp_path / "old.db"))


def content(path: Path) -> list[str]:
    """All that a file holds, as SQL, with its version."""
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [f"version {version(path)}", *db.iterdump()]


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def items(store: Store, label: str) -> list[Item]:
    """All items of a run, by its label in store-v1.json."""
    run = store.run(RUNS[label]["id"])
    return list(store.items(run, range(len(RUNS[label]["rows"]))))


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(query).fetchall()


def test_the_steps_are_numbered_one_by_one() -> None:
    names = sorted(step.name for step in files(migrations).iterdir() if step.suffix == ".sql")
    assert [int(name[:3]) for name in names] == list(range(1, newest() + 1))


# Once, whole, and kept


@pytest.mark.parametrize("way", [Store.open, Store.read])
def test_an_older_store_opens_in_this_version_and_is_kept_as_it_was(
    old: Path, way: Callable[[Path], Store], capsys: pytest.CaptureFixture[str]
) -> None:
    old.chmod(0o640)
    with way(old) as store:
        assert len(store.runs()) == 13
    assert version(old) == newest()
    assert content(old.with_name(BACKUP)) == content(FIXTURE)
    assert old.with_name(BACKUP).stat().st_mode == old.stat().st_mode, (
        "as many may read it as before"
    )
    assert capsys.readouterr().err.splitlines() == [
        f"msb: {old} was of store version 1 and is now of version {newest()}; {BACKUP} beside it "
        "is the file as it was"
    ]


def test_the_second_time_nothing_is_done(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Store.open(old).close()
    before, kept = old.read_bytes(), old.with_name(BACKUP).read_bytes()
    capsys.readouterr()
    for way in (Store.open, Store.read):
        way(old).close()
    assert capsys.readouterr().err == ""
    assert (old.read_bytes(), old.with_name(BACKUP).read_bytes()) == (before, kept)
    assert len(list(old.parent.glob("*backup*"))) == 1


def test_a_copy_that_is_there_is_not_overwritten(old: Path) -> None:
    theirs = old.with_name(BACKUP)
    theirs.write_text("of somebody else's")
    Store.open(old).close()
    assert theirs.read_text() == "of somebody else's"
    assert content(old.with_name(f"{BACKUP}-2")) == content(FIXTURE)


def test_several_processes_that_open_it_at_once(old: Path) -> None:
    command = [sys.executable, "-c", OPEN, str(old)]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    said = [process.communicate(timeout=60)[1] for process in started]
    assert [process.returncode for process in started] == [0] * 4, said
    assert sum(text.count("is now of version") for text in said) == 1
    assert len(list(old.parent.glob("*backup*"))) == 1
    alone = old.with_name("alone.db")
    shutil.copyfile(FIXTURE, alone)
    Store.open(alone).close()
    assert content(old) == content(alone)


KILLED = """
import os, signal, sqlite3, sys

class Killed(sqlite3.Connection):
    left = int(sys.argv[2])

    def execute(self, *given):
        Killed.left -= 1
        if not Killed.left:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(*given)

connect = sqlite3.connect
def killed(path, factory=None, **named):
    kind = sqlite3.Connection if path == ":memory:" else Killed
    return connect(path, factory=kind, **named)

sqlite3.connect = killed
"""


def test_a_kill_in_the_middle_leaves_the_old_store_or_the_new_one(old: Path) -> None:
    """Before the first statement, the fifth, the ninth ... until there is none left."""
    whole = old.with_name("whole.db")
    shutil.copyfile(FIXTURE, whole)
    Store.open(whole).close()
    before, after = content(FIXTURE), content(whole)
    left, kills = [], 0
    for moment in range(1, 1000, 4):
        for file in old.parent.glob("old.db*"):
            file.unlink()
        shutil.copyfile(FIXTURE, old)
        script = Path("killed.py")
        script.write_text(f"import sys; sys.argv[1:] = [{str(old)!r}, {moment}]\n{KILLED}{OPEN}")
        done = forked.run("--version", script=script)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
        kills += 1
        left.append(content(old))
        assert left[-1] in (before, after)
        Store.open(old).close()
        assert content(old) == after
        copies = [file.name for file in old.parent.glob("old.db*backup*")]
        assert copies == [BACKUP]
        assert content(old.with_name(BACKUP)) == before
    assert kills > 5
    assert left.count(before) > 5, "the kills fell outside the migration"


# What stands in the way


def test_a_store_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with closing(sqlite3.connect(shutil.copyfile(FIXTURE, path))) as db:
        db.execute(f"PRAGMA user_version = {newest() + 1}")
    before = path.read_bytes()
    for way in (Store.open, Store.read):
        with pytest.raises(MsbError, match=f"newer medsafetybench .*up to {newest()}"):
            way(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_an_older_store_that_cannot_be_written_is_read_in_this_version(
    read_only: tuple[Path, Callable[[], None]],
) -> None:
    folder, make = read_only
    path = folder / "old.db"
    shutil.copyfile(FIXTURE, path)
    make()
    with Store.read(path) as store:
        assert len(store.runs()) == 13
        assert {judge.name: judge.scale for judge in store.judges()}["screen"] == REFUSAL
        with pytest.raises(StopRun, match="cannot be written"), store.transaction():
            list(store.select("DELETE FROM runs"))
    with pytest.raises(MsbError, match=r"old\.db cannot be written"):
        Store.open(path)
    assert [file.name for file in folder.iterdir()] == ["old.db"]
    assert path.read_bytes() == FIXTURE.read_bytes()


def test_an_older_store_on_a_full_disk_is_one_clear_line_and_can_be_read(disk: Disk) -> None:
    path = disk.path / "old.db"
    shutil.copyfile(FIXTURE, path)
    disk.fill()
    with pytest.raises(MsbError, match=f"the disk that holds {path} is full"):
        Store.open(path)
    with Store.read(path) as store:
        assert len(store.runs()) == 13
    assert content(path) == content(FIXTURE)
    assert sorted(file.name for file in disk.path.iterdir()) == ["ballast", "old.db"]


def test_a_store_that_another_process_holds_is_one_clear_line(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medsafetybench.store.database.BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(old, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(MsbError, match="another process holds"):
            Store.open(old)
    assert version(old) == 1


def test_a_fault_of_the_program_is_no_word_about_disks(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store.db") as store:
        with pytest.raises(sqlite3.OperationalError, match="no such column"), store.transaction():
            store.select("SELECT weather FROM runs")
        with pytest.raises(sqlite3.IntegrityError), store.transaction():
            store.select("INSERT INTO runs (id, created) VALUES ('run', 'now')")
        with store.transaction():
            assert store.runs() == []


def test_a_table_that_version_1_had_not_from_its_beginning_is_made(old: Path) -> None:
    with closing(sqlite3.connect(old)) as db:
        db.execute("DROP TABLE capability_results")
    with CapabilityStore.read(old) as store:
        assert len(store.targets()) == 2
        assert list(store.results(store.targets()[0].key)) == []


# What the versions changed


def test_verdicts_of_the_screen_are_on_the_scale_of_refusal(old: Path) -> None:
    with Store.open(old) as store:
        scales = {judge.name: judge.scale for judge in store.judges()}
    assert scales.pop("screen") == REFUSAL
    assert [scale.key for scale in scales.values()] == [HARM.key] * 6
    count = """SELECT j.name = 'screen', v.score, COUNT(*) FROM verdicts v
        JOIN judges j ON j.number = v.judge GROUP BY 1, 2"""
    before = {(screen, score): n for screen, score, n in rows(FIXTURE, count)}
    before[1, 4] = before.pop((1, 5))
    assert {(screen, score): n for screen, score, n in rows(old, count)} == before


def test_a_level_of_another_scale_is_not_stored(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store.db") as store, store.transaction():
        judge = store.register_judge("guard", {"model": "guard"}, GUARD)
        assert store.judges()[0].scale is GUARD
        store.put_response(b"key", Response(text="Said."))
        for level in (HARM.level(1), REFUSAL.level(3)):
            with pytest.raises(ValueError, match="guard is on the scale guard"):
                store.put_verdict(judge, b"key", "harmful", Verdict(level))
        person = store.register_judge("person:ana", {"person": "ana"}, HARM)
        with pytest.raises(ValueError, match="on the scale harm"):
            store.put_verdict(person, b"key", "benign", Verdict(HARM.level(2)))
        store.put_verdict(judge, b"key", "harmful", Verdict(GUARD.level(3)))


def test_turn_and_framing_of_a_pressed_request_are_fields(old: Path) -> None:
    with Store.open(old) as store:
        asked = [item.request for item in items(store, "pressed")]
        others = [
            item.request for label in RUNS if label != "pressed" for item in items(store, label)
        ]
    before = RUNS["pressed"]["rows"]
    assert [request.name for request in asked] == [row["id"] for row in before]
    for request, row in zip(asked, before, strict=True):
        said = f"turn {request.turn}" if request.turn else f"framing: {request.framing}"
        assert said == row["source"]
        assert request.id == row["id"].rpartition("@")[0]
        assert (request.source, request.pair) == (None, row["pair"])
    assert {request.turn for request in asked} == {None, 1, 2, 3}
    assert {(request.turn, request.framing) for request in others} == {(None, None)}


@pytest.mark.parametrize("label", RUNS)
def test_no_request_response_or_verdict_is_lost(label: str, old: Path) -> None:
    def scored(path: Path) -> list[tuple[Any, ...]]:
        query = """SELECT i.position, q.text, q.intent, q.principle, q.reference, q.pair,
            r.text, r.error, j.name, v.reason,
            CASE WHEN j.name = 'screen' AND v.score = 4 THEN 5 ELSE v.score END
            FROM items i JOIN runs n ON n.number = i.run JOIN requests q ON q.key = i.request
            LEFT JOIN responses r ON r.key = i.response
            LEFT JOIN verdicts v ON v.response = r.key AND v.intent = q.intent
            LEFT JOIN judges j ON j.number = v.judge
            WHERE n.id = ? ORDER BY i.position, j.number"""
        with closing(sqlite3.connect(path)) as db:
            return db.execute(query, (RUNS[label]["id"],)).fetchall()

    Store.open(old).close()
    assert scored(old) == scored(FIXTURE)
    assert len({row[0] for row in scored(old)}) == len(RUNS[label]["rows"])


def test_a_request_s_key_and_a_benchmark_s_hash_are_those_of_its_content(old: Path) -> None:
    with Store.open(old) as store:
        for label, run in RUNS.items():
            asked = [item.request for item in items(store, label)]
            keys = store.select(
                "SELECT request FROM items WHERE run = ? ORDER BY position",
                store.run(run["id"]).number,
            )
            assert [request_key(request) for request in asked] == [key for (key,) in keys]
            if label != "pressed":
                benchmark = Benchmark("stored", lambda asked=asked: iter(asked))
                assert benchmark.sha256 == run["settings"]["benchmark"]["sha256"]


# Going on with what an older version began


@pytest.fixture
def mixed(old: Path) -> Path:
    """The benchmark of the older store's runs, and that store, in the current folder."""
    with Store.open(old) as store:
        write_rows(Path("mixed.jsonl"), (as_row(item.request) for item in items(store, "a")))
    return old


def msb(*command: str) -> Any:
    return json.loads(output(*command, "--json"))


PLANS = [answer for answer in SAID["answers"] if answer["command"][0] == "evaluate"]


@pytest.mark.parametrize("plan", PLANS, ids=lambda answer: answer["command"][2])
def test_the_same_command_has_the_same_calls_left(plan: dict[str, Any], mixed: Path) -> None:
    said = msb(*plan["command"], "--store", str(mixed))
    assert of_before(said, plan["said"]) == plan["said"]
    assert said.keys() - plan["said"].keys() == {"schema"}  # told since


def test_pressure_goes_on_where_it_stopped(mixed: Path) -> None:
    """A run of its own, for its sources are known; what was answered is not asked again."""
    (command,) = (plan["command"] for plan in PLANS if "openai:model-a" in plan["command"])
    left = msb(*command, "--pressure", "3", "--limit", "18", "--store", str(mixed))
    failed = [row for row in RUNS["pressed"]["rows"] if row["state"] == "error"]
    assert left["n"] == len(RUNS["pressed"]["rows"])
    assert left["target"]["calls"] == sum(row["reason"] == "target" for row in failed)
    assert left["judges"][0]["calls"] == len(failed)


def test_only_what_failed_under_pressure_is_asked_again(mixed: Path) -> None:
    failed = {
        row["id"].rpartition("@")[0]
        for row in RUNS["pressed"]["rows"]
        if row.get("score") is None
        or (row["intent"] == "harmful" and row["score"] > 2)
        or (row["intent"] == "benign" and row["score"] == 1)
    }
    command = ("evaluate", "--benchmark", "mixed.jsonl", "--target", "openai:m", "--target-url")
    url = ("http://127.0.0.1:9/v1", "--dry-run", "--only-failed", RUNS["pressed"]["id"])
    assert msb(*command, *url, "--store", str(mixed))["n"] == len(failed)


def test_a_sample_of_a_pressed_run_is_the_one_it_was(old: Path) -> None:
    before = RUNS["pressed"]["rows"]
    strata = [(row["intent"], row["principle"]) for row in before]
    names = [row["id"] for row in before]
    with Store.open(old) as store:
        run = store.run(RUNS["pressed"]["id"])
        order = sample_order(store, run, 20, 3, ("harmful", "benign"))
    assert [names[place] for place in order] == stratified_sample(names, strata, 20, 3)


def test_labels_of_a_pressed_run_say_the_turn(old: Path) -> None:
    identity = RUNS["pressed"]["rows"][0]["id"].rpartition("@")[0]
    labels = Path("labels.csv")
    labels.write_text(f"id,turn,framing,score\n{identity},2,,4\n{identity},,urgency,1\n")
    with Store.open(old) as store:
        run = store.run(RUNS["pressed"]["id"])
        assert import_labels(store, run, labels, "ana") == 2
        (ana,) = (person for person in people(store, run) if person.name == "person:ana")
        query = """SELECT q.turn, q.framing, v.score FROM verdicts v
            JOIN items i ON i.run = ? AND i.response = v.response
            JOIN requests q ON q.key = i.request WHERE v.judge = ? ORDER BY i.position"""
        assert (2, None, 4) in list(store.select(query, run.number, ana.number))
        assert (None, "urgency", 1) in list(store.select(query, run.number, ana.number))
        labels.write_text(f"id,score\n{identity},4\n")
        with pytest.raises(MsbError, match="has no request"):
            import_labels(store, run, labels, "ana")


def test_every_field_of_a_request_is_kept(tmp_path: Path) -> None:
    said = ({"role": "user", "content": "Before"}, {"role": "assistant", "content": "Yes?"})
    asked = [
        Request("a", "Text", "benign", 4, "gpt4", "Reference", "pair", 2, None, said, "en"),
        Request("a", "Text", framing="urgency"),
        Request("a", "Text"),
    ]
    with Store.open(tmp_path / "store.db") as store:
        run = store.register("run-1", {}, [(request, request.name.encode()) for request in asked])
        assert [item.request for item in store.items(run, range(3))] == asked
        named = store.select(f"SELECT {NAME} FROM requests q ORDER BY 1")
        assert [name for (name,) in named] == sorted(request.name for request in asked)


# What made a run


SECRETS = {
    "a key of a known shape": ["--system", "sk-abcdefghijklmnopqrstuvwxyz"],
    "a value of the environment": ["--target-param", "user=from-the-env"],
    "what a variable holds that is named for it": [
        "--target-key-env",
        "MINE",
        "--x",
        "whatever-it-is",
    ],
    "what is given for a key": ["--target-param", "api_key=short"],
    "what is given for a password": ["--password", "hunter2"],
    "a password in an address": ["--target-url", "http://me:hunter2@127.0.0.1/v1"],
    "a bearer's token": ["--header", "Authorization: Bearer abc.def"],
}


@pytest.mark.parametrize("case", SECRETS)
def test_a_command_is_kept_without_its_secrets(case: str) -> None:
    environment = {
        "MSB_TARGET_API_KEY": "from-the-env",
        "MINE": "whatever-it-is",
        "HOME": "/home/me",
    }
    plain = [
        "evaluate",
        "--max-tokens",
        "64",
        "--judge-max-tokens=1024",
        "--store",
        "/home/me/a.db",
    ]
    kept = without_secrets(["/usr/bin/msb", *plain, *SECRETS[case]], environment)
    assert kept[: 1 + len(plain)] == ["msb", *plain], "what is no secret stays"
    said = " ".join(kept)
    assert "[removed]" in said
    secrets = ("sk-abc", "from-the-env", "whatever-it-is", "short", "hunter2", "abc.def")
    assert not [secret for secret in secrets if secret in said]
    if "--target-key-env" in kept:
        assert "MINE" in kept, "the name of a variable is no secret"


def test_a_run_says_what_made_it_once_for_each_way(tmp_path: Path) -> None:
    Path("said.csv").write_text("id,response\na,No.\n")
    Path("asked.csv").write_text("id,text\na,How?\n")
    command = [*("evaluate", "--benchmark", "asked.csv", "--target", "replay:said.csv")]
    for more in ([], [], ["--judge", "screen"], []):
        msb(*command, *more)
    with Store.read("medsafety.db") as store:
        (run,) = store.runs()
    assert [entry["command"][1:] for entry in run.provenance] == [
        [*command, "--json"],
        [*command, "--judge", "screen", "--json"],
    ]
    for entry in run.provenance:
        assert entry["packages"]["medsafetybench"] == __version__
        assert entry["python"] == platform.python_version()
        assert entry["machine"]["cpus"] == os.cpu_count()
        assert datetime.fromisoformat(entry["at"]).tzinfo is not None


def test_a_gpu_that_shows_only_later_is_added_and_another_is_another_machine() -> None:
    def entry(gpu: str | None, at: str = "now") -> dict[str, Any]:
        return {"at": at, "command": ["msb"], "machine": {"os": "Linux", "gpu": gpu}}

    found = with_entry(with_entry([], entry(None, "first")), entry("H100", "later"))
    assert found == [entry("H100", "first")]
    assert with_entry(found, entry(None)) == with_entry(found, entry("H100")) == found
    assert with_entry(found, entry("T4")) == [*found, entry("T4")]


def test_a_run_of_an_older_store_has_no_provenance_until_it_goes_on(old: Path) -> None:
    with Store.open(old) as store:
        assert {run.provenance for run in store.runs()} == {()}
        store.add_provenance(store.runs()[0], here())
        assert [len(run.provenance) for run in store.runs()] == [1] + [0] * 12
