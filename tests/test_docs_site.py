"""The documentation as a site: it builds whole, is searched from file://, and asks nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from browsing import DESK, PHONE
from conftest import ROOT

sys.path.insert(0, str(ROOT / "docs" / "site"))

from docstrings import literal
from pages import read_page
from reference import pages, public, told_in

from medsafetybench.cli import COMMANDS
from medsafetybench.evaluation.option import options
from medsafetybench.evaluation.spec import EvaluationSpec
from medsafetybench.results.measures import MEASURES

EVERY = [
    *sorted(ROOT.glob("*.md")),
    *(path for path in sorted((ROOT / "docs").rglob("*.md"))),
]
FORMS = ("https://", "http://127.0.0.1")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it."""
    out = tmp_path_factory.mktemp("site") / "docs"
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "site" / "build.py"), str(out)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        check=False,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return out


@pytest.mark.parametrize("path", EVERY, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    """Files and anchors; of addresses the form alone, since nobody is asked here."""
    broken = []
    for link in read_page(path).links:
        target = (path.parent / link.path).resolve() if link.path else path
        if link.elsewhere:
            holds = link.target.startswith(FORMS)
        else:
            holds = target.is_file()
            holds = holds and (not link.anchor or link.anchor in read_page(target).anchors)
        if not holds:
            broken.append((link.line, link.target))
    assert broken == []


def test_the_front_page_leads_to_every_page() -> None:
    front = ROOT / "docs" / "index.md"
    led = {(front.parent / link.path).resolve() for link in read_page(front).links}
    assert {path for path in EVERY if path.parent.name != "site"} - led <= {front}


def test_the_reference_is_what_the_code_says() -> None:
    made = pages()
    for name in COMMANDS:
        assert name.startswith("-") or f"\n## msb {name}\n" in made["commands.md"]
    assert "\n### msb judge fit\n" in made["commands.md"]
    assert "--max-over-refusal" in made["commands.md"]
    for name in options(EvaluationSpec):
        assert f"| `{name}` |" in made["settings.md"]
    for measure in MEASURES:
        assert measure.explanation in made["measures.md"]
    assert "autofunction:: medsafetybench.evaluate" in made["python.md"]
    assert {"medsafetybench", "medsafetybench.checking"} <= public().keys()
    assert not (ROOT / "docs" / "reference").exists(), "made when the site is, and kept nowhere"


@pytest.mark.parametrize("command", [name for name in COMMANDS if not name.startswith("-")])
def test_each_command_is_shown_on_a_page(command: str) -> None:
    assert told_in(command) != []


def test_what_is_indented_in_a_docstring_is_code() -> None:
    told = ["Opens it:", "", "    judge = open_judge('screen')", "", "See above.", "", "a   one"]
    assert literal(told) == [
        *("Opens it:", "", "::", "", "        judge = open_judge('screen')", "", "See above.", ""),
        *("::", "", "    a   one"),
    ]


@pytest.fixture
def page(chromium: Any, site: Path, request: Any) -> Iterator[Any]:
    """A tab on the site's files that fails for whatever it asks elsewhere or complains about."""
    width, scheme = request.param
    tab = chromium.new_page(viewport=PHONE if width == 360 else DESK, color_scheme=scheme)
    wrong: list[str] = []
    here = (f"file://{site}/", "data:")
    tab.on("request", lambda r: r.url.startswith(here) or wrong.append(f"asked {r.url}"))
    tab.on("console", lambda message: wrong.append(message.text))
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    yield tab
    tab.close()
    assert wrong == []


WINDOWS = [(360, "light"), (360, "dark"), (1440, "light"), (1440, "dark")]


@pytest.mark.parametrize("page", WINDOWS, indirect=True, ids=lambda window: f"{window}")
def test_no_page_is_wider_than_its_window(page: Any, site: Path) -> None:
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    for name in ("index", "judging", "reference/settings", "reference/python"):
        page.goto(f"file://{site}/{name}.html")
        assert page.evaluate(wide) == 0, name


@pytest.mark.parametrize("page", WINDOWS[-1:], indirect=True)
def test_the_search_finds_offline(page: Any, site: Path) -> None:
    page.goto(f"file://{site}/index.html")
    page.fill("input[name=q]", "Krippendorff")
    page.press("input[name=q]", "Enter")
    page.click("#search-results li a:has-text('Judging')")
    assert "Krippendorff" in page.inner_text("article")


def test_the_site_holds_nothing_of_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        text = path.read_text("utf-8")
        for start in ('src="http', 'rel="stylesheet" href="http', "@import"):
            assert start not in text, path
    size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    assert size < 10_000_000
