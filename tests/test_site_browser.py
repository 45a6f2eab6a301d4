"""A site in Chromium: no request leaves, hostile text runs nothing, all of it goes by the keyboard
alone, and axe-core finds nothing serious.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="needs playwright")
pytest.importorskip("axe_playwright_python", reason="needs axe-playwright-python")

from axe import WINDOWS, findings
from browsing import CHROMIUM, DESK, PHONE, shoot
from medsafetybench.integrations.exports import Wanted, export_run
from medsafetybench.results.run import open_run
from medsafetybench.site import write_site
from medsafetybench.store.store import Store
from running_explorer import HOSTILE, hostile
from scripted import scripted_run

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"needs Chromium at {CHROMIUM}")


@dataclass
class Hosted:
    """A site behind a server of files, and what the browser asked for and complained of."""

    folder: Path
    origin: str
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def page(self, chromium: Any, **settings: Any) -> Any:
        page = chromium.new_page(**settings)
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        return page

    @property
    def addresses(self) -> list[str]:
        """Every page, of runs the first, which has the others' form."""
        runs = sorted(self.folder.glob("runs/*.html"))[:2]
        pages = [*sorted(self.folder.glob("*.html")), *runs]
        return [f"{self.origin}/{page.relative_to(self.folder).as_posix()}" for page in pages]


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing of it."""

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosted]:
    """Three runs by one judge and what was sent in; another in which all text is an attack."""
    place = tmp_path_factory.mktemp("site")
    store = place / "scripted.db"
    runs = [
        scripted_run(name, [1, 2, 5, 4, None] * 4, [5] * (16 - n) + [1] * n, store=store).id
        for name, n in (("middling", 4), ("eager", 0), ("careful", 12))
    ]
    attacked = hostile(place)
    with Store.read(attacked) as opened:
        hostile_run = opened.runs()[0].id
    wanted = Wanted(with_texts=True, organization=HOSTILE[1])
    export_run(open_run(hostile_run, attacked), "eee", place / "sent" / "a", wanted=wanted)
    export_run(open_run(runs[0], store), "eee", place / "sent" / "b", wanted=wanted)
    write_site(runs, place / "site", store=store, submissions=[place / "sent"])
    write_site([hostile_run], place / "hostile", store=attacked, title=HOSTILE[0])
    handler = partial(Quiet, directory=str(place))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Hosted(place / "site", f"http://127.0.0.1:{server.server_port}/site")
        server.shutdown()


def test_a_site_asks_nobody_and_fits_every_window(site: Hosted, chromium: Any) -> None:
    page = site.page(chromium)
    assert findings(page, site.addresses) == []
    wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    for width, (window, _) in WINDOWS.items():
        page.set_viewport_size(window)
        for address in site.addresses:
            page.goto(address)
            assert page.evaluate(wider) <= 0, (address, width)
            assert page.locator("h1").count() == 1
            name = Path(address).stem.replace("run-", "")
            shoot(page, f"site-{name}-{width}")
    page.close()
    assert [url for url in site.asked if not url.startswith((site.origin, "data:"))] == []
    assert site.complaints == []


def test_hostile_text_runs_nothing_on_a_site(site: Hosted, chromium: Any) -> None:
    attacked = Hosted(site.folder.parent / "hostile", site.origin.replace("/site", "/hostile"))
    page = attacked.page(chromium, viewport=PHONE)
    for address in [*attacked.addresses, f"{site.origin}/submissions.html"]:
        page.goto(address)
        assert page.evaluate("window.canary === undefined"), address
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
        assert page.locator(":is(iframe, base, form, main script, body img[src^=x])").count() == 0
    page.close()
    hosts = (site.origin, attacked.origin, "data:")
    assert [url for url in attacked.asked if not url.startswith(hosts)] == []
    assert attacked.complaints == []


def test_a_site_goes_by_the_keyboard_alone(site: Hosted, chromium: Any) -> None:
    page = site.page(chromium, viewport=DESK)
    page.goto(f"{site.origin}/index.html")
    column, names = "td[data-label='Over-refusal']", "tbody th a"

    def on(text: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent").strip().startswith(text):
                return
        raise AssertionError(f"the Tab key never came to {text}")

    on("Skip")
    page.keyboard.press("Enter")
    on("Over-refusal")
    for direction in ("ascending", "descending"):
        page.keyboard.press("Enter")
        values = page.locator(column).evaluate_all("cells => cells.map(c => +c.dataset.value)")
        assert len(set(values)) == 3
        assert values == sorted(values, reverse=direction == "descending")
        assert page.locator(f"th[aria-sort={direction}]").count() == 1
    first = page.locator(names).first.inner_text()
    on(first)
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs/*.html")
    assert page.locator("h1").inner_text() == first
    page.close()


def test_a_site_opens_as_a_file_and_without_its_script(site: Hosted, chromium: Any) -> None:
    page = site.page(chromium)
    page.goto((site.folder / "index.html").as_uri())
    assert page.locator("th button").count() > 3
    assert page.evaluate("getComputedStyle(document.querySelector('.skip')).position") == "absolute"
    page.close()
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.origin}/index.html")
    assert page.locator("th button").count() == 0
    assert page.locator("tbody tr").count() >= 2
    context.close()
