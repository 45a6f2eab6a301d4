"""A judge's boundary, moved to where people's labels of one's own responses have it."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest

from commands import msb
from medsafetybench import judges
from medsafetybench.evaluation.recall import recalled
from medsafetybench.judges import open_judge
from medsafetybench.judges.judge import Judging
from medsafetybench.models import Meter
from medsafetybench.records import Request, Response, Verdict
from medsafetybench.scale import REFUSAL
from medsafetybench.statistics.boundary import fitted_boundary, folds

STORE = Path("medsafety.db")


class Percent:
    """Says that a response declines if the number in it is above the boundary, 50 as it comes."""

    concurrency = 1
    paid = False
    scale = REFUSAL

    def __init__(self, meter: Meter | None = None, boundary: float | None = None) -> None:
        self.name = "percent"
        self.meter = meter or Meter()
        self.boundary = 50.0 if boundary is None else boundary

    @classmethod
    def open(cls, spec: str, judging: Judging) -> Self:
        return cls(judging.meter)

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        moved = {} if self.boundary == 50 else {"boundary": self.boundary}
        return {"judge": "percent", **moved}

    def prompt(self, request: Request, response: Response) -> str:
        return ""

    def margin(self, request_text: str, response_text: str) -> float:
        return float(response_text)

    async def judge(self, request: Request, response: Response) -> Verdict:
        if not response.text.isdigit():
            return Verdict(reason="not_english")
        margin = self.margin(request.text, response.text)
        return Verdict(REFUSAL.level(1 if margin > self.boundary else 4))

    async def close(self) -> None:
        pass


@pytest.fixture
def percent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge under a name of its own."""
    monkeypatch.setitem(judges.JUDGES, "percent", "test_judge_fit:Percent")  # type: ignore[arg-type]
    monkeypatch.setattr(judges, "ALONE", judges.ALONE | {"percent"})


def labels(name: str, n: int, noise: float, boundary: int = 20) -> list[str]:
    """A file of labels by people whose boundary is another; its name as an option."""
    rng = np.random.default_rng(0)
    with Path(name).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("prompt", "response", "label"))
        for row, number in enumerate(rng.integers(0, 100, n).tolist()):
            declines = (number > boundary) != (rng.random() < noise)
            said = "declines" if declines else "not declined"
            writer.writerow((f"Question {row}?", number, said))
        writer.writerow(("Another?", "no number", "declines"))
    return ["--labels", name]


def test_the_boundary_is_where_both_labels_are_as_likely() -> None:
    """With many labels, from any usual one; in any unit."""
    rng = np.random.default_rng(1)
    margins = rng.normal(0, 1, 20_000)
    yes = rng.random(20_000) < 1 / (1 + np.exp(-3 * (margins - 0.4)))
    for usual in (-0.5, 0.4, 1.0):
        assert fitted_boundary(margins, yes, usual) == pytest.approx(0.4, abs=0.03)
    assert fitted_boundary(np.ones(9), yes[:9], 0.25) == 0.25
    few, told = margins[:80], yes[:80]
    once = fitted_boundary(few, told, 0.0)
    assert 100 * once + 7 == pytest.approx(fitted_boundary(100 * few + 7, told, 7.0), abs=1e-2)


def test_few_labels_move_the_boundary_a_little() -> None:
    """Of 50 labels that say nothing, fitted anew 40 times, the prior keeps it near; many that say
    something take it away."""
    rng = np.random.default_rng(2)
    moved = [
        abs(fitted_boundary(rng.normal(size=50), rng.random(50) < 0.5, 0.1) - 0.1)
        for _ in range(40)
    ]
    assert np.mean(moved) < 0.2
    margins = rng.normal(size=400)
    assert fitted_boundary(margins, margins > -0.8, 0.1) < -0.6


def test_no_draw_is_in_two_folds_and_none_has_a_part_in_its_boundary() -> None:
    rng = np.random.default_rng(2)
    draws = rng.integers(0, 25, 200)
    margins, yes = rng.normal(size=200), rng.random(200) < 0.5
    seen: list[int] = []
    for places, boundary in folds(margins, yes, draws, 0.1):
        rest = np.setdiff1d(np.arange(200), places)
        assert not set(draws[places]) & set(draws[rest])
        assert boundary == fitted_boundary(margins[rest], yes[rest], 0.1)
        seen += places.tolist()
    assert sorted(seen) == list(range(200))


@pytest.mark.usefixtures("percent")
def test_fitting_gains_what_folds_show() -> None:
    found = json.loads(msb("judge", "fit", "percent", *labels("ours.csv", 150, 0.1), "--json").out)
    assert found["schema"] == 1
    assert 20 < found["boundary"] < 36
    assert found["judge"] == f"percent@{found['boundary']}"
    before, after = found["before"]["kappa"], found["card"]["kappa"]
    assert after[0] > before[0] + 0.1
    assert found["better"]
    card = found["card"]
    assert (card["part"], card["n"], card["scored"]) == ("folds", 151, 150)
    assert card["fitted"]["labels"] == 150
    (stored,) = json.loads(msb("judge", "cards", found["judge"], "--json").out)["cards"]
    assert stored["kappa"] == card["kappa"]

    # As --judge takes it, on the labels that it was fitted on it is no evidence, on others it is.
    told = msb("judge", "check", found["judge"], "--on", "ours.csv", "--json").out
    assert json.loads(told)["cards"][0]["trained"]
    labels("others.csv", 60, 0.1)
    told = msb("judge", "check", found["judge"], "--on", "others.csv", "--json").out
    assert not json.loads(told)["cards"][0]["trained"]


def test_the_screen_is_fitted_to_labels_of_ones_own() -> None:
    own = str(Path(__file__).parent / "clinical_answers.jsonl")
    found = json.loads(msb("judge", "fit", "screen", "--labels", own, "--json").out)
    assert found["judge"] == f"screen@{found['boundary']}"
    assert found["card"]["fitted"]["labels"] > 200
    assert found["card"]["kappa"][0] > 0.8
    told = msb("judge", "check", found["judge"], "--on", own, "--json").out
    assert json.loads(told)["cards"][0]["key"] == found["card"]["key"]


@pytest.mark.usefixtures("percent")
def test_labels_that_say_nothing_gain_nothing() -> None:
    told = json.loads(msb("judge", "fit", "percent", *labels("ours.csv", 120, 0.5), "--json").out)
    assert told["card"]["kappa"][1] < 0 < told["card"]["kappa"][2]


@pytest.mark.usefixtures("percent")
def test_too_few_labels_and_judges_without_a_boundary_are_one_line() -> None:
    done = msb("judge", "fit", "percent", *labels("few.csv", 40, 0.1))
    assert done.code == 2
    assert "few.csv has 40 labels of responses that the judge can read" in done.err
    assert "at least 50" in done.err
    done = msb("judge", "fit", "phrases", "--labels", "few.csv")
    assert "phrases has no boundary to fit" in done.err
    done = msb("judge", "check", "percent@high", "--on", "few.csv")
    assert "expected percent@BOUNDARY with a number" in done.err
    done = msb("judge", "check", "phrases@1", "--on", "few.csv")
    assert "phrases has no boundary that could be moved" in done.err


@pytest.mark.usefixtures("percent")
def test_a_moved_boundary_is_another_judge_that_is_told_again() -> None:
    moved = open_judge("percent@-0.125")
    assert moved.fingerprint != open_judge("percent").fingerprint
    target = {"benchmark": {"name": "starter", "selection": {}}, "target": {"model": "hf:demo"}}
    told = recalled(target, [moved.fingerprint], [moved.name])
    assert told["judge"] in ("percent@-0.125", ["percent@-0.125"], ("percent@-0.125",))
