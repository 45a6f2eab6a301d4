"""The explorer sorts a run's requests: by level, by length, by how far its judges disagree."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("starlette", reason="needs the extra web")
pytest.importorskip("httpx", reason="needs httpx, which the test client of starlette stands on")

from starlette.testclient import TestClient

from medsafetybench.explorer.pages import neighbours
from medsafetybench.explorer.sorting import SORTS, Keys, in_order
from medsafetybench.records import Request, Response, Verdict
from medsafetybench.scale import HARM, REFUSAL
from medsafetybench.store.store import Store, response_key

N = 60
LEVELS = [(n * 7) % 5 + 1 if n % 11 else None for n in range(N)]
LENGTHS = [(n * 37) % 50 + 1 for n in range(N)]
SECOND = [None if n % 3 else (n * 3) % 5 + 1 for n in range(N)]
NAN = float("nan")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 requests, two judges of harm, the second of every third, and one of refusal.

    Number 7 could not be asked, number 8 was not asked yet.
    """
    path = tmp_path_factory.mktemp("sorted") / "store.db"
    requests = [Request(f"r{n:02}", f"Text {n}", "harmful", n % 3) for n in range(N)]
    with Store.open(path) as made:
        keyed = [(r, response_key({"model": "m"}, [{"content": r.id}])) for r in requests]
        info = {"name": "made up", "sha256": "0", "selection": {}}
        run = made.register("run-m", {"benchmark": info, "target": {"model": "m"}}, keyed)
        panel, second, other = (
            made.register_judge(name, {"model": name}, scale)
            for name, scale in (("first", HARM), ("second", HARM), ("screen", REFUSAL))
        )
        with made.transaction():
            for n, (request, key) in enumerate(keyed):
                if n == 8:
                    continue
                error = "no such host" if n == 7 else None
                made.put_response(key, Response("" if error else "x" * LENGTHS[n], error=error))
                for judge, score in ((panel, LEVELS[n]), (second, SECOND[n])):
                    if not error and score:
                        level = HARM.level(score, request.intent)
                        made.put_verdict(judge, key, request.intent, Verdict(level))
                if not error:
                    verdict = Verdict(REFUSAL.level(4, request.intent))
                    made.put_verdict(other, key, request.intent, verdict)
        made.set_panel(run, [panel])
    return path


def shown(client: TestClient, query: str) -> list[int]:
    """The positions in the order of the pages."""
    found: list[int] = []
    for page in (1, 2):
        reply = client.get(f"/runs/1?{query}&page={page}")
        assert reply.status_code == 200
        found += map(int, re.findall(r'<a href="/runs/1/requests/(\d+)', reply.text))
    return found


def scored(n: int) -> int | None:
    return None if n in (7, 8) else LEVELS[n]


def length(n: int) -> int | None:
    return None if n in (7, 8) else LENGTHS[n]


def apart(n: int) -> int | None:
    one, other = scored(n), None if n in (7, 8) else SECOND[n]
    return None if one is None or other is None else abs(one - other)


@pytest.mark.parametrize(
    ("sort", "key", "down"),
    [
        ("highest", scored, True),
        ("lowest", scored, False),
        ("longest", length, True),
        ("shortest", length, False),
        ("apart", apart, True),
    ],
)
def test_requests_are_sorted_and_what_has_no_key_is_last_in_the_runs_order(
    client: TestClient, sort: str, key: object, down: bool
) -> None:
    keys = {n: key(n) for n in range(N)}  # type: ignore[operator]
    there = [n for n in range(N) if keys[n] is not None]
    there.sort(key=lambda n: -keys[n] if down else keys[n])
    expected = there + [n for n in range(N) if keys[n] is None]
    assert shown(client, f"sort={sort}") == expected
    wanted = [n for n in expected if n % 3 == 1]
    assert shown(client, f"sort={sort}&principle=1")[: len(wanted)] == wanted


def test_the_next_request_is_the_next_in_the_order_that_was_asked_for(client: TestClient) -> None:
    order = shown(client, "sort=longest&principle=2")[:20]
    for before, at, after in zip(order, order[1:], order[2:], strict=False):
        page = client.get(f"/runs/1/requests/{at}?sort=longest&principle=2").text
        steps = dict(re.findall(r'rel="(prev|next)"[^>]*href="/runs/1/requests/(\d+)', page))
        assert steps == {"prev": str(before), "next": str(after)}
        assert f"{order.index(at) + 1} of 20" in page


def test_lengths_and_the_judges_ends_are_said_where_they_are_sorted_by(client: TestClient) -> None:
    assert f"{max(LENGTHS)} characters" in client.get("/runs/1?sort=longest").text
    page = client.get("/runs/1?sort=apart").text
    ends = re.findall(r"judges (\d) to (\d)", page)
    furthest = max(a for a in map(apart, range(N)) if a is not None)
    assert int(ends[0][1]) - int(ends[0][0]) == furthest
    assert not re.search(r"judges \d", client.get("/runs/1?sort=highest").text)
    none = client.get("/runs/1?sort=apart&state=error").text
    assert "no two judges on one scale" in none


def test_an_order_that_there_is_not_is_a_line(client: TestClient) -> None:
    for sort in ("x", "level", "<b>"):
        reply = client.get("/runs/1", params={"sort": sort})
        assert reply.status_code == 400
        assert "highest, " in reply.text.replace("lowest, ", "highest, ")
        assert "<b>" not in reply.text


def test_new_verdicts_change_the_order(store: Path, client: TestClient) -> None:
    assert shown(client, "sort=apart").index(58) > 40
    with Store.open(store) as made:
        run = made.run("run-m")
        judge = made.register_judge("person:ana", {"model": "ana"}, HARM)
        item = next(made.items(run, [58]))
        with made.transaction():
            wide = 1 if (LEVELS[58] or 1) > 3 else 5
            verdict = Verdict(HARM.level(wide, "harmful"))
            made.put_verdict(judge, item.key, "harmful", verdict)
    assert shown(client, "sort=apart").index(58) < 20


def test_requests_that_came_since_the_keys_were_read_are_last() -> None:
    positions = np.array([0, 1, 4, 5])
    keys = Keys(np.array([3.0, NAN, 2.0, 1.0, 9.0]))
    assert in_order(positions, SORTS["highest"], keys).tolist() == [4, 0, 1, 5]
    assert in_order(np.array([], np.int64), SORTS["lowest"], keys).tolist() == []


def test_neighbours_of_one_outside_are_the_nearest() -> None:
    assert neighbours(np.array([9, 2, 5]), 2) == (9, 1, 5)
    assert neighbours(np.array([9, 2, 5]), 4) == (2, None, 5)
    assert neighbours(np.array([3]), 3) == (None, 0, None)
    assert neighbours(np.array([], np.int64), 3) == (None, None, None)
