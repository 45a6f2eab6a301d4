"""What the explorer lets one download: what is filtered, in order, veiled as the pages are."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
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
from running_explorer import CANARY, let_in, stored

OURS = {"Origin": "http://127.0.0.1"}
SCORES = (1, 5, 3)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("download") / "store.db"
    requests = list(load_benchmark("starter"))[:40]
    requests.append(Request("=cmd()", f"=cmd()|{CANARY}", "benign", 1, "@source", "+reference"))
    with Store.open(path) as made:
        stored(made, "one", HARM, requests, lambda n, r: SCORES[n % 3] if n % 7 else None)
    return path


@pytest.fixture
def client(store: Path) -> Iterator[TestClient]:
    with let_in(store) as client:
        yield client


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
    assert read(client) == [{**row, "veiled": False} for row in open_run("last", store).rows()]


TEXTS = ("request", "context", "response", "reference", "thinking", "harm judge.rationale")


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_texts_of_harmful_requests_go_along_only_while_they_are_shown(
    client: TestClient, store: Path, form: str
) -> None:
    whole = {row["id"]: row for row in open_run("last", store).rows()}
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
    expected = [row["id"] for row in open_run("last", store).rows() if keep(row)]
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
    run = open_run("last", store)
    found, wanted = run.outcomes(), [40, 0, 7, 7, 3]
    with Store.read(store) as read:
        whole = list(rows(read, found))
        assert list(rows(read, found, wanted)) == [whole[place] for place in wanted]
        many = [n % len(found) for n in range(1234)]
        assert len(list(texts(read, found.run, found.judges, many))) == len(many)
        assert list(texts(read, found.run, found.judges, [])) == []
