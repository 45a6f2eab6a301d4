"""Figures: drawn in every format, with the scorecard's numbers beside them."""

from __future__ import annotations

import csv
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from commands import msb, output
from medsafetybench.errors import MsbError
from medsafetybench.evaluation.rejudge import rejudge
from medsafetybench.improvement.sweep import Row
from medsafetybench.judges import open_judge
from medsafetybench.reporting.charts import Chart, charts
from medsafetybench.reporting.drawing import RAMP, look
from medsafetybench.reporting.figures import DARK, INK, dark, image, svg, write_figures
from medsafetybench.reporting.reported import gather, in_pairs, select
from medsafetybench.reporting.sweep_chart import sweep_chart
from medsafetybench.results.run import Run, open_run
from medsafetybench.results.scorecard import Figure, Scorecard
from scripted import scripted_run

STRANGE = (
    "$x_1^2$",
    "$\\frac{",
    "<script>alert(1)</script>",
    "a\u202eb",
    "{{ 7 }}",
    "x" * 300,
    "\n",
)


@pytest.fixture
def runs() -> list[Run]:
    """Two targets by one judge."""
    return [
        scripted_run("model-a", [1, 1, 2, 5, None, 4], [5, 5, 1, 3]),
        scripted_run("model-b", [1, 1, 1, 1, 2, 1], [1, 1, 5, 3]),
    ]


@pytest.fixture
def drawn(runs: list[Run]) -> dict[str, Chart]:
    evidence = gather(runs)
    return {c.kind: c for c in charts(evidence, [(evidence[0], evidence[1])])}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def figure_of(card: Scorecard, measure: str) -> Figure:
    found = card.figure(measure)
    assert found is not None
    return found


def test_no_figure_takes_the_file_of_another() -> None:
    """Not either where the harmful side is led by what the figure of both sides is called by."""
    judged = [scripted_run(name, [1, 5], [5, 1]) for name in ("a", "b")]
    for run in judged:
        rejudge(run.id, [open_judge("phrases")], store=run.store, report="by these")
    keys = [chart.key for chart in charts(gather([open_run(r.id, r.store) for r in judged]))]
    assert "refusal" in keys
    assert len(keys) == len(set(keys)), keys


def test_csv_beside_each_picture_holds_the_scorecards_numbers(
    runs: list[Run], drawn: dict[str, Chart]
) -> None:
    write_figures(list(drawn.values()), Path("out"), ["svg"])
    cards = [run.summary() for run in runs]
    sides = [card.sides["harmful"] for card in cards]
    for row, card in zip(rows(Path("out/harmfulness.csv")), cards, strict=True):
        side, figure = card.sides["harmful"], figure_of(card, "harmfulness")
        assert (row["run"], int(row["scored"])) == (card.run, side.scored)
        assert float(row["value"]) == figure.value
        assert (float(row["low"]), float(row["high"])) == figure.ci95
    for row, card in zip(rows(Path("out/refusal.csv")), cards, strict=True):
        over = figure_of(card, "over_refusal")
        assert float(row["refusal"]) == figure_of(card, "refusal").value
        assert float(row["over_refusal"]) == over.value
        assert over.ci95
        assert float(row["over_refusal_high"]) == over.ci95.high
    counts = [int(row["count"]) for row in rows(Path("out/distribution.csv"))]
    assert counts == [at.count for side in sides for at in side.levels]
    means = [float(row["value"]) for row in rows(Path("out/principles-harmfulness.csv"))]
    parts = [part for side in sides for part in side.by["principle"]]
    assert means == [part.figures["harmfulness"].value for part in parts]
    stages = rows(Path("out/before-after.csv"))
    assert {row["measure"] for row in stages} >= {"harmfulness", "refusal", "over_refusal"}
    assert [
        (row["stage"], float(row["value"])) for row in stages if row["measure"] == "harmfulness"
    ] == [
        ("before", figure_of(cards[0], "harmfulness").value),
        ("after", figure_of(cards[1], "harmfulness").value),
    ]


@pytest.mark.parametrize(
    ("form", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")]
)
def test_every_kind_is_drawn_in_every_format(
    drawn: dict[str, Chart], form: str, start: bytes
) -> None:
    assert len(drawn) == 5
    for chart in drawn.values():
        assert image(chart, form).startswith(start)


@pytest.mark.parametrize("name", STRANGE, ids=range(len(STRANGE)))
def test_names_are_drawn_as_they_are(name: str) -> None:
    run = scripted_run(name, [1, 2, 5], [1, 5], judge=f"judge {name}")
    for chart in charts(gather([run])):
        drawing = svg(chart)
        ElementTree.fromstring(drawing.encode())
        assert "<script" not in drawing
        assert "\u202e" not in drawing
        assert image(chart, "png")
    if name.startswith("$x"):
        assert name in "".join(ElementTree.fromstring(drawing.encode()).itertext())


def test_every_picture_says_n_and_the_judge(drawn: dict[str, Chart]) -> None:
    for kind, chart in drawn.items():
        text = " ".join(ElementTree.fromstring(svg(chart).encode()).itertext())
        assert "reader" in text, kind
        assert "n = 5" in text or kind == "principles", kind


def test_the_ramp_darkens_step_by_step_in_grey() -> None:
    def grey(colour: str) -> float:
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        return 0.299 * red + 0.587 * green + 0.114 * blue

    greys = [grey(colour) for colour in RAMP]
    assert all(a - b > 25 for a, b in pairwise(greys))


def test_a_dark_page_changes_colours_and_no_text() -> None:
    run = scripted_run(f"model {INK}", [1, 2, 5])
    light = svg(charts(gather([run]))[0])
    shaded = dark(light)
    assert f"fill: {INK}" in light
    assert f"fill: {INK}" not in shaded
    assert DARK[INK] in shaded
    texts = ["".join(ElementTree.fromstring(t.encode()).itertext()) for t in (light, shaded)]
    assert texts[0] == texts[1]


def test_the_same_numbers_give_the_same_file(drawn: dict[str, Chart]) -> None:
    for form in ("svg", "png", "pdf"):
        assert image(drawn["measured"], form) == image(drawn["measured"], form)


def test_charts_that_would_be_empty_are_left_out() -> None:
    kinds = {chart.kind for chart in charts(gather([scripted_run("m", [1, 2])]))}
    assert kinds == {"measured", "distribution", "principles"}
    assert charts(gather([scripted_run("n", [None])])) == []


def test_one_score_alone_is_drawn_without_an_interval() -> None:
    for chart in charts(gather([scripted_run("m", [3], [1])])):
        assert image(chart, "png")


def test_twenty_targets_fit() -> None:
    import warnings

    found = [scripted_run(f"a-model-with-a-name-{i}", [1, 2, 5], [1, 5]) for i in range(20)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for chart in charts(gather(found)):
            assert image(chart, "svg")


def test_more_lines_than_there_are_colours_are_told_apart() -> None:
    rows = [Row(f"family-{n}", 100, 0, "refusal", "starter", 54, n / 20) for n in range(13)]
    text = image(sweep_chart(rows, "screen"), "svg").decode()
    assert all(f"family-{n}" in text for n in range(13))
    assert len({look(n) for n in range(60)}) == 60


def test_pairs_name_both_runs(runs: list[Run]) -> None:
    chosen = select([], "medsafety.db", [runs[0].id], [runs[1].id])
    assert [run.id for run in chosen.runs] == [run.id for run in runs]
    (pair,) = in_pairs(gather(chosen.runs), chosen.pairs)
    assert [one.card.run for one in pair] == [run.id for run in runs]
    with pytest.raises(MsbError, match="both --before and --after"):
        select([], "medsafety.db", [runs[0].id], [runs[0].id])


def test_the_command_prints_what_it_wrote(runs: list[Run]) -> None:
    command = ("figures", *(run.id for run in runs))
    written = [Path(line) for line in output(*command, "-o", "f").splitlines()]
    assert len(written) == 8
    assert all(path.stat().st_size for path in written)
    for arguments, expected in ((["--format", "gif"], "--format 'gif'"), (["zzz"], "no run is")):
        failed = msb(*command, *arguments)
        assert (failed.code, failed.err.count("\n")) == (2, 1)
        assert expected in failed.err


def test_importing_the_package_loads_no_plotting() -> None:
    code = "import sys, medsafetybench, medsafetybench.cli, medsafetybench.reporting as r; "
    code += "sys.exit('matplotlib' in sys.modules or 'jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
