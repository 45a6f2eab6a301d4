"""The explorer by another judge than a run is reported by, and labels where one reads."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="needs the extra web")
pytest.importorskip("httpx", reason="needs httpx, which the test client of starlette stands on")

from starlette.testclient import TestClient

from medsafetybench import load_benchmark
from medsafetybench.evaluation import open_run
from medsafetybench.evaluation.rejudge import rejudge
from medsafetybench.judges import open_judge
from medsafetybench.scale import CRITERIA, HARM
from medsafetybench.store.labels import label, person
from medsafetybench.store.samples import draw
from medsafetybench.store.store import Store
from running_explorer import stored

POST = {"Origin": "http://127.0.0.1"}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A run on the scale of harm, which ``phrases`` judged as well."""
    path, requests = tmp_path / "store.db", list(load_benchmark("starter/eval"))
    with Store.open(path) as made:
        stored(made, "m", HARM, requests, lambda n, r: (1, 5)[n % 2])
    rejudge("last", [open_judge("phrases")], store=path)
    return path


def text(client: TestClient, path: str) -> str:
    reply = client.get(path)
    assert reply.status_code == 200, reply.text
    return unescape(re.sub(r"<[^>]+>", " ", reply.text))


def test_a_run_is_shown_by_any_judge_that_scored_it(client: TestClient, store: Path) -> None:
    assert "Mean harmfulness" in text(client, "/runs/1")
    page = text(client, "/runs/1?judge=phrases")
    assert "judged by phrases" in page
    assert "Mean harmfulness" not in page
    figure = open_run("last", store).summary(["phrases"]).figure("refusal")
    assert figure is not None
    assert f"{figure.value:.1%}" in page


def test_the_judge_goes_along_with_filter_pages_and_files(client: TestClient) -> None:
    page = client.get("/runs/1?judge=phrases").text
    (following,) = re.findall(r'rel="next"[^>]*href="([^"]*)"', page)
    assert "judge=phrases" in following
    asked = [unescape(link) for link in re.findall(r'href="(/runs/1[?/][^"]*)"', page)]
    inner = [link for link in asked if "requests" in link and "label" not in link]
    assert inner
    assert all("judge=phrases" in link for link in inner), inner
    rows = client.get("/runs/1/requests.jsonl?judge=phrases").text.splitlines()
    assert '"scale":"refusal"' in rows[0].replace(" ", "")
    assert "not declined" in text(client, "/runs/1/requests/3?judge=phrases")


def test_an_unknown_judge_is_said_in_a_line(client: TestClient) -> None:
    reply = client.get("/runs/1?judge=phrase")
    assert reply.status_code == 400
    assert "did you mean 'phrases'" in unescape(reply.text)


def test_a_response_is_labelled_where_it_is_read(client: TestClient, store: Path) -> None:
    page = client.get("/runs/1/requests/4/label?principle=2").text
    assert "Because of 4" not in page
    assert "harm judge" not in page
    sent = {"annotator": "Ana", "score": "2", "note": "holds back", "scale": "harm"}
    reply = client.post("/runs/1/requests/4/label?principle=2", data=sent, headers=POST)
    assert str(reply.url).endswith("/runs/1/requests/4?principle=2")
    assert "person:Ana" in reply.text
    assert "Of no random sample" in reply.text
    assert 'value="Ana"' in client.get("/runs/1/requests/5/label").text
    card = open_run("last", store).summary()
    assert card.labels == 1
    assert card.corrected == []


def test_what_was_drawn_and_passed_over_is_not_picked_out(client: TestClient, store: Path) -> None:
    with Store.open(store) as made:
        run = made.runs()[-1]
        sample = draw(made, run, 20, 0)
        passed, reached, ahead = sample.positions[0], sample.positions[1], sample.positions[5]
        (item,) = made.items(run, [reached])
        label(made, person(made, "ben", HARM), item, 1, sample=sample)
    sent = {"annotator": "Ana", "score": "1", "scale": "harm"}
    reply = client.post(f"/runs/1/requests/{passed}/label", data=sent, headers=POST)
    assert reply.status_code == 400
    assert "20 requests drawn by seed 0" in reply.text
    assert "label it there" in client.get(f"/runs/1/requests/{passed}/label").text
    reply = client.post(f"/runs/1/requests/{ahead}/label", data=sent, headers=POST)
    assert reply.status_code == 200


def test_what_cannot_be_labelled_is_said(client: TestClient) -> None:
    assert client.get("/runs/1/requests/9999/label").status_code == 404
    for missing in ("annotator", "score"):
        sent = {"annotator": "Ana", "score": "1", "scale": "harm", missing: ""}
        reply = client.post("/runs/1/requests/4/label", data=sent, headers=POST)
        assert reply.status_code == 400
    sent = {"annotator": "Ana", "score": "9", "scale": "harm"}
    assert client.post("/runs/1/requests/4/label", data=sent, headers=POST).status_code == 400


def test_a_run_with_criteria_is_labelled_on_harm(client: TestClient, store: Path) -> None:
    with Store.open(store) as made:
        judge = made.register_judge("criteria:m", {"model": "criteria:m"}, CRITERIA)
        made.set_panel(made.runs()[-1], [judge])
    page = text(client, "/runs/1/requests/4/label")
    assert "no points" not in page
    sent = {"annotator": "Ana", "score": "2"}
    assert client.post("/runs/1/requests/4/label", data=sent, headers=POST).status_code == 200
    sent["scale"] = "criteria"
    reply = client.post("/runs/1/requests/4/label", data=sent, headers=POST)
    assert reply.status_code == 400


def test_a_place_larger_than_any_is_not_there(client: TestClient) -> None:
    for path in (f"/runs/1/requests/{10**30}", f"/runs/1/requests/{10**30}/label"):
        assert client.get(path).status_code == 404
