"""Every page of explorer, door, review of a build and report as axe-core reads it: nothing serious.
A site's pages are looked at in test_site_browser.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="needs playwright")
pytest.importorskip("axe_playwright_python", reason="needs axe-playwright-python")
pytest.importorskip("starlette", reason="needs the extra web")

from axe import findings
from browsing import CHROMIUM, DESK, Tab
from medsafetybench.building import Config, Project
from medsafetybench.reporting import write_report
from medsafetybench.scale import HARM
from medsafetybench.store.labels import label, person
from medsafetybench.store.store import Store
from running_explorer import Explorer, evaluated, exploring, on_several_scales

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"needs Chromium at {CHROMIUM}")

# The explorer


def disputed(store: Path) -> None:
    """Two people label the first responses of the first run, and differ."""
    with Store.open(store) as opened:
        run = opened.runs()[0]
        for name, score in (("ana", 1), ("ben", 5)):
            for item in opened.items(run, [0, 2, 4]):
                label(opened, person(opened, name, HARM), item, score)


EXPLORER = (
    *("/", "/runs/1?principle=2&sort=longest", "/runs/1/requests/3"),
    *("/runs/1/requests/3/label", "/runs/1/label", "/runs/1/label?annotator=Cy&n=5&seed=0"),
    *("/runs/1/settle", "/runs/1/settle?annotator=dia", "/runs/1/requests/99999"),
    *("/compare?run=1&run=2", "/compare/pair?run=1&run=2&at=2", "/figures?run=1&run=2"),
)
SCALES = ("/", "/runs/2?principle=2", "/runs/3?principle=2", "/runs/3/requests/2")


def axe_of(chromium: Any, explorer: Explorer, paths: tuple[str, ...]) -> list[str]:
    tab = Tab(chromium, explorer, viewport=DESK)
    tab.page.get_by_label("Show texts").check()
    found = findings(tab.page, [explorer.origin + path for path in paths])
    tab.context.close()
    return found


def test_the_explorer(chromium: Any, tmp_path: Path) -> None:
    store = evaluated(tmp_path, talked=True)
    disputed(store)
    with exploring(store) as explorer:
        assert axe_of(chromium, explorer, EXPLORER) == []


def test_the_explorer_on_other_scales_and_its_door(chromium: Any, tmp_path: Path) -> None:
    with exploring(on_several_scales(tmp_path)) as explorer:
        assert axe_of(chromium, explorer, SCALES) == []
        page = chromium.new_page()
        at_door = [f"{explorer.origin}/", f"{explorer.origin}/open?ticket=none"]
        assert findings(page, at_door) == []
        page.close()


def test_the_review_of_a_build(chromium: Any, tmp_path: Path) -> None:
    project = Project.create(tmp_path / "ours", Config("ours"))
    with project.writing("answer", {}) as writer:
        for name in ("h0", "h1"):
            row = {"id": name, "text": f"Request {name}", "intent": "harmful", "principle": 1}
            writer.write(name, [{**row, "reference": "No."}], [])
    with exploring(project.folder, "--project") as running:
        page = chromium.new_page()
        page.goto(running.link)
        page.wait_for_url(f"{running.origin}/")
        pages = [f"{running.origin}/", f"{running.origin}/?reviewer=ana"]
        assert findings(page, pages) == []
        page.close()


def test_a_report(chromium: Any, tmp_path: Path) -> None:
    store = evaluated(tmp_path)
    with Store.read(store) as opened:
        runs = [run.id for run in opened.runs()]
    report = write_report(runs, tmp_path / "report.html", store=store, include_text=3)
    page = chromium.new_page()
    assert findings(page, [report.as_uri()]) == []
    page.close()


def test_what_is_wrong_is_found(chromium: Any) -> None:
    page = chromium.new_page()
    wrong = "<html lang=en><title>x</title><main><h1>x</h1><img src=x><p style=color:%23aaa>pale"
    found = findings(page, [f"data:text/html,{wrong}"])
    assert {one.split(": ")[1].split(" ")[0] for one in found} == {"image-alt", "color-contrast"}
    page.close()
