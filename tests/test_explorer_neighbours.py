"""The explorer's door in Chromium: other ports, other people, and what the history holds."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("playwright.sync_api", reason="needs playwright")
pytest.importorskip("starlette", reason="needs the extra web")

from browsing import CHROMIUM, DESK, PHONE, Tab
from medsafetybench import load_benchmark
from medsafetybench.explorer.ticket_file import TicketFile
from medsafetybench.scale import HARM
from medsafetybench.store.store import Store
from running_explorer import Explorer, exploring, stored

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"needs Chromium at {CHROMIUM}")
REQUEST = "/runs/1/requests/0"


@pytest.fixture(scope="module")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    path = tmp_path_factory.mktemp("door") / "store.db"
    harmful = [request for request in load_benchmark("starter") if request.intent == "harmful"]
    with Store.open(path) as store:
        stored(store, "one", HARM, harmful[:4], lambda n, r: 1)
    with exploring(path) as running:
        yield running


class Neighbour(ThreadingHTTPServer):
    """Another account's server on this machine. Its pages reload themselves, set every cookie that
    might unveil a text or be a session, and try to choose in the explorer's stead."""

    def __init__(self, explorer: Explorer) -> None:
        super().__init__(("127.0.0.1", 0), Page)
        self.explorer = explorer
        self.cookies: list[str] = []
        self.reloads = 0


class Page(BaseHTTPRequestHandler):
    server: Neighbour

    def do_GET(self) -> None:
        self.server.cookies += self.headers.get_all("Cookie") or []
        self.server.reloads += self.path == "/again"
        origin, port = self.server.explorer.origin, self.server.explorer.port
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        for name in ("msb_show", "shown", "session", f"msb_{port}", f"__Host-msb_{port}"):
            for scope in ("Secure", "Domain=localhost", f"Domain={urlsplit(origin).hostname}", ""):
                self.send_header("Set-Cookie", f"{name}=1; Path=/; {scope}")
        self.end_headers()
        page = f"""<title>neighbour</title><iframe src="{origin}/"></iframe>
        <form method="post" action="{origin}/session" target="f">
        <input name="shown" value="1"></form><iframe name="f"></iframe><script>
        const body = new URLSearchParams({{shown: 1}});
        const options = {{method: "POST", credentials: "include", body}};
        document.forms[0].submit();
        Promise.allSettled([fetch("{origin}/session", options),
            fetch("{origin}/session", {{...options, mode: "no-cors"}})]).then(() => {{
            if (location.pathname != "/again") location.replace("/again");
            else document.title = "done";
        }});
        </script>"""
        self.wfile.write(page.encode())

    def log_message(self, *given: Any) -> None:
        """Say nothing."""


@pytest.fixture
def neighbour(explorer: Explorer) -> Iterator[Neighbour]:
    with Neighbour(explorer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "evil.localhost"])
def test_another_port_is_given_no_cookie_and_unveils_nothing(
    chromium: Any,
    explorer: Explorer,
    neighbour: Neighbour,
    host: str,
) -> None:
    tab = Tab(chromium, explorer, viewport=DESK)
    ours = [c for c in tab.context.cookies() if c["domain"] == urlsplit(explorer.origin).hostname]
    other = tab.context.new_page()
    other.goto(f"http://{host}:{neighbour.server_port}/")
    other.wait_for_function("document.title == 'done'")
    assert neighbour.reloads == 1
    secrets = [cookie["value"] for cookie in ours]
    assert len(secrets) == 1
    assert not any(secrets[0] in line for line in neighbour.cookies)
    assert any("shown=1" in line for line in neighbour.cookies), "it can set cookies for itself"
    tab.go(REQUEST)
    assert not tab.page.locator(".said.veil .text").first.is_visible()
    assert not tab.page.get_by_label("Show texts").is_checked()
    here = tab.context.cookies(explorer.origin)
    assert here == ours
    tab.context.close()


def test_two_people_share_neither_link_nor_what_they_chose(
    chromium: Any,
    explorer: Explorer,
) -> None:
    link = explorer.link
    ana = Tab(chromium, explorer, viewport=DESK)
    ana.go(REQUEST)
    with ana.page.expect_response("**/session"):
        ana.page.get_by_label("Show texts").check()
    stranger = chromium.new_page()
    for address, title in (
        (link, "This link was used already"),
        (explorer.origin + REQUEST, "Not open in this browser"),
    ):
        assert stranger.goto(address).status == 403
        assert stranger.get_by_role("heading").inner_text() == title
    assert stranger.context.cookies() == []
    bo = Tab(chromium, explorer, viewport=DESK)
    bo.go(REQUEST)
    assert not bo.page.locator(".said.veil .text").first.is_visible()
    ana.go(REQUEST)
    assert ana.page.locator(".said.veil .text").first.is_visible()
    ana.page.goto(link)
    ana.page.wait_for_url(f"{explorer.origin}/")
    for tab in (ana, bo):
        assert tab.complaints == []
        tab.context.close()
    stranger.close()


def history(profile: Path) -> list[str]:
    """Every address that a browser's profile remembers."""
    with closing(sqlite3.connect(profile / "Default" / "History")) as found:
        return [row[0] for row in found.execute("SELECT url FROM urls")]


@pytest.mark.parametrize("way", ["file", "link"])
def test_what_history_holds_opens_nothing_any_more(
    chromium: Any,
    explorer: Explorer,
    tmp_path: Path,
    way: str,
) -> None:
    ticket = explorer.link.partition("ticket=")[2]
    file = TicketFile(tmp_path / "open.html")
    file.put(explorer.origin, ticket)
    start = file.path.as_uri() if way == "file" else explorer.link
    profile = tmp_path / "profile"
    context = chromium.browser_type.launch_persistent_context(
        profile, executable_path=str(CHROMIUM), args=["--no-sandbox"]
    )
    page = context.new_page()
    page.goto(start)
    page.wait_for_url(f"{explorer.origin}/")
    explorer.renew()
    assert page.get_by_role("heading", name="Runs").count() == 1
    entries = page.evaluate("navigation.entries().map(entry => entry.url)")
    assert not any(ticket in address for address in entries)
    context.close()
    remembered = history(profile)
    assert f"{explorer.origin}/" in remembered
    assert way == "link" or not any(ticket in address for address in remembered)
    for address in remembered:
        if address.startswith(explorer.origin):
            path = address.removeprefix(explorer.origin)
            assert explorer.send("GET", path, {}).status == 403
    form = {"Origin": "null", "Content-Type": "application/x-www-form-urlencoded"}
    assert explorer.send("POST", "/open", form, f"ticket={ticket}").status == 403


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["360", "1440"])
def test_the_pages_at_the_door_fit_and_are_styled(
    chromium: Any,
    explorer: Explorer,
    tmp_path: Path,
    viewport: dict[str, int],
) -> None:
    used = explorer.link
    tab = Tab(chromium, explorer, viewport=viewport)
    tab.context.clear_cookies()
    file = TicketFile(tmp_path / "open.html")
    file.put("http://127.0.0.1:9", "no-ticket")
    # Without its script, so that it can be looked at.
    file.path.write_text(file.path.read_text().replace("<script>", "<template>"))
    pages = {
        "used": used,
        "unknown": f"{explorer.origin}/open?ticket=x",
        "outside": explorer.origin + "/runs/1",
        "elsewhere": f"http://127.0.0.1:{explorer.port}/",
        "file": file.path.as_uri(),
    }
    for name, address in pages.items():
        tab.page.goto(address)
        for scheme in ("light", "dark"):
            tab.page.emulate_media(color_scheme=scheme)
            tab.shoot(f"door-{name}-{viewport['width']}-{scheme}")
        assert tab.overflow() <= 0, name
        assert tab.page.locator("h1").count() == 1, name
        assert "msb explore" in tab.page.locator("main").inner_text()
        assert tab.page.evaluate("getComputedStyle(document.body).maxWidth") == "544px"
    assert tab.page.get_by_role("button", name="Open the explorer").count() == 1
    tab.context.close()
