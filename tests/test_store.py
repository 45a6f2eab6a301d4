"""The store's file: an older one is brought to this version, once and whole, and kept as it was.

store-v1.db was made by version 0.1.0 (see fixtures/make_store_v1.py).
"""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from conftest import Disk
from medsafetybench.errors import MsbError, StopRun
from medsafetybench.records import Response, Verdict
from medsafetybench.scale import GUARD, HARM, REFUSAL
from medsafetybench.store.capability import CapabilityStore
from medsafetybench.store.migrations import newest
from medsafetybench.store.store import Store

FIXTURE = Path(__file__).with_name("fixtures") / "store-v1.db"
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


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(query).fetchall()


# Once, whole, and kept


@pytest.mark.parametrize("way", [Store.open, Store.read])
def test_an_older_store_opens_in_this_version_and_is_kept_as_it_was(
    old: Path, way: Callable[[Path], Store], capsys: pytest.CaptureFixture[str]
) -> None:
    old.chmod(0o600)
    with way(old) as store:
        assert len(store.runs()) == 13
    assert version(old) == newest()
    assert content(old.with_name(BACKUP)) == content(FIXTURE)
    assert old.with_name(BACKUP).stat().st_mode == old.stat().st_mode, "no more readers than before"
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
sqlite3.connect = lambda *given, **named: connect(*given, factory=Killed, **named)
"""


def test_a_kill_in_the_middle_leaves_the_old_store_or_the_new_one(old: Path) -> None:
    """Before the first statement, the fifth, the ninth ... until there is none left."""
    whole = old.with_name("whole.db")
    shutil.copyfile(FIXTURE, whole)
    Store.open(whole).close()
    left, kills = [], 0
    for moment in range(1, 1000, 4):
        for file in old.parent.glob("old.db*"):
            file.unlink()
        shutil.copyfile(FIXTURE, old)
        command = [sys.executable, "-c", KILLED + OPEN, str(old), str(moment)]
        done = subprocess.run(command, check=False, stderr=subprocess.DEVNULL)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
        kills += 1
        left.append(content(old))
        assert left[-1] in (content(FIXTURE), content(whole))
        Store.open(old).close()
        assert content(old) == content(whole)
        copies = [file.name for file in old.parent.glob("old.db*backup*")]
        assert copies == [BACKUP]
        assert content(old.with_name(BACKUP)) == content(FIXTURE)
    assert kills > 5
    assert left.count(content(FIXTURE)) > 5, "the kills fell outside the migration"


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
