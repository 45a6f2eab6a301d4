"""What a change touches is what docs/architecture.md says, and no more: each is done here.

New rows join the tables as a new line of their file would add them; nothing else is touched.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from medsafetybench.reporting import charts, drawing, write_report
from medsafetybench.reporting.charts import Chart
from medsafetybench.reporting.figures import write_figures
from medsafetybench.reporting.reported import ReportedRun, gather
from medsafetybench.results.comparison import compare, comparison_json
from medsafetybench.results.pairing import pair_runs
from medsafetybench.store import migrations
from medsafetybench.store.store import Store
from scripted import scripted_run

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "medsafetybench"

OPENED = "test_a_judge_and_a_target_of_ones_own_take_a_file_and_a_line"
WALKS = {
    "a new measure": (1, "test_measures", "test_a_measure_declared_once_is_everywhere"),
    "a new judge": (2, "test_openers", OPENED),
    "a new target": (2, "test_openers", OPENED),
    "a new figure": (2, "test_walks", "test_a_figure_is_what_it_shows_and_how_it_looks"),
    "a new column in the store": (2, "test_walks", "test_a_column_is_a_migration"),
}
"""How many files of the package each may touch, and the test that does it."""


@cache
def told() -> dict[str, list[str]]:
    """Each change of the page's table, with the files of the package that it names."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    table = page.partition("## What a change touches")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (a new .*?) \| (.*) \|$", table, re.MULTILINE)
    return {change: re.findall(r"`([a-z_/]+(?:\.py|/))`", files) for change, files in rows}


@pytest.mark.parametrize("change", WALKS)
def test_a_change_touches_no_more_files_than_the_page_says(change: str) -> None:
    most, file, name = WALKS[change]
    own = [place for place in told()[change] if not place.startswith("docs/")]
    places = own + ["the place that reads it"] * (change == "a new column in the store")
    assert len(places) == most
    tests = ast.parse(Path(__file__).with_name(f"{file}.py").read_text("utf-8")).body
    assert name in {test.name for test in tests if isinstance(test, ast.FunctionDef)}


def test_every_file_that_the_page_names_is_there() -> None:
    assert len(told()) > len(WALKS)
    named = [place for places in told().values() for place in places]
    assert [place for place in named if not (PACKAGE / place).exists()] == []


def test_a_figure_is_what_it_shows_and_how_it_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def requests(found: Sequence[ReportedRun], pairs: charts.Pairs) -> list[Chart]:
        rows = [(one.card.run, one.card.sides["harmful"].n) for one in found]
        labels = {one.card.run: one.label for one in found}
        return [Chart("requests", "requests", "Asked", "One bar", ("run", "n"), rows, labels)]

    def bars(figure: Figure, chart: Chart, rows: list[drawing.Row]) -> None:
        axes = figure.subplots()
        axes.barh([chart.labels[row["run"]] for row in rows], [row["n"] for row in rows])

    monkeypatch.setattr(charts, "FIGURES", [requests])
    monkeypatch.setitem(drawing.DRAW, "requests", bars)
    run = scripted_run("a", [1, 5])
    drawn = charts.charts(gather([run]))
    write_figures(drawn, Path("figures"), ["svg"])
    assert "Asked" in (Path("figures") / "requests.svg").read_text("utf-8")
    assert (Path("figures") / "requests.csv").read_text().splitlines()[1] == f"{run.id},2"
    assert "Asked" in write_report([run.id], "r.html").read_text("utf-8")


def test_a_column_is_a_migration(monkeypatch: pytest.MonkeyPatch) -> None:
    """One in every table, and all that reads and writes stores goes on as before."""
    before = scripted_run("a", [1, 5, None], [5, 1])
    with Store.read("medsafety.db") as store:
        names = [name for (name,) in store._db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        )]  # fmt: skip
    steps, newest = migrations._steps(), migrations.newest()
    added = "\n".join(f"ALTER TABLE {name} ADD COLUMN wish TEXT DEFAULT 'none';" for name in names)
    monkeypatch.setattr(migrations, "_steps", lambda: {**steps, newest + 1: added})
    again = scripted_run("a", [1, 5, None], [5, 1])
    assert (again.id, again.summary().to_json()) == (before.id, before.summary().to_json())
    other = scripted_run("b", [1, 1, 1], [5, 5])
    assert comparison_json(compare(pair_runs([other, again])))["families"]["refusal"][0]["n"] == 2
    with Store.open("medsafety.db") as store:
        assert store._db.execute("PRAGMA user_version").fetchone() == (newest + 1,)
        assert store._db.execute("SELECT DISTINCT wish FROM verdicts").fetchall() == [("none",)]
    assert len(names) > 8
    code = " ".join(file.read_text("utf-8") for file in (PACKAGE / "store").glob("*.py"))
    assert not re.findall(r"INTO \w+ VALUES", code), "columns are named where rows are written"
