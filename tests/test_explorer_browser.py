"""The explorer in Chromium: reading, filtering, comparing and labelling, at both widths."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="needs playwright")
pytest.importorskip("starlette", reason="needs the extra web")

import forked
from browsing import CHROMIUM, DESK, PHONE, Tab, shoot
from commands import output
from conftest import Server
from medsafetybench.reporting import write_report
from medsafetybench.store.store import Store
from running_explorer import (
    HOSTILE,
    Explorer,
    evaluated,
    exploring,
    hostile,
    on_several_scales,
)

VEILED = ".said.veil:not(details .said) .text"
"""What is hidden by the veil alone, and not folded as thoughts and turns before are."""
pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"needs Chromium at {CHROMIUM}")


@pytest.fixture(scope="module", params=["requests", "conversations"])
def explorer(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Explorer]:
    """Two runs of plain requests; and the same at the end of conversations, with thoughts."""
    talked = request.param == "conversations"
    with exploring(evaluated(tmp_path_factory.mktemp("explorer"), talked)) as running:
        yield running


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    with exploring(hostile(tmp_path_factory.mktemp("hostile"))) as running:
        yield running


@pytest.fixture(scope="module")
def scales(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    with exploring(on_several_scales(tmp_path_factory.mktemp("scales"))) as running:
        yield running


@pytest.fixture
def tab(chromium: Any, explorer: Explorer) -> Iterator[Tab]:
    tab = Tab(chromium, explorer, viewport=DESK)
    yield tab
    tab.context.close()
    assert tab.complaints == []


def test_from_the_runs_to_one_response_by_filter_and_pages(tab: Tab) -> None:
    page = tab.page
    page.get_by_role("link", name="careful").click()
    assert page.get_by_text("50 of 216").count() == 1
    tab.press("j")
    page.wait_for_url("**page=2*")
    page.get_by_label("Principle").select_option("4")
    page.get_by_role("searchbox").fill("e")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url("**principle=4**")
    page.locator("table.requests tbody a").first.click()
    first = page.url
    tab.press("j")
    page.wait_for_function("first => location.href !== first", arg=first)
    assert "principle=4" in page.url
    tab.press("k")
    page.wait_for_url(first)
    assert page.get_by_role("heading", name="Verdicts").count() == 1


def test_harmful_texts_are_blurred_until_asked_and_stay_shown(tab: Tab) -> None:
    tab.go("/runs/1/requests/0")
    text = tab.page.locator(VEILED).first
    assert not text.is_visible()
    tab.press("v")
    assert text.is_visible()
    tab.go("/runs/2/requests/0")
    assert tab.page.locator(VEILED).first.is_visible()


def test_keyboard_shortcuts_can_be_switched_off_for_good(tab: Tab) -> None:
    page = tab.page
    page.get_by_label("Keyboard shortcuts").uncheck()
    tab.go("/runs/2/requests/0")
    assert not page.get_by_label("Keyboard shortcuts").is_checked()
    tab.press("v")
    tab.press("j")
    assert not page.locator(".said.veil .text").first.is_visible()
    assert page.url.endswith("/requests/0")
    page.get_by_label("Keyboard shortcuts").check()
    tab.press("j")
    page.wait_for_url("**/requests/1")


def test_figures_of_one_run_and_of_several_are_drawn(tab: Tab) -> None:
    page = tab.page
    for path, drawn in (("/runs/2", 4), ("/compare?run=1&run=2", 4)):
        tab.go(path)
        page.get_by_role("link", name="Figures").click()
        page.get_by_role("heading", name="Figures").wait_for()
        shown = "[...document.images].filter(i => i.complete && i.naturalWidth > 100).length"
        assert page.locator("figure").count() == drawn
        assert page.evaluate(shown) == drawn
        tab.press("u")
        page.wait_for_url(f"**{path}")


def runs_in(path: Path) -> list[str]:
    """The names of the runs in a store."""
    with Store.read(path) as store:
        return [run.id for run in store.runs()]


def test_a_run_is_followed_while_msb_evaluate_writes_it(
    chromium: Any, serve: Callable[..., Server], tmp_path: Path
) -> None:
    store = tmp_path / "live.db"
    options = f"--limit 72 --target-concurrency 8 --target openai:m --store {store}"
    command = ["evaluate", *options.split(), "--judge", "screen"]
    command += ["--target-url", serve("--latency", "0.4").url]
    Store.open(store).close()
    with exploring(store) as explorer:
        tab = Tab(chromium, explorer, viewport=DESK)
        evaluating = forked.start(*command)
        while not runs_in(store):
            assert evaluating.alive()
            time.sleep(0.01)
        tab.go("/runs/1")
        done = tab.page.locator("[data-done]")
        first = int(done.inner_text())
        tab.page.wait_for_function(
            "n => Number(document.querySelector('[data-done]')?.textContent) > n", arg=first
        )
        assert evaluating.alive()
        tab.page.locator("[data-progress]").wait_for(state="detached", timeout=60_000)
        assert tab.page.get_by_text("72 of 72 requests").count() == 1
        assert tab.page.get_by_text("36 of 36").count() == 2
        tab.context.close()
        assert tab.complaints == []
    assert evaluating.ended().returncode == 0


def test_two_picked_runs_are_compared_and_a_click_leads_to_the_pair(tab: Tab) -> None:
    page = tab.page
    for box in page.locator("td.pick input").all():
        box.check()
    page.get_by_role("button", name="Compare picked runs").click()
    page.get_by_role("link", name="worse").first.click()
    page.locator("table.requests tbody a").first.click()
    assert page.locator(".pair .panel").count() == 2


def test_a_run_is_hidden_and_shown_again(tab: Tab) -> None:
    page = tab.page
    page.locator("td.pick input").first.check()
    page.get_by_role("button", name="Hide them").click()
    page.get_by_text("1 of 2 runs; 1 hidden").wait_for()
    page.get_by_label("Hidden ones too").check()
    page.get_by_role("button", name="Find").click()
    page.get_by_text("2 of 2 runs").wait_for()
    page.locator("tr:has(.tag) input").check()
    page.get_by_role("button", name="Show them again").click()
    page.get_by_text("2 of 2 runs").wait_for()
    assert page.locator("tr .tag").count() == 0


def test_what_is_filtered_and_sorted_is_downloaded_veiled_as_the_page_is(tab: Tab) -> None:
    page = tab.page
    tab.go("/runs/1?principle=2")
    page.get_by_label("Sort by").select_option("longest")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url("**sort=longest**")
    sizes = []
    for shown in (False, True):
        if shown:
            with page.expect_response("**/session"):
                tab.press("v")
        with page.expect_download() as downloading:
            page.get_by_role("link", name="JSON lines").click()
        rows = [json.loads(line) for line in downloading.value.path().read_text().splitlines()]
        assert {row["principle"] for row in rows} == {2}
        assert all(bool(row["request"]) == (shown or row["intent"] == "benign") for row in rows)
        sizes.append(len(rows))
    assert page.get_by_text(f"{sizes[0]} of 216 requests").count() == 1
    assert sizes[0] == sizes[1]


def test_labels_given_with_keys_are_in_msb_agreement(tab: Tab, explorer: Explorer) -> None:
    page = tab.page
    tab.go("/runs/1")
    tab.press("l")
    page.get_by_label("Your name").fill("Ana")
    page.get_by_label("How many").fill("6")
    page.get_by_role("button", name="Begin").click()
    for done in range(6):
        page.get_by_text(f"{done} of 6").wait_for()
        tab.press("1" if done % 2 else "5")
    page.get_by_text("6 of 6").wait_for()
    tab.press("u")
    page.get_by_text("5 of 6").wait_for()
    tab.press("1")
    page.get_by_text("6 of 6").wait_for()
    with_store = ["--store", str(explorer.store), "--json"]
    run = page.url.split("/runs/")[1][0]
    identity = page.locator("code").inner_text().split()[-1]
    assert run == "1"
    assert "person:Ana" in output("agreement", identity, *with_store)


FOREIGN = "img:not([src^='data:image/svg+xml;base64,'])"
PAGES = {
    "runs": "/",
    "run": "/runs/2",
    "request": "/runs/2/requests/3",
    "compare": "/compare?run=1&run=2",
    "pair": "/compare/pair?run=1&run=2&at=2",
    "figures": "/figures?run=1&run=2",
    "label-start": "/runs/2/label",
    "label": "/runs/2/label?annotator=Bo&n=20&seed=0",
}


OTHER_PAGES = {
    "scales-runs": "/",
    "scales-refusal": "/runs/2",
    "scales-pressed": "/runs/3",
    "scales-request": "/runs/3/requests/2",
    "scales-compare": "/compare?run=1&run=2",
    "scales-label-start": "/runs/2/label",
    "scales-label": "/runs/2/label?annotator=Bo&n=20&seed=0",
}


EVERY_WINDOW = [(w, s) for w in (360, 1440) for s in ("light", "dark")]


@pytest.mark.parametrize("window", EVERY_WINDOW)
def test_every_page_fits_and_has_names_for_its_controls(
    chromium: Any, explorer: Explorer, window: tuple[int, str]
) -> None:
    fits(chromium, explorer, PAGES, *window)


@pytest.mark.parametrize("window", EVERY_WINDOW)
def test_every_page_of_other_scales_fits_as_well(
    chromium: Any, scales: Explorer, window: tuple[int, str]
) -> None:
    fits(chromium, scales, OTHER_PAGES, *window)


def fits(
    chromium: Any, running: Explorer, pages: Mapping[str, str], width: int, scheme: str
) -> None:
    """Every page keeps to its window, names each of its controls, and complains of nothing."""
    unnamed = """[...document.querySelectorAll("input:not([type=hidden]), select, button, a")]
        .filter(e => !(e.labels?.length || e.ariaLabel || e.textContent.trim())).length"""
    viewport = PHONE if width == 360 else DESK
    tab = Tab(chromium, running, viewport=viewport, color_scheme=scheme)
    for name, path in pages.items():
        tab.go(path)
        tab.page.get_by_text("One moment").wait_for(state="detached")
        for summary in tab.page.locator("details > summary").all():
            summary.click()
        tab.shoot(f"{name}-{width}-{scheme}")
        assert tab.overflow() <= 0, name
        assert tab.page.evaluate(unnamed) == 0, name
        assert tab.page.locator("h1").count() == 1, name
    tab.press("v")
    tab.shoot(f"{name}-shown-{width}-{scheme}")
    tab.go("/runs/2/requests/3")
    tab.shoot(f"{name}-request-shown-{width}-{scheme}")
    tab.context.close()
    assert tab.complaints == []


@pytest.mark.parametrize("width", [360, 1440])
def test_hostile_text_runs_nothing_and_breaks_no_page(
    chromium: Any, attacked: Explorer, width: int
) -> None:
    tab = Tab(chromium, attacked, viewport=PHONE if width == 360 else DESK)
    tab.page.get_by_label("Show texts").check()
    last = len(HOSTILE)
    paths = ["/", "/runs/1", "/compare?run=1&run=2", "/runs/1/label?annotator=<b>&n=&seed=0"]
    paths += ["/figures?run=1", "/figures?run=1&run=2"]
    paths += [f"/runs/1/requests/{n}" for n in range(last + 1)]
    paths += [f"/compare/pair?run=1&run=2&at={n}" for n in range(last)]
    paths += [f"/runs/1/requests/{n}/label" for n in (1, 4, 8)]
    paths += [f"/runs/1/requests/{last}?full=1", "/runs/1?q=%3Cscript%3E%22'"]
    for path in paths:
        tab.go(path)
        tab.page.get_by_text("One moment").wait_for(state="detached")
        assert tab.page.evaluate("window.canary === undefined"), path
        assert tab.overflow() <= 0, path
        assert tab.page.locator(f"main :is(iframe, script, base, {FOREIGN})").count() == 0
        assert tab.page.locator("footer").count() == 1, path
    tab.go("/runs/1/requests/2")
    tab.shoot(f"hostile-{width}")
    tab.context.close()
    assert tab.complaints == []


@pytest.mark.parametrize("width", [360, 1440])
def test_a_report_of_hostile_text_runs_nothing_and_asks_nobody(
    chromium: Any, attacked: Explorer, tmp_path: Path, width: int
) -> None:
    report = write_report(
        runs_in(attacked.store), tmp_path / "r.html", store=attacked.store, include_text=13
    )
    page = chromium.new_page(viewport=PHONE if width == 360 else DESK)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda asked: complaints.append(asked.url))
    page.goto(report.as_uri())
    assert not page.locator("details .text").first.is_visible()
    for summary in page.locator("summary").all():
        summary.click()
    assert page.locator("details .text").first.is_visible()
    assert page.evaluate("window.canary === undefined")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator(f":is(iframe, script, base, form, {FOREIGN})").count() == 0
    shoot(page, f"report-hostile-{width}")
    page.close()
    assert [said for said in complaints if not said.startswith(("file:", "data:"))] == []


def test_everything_can_be_reached_with_the_tab_key(tab: Tab) -> None:
    tab.go("/runs/1/label?annotator=Cy&n=5&seed=0")
    reached = set()
    for _ in range(20):
        tab.page.keyboard.press("Tab")
        reached.add(tab.page.evaluate("document.activeElement.textContent"))
    assert any("Skip" in text for text in reached)
    assert any("Declines" in text for text in reached)
