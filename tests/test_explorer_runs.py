"""The explorer's table of runs: found, hidden and shown again, and picked to be compared."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="needs the extra web")
pytest.importorskip("httpx", reason="needs httpx, which the test client of starlette stands on")

from starlette.testclient import TestClient

from medsafetybench import load_benchmark
from medsafetybench.scale import HARM, REFUSAL
from medsafetybench.store.names import rename, tag
from medsafetybench.store.store import Store
from running_explorer import let_in, stored

OURS = {"Origin": "http://127.0.0.1"}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path, requests = tmp_path / "store.db", list(load_benchmark("starter"))[:12]
    with Store.open(path) as made:
        for name, scale in (("alpha", HARM), ("beta", REFUSAL), ("gamma", HARM)):
            run = stored(made, name, scale, requests, lambda n, r: 1)
            tag(made, run, add=["release", "v<2>"] if name != "beta" else ["draft"])
        rename(made, made.run("run-gamma"), "Größe & <b>Co</b>")
    return path


def listed(client: TestClient, query: str = "") -> list[str]:
    """The ids of the runs on the page, in order."""
    reply = client.get(f"/{query}")
    assert reply.status_code == 200
    return re.findall(r'aria-label="Pick [^"]*, (run-\w+)"', reply.text)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["gamma", "beta", "alpha"]),
        ("?q=alph", ["alpha"]),
        ("?q=ALPHA", ["alpha"]),
        ("?q=gamma", ["gamma"]),  # by its id and its target, whatever it is called
        ("?q=GR%C3%96SSE", ["gamma"]),
        ("?q=gr%C3%B6%C3%9Fe", ["gamma"]),
        ("?q=%26+%3Cb", ["gamma"]),
        ("?q=refusal+judge", ["beta"]),
        ("?q=made+up", ["gamma", "beta", "alpha"]),
        ("?q=draft", ["beta"]),
        ("?q=%25", []),
        ("?q=" + "x" * 5000, []),
        ("?tag=release", ["gamma", "alpha"]),
        ("?tag=v%3C2%3E&q=alpha", ["alpha"]),
        ("?tag=rel", []),
        ("?tag=release&sort=target&down=0", ["alpha", "gamma"]),
        ("?sort=nonsense", ["gamma", "beta", "alpha"]),
    ],
)
def test_runs_are_found_by_text_and_tag(client: TestClient, query: str, found: list[str]) -> None:
    assert listed(client, query) == [f"run-{name}" for name in found]


def test_what_was_looked_for_stays_in_the_form_and_in_every_link_that_sorts(
    client: TestClient,
) -> None:
    page = client.get("/?q=%26+%3Cb&tag=release").text
    assert 'name="q" value="&amp; &lt;b"' in page
    sorting = [unescape(link) for link in re.findall(r'href="(/\?[^"]*sort=[^"]*)"', page)]
    assert sorting
    assert all("q=%26+%3Cb" in link and "tag=release" in link for link in sorting)
    assert "1 of 3 runs" in page


def test_a_hidden_run_is_left_out_for_everybody_until_it_is_shown_again(
    client: TestClient, store: Path
) -> None:
    reply = client.post(
        "/runs/hide?tag=release", data={"run": ["1", "2"]}, headers=OURS, follow_redirects=False
    )
    assert (reply.status_code, reply.headers["location"]) == (303, "/?tag=release")
    assert listed(client) == ["run-gamma"]
    page = client.get("/").text
    assert "1 of 3 runs; 2 hidden" in page
    assert "Hidden ones too (2)" in page
    with let_in(store) as other, Store.read(store) as read:
        assert listed(other) == ["run-gamma"]
        assert read.run("run-alpha").tags == ("release", "v<2>", "hidden")
    assert len(listed(client, "?hidden=1")) == 3
    client.post("/runs/hide?hidden=1", data={"run": "2", "again": "1"}, headers=OURS)
    assert listed(client) == ["run-gamma", "run-beta"]
    assert client.get("/runs/1").status_code == 200, "hidden from the list, and not away"


def test_hiding_none_or_one_that_is_not_there_is_a_line_and_changes_nothing(
    client: TestClient, store: Path
) -> None:
    for sent, status in (({}, 400), ({"run": "x"}, 404), ({"run": ["1", "99"]}, 404)):
        assert client.post("/runs/hide", data=sent, headers=OURS).status_code == status
    assert client.post("/runs/hide", data={"run": "1"}).status_code == 403
    assert client.get("/runs/hide?run=1").status_code == 404
    with Store.read(store) as read:
        assert not any("hidden" in run.tags for run in read.runs())


def test_a_run_is_compared_from_its_own_page_with_any_that_is_not_hidden(
    client: TestClient,
) -> None:
    def offered() -> list[tuple[str, str]]:
        form = client.get("/runs/2").text.split('class="with"')[1].split("</form>")[0]
        assert 'name="run" value="2"' in form
        return re.findall(r'<option value="(\d+)">([^<]*)<', form)

    assert [number for number, _ in offered()] == ["3", "1"]
    assert offered()[0][1].startswith("Größe &amp; &lt;b&gt;Co&lt;/b&gt;")
    client.post("/runs/hide", data={"run": "3"}, headers=OURS)
    assert [number for number, _ in offered()] == ["1"]
    client.post("/runs/hide", data={"run": "1"}, headers=OURS)
    assert 'class="with"' not in client.get("/runs/2").text


@pytest.mark.parametrize("query", ["run=3&run=1", "run=1&run=3", "run=3&run=1&run=3"])
def test_the_older_run_comes_first_however_the_table_was_sorted(
    client: TestClient, query: str
) -> None:
    page = client.get(f"/compare?{query}").text
    assert re.findall(r'class="letter">(.)</span> <a href="/runs/(\d)"', page)[:2] == [
        ("A", "1"),
        ("B", "3"),
    ]
    assert 'href="/figures?run=1&amp;run=3"' in page or 'href="/figures?run=1&run=3"' in page
