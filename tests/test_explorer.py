"""The explorer over HTTP: who may see it, what it shows, what it stores."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from commands import msb, output

pytest.importorskip("starlette", reason="needs the extra web")
pytest.importorskip("uvicorn", reason="needs the extra web")

from medsafetybench import load_benchmark, open_run
from medsafetybench.legible import visible
from medsafetybench.records import Request, Response, Verdict
from medsafetybench.results.measures import form_of, measure_named
from medsafetybench.results.text import figure_text, interval_text
from medsafetybench.scale import HARM
from medsafetybench.store.samples import sample_order, samples_of
from medsafetybench.store.store import Store, response_key
from running_explorer import CANARY, HOSTILE, Explorer, evaluated, exploring, hostile, links


@pytest.fixture(scope="module")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    with exploring(evaluated(tmp_path_factory.mktemp("explorer"))) as running:
        yield running


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    with exploring(hostile(tmp_path_factory.mktemp("hostile"))) as running:
        yield running


PATHS = (
    *("/", "/runs/1", "/runs/1/requests/0", "/compare?run=1&run=2", "/figures?run=1"),
    *("/static/style.css", "/x"),
)


@pytest.mark.parametrize("path", PATHS)
def test_without_a_session_nothing_is_shown(explorer: Explorer, path: str) -> None:
    name = f"__Host-msb_{explorer.port}"
    for cookie in ("", f"{name}=guess", f"{name}="):
        assert explorer.send("GET", path, {"Cookie": cookie}).status == 403
    assert explorer.send("GET", "/open?ticket=guess", {}).status == 403
    assert explorer.send("GET", path, {"Cookie": explorer.cookie}).status in (200, 404)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1"},
        {"Host": "localhost"},
        {"Host": "other.localhost"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
    ],
    ids=str,
)
def test_a_foreign_host_or_origin_is_refused_even_with_session_and_ticket(
    explorer: Explorer, headers: dict[str, str]
) -> None:
    assert explorer.send("GET", "/", {"Cookie": explorer.cookie, **headers}).status == 403
    if headers != {"Origin": "null"}:  # a file may bring a ticket
        ticket = explorer.link.removeprefix(explorer.origin)
        assert explorer.send("GET", ticket, headers).status == 403


def test_a_label_from_elsewhere_is_refused_and_not_stored(explorer: Explorer) -> None:
    body = "annotator=eve&n=&seed=0&at=0&position=0&score=5"
    form = {"Cookie": explorer.cookie, "Content-Type": "application/x-www-form-urlencoded"}
    for more in ({}, {"Origin": "https://evil.example"}, {"Origin": "http://127.0.0.1:1"}):
        assert explorer.send("POST", "/runs/1/label", {**form, **more}, body).status == 403
    without = {"Origin": explorer.origin, "Content-Type": form["Content-Type"]}
    assert explorer.send("POST", "/runs/1/label", without, body).status == 403
    with Store.read(explorer.store) as store:
        assert not any(judge.name == "person:eve" for judge in store.judges())


@pytest.mark.parametrize("path", [*PATHS, "/runs/1?score=9"])
def test_every_answer_forbids_inline_script_and_foreign_content(
    explorer: Explorer, path: str
) -> None:
    reply = explorer.send("GET", path, {"Cookie": explorer.cookie})
    policy = reply.getheader("Content-Security-Policy") or ""
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert reply.getheader("X-Content-Type-Options") == "nosniff"


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(explorer: Explorer) -> None:
    cookie = explorer.enter().getheader("Set-Cookie", "").lower()
    assert cookie.startswith("__host-")
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "; secure" in cookie
    assert "domain" not in cookie


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static/%2fetc%2fpasswd",
        "/static//etc/passwd",
        "/static/style.css%00.py",
        "/static/",
        "/../../etc/passwd",
    ],
)
def test_no_path_leaves_the_static_files(explorer: Explorer, path: str) -> None:
    reply = explorer.send("GET", path, {"Cookie": explorer.cookie})
    assert reply.status == 404
    assert "root:" not in reply.text


LOOPBACK = {"tcp": "0100007F", "tcp6": "00000000000000000000000001000000"}


@pytest.mark.parametrize("family", LOOPBACK)
def test_it_listens_on_the_loopback_address_only(explorer: Explorer, family: str) -> None:
    lines = Path("/proc/net", family).read_text().splitlines()[1:]
    local = [line.split()[1] for line in lines if line.split()[3] == "0A"]
    here = [a.rpartition(":")[0] for a in local if int(a.rpartition(":")[2], 16) == explorer.port]
    assert here == [LOOPBACK[family]]


def test_what_the_intervals_are_of_is_said(explorer: Explorer) -> None:
    card = open_run("last", explorer.store).summary()
    (number,) = (run.number for run in _runs(explorer) if run.id == card.run)
    assert f"In brackets: {card.intervals}." in unescape(explorer.page(f"/runs/{number}"))


def test_runs_show_each_measure_as_the_scorecard_has_it(explorer: Explorer) -> None:
    page = unescape(explorer.page("/?sort=harmfulness&down=1"))
    for run in _runs(explorer):
        card = open_run(run.id, explorer.store).summary()
        for info in card.measures:
            measure, figure = measure_named(info.key), card.figure(info.key)
            assert f">{measure.title[0].upper()}{measure.title[1:]}" in page
            assert f">{figure_text(measure, figure, interval=False)}<" in page
            assert interval_text(figure.ci95, form_of(measure.unit)) in page
    assert page.index("eager") < page.index("careful")
    down = explorer.page("/?sort=mean&down=0")
    assert down.index("careful") < down.index("eager")


def _runs(explorer: Explorer) -> list:
    with Store.read(explorer.store) as store:
        return store.runs()


@pytest.mark.parametrize(
    ("query", "keep"),
    [
        ("principle=4", lambda row: row["principle"] == 4),
        ("intent=benign&score=3", lambda row: row["intent"] == "benign" and row["score"] == 3),
        ("state=unscored", lambda row: row["state"] == "unscored"),
        ("q=CONSENT", lambda row: "consent" in (row["request"] + row["response"]).lower()),
        ("q=100%25", lambda row: "100%" in row["request"] + row["response"]),
    ],
)
def test_a_filter_counts_what_the_exported_rows_hold(
    explorer: Explorer, query: str, keep: object
) -> None:
    rows = list(open_run(_runs(explorer)[0].id, explorer.store).rows())
    expected = sum(map(keep, rows))  # type: ignore[call-overload]
    assert f">{expected} of {len(rows)} requests<" in explorer.page(f"/runs/1?{query}")


def test_pages_together_hold_each_request_once(explorer: Explorer) -> None:
    total = len(list(load_benchmark("starter")))
    found: list[str] = []
    for page in range(1, -(-total // 50) + 1):
        found += links(explorer.page(f"/runs/1?page={page}"), "/runs/1/requests/")
    assert found == [f"/runs/1/requests/{position}" for position in range(total)]


def test_next_and_previous_stay_inside_the_filter(explorer: Explorer) -> None:
    first, second = links(explorer.page("/runs/1?principle=4"), "/runs/1/requests/")[:2]
    page = explorer.page(first)
    assert second in links(page, "/runs/1/requests/")
    assert first in links(explorer.page(second), "/runs/1/requests/")


def test_a_filter_that_cannot_be_is_one_line_not_a_crash(explorer: Explorer) -> None:
    reply = explorer.send("GET", "/runs/1?score=9", {"Cookie": explorer.cookie})
    assert reply.status == 400
    assert "score &#39;9&#39;; expected one of" in reply.text


def test_compare_begins_with_the_largest_disagreement(explorer: Explorer) -> None:
    link = links(explorer.page("/compare?run=1&run=2"), "/compare/pair")[0]
    page = explorer.page(link)
    assert 'aria-label="1 declines"' in page
    assert 'aria-label="5 answers"' in page


def test_labels_land_in_the_store_and_in_agreement(explorer: Explorer) -> None:
    for place in range(4):
        page = explorer.page(f"/runs/1/label?annotator=ana&n=20&seed=0&at={place}")
        position = page.split('name="position" value="')[-1 if place == 0 else 1].split('"')[0]
        fields = {"annotator": "ana", "n": 20, "seed": 0, "at": place, "position": position}
        assert explorer.post("/runs/1/label", score=1, **fields).status == 303
    run = _runs(explorer)[0].id
    told = ("--json", "--store", str(explorer.store))
    for intent in ("harmful", "benign"):
        said = output("agreement", run, "--intent", intent, *told)
        assert "person:ana" in json.dumps(json.loads(said))


def test_undo_takes_the_label_back_and_shows_the_item_again(explorer: Explorer) -> None:
    queue = {"annotator": "bob", "n": 5, "seed": 3}
    explorer.page("/runs/1/label?annotator=bob&n=5&seed=3")
    with Store.read(explorer.store) as store:
        position = sample_order(store, store.runs()[0], 5, 3, ("harmful", "benign"))[0]
    explorer.post("/runs/1/label", score=1, at=0, position=position, **queue)
    assert "1 of 5" in explorer.page("/runs/1/label?annotator=bob&n=5&seed=3")
    explorer.post("/runs/1/label/undo", at=0, position=position, **queue)
    assert "0 of 5" in explorer.page("/runs/1/label?annotator=bob&n=5&seed=3")


def test_labels_given_here_are_of_the_sample_that_was_asked_for(explorer: Explorer) -> None:
    queue = {"annotator": "eve", "n": 4, "seed": 9}
    with Store.read(explorer.store) as store:
        position = sample_order(store, store.runs()[0], 4, 9)[1]
    assert explorer.post("/runs/1/label", score=1, at=1, position=position, **queue).status == 303
    with Store.read(explorer.store) as store:
        drawn = [one for one in samples_of(store, store.runs()[0]) if one.seed == 9]
    assert [(one.n, [n for _, n in one.reached]) for one in drawn] == [(4, [2])]


def test_a_third_settles_what_two_dispute(explorer: Explorer) -> None:
    for name, score in (("fay", 1), ("gus", 5)):
        queue = {"annotator": name, "n": 3, "seed": 11, "at": 0}
        with Store.read(explorer.store) as store:
            position = sample_order(store, store.runs()[1], 3, 11)[0]
        explorer.post("/runs/2/label", score=score, position=position, **queue)
    page = explorer.page("/runs/2/settle")
    assert "1 are still to be settled" in page
    assert "1 declines" in page
    page = explorer.page("/runs/2/settle?annotator=hal")
    assert "People said" in page
    assert "Reason" not in page, "the judge's verdict is hidden"
    assert "Nothing left to settle" in explorer.page("/runs/2/settle?annotator=fay")
    fields = {"annotator": "hal", "position": position, "score": 5, "note": "as agreed"}
    assert explorer.post("/runs/2/settle", **{**fields, "annotator": "fay"}).status == 400
    assert explorer.post("/runs/2/settle", **fields).status == 303
    assert "0 are still to be settled" in explorer.page("/runs/2/settle")
    shown = explorer.page(f"/runs/2/requests/{position}")
    assert "settled:hal" in shown
    assert "as agreed" in shown
    assert re.search(r"settled:hal.*?\d{4}-\d\d-\d\d \d\d:\d\d", shown, re.S)
    assert "Of 3 requests drawn by seed 11." in shown
    undone = {"annotator": "hal", "position": position}
    assert explorer.post("/runs/2/settle/undo", **undone).status == 303
    assert "1 are still to be settled" in explorer.page("/runs/2/settle")


def test_labelling_shows_neither_judge_nor_target(explorer: Explorer) -> None:
    page = explorer.page("/runs/1/label?annotator=cy&n=5&seed=1")
    assert "replay:" not in page
    assert "careful" not in page
    assert "Reason" not in page


def test_a_score_the_rubric_does_not_know_is_refused(explorer: Explorer) -> None:
    benign = next(
        n for n, request in enumerate(load_benchmark("starter")) if request.intent == "benign"
    )
    fields = {"annotator": "dee", "n": 5, "seed": 0, "at": 0, "position": benign}
    assert explorer.post("/runs/1/label", score=2, **fields).status == 400
    assert explorer.post("/runs/1/label", score=7, **fields).status == 400


def test_the_numbers_follow_a_run_that_is_being_written(tmp_path: Path) -> None:
    requests = list(load_benchmark("starter"))
    target = {"model": "live"}
    keyed = [(r, response_key(target, [{"content": r.id}])) for r in requests]
    info = {"name": "starter", "sha256": "0" * 64, "selection": {}}
    with Store.open(tmp_path / "live.db") as store:
        judge = store.register_judge("j", {"model": "j"}, HARM)
        run = store.register("run-live", {"benchmark": info, "target": target}, keyed)
        store.set_panel(run, [judge])
        with exploring(tmp_path / "live.db") as explorer:
            for upto in (0, 10, len(keyed)):
                with store.transaction():
                    for request, key in keyed[:upto]:
                        store.put_response(key, Response("Well."))
                        store.put_verdict(judge, key, request.intent, Verdict(HARM.level(1)))
                now = json.loads(explorer.page("/runs/1/progress"))
                until = time.monotonic() + 20
                while now["done"] != upto and time.monotonic() < until:
                    now = json.loads(explorer.page("/runs/1/progress"))
                assert (now["done"], now["left"]) == (upto, len(keyed) - upto)
                assert now["live"] == (upto == 10)


@pytest.mark.parametrize("number", range(len(HOSTILE) + 1))
def test_hostile_text_is_shown_as_text(attacked: Explorer, number: int) -> None:
    page = attacked.page(f"/runs/1/requests/{number}")
    assert f"<script>{CANARY}" not in page
    assert "<img src=x" not in page
    assert "<svg onload" not in page
    assert "<iframe" not in page
    assert page.count("</body>") == page.count("</main>") == 1
    for unseen in "\u202e\u2066\u200b\x07\x00\U000e0041":
        assert unseen not in page
    if number < len(HOSTILE) and number != 3:
        assert visible(HOSTILE[number]) in unescape(page)


def test_a_megabyte_of_text_is_cut_until_asked_for(attacked: Explorer) -> None:
    path = f"/runs/1/requests/{len(HOSTILE)}"
    assert len(attacked.page(path)) < 300_000
    assert "Show all" in attacked.page(path)
    assert len(attacked.page(f"{path}?full=1")) > 3_000_000
    assert len(attacked.page("/runs/1")) < 100_000


def test_without_a_store_the_command_says_so_in_one_line(tmp_path: Path) -> None:
    said = msb("explore", "--no-browser")
    assert said.code == 2
    assert said.err.startswith("msb: no store at")
    assert said.err.count("\n") == 1


def test_rows_of_one_name_are_told_apart_by_what_else_decides_the_answers(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    sampling = {"temperature": 0.7, "max_tokens": 64, "seed": None, "extra": {}}
    info = {"name": "ours", "sha256": "0" * 64, "selection": {"limit": 4, "seed": 0}}
    with Store.open(path) as store:
        for revision in ("v1", "v2"):
            system = f"You are {HOSTILE[0]} careful"
            target = {"model": "m", "revision": revision, "sampling": sampling, "system": system}
            asked = [(Request("r", "How?"), response_key(target, []))]
            store.register(f"run-{revision}", {"benchmark": info, "target": target}, asked)
    with exploring(path) as explorer:
        for page in (explorer.page("/"), explorer.page("/runs/1")):
            text = unescape(page)
            assert "revision v1" in text
            assert "temperature 0.7" in text
            assert "limit 4" in text
            assert "You are" in text
            assert HOSTILE[0] not in page
        assert "revision v2" in explorer.page("/")
