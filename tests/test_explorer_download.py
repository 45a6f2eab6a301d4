"""What the explorer lets one download: what is filtered, in order, veiled as the pages are."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="needs the extra web")
pytest.importorskip("httpx", reason="needs httpx, which the test client of starlette stands on")

from starlette.testclient import TestClient

from medsafetybench import load_benchmark, open_run
from medsafetybench.records import Request
from medsafetybench.results.rows import rows
from medsafetybench.scale import HARM
from medsafetybench.store.store import Store
from medsafetybench.store.texts import texts
from running_explorer import CANARY, stored

OURS = {"Origin": "http://127.0.0.1"}
SCORES = (1, 5, 3)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("download") / "store.db"
    requests = list(load_benchmark("starter"))[:40]
    requests.append(Request("=cmd()", f"=cmd()|{CANARY}", "benign", 1, "@source", "+reference"))
    with Store.open(path) as made:
        stored(made, "one", HARM, requests, lambda n, r: SCORES[n % 3] if n % 7 else None)
        two = stored(made, "two", HARM, requests, lambda n, r: 5 if n % 4 else 3)
        judge, own = made.register_judge("another", {"model": "x"}, HARM), made.judges()[0]
        keys = "SELECT response FROM items WHERE run = ?"
        change = f"UPDATE verdicts SET judge = ? WHERE judge = ? AND response IN ({keys})"
        made.write(change, judge.number, own.number, two.number)
        made.set_panel(two, [judge])
    return path


def show_texts(client: TestClient) -> None:
    assert client.post("/session", data={"shown": "1"}, headers=OURS).status_code == 204


def read(client: TestClient, query: str = "", form: str = "jsonl") -> list[dict[str, Any]]:
    reply = client.get(f"/runs/1/requests.{form}{query}")
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-disposition"] == f'attachment; filename="run-one-requests.{form}"'
    assert reply.headers["cache-control"] == "no-store"
    if form == "jsonl":
        return [json.loads(line) for line in reply.text.splitlines()]
    return list(csv.DictReader(io.StringIO(reply.text, newline="")))


def test_everything_is_what_the_run_holds(client: TestClient, store: Path) -> None:
    show_texts(client)
    assert read(client) == [{**row, "veiled": False} for row in open_run("run-one", store).rows()]


TEXTS = ("request", "context", "response", "reference", "thinking", "harm judge.rationale")


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_texts_of_harmful_requests_go_along_only_while_they_are_shown(
    client: TestClient, store: Path, form: str
) -> None:
    whole = {row["id"]: row for row in open_run("run-one", store).rows()}
    found = read(client, form=form)
    assert {row["intent"] for row in found} == {"harmful", "benign"}
    for row in found:
        texts = [row[name] for name in TEXTS]
        if row["intent"] == "harmful":
            assert not any(texts)
            assert row["veiled"] in (True, "True")
            told = whole[row["id"]]
            assert str(row["score"] or None) == str(told["score"])
            sent = json.dumps(row)
            assert not any(told[name] and told[name] in sent for name in TEXTS)
        else:
            assert any(texts)
    show_texts(client)
    assert all(
        row["request"] and row["veiled"] in (False, "False") for row in read(client, "", form)
    )


@pytest.mark.parametrize(
    ("query", "keep"),
    [
        ("?intent=benign", lambda row: row["intent"] == "benign"),
        ("?score=5&intent=harmful", lambda row: (row["score"], row["intent"]) == (5, "harmful")),
        ("?state=unscored", lambda row: row["state"] == "unscored"),
        ("?q=Answer+3", lambda row: row["response"].startswith("Answer 3")),
    ],
)
def test_only_what_the_page_shows_is_in_the_file(
    client: TestClient, store: Path, query: str, keep: Any
) -> None:
    expected = [row["id"] for row in open_run("run-one", store).rows() if keep(row)]
    assert expected
    assert [row["id"] for row in read(client, query)] == expected
    assert f"Download all {len(expected)} as" in client.get(f"/runs/1{query}").text


def test_it_is_in_the_order_of_the_page(client: TestClient) -> None:
    scores = [row["score"] for row in read(client, "?sort=highest")]
    there = [score for score in scores if score]
    assert there == sorted(there, reverse=True)
    assert scores[len(there) :] == [None] * (len(scores) - len(there))


def test_no_cell_of_the_table_runs_in_a_spreadsheet(client: TestClient) -> None:
    (row,) = read(client, "?q=%3Dcmd", "csv")
    assert row["id"] == "'=cmd()"
    assert row["request"].startswith("'=cmd()")
    assert (row["source"], row["reference"]) == ("'@source", "'+reference")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/runs/1/requests.xlsx", 404),
        ("/runs/1/requests.csv/x", 404),
        ("/runs/9/requests.csv", 404),
        ("/runs/1/requests.csv?score=9", 400),
        ("/runs/1/requests.jsonl?q=zzyzx", 400),
    ],
)
def test_what_cannot_be_downloaded_is_a_page_that_says_so(
    client: TestClient, path: str, status: int
) -> None:
    reply = client.get(path)
    assert (reply.status_code, reply.headers["content-type"][:9]) == (status, "text/html")
    client.cookies.clear()
    assert client.get(path).status_code == 403


def test_rows_and_texts_can_be_had_by_position(store: Path) -> None:
    run = open_run("run-one", store)
    found, wanted = run.outcomes(), [40, 0, 7, 7, 3]
    with Store.read(store) as read:
        whole = list(rows(read, found))
        assert list(rows(read, found, wanted)) == [whole[place] for place in wanted]
        many = [n % len(found) for n in range(1234)]
        assert len(list(texts(read, found.run, found.judges, many))) == len(many)
        assert list(texts(read, found.run, found.judges, [])) == []


def test_a_comparison_has_a_row_for_each_run_of_each_request_in_the_order_of_the_page(
    client: TestClient,
) -> None:
    page = client.get("/compare?run=1&run=2&change=worse&measure=harmfulness").text
    assert "/compare.csv?run=1&amp;run=2&amp;change=worse&amp;measure=harmfulness" in page
    reply = client.get("/compare.jsonl?run=2&run=1&change=worse&measure=harmfulness")
    assert reply.headers["content-disposition"] == 'attachment; filename="run-one-run-two.jsonl"'
    found = [json.loads(line) for line in reply.text.splitlines()]
    assert [row["run"] for row in found] == ["run-one", "run-two"] * (len(found) // 2)
    pairs = list(zip(found[::2], found[1::2], strict=True))
    assert len(pairs) > 5
    assert all(a["id"] == b["id"] and a["score"] < b["score"] for a, b in pairs)
    apart = [b["score"] - a["score"] for a, b in pairs]
    assert apart == sorted(apart, reverse=True)
    assert not any(row["request"] or row["response"] for row in found)
    show_texts(client)
    shown = client.get("/compare.csv?run=1&run=2&change=worse&measure=harmfulness").text
    rows = list(csv.DictReader(io.StringIO(shown, newline="")))
    assert len(rows) == len(found)
    assert all(row["request"] and row["response"] for row in rows)
    assert {"harm judge.score", "another.score"} <= rows[0].keys()
    assert (rows[0]["another.score"], rows[1]["harm judge.score"]) == ("", "")
    assert client.get("/compare.csv?run=1").status_code == 400
    assert client.get("/compare.xml?run=1&run=2").status_code == 404
