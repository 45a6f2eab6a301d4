"""Turns, framings, repeats and twins of a request are one draw, wherever an interval is printed.

Asked three times and answered alike each time, a request says no more than asked once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from medsafetybench.benchmarks import Benchmark
from medsafetybench.evaluation.evaluation import Evaluation, carry_out
from medsafetybench.records import Request, Response
from medsafetybench.results.agreement import agreement_of
from medsafetybench.results.comparison import compare
from medsafetybench.results.gate import Threshold
from medsafetybench.results.gate_spec import GateSpec, decide, hold
from medsafetybench.results.measures import HARMFULNESS
from medsafetybench.results.pairing import pair_runs
from medsafetybench.results.run import Run
from medsafetybench.statistics.bounds import mean_bounds
from medsafetybench.statistics.interval import Interval
from medsafetybench.statistics.sequential import first_look
from medsafetybench.store.labels import label, person
from medsafetybench.store.samples import draw, reach
from medsafetybench.store.store import Store
from medsafetybench.taxonomy import load_taxonomy
from scripted import ReadingJudge, ScriptedTarget

KINDS = ("turns", "framings", "repeats", "twins")
SCORES = [1] * 50 + [2] * 8 + [5] * 2
"""Of sixty requests, of principles 1 and 2 in turn."""
OTHERS = [1] * 54 + [4] * 6


def requests(kind: str) -> Iterator[Request]:
    """Sixty requests, each three times as the kind has it; or once."""
    for i in range(len(SCORES)):
        once = Request(f"r{i}", f"What of {i}?", "harmful", 1 + i % 2)
        for time in range(3):
            if kind == "once" and time:
                continue
            yield {
                "once": once,
                "turns": replaced(once, turn=1 + time),
                "framings": replaced(once, framing="abc"[time], pair=once.id),
                "repeats": replaced(once, id=f"r{i}#{time}", pair=once.id),
                "twins": replaced(once, id=f"r{i}-{time}", pair=once.id, text=f"{i} and {time}?"),
            }[kind]


def replaced(request: Request, **changes: object) -> Request:
    return replace(request, **changes)  # type: ignore[arg-type]


@dataclass
class ByDraw(ScriptedTarget):
    """Answers all that are one draw alike."""

    given: Sequence[int] = field(default_factory=list)

    async def respond(self, request: Request) -> Response:
        return Response(text=f"score: {self.given[draw_of(request)]}")


def draw_of(request: Request) -> int:
    """Which of the sixty it is."""
    return int(re.split("[-#]", request.id[1:])[0])


def made(kind: str, folder: Path, scores: Sequence[int] = SCORES, name: str = "model") -> Run:
    target = ByDraw(name, {str(i): score for i, score in enumerate(scores)}, given=scores)
    with Store.open(folder / f"{kind}.db") as store:
        benchmark = Benchmark(kind, lambda: requests(kind))
        return carry_out(Evaluation(store, benchmark, target, [ReadingJudge()], load_taxonomy()))[0]


@pytest.fixture(scope="module", params=KINDS)
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Run, Run]:
    """The run that asked thrice, and the one that asked once."""
    folder = tmp_path_factory.mktemp("draws")
    return made(request.param, folder), made("once", folder)


def same(found: Interval | None, expected: Interval | None) -> bool:
    assert found is not None
    assert expected is not None
    return found == pytest.approx(expected, abs=1e-6)


def test_the_headline(both: tuple[Run, Run]) -> None:
    thrice, once = (run.summary() for run in both)
    assert thrice.counts.n == 3 * once.counts.n
    for measure in ("harmfulness", "refusal", "safe_rate"):
        found, expected = thrice.figure(measure), once.figure(measure)
        assert found is not None
        assert expected is not None
        assert same(found.ci95, expected.ci95)
        assert found.stderr == pytest.approx(expected.stderr)


def test_by_principle(both: tuple[Run, Run]) -> None:
    groups = [run.summary().sides["harmful"].by["principle"] for run in both]
    assert len(groups[0]) == len(groups[1]) == 2
    for found, expected in zip(*groups, strict=True):
        assert same(found.figures["harmfulness"].ci95, expected.figures["harmfulness"].ci95)


@pytest.mark.parametrize("sequential", [False, True])
def test_the_gate(both: tuple[Run, Run], sequential: bool) -> None:
    spec = GateSpec(thresholds=(Threshold(HARMFULNESS, "max", 3.0),), sequential=sequential)
    thrice, once = (decide(spec, run.outcomes()).checks[0] for run in both)
    if sequential:  # their orders are their own; but no look is within a draw, nor counts it thrice
        ones = np.ones(60)
        least = first_look(ones, ones, Interval(1, 5), 3.0).n
        assert thrice.n % 3 == 0
        assert min(thrice.n / 3, once.n) >= least > 1
    else:
        assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high), abs=1e-6)


def test_a_comparison_and_a_regression(both: tuple[Run, Run]) -> None:
    others = [made(run.store.stem, run.store.parent, OTHERS, "other") for run in both]
    pairs = [list(pair) for pair in zip(both, others, strict=True)]
    thrice, once = (compare(pair_runs(pair)).on("harmfulness")[0] for pair in pairs)
    assert (thrice.n, thrice.clusters) == (180, 60)
    assert same(thrice.interval, once.interval)
    assert thrice.p == pytest.approx(once.p)
    checks = [
        hold(GateSpec(baseline=before.id, max_regression=1.0), after)[1].checks[0]
        for before, after in pairs
    ]
    assert (checks[0].low, checks[0].high) == pytest.approx((checks[1].low, checks[1].high))


def labelled(run: Run) -> None:
    """A person labels all that was drawn, each draw alike: rather as the judge did."""
    with Store.open(run.store) as store:
        record = store.run(run.id)
        ana = person(store, "ana")
        sample = draw(store, record, None, 0)
        for item in store.items(record, list(sample.positions)):
            said = [*SCORES[5:], *SCORES[:5]]
            label(store, ana, item, said[draw_of(item.request)])
        reach(store, sample, ana)


def test_a_correction(both: tuple[Run, Run]) -> None:
    for run in both:
        labelled(run)
    thrice, once = (run.summary().corrected[0] for run in both)
    assert (thrice.measure, thrice.n, once.n) == ("harmfulness", 180, 60)
    assert thrice.value == pytest.approx(once.value)
    assert same(thrice.ci95, once.ci95)


def test_agreement(both: tuple[Run, Run]) -> None:
    for run in both:
        labelled(run)
    found = [agreement_of(run.by_all_judges()) for run in both]
    assert all(found)
    thrice, once = (one.pairs[0] for one in found if one)
    for name in ("exact", "kappa", "quadratic_kappa", "ac2", "bias"):
        ours, expected = getattr(thrice, name), getattr(once, name)
        assert ours.point == pytest.approx(expected.point), name
        assert (ours.low, ours.high) == pytest.approx((expected.low, expected.high), abs=0.03), name
    alphas = [one.alpha for one in found if one and one.alpha]
    assert alphas[0].low == pytest.approx(alphas[1].low, abs=0.03)


def test_taken_as_independent_they_would_say_too_much() -> None:
    """What the others would miss if draws were ignored: the same numbers, a third of the width."""
    values = np.repeat(np.array(SCORES, float), 3)
    by_draw = mean_bounds(values, Interval(1, 5), 0.975, np.repeat(np.arange(60), 3))
    alone = mean_bounds(values, Interval(1, 5), 0.975)
    assert alone.high - alone.low < 0.65 * (by_draw.high - by_draw.low)
