"""Stores merged into one: by content, exactly once, and what does not go together is said."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from commands import msb, output
from medsafetybench.errors import MsbError
from medsafetybench.records import Request, Response, Verdict
from medsafetybench.scale import HARM
from medsafetybench.store.capability import Answers, CapabilityStore, MeasuredTarget, QuestionSet
from medsafetybench.store.cards import cards_of, put_card
from medsafetybench.store.labels import label, person
from medsafetybench.store.looks import Release, next_look, record_verdict, take_look
from medsafetybench.store.merge import Came, merge
from medsafetybench.store.migrations import newest, schema
from medsafetybench.store.names import rename, tag
from medsafetybench.store.outcomes import read_outcomes
from medsafetybench.store.samples import draw, reach, samples_of
from medsafetybench.store.store import JudgeRecord, RunRecord, Store, response_key
from medsafetybench.tables import write_rows

REQUESTS = [Request(f"r{n}", f"How is thing {n} done?", "harmful") for n in range(8)]
TARGET = {"model": "m"}
SETTINGS = {"benchmark": {"name": "b", "sha256": "x", "selection": {}}, "target": TARGET}


def key(request: Request) -> bytes:
    return response_key(TARGET, [{"role": "user", "content": request.text}])


def fill(
    path: Path,
    answered: Iterable[int],
    requests: Sequence[Request] = REQUESTS,
    run: str = "run-a",
    said: str = "An answer",
    score: int = 1,
) -> None:
    """A run in a store of its own of which these requests were answered and judged."""
    with Store.open(path) as store:
        record = store.register(run, SETTINGS, [(one, key(one)) for one in requests], "m")
        judge = store.register_judge("j", {"model": "j"}, HARM)
        with store.transaction():
            for n in answered:
                store.put_response(key(requests[n]), Response(f"{said} to {n}", "stop"))
                verdict = Verdict(HARM.level(score), rationale="so it is")
                store.put_verdict(judge, key(requests[n]), "harmful", verdict)
        store.set_panel(record, [judge])


@pytest.fixture
def paths(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Where to merge into, and two stores."""
    return tmp_path / "all.db", tmp_path / "one.db", tmp_path / "two.db"


def merged(out: Path, *sources: Path) -> list[Came]:
    return list(merge(out, sources))


def content(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return list(db.iterdump())


def opened(path: Path) -> tuple[Store, RunRecord, JudgeRecord]:
    store = Store.read(path)
    return store, store.run("run-a"), store.judges()[0]


def texts(path: Path) -> dict[str, str]:
    """What was answered, by request."""
    with Store.read(path) as store:
        items = list(store.items(store.run("run-a"), range(len(REQUESTS))))
    return {item.request.id: item.response.text for item in items if item.response}


def texts_of_last(path: Path) -> set[str]:
    """What was answered in the last run."""
    with Store.read(path) as store:
        return {row[0] for row in store.select("SELECT text FROM responses")}


def test_parts_of_a_run_become_the_run_that_one_store_would_hold(
    paths: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    out, one, two = paths
    whole = tmp_path / "whole.db"
    fill(one, range(5))
    fill(two, range(3, 8))
    fill(whole, range(8))
    first, second = merged(out, one, two)
    assert (first.runs, first.joined, first.requests, first.responses) == (1, 0, 8, 5)
    assert (second.runs, second.joined, second.responses, second.verdicts) == (0, 1, 3, 3)
    assert [first.said, second.said] == [[], []]
    assert texts(out) == texts(whole)
    ours, theirs = (
        output("summary", "last", "--store", str(path)).splitlines()[1:] for path in (out, whole)
    )
    assert ours == theirs, "but for when it was begun"


def test_to_merge_again_changes_nothing(paths: tuple[Path, Path, Path]) -> None:
    out, one, two = paths
    fill(one, range(5))
    fill(two, range(2), run="run-b", requests=REQUESTS[:2])
    merged(out, one, two)
    before = content(out)
    again = merged(out, two, one, one)
    assert content(out) == before
    assert [(came.requests, came.responses, came.verdicts, came.said) for came in again] == [
        (0, 0, 0, [])
    ] * 3


def test_sources_stay_as_they_are(paths: tuple[Path, Path, Path]) -> None:
    out, one, two = paths
    fill(one, range(5))
    fill(two, range(5), said="Other words")
    before = content(one), content(two)
    merged(out, one, two)
    assert (content(one), content(two)) == before


def test_where_answers_differ_that_of_the_store_stands_and_no_verdict_on_the_other_comes(
    paths: tuple[Path, Path, Path],
) -> None:
    out, one, two = paths
    fill(one, [0, 1])
    fill(two, [1, 2], said="Other words", score=5)
    with Store.open(two) as store:
        run, ana = store.run("run-a"), person(store, "ana")
        sample = draw(store, run, 4, seed=0)
        for item in store.items(run, [1, 2]):
            label(store, ana, item, 4)
        reach(store, sample, ana)
    came = merged(out, one, two)[1]
    assert texts(out) == {"r0": "An answer to 0", "r1": "An answer to 1", "r2": "Other words to 2"}
    store, run, judge = opened(out)
    with store:
        found = read_outcomes(store, run, [judge], store.judges()[1:])
        assert found.scores[:, :3].tolist() == [[1, 1, 5], [0, 0, 4]]
        # Nobody has seen the whole sample of the answers that stand.
        assert samples_of(store, run)[0].reached == ()
    assert came.said == [
        f"1 response differ from those in {out}, which stand",
        "1 verdict by j stay behind: they are of responses that differ",
        "1 verdict by person:ana stay behind: they are of responses that differ",
        "who labelled how much of a sample of those responses was left out",
    ]


def test_an_answer_takes_the_place_of_an_error_and_never_the_other_way(
    paths: tuple[Path, Path, Path],
) -> None:
    out, one, two = paths
    fill(one, [0])
    fill(two, [1])
    for path, failed in ((one, 1), (two, 0)):
        with Store.open(path) as store, store.transaction():
            store.put_response(key(REQUESTS[failed]), Response("", error="timed out"))
    assert [came.said for came in merged(out, one, two)] == [[], []]
    assert texts(out) == {"r0": "An answer to 0", "r1": "An answer to 1"}


def test_verdicts_that_differ_are_said_and_a_failed_one_gives_way(
    paths: tuple[Path, Path, Path],
) -> None:
    out, one, two = paths
    fill(one, [0])
    fill(two, [0], score=4)
    assert merged(out, one, two)[1].said == [
        f"1 verdict by j differ from those in {out}, which stand"
    ]
    failing = out.with_name("failing.db")
    fill(failing, [])
    with Store.open(failing) as store, store.transaction():
        judge = store.judges()[0]
        store.put_response(key(REQUESTS[0]), Response("An answer to 0", "stop"))
        store.put_verdict(judge, key(REQUESTS[0]), "harmful", Verdict(reason="429", error=True))
    assert merged(failing, one)[0].verdicts == 1
    store, run, judge = opened(failing)
    with store:
        assert read_outcomes(store, run, [judge]).score.tolist() == [1, *[0] * 7]


def test_all_that_is_kept_beside_runs_goes_along(paths: tuple[Path, Path, Path]) -> None:
    out, one, two = paths
    for path, name, tags in ((one, "Model A", ["x"]), (two, "Model A", ["y"])):
        fill(path, range(8))
        with Store.open(path) as store:
            run, judges = store.run("run-a"), store.judges()
            rename(store, run, name)
            tag(store, run, tags)
            look = take_look(store, Release("series", 5, {"max": 1}, f"run-{tags[0]}", judges))
            record_verdict(store, look, "pass")
            card = {"sha256": tags[0], "judge": "j", "scale": "harm"}
            put_card(store, judges[0].key, "xstest", tags[0], 8, card)
            reach(store, draw(store, run, 4, seed=0), person(store, tags[0]))
        with CapabilityStore.open(path) as capability:
            asked = QuestionSet(f"key-{tags[0]}", "medqa", "1", np.arange(4, dtype=np.uint64))
            answers = Answers(0, 0, np.array([True, False, True, True]))
            capability.put(MeasuredTarget("m", TARGET), asked, answers, "0.4")
    merged(out, one, two)
    merged(out, two)
    store, run, judge = opened(out)
    with store:
        assert (run.title, run.tags) == ("Model A", ("x", "y"))
        (sample,) = samples_of(store, run)
        assert [(reader.name, n) for reader, n in sample.reached] == [
            ("person:x", 4),
            ("person:y", 4),
        ]
        third = next_look(store, Release("series", 5, {"max": 1}, "run-z", [judge]))
        assert third.number == 3
        assert {card["sha256"] for card in cards_of(store)} == {"x", "y"}
    with CapabilityStore.read(out) as capability:
        found = capability.results(MeasuredTarget("m", TARGET).key)
        assert [answers.accuracy for _, answers in found] == [0.75, 0.75]


def test_every_table_of_a_store_is_known_here() -> None:
    """Whoever adds a table says how it is merged."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        schema(db, newest())
        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        tables = {name for (name,) in db.execute(query)}
    folder = Path(merge.__code__.co_filename).parent
    said = "".join((folder / f"{name}.py").read_text("utf-8") for name in ("merge", "bookkeeping"))
    assert {t for t in tables - {"judges"} if t not in said} == set()


def test_batches_that_are_out_are_said(paths: tuple[Path, Path, Path]) -> None:
    out, one, _ = paths
    fill(one, [0])
    with Store.open(one) as store, store.transaction():
        store.write(
            """INSERT INTO batches (run, executor, model, url, path, sha256, lines, state, created,
            changed) VALUES (1, 'openai', 'm', 'u', 'p', 'x', 7, 'submitted', 'now', 'now')"""
        )
    assert merged(out, one)[0].said == [
        "batches that are out, not collected yet: 1; run their evaluation again with "
        f"--store {one}, and then merge it again"
    ]


def test_two_machines_ask_a_half_each_and_the_merged_run_is_whole(tmp_path: Path) -> None:
    answers = tmp_path / "answers.jsonl"
    rows = [{"id": f"r{n}", "text": f"How is {n} done?", "response": f"So {n}"} for n in range(9)]
    write_rows(answers, rows)
    given = ("evaluate", "--target", f"replay:{answers}", "--judge", "phrases")
    given += ("--benchmark", str(answers), "--store")
    for part in ("1/2", "2/2"):
        output(*given, str(tmp_path / f"{part[0]}.db"), "--shard", part)
    first, second = merged(tmp_path / "all.db", tmp_path / "1.db", tmp_path / "2.db")
    assert (first.responses, second.responses, second.joined, second.said) == (5, 4, 1, [])
    assert len(texts_of_last(tmp_path / "all.db")) == 9
    assert "K from 1 to N" in msb(*given, str(tmp_path / "x.db"), "--shard", "3/2").err


# What cannot be merged


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {newest() + 1}")


def foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE theirs (x)")


def no_database(path: Path) -> None:
    path.write_bytes(b"no database at all " * 100)


def triggered(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TRIGGER t AFTER INSERT ON items BEGIN DELETE FROM verdicts; END")


def cut(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - 8192])


def other_text(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE requests SET text = 'What is asked instead' WHERE id = 'r3'")


def other_requests(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE items SET response = x'00' WHERE position = 4")


def other_promise(path: Path) -> None:
    with Store.open(path) as store:
        take_look(store, Release("series", 9, {"max": 2}, "run-z", store.judges()))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (newer, "was made by a newer medsafetybench"),
        (foreign, "is a database of something else"),
        (no_database, "is not a store"),
        (triggered, "holds a trigger that is none of ours"),
        (cut, "is damaged"),
        (other_text, "holds rows that msb did not write"),
        (other_requests, "run-a asks other requests there than in"),
        (other_promise, "begun with other settings"),
        (Path.unlink, "no store at"),
    ],
)
def test_what_cannot_be_merged_is_one_line_and_leaves_the_store_as_it_was(
    paths: tuple[Path, Path, Path], spoil: object, said: str
) -> None:
    out, one, two = paths
    for path in (one, two):
        fill(path, range(4))
    with Store.open(one) as store:
        take_look(store, Release("series", 5, {"max": 1}, "run-a", store.judges()))
    merged(out, one)
    before = content(out)
    spoil(two)  # type: ignore[operator]
    done = msb("store", "merge", str(out), str(two))
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert str(two) in done.err
    assert len(done.err.splitlines()) == 1
    assert content(out) == before


def test_no_store_is_left_where_the_first_source_is_refused(paths: tuple[Path, Path, Path]) -> None:
    out, one, two = paths
    fill(one, range(8))
    shutil.copy(one, two)
    other_text(two)
    with pytest.raises(MsbError):
        merged(out, two, one)
    assert not out.exists()


def test_a_store_is_not_merged_into_itself(paths: tuple[Path, Path, Path]) -> None:
    out, one, _ = paths
    fill(one, range(8))
    out.symlink_to(one)
    assert "into itself" in msb("store", "merge", str(out), str(one)).err


def test_whoever_stops_between_two_has_the_first_whole(paths: tuple[Path, Path, Path]) -> None:
    out, one, two = paths
    fill(one, range(5))
    fill(two, range(3, 8))
    going: Iterator[Came] = merge(out, [one, two])
    next(going)
    del going
    assert len(texts(out)) == 5
    merged(out, one, two)
    assert len(texts(out)) == 8


def test_the_command_says_what_came(paths: tuple[Path, Path, Path]) -> None:
    out, one, two = paths
    fill(one, range(5))
    fill(two, range(3, 8))
    assert msb("store", "merge", str(out), str(one), str(two)).out.splitlines() == [
        f"{one}: 1 runs; new: 8 requests, 5 responses, 5 verdicts",
        f"{two}: 0 runs, 1 joined with what was there; new: 0 requests, 3 responses, 3 verdicts",
    ]
