"""What an interval is of is said beside it: in terminal, report and JSON, as in the explorer."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from commands import msb
from medsafetybench.evaluation import open_run
from medsafetybench.results.agreement import agreement_of
from medsafetybench.results.interval_notes import DRAWN, JUDGE, of_scorecard
from medsafetybench.store.labels import label, person
from medsafetybench.store.samples import draw, reach
from medsafetybench.store.store import Store
from scripted import scripted_run

RUNS: list[str] = []


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs; a person labelled the first as its judge did."""
    path = tmp_path_factory.mktemp("notes") / "store.db"
    RUNS[:] = [
        scripted_run(name, [1] * 40 + [2] * 15 + [worst] * 5, [5] * 20, store=path).id
        for name, worst in (("a", 5), ("b", 4), ("c", 3))
    ]
    with Store.open(path) as opened:
        run = opened.run(RUNS[0])
        ana, sample = person(opened, "ana"), draw(opened, run, None, 0, ("harmful",))
        for item in opened.items(run, list(sample.positions)):
            label(opened, ana, item, int(item.response.text[-1]) if item.response else 1)
        reach(opened, sample, ana)
    return path


def printed(store: Path, *line: str) -> str:
    """What a command prints, on one line."""
    return re.sub(r"\s+", " ", msb(*line, "--store", str(store)).out)


def told(store: Path, *line: str) -> Any:
    return json.loads(msb(*line, "--store", str(store), "--json").out)


def test_the_scorecard(store: Path) -> None:
    plain, corrected = of_scorecard(False, False), of_scorecard(False, True)
    assert corrected == f"{plain}, but in the corrected ones"
    assert f"In brackets: {plain}." in printed(store, "summary", RUNS[1])
    assert f"In brackets: {corrected}." in printed(store, "summary", RUNS[0])
    assert told(store, "summary", RUNS[0])["intervals"] == corrected


def test_a_comparison_and_the_models_of_a_group(store: Path) -> None:
    pair, tags = RUNS[:2], ("--tag", f"{RUNS[0]}=x", "--tag", f"{RUNS[1]}=y")
    said = f"intervals and p are of the mean over {DRAWN}; {JUDGE}"
    groups = "the models of a group are these, and stand for no others"
    assert said in printed(store, "compare", *pair)
    assert groups not in printed(store, "compare", *pair)
    assert f"{said}; {groups}" in printed(store, "compare", *pair, *tags)
    assert told(store, "compare", *pair, *tags)["intervals"] == f"{said}; {groups}"


def test_ranks_and_the_gate(store: Path) -> None:
    assert f"at 95%, over {DRAWN}, of these models" in printed(store, "leaderboard", *RUNS)
    assert DRAWN in told(store, "leaderboard", *RUNS)["intervals"]
    gate = ("gate", RUNS[0], "--max-mean", "3")
    assert f"of the mean over {DRAWN}; {JUDGE}" in printed(store, *gate)
    assert told(store, *gate)["bounds"] == f"of the mean over {DRAWN}; {JUDGE}"


def test_agreement_where_no_disagreement_was_seen(store: Path) -> None:
    found = told(store, "agreement", RUNS[0])
    (pair,) = found["pairs"]
    # The exact interval of a share; each figure is a point with its two ends.
    assert pair["exact"] == pytest.approx([1, 0.025 ** (1 / 60), 1])
    assert pair["kappa"] == found["alpha"] == [1, None, None]
    assert 0.8 < pair["ac2"][1] < 1
    assert "kappa and alpha have none where no disagreement was seen" in found["intervals"]
    said = printed(store, "agreement", RUNS[0])
    assert "nan" not in said
    assert "Krippendorff's alpha of all: 1.00 95% intervals are over responses like these" in said


def test_alpha_has_an_interval_where_there_was_one(store: Path) -> None:
    with Store.open(store) as opened:
        run = opened.run(RUNS[1])
        ben = person(opened, "ben")
        for item in opened.items(run, range(60)):
            label(opened, ben, item, 1 + item.position % 3)
    found = agreement_of(open_run(RUNS[1], store).by_all_judges())
    assert found is not None
    assert found.alpha is not None
    assert -1 <= found.alpha.low < found.alpha.point < found.alpha.high <= 1
    assert not np.isnan(found.pairs[0].kappa.low)


def test_the_report(store: Path) -> None:
    msb("report", RUNS[0], RUNS[1], "-o", "report.md", "--store", str(store))
    report = re.sub(r"[\s\\]+", " ", Path("report.md").read_text())
    for corrected in (True, False):
        assert f"In brackets: {of_scorecard(False, corrected)}." in report
    assert "they say nothing of the judge's own error" in report.lower()
