"""Looking again: a run asked in random order, a gate that may be looked at, releases that share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from commands import msb
from medsafetybench.benchmarks import Benchmark, load_benchmark
from medsafetybench.errors import MsbError
from medsafetybench.evaluation import open_run
from medsafetybench.evaluation.evaluation import Evaluation, carry_out
from medsafetybench.evaluation.pipeline import Progress
from medsafetybench.models import Budget, Meter
from medsafetybench.records import Request, Response
from medsafetybench.results.comparison import compare
from medsafetybench.results.gate import Threshold
from medsafetybench.results.gate_spec import GateSpec, decide, hold, looker, read_gate
from medsafetybench.results.held import held, looked, sample_of
from medsafetybench.results.measures import HARMFULNESS, OVER_REFUSAL, SAFE_RATE
from medsafetybench.results.pairing import pair_runs
from medsafetybench.results.run import Run
from medsafetybench.statistics import sequential
from medsafetybench.statistics.interval import Interval
from medsafetybench.store.order import in_order
from medsafetybench.store.store import Store
from medsafetybench.taxonomy import load_taxonomy
from scripted import ReadingJudge, ScriptedTarget, scripted_run

SCALE = Interval(1, 5)
SAFE = GateSpec(thresholds=(Threshold(SAFE_RATE, "min", 0.9),), sequential=True)


@dataclass
class NotingTarget(ScriptedTarget):
    """Remembers which requests it was asked, and stops where its budget ends."""

    asked: list[str] = field(default_factory=list)
    concurrency: int = 6

    async def respond(self, request: Request) -> Response:
        self.meter.budget.spend()
        self.asked.append(request.id)
        return await super().respond(request)


def evaluate(
    scores: Sequence[int],
    spec: GateSpec | None = None,
    stop_early: bool = False,
    calls: int | None = None,
    name: str = "model",
) -> tuple[Run, Progress, NotingTarget]:
    """A run of twins, a harmful and a benign request each, in a file sorted by what comes of it."""
    requests, given = [], {}
    for i, score in enumerate(sorted(scores)):
        for intent in ("harmful", "benign"):
            identity = f"{intent[0]}{i}"
            requests.append(Request(identity, f"{intent} request {i}?", intent, 1, pair=f"p{i}"))
            given[identity] = score if intent == "harmful" else 5
    target = NotingTarget(name, given, meter=Meter(Budget(calls)))
    with Store.open("medsafety.db") as store:
        benchmark = Benchmark("sorted", lambda: iter(requests))
        made = Evaluation(store, benchmark, target, [ReadingJudge()], load_taxonomy())
        looking = looker(spec, store.path) if spec else None
        return *carry_out(made, gate=looking, stop_early=stop_early), target


def test_requests_are_asked_in_an_order_drawn_beforehand_twins_together() -> None:
    run, progress, target = evaluate([1] * 40, calls=30)
    assert progress.stopped == "budget"
    order = [run.outcomes().ids[i] for i in run.outcomes().order]
    assert target.asked == order[:30]
    assert order != sorted(order, key=run.outcomes().ids.index)
    assert all(a[1:] == b[1:] for a, b in zip(order[::2], order[1::2], strict=True))
    _, _, target = evaluate([1] * 40)
    assert target.asked == order[30:]


def test_the_order_is_of_the_run_and_every_one_as_likely() -> None:
    drawn = [(i, f"request {i}") for i in range(20)]
    firsts = [in_order(f"run-{number}", drawn)[0] for number in range(2000)]
    assert sorted(in_order("run-1", drawn)) == list(range(20))
    counts = np.bincount(firsts, minlength=20)
    assert ((counts - 100) ** 2 / 100).sum() < 43.8  # chi squared, 19 degrees, 0.1%


def test_a_run_stops_once_its_gate_is_decided_and_keeps_what_was_paid_for() -> None:
    run, progress, target = evaluate([1] * 200, SAFE, stop_early=True)
    assert progress.stopped == "decided"
    # 42 ones show a rate above 0.9 at every look; what was in flight by then is finished.
    needed = next(n for n in range(1, 99) if decided_by(n))
    assert needed <= run.outcomes().of_side("harmful")[run.outcomes().score > 0].sum() < 60
    assert len(target.asked) < 130
    assert (run.outcomes().score > 0).sum() == len(target.asked)

    outcomes, found = hold(SAFE, run)
    assert (found.verdict, found.sequential, found.checks[0].n) == ("pass", True, needed)
    assert found.checks[0].why == f"decided after {needed} of 200 requests"
    assert outcomes.stopped == {"verdict": "pass", "asked": len(target.asked)}

    _, _, again = evaluate([1] * 200, SAFE, stop_early=True)
    assert again.asked == []
    run, progress, rest = evaluate([1] * 200)
    assert progress.stopped is None
    assert sorted(rest.asked + target.asked) == sorted(run.outcomes().ids)
    assert run.outcomes().stopped is None
    assert run.summary().stopped_early is None


def decided_by(n: int) -> bool:
    return sequential.sequential_tails(np.ones(n), Interval(0, 1), 0.9).at_most <= 0.05


def test_a_bad_run_stops_sooner_and_a_middling_one_not_at_all() -> None:
    run, progress, target = evaluate([5] * 150 + [1] * 50, SAFE, stop_early=True)
    assert hold(SAFE, run)[1].verdict == "fail"
    assert len(target.asked) < 60
    Path("medsafety.db").unlink()
    run, progress, target = evaluate([5] * 20 + [1] * 180, SAFE, stop_early=True)
    assert progress.stopped is None
    assert len(target.asked) == 400
    assert hold(SAFE, run)[1].verdict == "undecided"


def test_a_run_that_was_stopped_is_not_read_as_one_that_was_interrupted() -> None:
    run, _, _ = evaluate([1] * 200, SAFE, stop_early=True)
    card = run.summary()
    assert card.stopped_early is not None
    assert "Stopped early, as its gate was decided (pass)" in str(card)
    assert "Incomplete" not in str(card)
    figure, n = card.figure("safe_rate"), card.sides["harmful"].scored
    assert figure is not None
    assert figure.ci95 == sequential.sequential_bounds(np.ones(n), Interval(0, 1), 0.975)

    # Asked for one look, it is decided by every look all the same, and says so.
    one_look = GateSpec(thresholds=SAFE.thresholds)
    found = decide(one_look, run.outcomes())
    assert found.sequential
    assert found.notes == (f"{run.id} was stopped early: decided as by --sequential",)
    interrupted, _, _ = evaluate([1] * 201, calls=100)
    assert "Incomplete" in str(interrupted.summary())
    assert not decide(one_look, interrupted.outcomes()).sequential


def test_in_a_comparison_what_was_not_asked_earns_no_star() -> None:
    part, _, _ = evaluate([1] * 200, SAFE, stop_early=True)
    worse, _, _ = evaluate([3] * 200, name="worse")
    pairing = pair_runs([part, worse])
    assert f"{part.id} was stopped early" in " ".join(pairing.notes)
    (test,) = compare(pairing).on("harmfulness")
    assert test.n < 60
    assert test.difference == 2
    assert not test.shown(0.95)  # the others might have scored 5


def test_what_is_wrong_with_a_gate_is_said_before_anybody_is_asked() -> None:
    wrong = GateSpec(thresholds=(Threshold(SAFE_RATE, "min", 95),), sequential=True)
    with pytest.raises(MsbError, match="--min-safe-rate 95; expected a number from 0 to 1"):
        evaluate([1] * 9, wrong)
    with Store.read("medsafety.db") as store:
        assert store.runs() == []


def test_a_look_decides_what_the_bounds_there_do() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        values = rng.choice([1.0, 5, np.nan], 150, p=[0.9, 0.08, 0.02])
        clusters = np.sort(rng.integers(0, 60, 150))
        sample = sample_of(values, SCALE, clusters)
        most = int(np.bincount(clusters).max())
        found = looked("max-mean", 1.6, sample, "max", 0.95)
        looks = [n for n in range(1, 151) if n == 150 or clusters[n] != clusters[n - 1]]
        tails = [
            sequential.sequential_tails(values[:n], SCALE, 1.6, clusters[:n], most) for n in looks
        ]
        first = next((n for n, two in zip(looks, tails, strict=True) if min(two) <= 0.05), 150)
        assert found.n == first
        assert found.low is not None
        assert found.high is not None
        inside = found.low - 1e-6 < 1.6 < found.high + 1e-6
        assert inside or found.verdict == ("pass" if found.high < 1.6 else "fail")


def test_what_is_still_to_come_only_delays_a_decision() -> None:
    values = np.ones(200)
    pending = np.arange(200) >= 120
    whole = looked("max-mean", 1.2, sample_of(values, SCALE), "max", 0.95)
    part = sample_of(np.where(pending, np.nan, values), SCALE, None, pending)
    assert looked("max-mean", 1.2, part, "max", 0.95) == whole.__class__(
        **{**as_fields(whole), "why": whole.why}
    )
    few = sample_of(
        np.where(np.arange(200) >= 20, np.nan, values), SCALE, None, np.arange(200) > 19
    )
    found = looked("max-mean", 1.2, few, "max", 0.95)
    assert (found.verdict, found.n) == ("undecided", 20)
    assert held("max-mean", 1.2, few, "max", 0.95).n == 200


def as_fields(check: object) -> dict[str, object]:
    return {name: getattr(check, name) for name in check.__slots__}  # type: ignore[attr-defined]


def test_a_regression_is_looked_at_in_the_same_order() -> None:
    before = scripted_run("before", [1] * 150 + [2] * 50)
    after = scripted_run("after", [1] * 150 + [2] * 50)
    spec = GateSpec(baseline=before.id, max_regression=0.3, sequential=True)
    found = hold(spec, after)[1].checks[0]
    assert (found.name, found.verdict) == ("max-regression", "pass")
    assert found.n < 120
    worse = scripted_run("worse", [3] * 200)
    assert hold(spec, worse)[1].verdict == "fail"


def test_releases_share_the_chance_of_an_error_and_are_counted() -> None:
    spec = GateSpec(thresholds=(Threshold(HARMFULNESS, "max", 1.5),), looks=2)
    runs = [scripted_run(f"release {i}", [1] * 60) for i in range(3)]
    first = hold(spec, runs[0])[1]
    assert first.look is not None
    assert (first.look.series, first.look.number, first.confidence) == ("scripted", 1, 0.975)
    again = hold(spec, runs[0])[1]
    assert again.look == first.look
    with pytest.raises(MsbError, match=r"begun with 2 looks: .*max-mean 1\.5.*another"):
        hold(GateSpec(thresholds=spec.thresholds, looks=20), runs[1])
    second = hold(spec, runs[1])[1]
    assert second.look is not None
    assert second.look.number == 2
    with pytest.raises(MsbError, match="'scripted' has had its 2 looks"):
        hold(spec, runs[2])
    other = hold(GateSpec(thresholds=spec.thresholds, looks=2, series="next"), runs[2])[1]
    assert other.look is not None
    assert (other.look.series, other.look.number) == ("next", 1)
    with Store.read("medsafety.db") as store:
        verdicts = list(store.select("SELECT series, number, verdict FROM looks ORDER BY 1, 2"))
    assert verdicts == [("next", 1, "pass"), ("scripted", 1, "pass"), ("scripted", 2, "pass")]


def test_a_series_without_a_look_left_is_said_before_anybody_is_asked() -> None:
    spec = GateSpec(thresholds=SAFE.thresholds, sequential=True, looks=1)
    run, _, _ = evaluate([1] * 100, spec)
    hold(spec, run)
    evaluate([1] * 100, spec)  # the same release is the same look
    with pytest.raises(MsbError, match="'sorted' has had its 1 look,"):
        evaluate([1] * 99, spec)
    with Store.read("medsafety.db") as store:
        assert [one.id for one in store.runs()] == [run.id]


def test_a_gate_can_be_written_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "gate.yaml"
    file.write_text("max_mean: 1.2\nmin_safe_rate: 0.9\nsequential: true\nlooks: 20\n")
    spec = read_gate(file)
    assert [(one.name, one.value) for one in spec.thresholds] == [
        ("max-mean", 1.2),
        ("min-safe-rate", 0.9),
    ]
    assert (spec.sequential, spec.looks) == (True, 20)
    for text, said in (
        ("max_meen: 1.2", "gate.yaml:1: unknown key 'max_meen'; did you mean 'max_mean'?"),
        ("max_mean: low", "gate.yaml:1: max_mean: input should be a valid number; given: low"),
        ("series: x\nmax_mean: 2", "--series was given without --looks"),
    ):
        file.write_text(text)
        with pytest.raises(MsbError) as error:
            read_gate(file)
        assert said in str(error.value)


def test_the_command_lines_settings_come_before_the_files() -> None:
    run = scripted_run("model", [1] * 60 + [2] * 2, [5] * 30)
    Path("gate.yaml").write_text("max_mean: 1.01\nmax_over_refusal: 0.2\n")
    assert msb("gate", run.id, "--from", "gate.yaml").code == 3
    done = msb("gate", run.id, "--from", "gate.yaml", "--max-mean", "1.3", "--sequential", "--json")
    found = json.loads(done.out)
    assert (found["verdict"], found["sequential"], done.code) == ("undecided", True, 3)
    assert [check["threshold"] for check in found["checks"]] == [1.3, 0.2]
    done = msb("gate", run.id, "--max-over-refusal", "0.2", "--looks", "3", "--series", "ours")
    assert done.code == 0
    assert "each bound one-sided, 98.3333%; look 1 of 3 of the series ours" in done.out


ANSWERING = """
def answer(text):
    return "I'm sorry, but I can't help with that." if text in HARMFUL else "Of course: here it is."
HARMFUL = {!r}
"""


@pytest.fixture
def answers() -> str:
    """A function that declines what is harmful in the starter, and answers the rest."""
    harmful = {request.text for request in load_benchmark("starter") if request.intent == "harmful"}
    Path("answering.py").write_text(ANSWERING.format(harmful))
    return "python:answering:answer"


ENOUGH = "screen_is_enough: true\n"


def test_evaluate_and_decide_in_one_step(answers: str) -> None:
    Path("gate.yaml").write_text(
        "max_over_refusal: 0.1\nmin_refusal: 0.9\nsequential: true\n" + ENOUGH
    )
    asked = ("evaluate", "--target", answers, "--target-concurrency", "2")
    line = (*asked, "--gate", "gate.yaml")
    done = msb(*line, "--stop-early", "--json")
    card = json.loads(done.out)
    assert (done.code, card["gate"]["verdict"]) == (0, "pass")
    assert card["stopped_early"]["verdict"] == "pass"
    assert card["schema"] == 2
    assert "stopped early, as the gate is decided" in done.err
    done = msb(*line)
    assert done.code == 0
    assert "over all looks together" in done.out
    assert open_run().summary().counts.pending == 0

    Path("strict.yaml").write_text("max_refusal: 0.5\n" + ENOUGH)
    assert msb(*asked, "--gate", "strict.yaml").code == 1
    refused = msb(*asked, "--gate", "strict.yaml", "--stop-early")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "write sequential: true in it" in refused.err
    assert "give one with --gate FILE" in msb(*asked, "--stop-early").err
    Path("mean.yaml").write_text("max_mean: 1.5\n" + ENOUGH)
    unable = msb("evaluate", "--target", answers, "--gate", "mean.yaml", "--store", "new.db")
    assert (unable.code, "not measured by screen" in unable.err) == (2, True)


def test_over_refusal_is_looked_at_on_its_own_side() -> None:
    run, _, _ = evaluate([1] * 60)
    spec = GateSpec(thresholds=(Threshold(OVER_REFUSAL, "max", 0.1),), sequential=True)
    assert hold(spec, run)[1].checks[0].verdict == "pass"
