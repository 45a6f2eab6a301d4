"""A view of the explorer has an address that holds in every copy of a store."""

from __future__ import annotations

import re
import shlex
import shutil
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytest.importorskip("starlette", reason="needs the extra web")
pytest.importorskip("httpx", reason="needs httpx, which the test client of starlette stands on")

from medsafetybench import load_benchmark
from medsafetybench.errors import MsbError
from medsafetybench.explorer.view import view_in
from medsafetybench.scale import HARM
from medsafetybench.store.names import delete
from medsafetybench.store.store import Store
from running_explorer import exploring, let_in, stored


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("view") / "store.db"
    requests = list(load_benchmark("starter"))[:20]
    with Store.open(path) as made:
        stored(made, "other", HARM, requests, lambda n, r: 5)
        stored(made, "one", HARM, requests, lambda n, r: 1)
        stored(made, "two", HARM, requests, lambda n, r: 5)
    return path


@pytest.fixture(scope="module")
def copy(store: Path) -> Path:
    """A copy in which the runs have other numbers."""
    path = Path(shutil.copy(store, store.with_name("copy.db")))
    with Store.open(path) as made:
        made.write("UPDATE items SET run = run + 10")
        made.write("UPDATE runs SET number = number + 10")
    return path


def view_on(page: str) -> str:
    """The address that a page tells one to hand on."""
    found = re.search(r"<code>(msb explore --view .*?)</code>", page)
    assert found, page
    return shlex.split(unescape(found[1]))[-1]


@pytest.mark.parametrize(
    "path",
    [
        "/runs/2?principle=1&score=1&sort=longest&q=it%27s+%26+so",
        "/runs/2/requests/3?intent=harmful",
        "/compare?run=3&run=2&change=worse&measure=refusal",
        "/compare/pair?run=2&run=3&at=1",
    ],
)
def test_a_colleague_sees_the_same_in_a_copy_with_other_numbers(
    store: Path, copy: Path, path: str
) -> None:
    with let_in(store) as client, let_in(copy) as other:
        page = client.get(path)
        assert page.status_code == 200
        view = view_on(page.text)
        assert "run-one" in view
        assert view == view_in(f"http://0a1b.localhost:1{view}")
        same = other.get(view)
        assert same.status_code == 200
        assert view_on(same.text) == view
        numbers = re.sub(r"(/runs/|run=|value=\")1(\d)\b", r"\g<1>\2", same.text)
        pages = numbers.replace(copy.name, store.name), page.text
        made, copied = (re.sub(r"\d\d:\d\d:\d\d", "when it was made", one) for one in pages)
        assert made == copied


def test_a_run_that_is_not_there_is_a_page_that_says_so(copy: Path) -> None:
    with Store.open(copy) as made:
        delete(made, made.run("run-other"))
    with let_in(copy) as client:
        for path in ("/runs/run-other", "/compare?run=run-one&run=run-other", "/runs/run-on"):
            reply = client.get(path)
            assert reply.status_code == 404
            assert "no such run in this store" in reply.text


@pytest.mark.parametrize(
    ("address", "view"),
    [
        ("/", "/"),
        ("/runs/run-1?q=a%20b&sort=longest#requests", "/runs/run-1?q=a%20b&sort=longest#requests"),
        ("http://0a1b.localhost:99/runs/2?run=1&run=2", "/runs/2?run=1&run=2"),
        ("https://evil.example/compare?run=1", "/compare?run=1"),
        (" /runs/1 ", "/runs/1"),
        ("//evil.example/x", "/x"),
        ("///evil.example/x", "/evil.example/x"),
        ("/\\evil.example/x", "/evil.example/x"),
        ("/\\/\\evil.example", "/evil.example"),
        ("/runs/\\1", "/runs/%5C1"),
        ('/runs/1?q="><script>x</script>', "/runs/1?q=%22%3E%3Cscript%3Ex%3C/script%3E"),
        ("/runs/1?q=\u202e'\n;url=//x", "/runs/1?q=%E2%80%AE%27;url=//x"),
        ("http://0a1b.localhost:99/open?ticket=abc", "/"),
    ],
)
def test_an_address_leads_to_a_page_of_the_explorer_and_to_no_other_host(
    address: str, view: str
) -> None:
    assert view_in(address) == view
    assert view_in(view) == view
    assert urlsplit(view).netloc == ""


@pytest.mark.parametrize(
    "address", ["", "runs/1", "javascript:x", "data:text/html,x", "http://[", "/" + "x" * 5000]
)
def test_what_is_no_address_is_one_line(address: str) -> None:
    with pytest.raises(MsbError, match="expected the address of a page of the explorer") as told:
        view_in(address)
    assert "\n" not in str(told.value)


def test_the_command_opens_at_the_view(store: Path) -> None:
    view = "/runs/run-one?principle=1&q=a"
    with exploring(store, "--store", "--view", f"http://x.localhost{view}") as running:
        page = running.enter().text  # type: ignore[attr-defined]
        assert 'content="0; url=/runs/run-one?principle=1&amp;q=a"' in page
        assert 'href="/runs/run-one?principle=1&amp;q=a"' in page
