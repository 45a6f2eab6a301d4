"""How many requests a question takes, against exact binomials; what a benchmark can show."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from commands import msb
from medsafetybench.errors import MsbError
from medsafetybench.records import Request
from medsafetybench.results.gate import Threshold
from medsafetybench.results.held import held, sample_of
from medsafetybench.results.measures import HARMFULNESS, OVER_REFUSAL, SAFE_RATE
from medsafetybench.results.planned import Asked, Model, Question, questions, reaches
from medsafetybench.scale import HARM
from medsafetybench.statistics import planning
from medsafetybench.statistics.interval import Interval
from scripted import scripted_run

NOTHING = Asked(thresholds=(), unsafe_below=(), regressions=(), differences=(), label_widths=())


def only(**asked: Any) -> list[Question]:
    return questions(Asked(**{**vars(NOTHING), **asked}), Model())


def chance_to_pass(n: int, bad: float, at: float) -> float:
    """How often a rate's exact upper bound at 95% is at most ``at``."""
    passing = [k for k in range(n) if stats.beta.ppf(0.95, k + 1, n - k) <= at]
    return float(stats.binom.pmf(passing, n, bad).sum())


@pytest.mark.parametrize("at", [0.9, 0.95])
def test_the_requests_for_a_rate_are_those_of_exact_binomials(at: float) -> None:
    (found,) = only(thresholds=(Threshold(SAFE_RATE, "min", at),))
    assert found.least == math.ceil(math.log(0.05) / math.log(at))
    assert found.needed is not None
    assert chance_to_pass(found.needed, 0.02, 1 - at) >= 0.77  # known to 3 points
    assert chance_to_pass(found.needed * 9 // 10, 0.02, 1 - at) < 0.83


def test_fewer_than_the_least_cannot_pass_and_the_least_can() -> None:
    threshold = Threshold(HARMFULNESS, "max", 1.2)
    (found,) = only(thresholds=(threshold,))
    assert found.least is not None
    for n, verdict in ((found.least - 1, "undecided"), (found.least, "pass")):
        sample = sample_of(HARMFULNESS.of_scores(HARM, [1] * n), Interval(1, 5))  # type: ignore[arg-type]
        assert held(threshold.name, 1.2, sample, "max", 0.95).verdict == verdict


def test_a_model_that_breaks_a_threshold_is_planned_to_fail() -> None:
    (found,) = only(thresholds=(Threshold(SAFE_RATE, "min", 0.99),))
    assert found.fails
    (exactly,) = only(thresholds=(Threshold(SAFE_RATE, "min", 0.98),))
    assert exactly.needed is None


@pytest.mark.parametrize(
    ("there", "answer"), [(28, "no"), (29, "if flawless"), (60, "if flawless"), (61, "yes")]
)
def test_what_a_benchmark_has_answers_the_question(there: int, answer: str) -> None:
    asked = Asked(**{**vars(NOTHING), "thresholds": (Threshold(OVER_REFUSAL, "max", 0.1),)})
    (found,) = questions(asked, Model(), {"benign": there, "harmful": 1})
    assert (found.least, found.needed, found.answer) == (29, 61, answer)


def test_twins_repeats_and_turns_are_one_draw() -> None:
    requests = [
        *(Request(f"a{i}", "What?", "harmful", 1, pair="p", turn=i + 1) for i in range(5)),
        *(Request(f"b{i}", f"What {i}?", "harmful", 2) for i in range(9)),
        Request("c", "And this?", "benign", 2, pair="p"),
    ]
    harmful, benign = reaches(requests)
    assert (harmful.requests, harmful.draws, harmful.smallest) == (14, 10, 1)
    assert (benign.requests, benign.draws, benign.reach.principle_p) == (1, 1, None)
    assert harmful.reach.principle_p == 1.0


def test_the_lowest_threshold_shown_agrees_with_the_chance_to_show_it() -> None:
    shares = {1.0: 0.98, 5.0: 0.02}
    at = planning.least_shown(shares, Interval(1, 5), 200)
    assert at is not None
    assert planning.chance_to_show(shares, Interval(1, 5), 200, at) >= 0.8
    assert planning.chance_to_show(shares, Interval(1, 5), 200, at - 0.03) < 0.8
    assert planning.least_shown({1.0: 0.5, 5.0: 0.5}, Interval(1, 5), 1) is None


def test_a_plan_of_the_starter_as_json_and_as_a_figure(tmp_path: Path) -> None:
    done = msb("plan", "starter", "--max-mean", "1.2", "--json", "-o", str(tmp_path / "figure"))
    found = json.loads(done.out)
    assert found["schema"] == 1
    (question,) = found["questions"]
    assert (question["least"], question["needed"], question["there"]) == (59, 270, 108)
    assert question["answer"] == "if flawless"
    assert [side["draws"] for side in found["sides"]] == [108, 108]
    assert found["sides"][0]["reach"]["max_mean"] == pytest.approx(1 + 4 * (1 - 0.05 ** (1 / 108)))
    picture, numbers = (Path(path) for path in found["files"])
    assert picture.read_bytes().startswith(b"<?xml")
    rows = list(csv.DictReader(numbers.open()))
    assert {row["panel"] for row in rows} == {"max-mean", "max-regression", "max-over-refusal"}
    shown = {
        int(row["n"]): float(row["value"])
        for row in rows
        if (row["panel"], row["line"]) == ("max-over-refusal", "flawless")
    }
    assert shown[100] == pytest.approx(1 - 0.05**0.01)


def test_what_can_never_earn_a_star_is_said() -> None:
    line = ("plan", "starter/eval", "--max-mean", "1.5")
    assert "6 requests can never earn a star (least p 0.28)" in msb(*line).out
    assert "12 requests can earn a star" in msb("plan", "starter", *line[2:]).out


def test_a_model_may_be_that_of_a_stored_run() -> None:
    run = scripted_run("model", [1] * 45 + [2] * 5, [5] * 10)
    line = ("plan", "--max-mean", "1.5", "--max-over-refusal", "0.1", "--json", "--like", run.id)
    mean, over = json.loads(msb(*line).out)["questions"]
    assert over["needed"] == over["least"] == 29  # it never declines what is benign
    assert mean["least"] < mean["needed"] < 49  # its mean of 1.1 is sooner shown than 2% of fives


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--max-mean", "9"), "--max-mean 9; expected a number from 1 to 5"),
        (("--bad", "2"), "--bad 2; expected a share from 0 to below 1"),
        (("--difference", "5"), "--difference 5; expected above 0 and below 4"),
        (("--looks", "0"), "0 looks; expected 1 or more"),
        (("--power", "80"), "--power 80; expected above 0.5 and below 1"),
        (("nothing-of-the-kind",), "nothing-of-the-kind"),
    ],
)
def test_a_plan_that_makes_no_sense_is_one_line(options: tuple[str, ...], said: str) -> None:
    done = msb("plan", *options)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert said in done.err


def test_no_requests_show_nothing() -> None:
    with pytest.raises(MsbError, match="no request"):
        reaches([])
