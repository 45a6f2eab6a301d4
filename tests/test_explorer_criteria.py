"""A run with criteria in Chromium, on a desk and on a phone: its page, a response, the report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="needs playwright")
pytest.importorskip("axe_playwright_python", reason="needs axe-playwright-python")
pytest.importorskip("starlette", reason="needs the extra web")

import criteria_server
from axe import serious
from browsing import CHROMIUM, DESK, PHONE, Tab, shoot
from conftest import Server
from medsafetybench import evaluate
from medsafetybench.benchmarks.embedded import STARTER
from medsafetybench.benchmarks.files import as_row
from medsafetybench.reporting import write_report
from running_explorer import CANARY, exploring

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"needs Chromium at {CHROMIUM}")


@pytest.fixture
def store(serve: Callable[..., Server], tmp_path: Path) -> Path:
    """Two runs of the care requests, the first criterion of which is hostile."""
    server = serve(script=Path(criteria_server.__file__))
    rows = [as_row(request) for request in STARTER.read("care")]
    rows[0]["criteria"][0]["text"] = f"<script>{CANARY}</script>" + "x" * 300
    care = tmp_path / "care.jsonl"
    care.write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = {"target_url": server.url, "judge_url": server.url, "store": tmp_path / "care.db"}
    for temperature, name in ((0.0, "now"), (1.0, "before")):
        judge, more = "criteria:openai:slips", {"temperature": temperature, "name": name}
        evaluate("openai:target", judge, str(care), **told, **more)
    return tmp_path / "care.db"


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_run_with_criteria_can_be_read(
    chromium: Any, store: Path, size: dict[str, int], tmp_path: Path
) -> None:
    with exploring(store) as explorer:
        scheme = "dark" if size is PHONE else "light"
        tab = Tab(chromium, explorer, viewport=size, color_scheme=scheme)
        pages = {
            "run": "/runs/1",
            "request": "/runs/1/requests/0",
            "compare": "/compare?run=1&run=2",
            "runs": "/",
        }
        for name, path in pages.items():
            tab.go(path)
            assert tab.overflow() == 0, name
            assert serious(tab.page) == [], name
            tab.shoot(f"criteria-{name}-{size['width']}")
        tab.go("/runs/1/requests/0")
        assert tab.page.locator("ul.criteria > li").count() == 3
        assert tab.page.get_by_text("of 12 points").count() == 1
        tab.go("/runs/1")
        assert tab.page.get_by_text("Over-escalated").count() >= 1
        assert tab.page.get_by_text("Criteria score").count() >= 1
        tab.context.close()
        assert tab.complaints == []
    report = write_report(["now", "before"], tmp_path / "report.html", store=store)
    page = chromium.new_page(viewport=size)
    page.goto(report.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("window.canary === undefined")
    assert page.get_by_text("criteria score", exact=False).count() >= 1
    shoot(page, f"criteria-report-{size['width']}")
    page.close()
