"""The review of a build in the browser: the same queue and the same file as in the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="needs the extra web")
pytest.importorskip("uvicorn", reason="needs the extra web")

from commands import msb
from medsafetybench.building import Config, Project
from medsafetybench.building.review import Queue, agreement, decisions, reviewed
from running_explorer import CANARY, HOSTILE, Explorer, exploring

ROWS = [
    {"id": "h0", "text": "First request", "intent": "harmful", "principle": 1, "reference": "No."},
    {
        "id": "h1",
        "text": HOSTILE[4] + HOSTILE[8],
        "intent": "harmful",
        "principle": 2,
        "reference": HOSTILE[0],
    },
    {"id": "b0", "text": "Second\nrequest", "intent": "benign", "principle": 1, "pair": "h0"},
]


@pytest.fixture
def project() -> Project:
    made = Project.create(Path("ours"), Config("ours"))
    with made.writing("answer", {}) as writer:
        for row in ROWS:
            writer.write(str(row["id"]), [row], [])
    return made


@pytest.fixture
def review(project: Project) -> Iterator[Explorer]:
    with exploring(project.folder, "--project") as running:
        yield running


def send(review: Explorer, at: int, decision: str, reviewer: str = "ana", **changed: str) -> int:
    row = ROWS[at]
    fields = {"text": str(row["text"]), "reference": str(row.get("reference", "")), **changed}
    fields = {name: value.replace("\n", "\r\n") for name, value in fields.items()}
    sent = {"reviewer": reviewer, "at": at, "id": row["id"], "decision": decision, **fields}
    return review.post("/", **sent).status


def test_decisions_are_those_of_the_terminal(review: Explorer, project: Project) -> None:
    assert "0 of 3" in review.page("/?reviewer=ana")
    assert send(review, 0, "accept", text="First request, better") == 303
    assert send(review, 2, "accept") == 303
    assert send(review, 1, "reject", note="not a request") == 303
    assert "All reviewed" in review.page("/?reviewer=ana")
    made = {row: by["ana"] for row, by in decisions(project).items()}
    assert {row: one.decision for row, one in made.items()} == {
        "h0": "edit",
        "b0": "accept",
        "h1": "reject",
    }
    assert made["h0"].text == "First request, better"
    assert made["h0"].reference is None
    assert made["h1"].note == "not a request"
    assert list(Queue(project, "ana").waiting()) == []
    accepted, _ = reviewed(project)
    assert [(row["id"], row["text"]) for row in accepted] == [
        ("h0", "First request, better"),
        ("b0", "Second\nrequest"),
    ]


def test_a_reviewer_does_not_see_what_another_decided(review: Explorer, project: Project) -> None:
    send(review, 0, "reject", reviewer="ana")
    page = review.page("/?reviewer=ben")
    assert "0 of 3" in page
    assert "you decided" not in page
    send(review, 0, "accept", reviewer="ben")
    assert agreement(project)["disputed"] == 1


def test_a_decision_can_be_skipped_and_taken_again(review: Explorer, project: Project) -> None:
    page = review.page("/?reviewer=ana&at=1")
    assert 'name="id" value="h1"' in page
    send(review, 1, "accept")
    back = next(a for a in unescape(review.page("/?reviewer=ana&at=2")).split('"') if "again" in a)
    page = review.page(back)
    assert 'name="id" value="h1"' in page
    assert "you decided: accept" in page
    send(review, 1, "reject")
    assert decisions(project)["h1"]["ana"].decision == "reject"
    assert "2 were skipped" in review.page("/?reviewer=ana&at=3")


def test_hostile_text_stays_text_and_showing_it_is_no_edit(
    review: Explorer, project: Project
) -> None:
    page = review.page("/?reviewer=ana&at=1")
    assert "\u202e" not in page
    assert CANARY in page
    assert "</textarea></title>" not in page
    shown = unescape(page.split('name="text"')[1].split(">", 1)[1].split("</textarea>")[0])
    assert send(review, 1, "accept", text=shown.removeprefix("\n")) == 303
    assert decisions(project)["h1"]["ana"].decision == "accept"


def test_an_incomplete_form_stores_nothing(review: Explorer, project: Project) -> None:
    assert send(review, 0, "accept", text=" ") == 400
    assert send(review, 0, "maybe") == 400
    assert send(review, 0, "accept", id="h1") == 400
    assert send(review, 0, "accept", reviewer=" ") == 400
    without = {"Cookie": review.cookie, "Content-Type": "application/x-www-form-urlencoded"}
    body = "reviewer=eve&at=0&id=h0&decision=accept"
    assert review.send("POST", "/", without, body).status == 403
    assert review.send("GET", "/?reviewer=ana", {}).status == 403
    assert decisions(project) == {}


def test_nothing_to_review_is_one_clear_line() -> None:
    Project.create(Path("empty"), Config("empty"))
    done = msb("explore", "--project", "empty", "--no-browser")
    assert done.code == 2
    assert "run `msb build answer empty` first" in done.err
    assert len(done.err.splitlines()) == 1
