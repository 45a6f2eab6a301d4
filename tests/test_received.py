"""What is received is not trusted: stores, files and tables that somebody made for us to open."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from medsafetybench.errors import MsbError
from medsafetybench.store import database
from medsafetybench.store.store import Store
from medsafetybench.tables import write_rows

ADDED = {
    "trigger": """CREATE TRIGGER kind AFTER INSERT ON verdicts BEGIN
        UPDATE verdicts SET score = 1; END""",
    "trigger on a table of runs": """CREATE TRIGGER evaluated AFTER UPDATE ON runs BEGIN
        DELETE FROM looks; END""",
    "view": "CREATE VIEW series_2 AS SELECT * FROM runs",
    "view in place of a table": """DROP TABLE judge_cards;
        CREATE VIEW judge_cards AS SELECT 1 AS judge""",
    "table": "CREATE TABLE more (a)",
    "column that is computed": "ALTER TABLE runs ADD COLUMN more AS (length(id))",
    "virtual table": "CREATE VIRTUAL TABLE more USING fts5(a)",
    "index that calls a function": "CREATE INDEX more ON runs (upper(id))",
    "table that is missing": "DROP TABLE looks",
}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    Store.open(path := tmp_path / "received.db").close()
    return path


@pytest.mark.parametrize("what", ADDED)
@pytest.mark.parametrize("opened", [Store.open, Store.read])
def test_a_store_that_holds_more_than_tables_is_refused_in_a_line(
    store: Path, what: str, opened: type
) -> None:
    with closing(sqlite3.connect(store)) as db:
        db.executescript(ADDED[what])
    with pytest.raises(MsbError) as error:
        opened(store)
    assert str(store) in str(error.value)
    assert "\n" not in str(error.value)


def test_an_old_store_with_a_trigger_is_not_migrated(tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    old.write_bytes((Path(__file__).with_name("fixtures") / "store-v1.db").read_bytes())
    with closing(sqlite3.connect(old)) as db:
        db.execute("CREATE TRIGGER t AFTER UPDATE ON verdicts BEGIN DELETE FROM runs; END")
    for opened in (Store.open, Store.read):
        with pytest.raises(MsbError, match="trigger"):
            opened(old)
    with closing(sqlite3.connect(old)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)


def test_a_schema_is_not_trusted_and_a_statement_ends(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LONGEST", 3)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT SUM(i) FROM n"
    for opened in (Store.open, Store.read):
        with opened(store) as db:
            assert list(db.select("PRAGMA trusted_schema")) == [(0,)]
            with pytest.raises(MsbError, match="does not end"):
                list(db.select(endless))
            assert db.runs() == []


# Files


@pytest.mark.parametrize("identity", ["../../other", "a/b", "", ".hidden", "-o", "x\ny", "é" * 9])
def test_a_run_s_id_that_msb_gives_to_none_is_refused(store: Path, identity: str) -> None:
    with closing(sqlite3.connect(store)) as db, db:
        db.execute("INSERT INTO runs (id, created, settings) VALUES (?, '', '{}')", (identity,))
    with Store.open(store) as opened, pytest.raises(MsbError) as error:
        opened.run("last")
    assert "\n" not in str(error.value)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_what_holds_texts_is_its_owner_s_alone(store: Path, tmp_path: Path) -> None:
    with Store.open(store):
        assert {mode(path) for path in tmp_path.glob("received.db*")} == {0o600}
    for name in ("rows.csv", "rows.jsonl", "rows.json", "rows.parquet"):
        write_rows(tmp_path / name, [{"id": "a", "text": "b"}])
        assert mode(tmp_path / name) == 0o600
    old = tmp_path / "old.db"
    old.write_bytes((Path(__file__).with_name("fixtures") / "store-v1.db").read_bytes())
    old.chmod(0o640)
    Store.open(old).close()
    assert mode(old) == mode(tmp_path / "old.db.v1-backup") == 0o640, "as its owner has set it"


def test_no_link_is_followed(tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    # Where the unfinished file once lay, and where the finished one goes.
    for name in (".rows.csv.part", "rows.csv", "rows.jsonl"):
        (tmp_path / name).symlink_to(mine)
    write_rows(tmp_path / "rows.csv", [{"id": "a"}])
    write_rows(tmp_path / "rows.jsonl", [{"id": "a"}])
    assert mine.read_text() == "mine"
    assert not (tmp_path / "rows.csv").is_symlink()


def test_a_file_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        write_rows(tmp_path / "rows.csv", ({"id": 1 / n} for n in (1, 0)))
    assert list(tmp_path.iterdir()) == []
