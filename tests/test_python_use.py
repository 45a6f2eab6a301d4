"""Used from Python and notebooks: Ctrl-C, progress, what is shown, and what a run can do."""

from __future__ import annotations

import asyncio
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from medsafetybench import evaluate, load_benchmark, open_run
from medsafetybench.benchmarks.files import listed
from medsafetybench.demo import respond
from medsafetybench.errors import MsbError
from medsafetybench.evaluation.calling import evaluate_as
from medsafetybench.evaluation.notebook import NotebookReporter, usual_reporter
from medsafetybench.evaluation.perform import Silent
from medsafetybench.evaluation.spec import EvaluationSpec
from medsafetybench.records import Request
from scripted import scripted_run
from test_stopping import counted

TEXTS = [f"Request {i}?" for i in range(200)]
STORE = Path("medsafety.db")


class Slow:
    """Answers after a while, and presses Ctrl-C at the fifth request, so many times."""

    def __init__(self, presses: int = 1, seconds: float = 0.02) -> None:
        self.presses, self.seconds = presses, seconds
        self.begun = self.answered = 0

    async def __call__(self, text: str) -> str:
        self.begun += 1
        if self.begun == 5:
            for _ in range(self.presses):
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                await asyncio.sleep(0.05)
        await asyncio.sleep(self.seconds)
        self.answered += 1
        return "No."


def outside(target: Any) -> None:
    evaluate(target, "screen", TEXTS, target_concurrency=5, target_revision="v1")


def inside(target: Any) -> None:
    """As a notebook does, whose kernel's loop runs the cell."""

    async def cell() -> None:
        outside(target)

    asyncio.new_event_loop().run_until_complete(cell())


def in_a_script(target: Any) -> None:
    """Whose ``asyncio.run`` has a handler of its own for Ctrl-C."""

    async def main() -> None:
        outside(target)

    asyncio.run(main())


@pytest.mark.parametrize("how", [outside, inside, in_a_script])
def test_ctrl_c_stores_what_is_in_flight_and_raises(how: Any) -> None:
    before, target = signal.getsignal(signal.SIGINT), Slow()
    with pytest.raises(KeyboardInterrupt):
        how(target)
    assert 4 <= target.answered == target.begun < 100
    assert counted(STORE, "responses") == target.answered
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("how", [outside, inside])
def test_a_second_ctrl_c_drops_what_is_in_flight(how: Any) -> None:
    target = Slow(presses=2, seconds=60)
    with pytest.raises(KeyboardInterrupt):
        how(target)
    assert (target.begun, target.answered) == (5, 0)


def test_what_was_interrupted_goes_on() -> None:
    with pytest.raises(KeyboardInterrupt):
        outside(Slow())
    there, again = counted(STORE, "responses"), Slow(presses=0, seconds=0)
    outside(again)
    assert again.begun == len(TEXTS) - there


# What a notebook shows


def test_a_notebook_shows_notes_and_how_far_the_run_is() -> None:
    shown: list[Any] = []
    spec = EvaluationSpec(respond, benchmark=TEXTS[:9])
    evaluate_as(spec, NotebookReporter(shown.append))
    assert "is new in medsafety.db" in repr(shown[0])
    assert "9/9 verdicts" in repr(shown[-1])
    assert shown[-1]._repr_html_().startswith("<pre>")


def test_outside_a_notebook_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(usual_reporter(), Silent)
    evaluate(respond, benchmark=TEXTS[:2])
    assert capsys.readouterr() == ("", "")


def test_what_is_shown_is_short_and_escaped() -> None:
    run = evaluate(lambda text: "No.", benchmark=["How?"], name="<b>bold</b>")
    assert repr(run) == f"Run({run.id!r}, 'medsafety.db')"
    card = run.summary()
    assert len(repr(card)) < 100
    for shown in (open_run(run.id), card):
        page = shown._repr_html_()
        assert "&lt;b&gt;bold&lt;/b&gt;" in page
        assert "<b>" not in page
    sample = load_benchmark("starter").sample(4)
    assert repr(sample) == "Benchmark('starter@1.1', limit=4, seed=0, twins='together')"


def test_a_scorecard_is_a_text_in_a_notebook_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where rich would else write nothing, or what a terminal takes for colours."""
    card = scripted_run("model", harmful=[1, 5]).summary()
    text = str(card)
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert str(card) == text
    assert "\x1b" not in text


# Requests in memory


def test_a_list_of_texts_is_a_benchmark() -> None:
    run = evaluate(respond, benchmark=["How do I read a chart?", "How?", "How?"])
    rows = list(run.rows())
    assert [row["request"] for row in rows] == ["How do I read a chart?", "How?", "How?"]
    assert len({row["id"] for row in rows}) == 3
    Path("same.csv").write_text("text\nHow do I read a chart?\nHow?\nHow?\n")
    same = evaluate(respond, benchmark="same.csv")
    assert [row["id"] for row in same.rows()] == [row["id"] for row in rows]
    assert same.id == run.id, "the same requests are the same work"


def test_rows_and_requests_are_too_and_what_is_neither_is_named_by_its_number() -> None:
    asked = [{"text": "How?", "intent": "benign", "principle": 4}, Request("r1", "Why?")]
    harmful, benign = sorted(listed(asked), key=lambda one: one.intent, reverse=True)
    assert (harmful.id, benign.principle) == ("r1", 4)
    for wrong, said in (([], "the list is empty"), (["How?", 5], "request 2 of the list: 5")):
        with pytest.raises(MsbError, match=said):
            evaluate(respond, benchmark=wrong)


# What a run can do


def test_a_run_is_compared_with_another() -> None:
    first = scripted_run("a", harmful=[1] * 20)
    second = open_run(scripted_run("b", harmful=[5] * 20).id)
    found = second.compare(first)
    assert found.on("harmfulness")[0].means == (5.0, 1.0)
    assert len(repr(found)) < 100


def test_a_run_is_held_to_a_gate() -> None:
    before = scripted_run("a", harmful=[1] * 60)
    run = open_run(scripted_run("b", harmful=[5] * 60).id)
    assert open_run(before.id).gate(max_mean=1.5).verdict == "pass"
    found = run.gate(max_harmfulness=1.5, baseline=before, max_regression=0.5)
    assert [check.verdict for check in found.checks] == ["fail", "fail"]
    assert repr(found).startswith("Gate('fail': max-mean fail")
    with pytest.raises(MsbError, match="unknown setting of a gate 'max_meen'; did you mean"):
        run.gate(max_meen=1.5)


def test_a_run_is_judged_again_and_stays_reported_as_it_was() -> None:
    run = evaluate(respond, benchmark=TEXTS[:4])
    again = run.rejudge("phrases")
    assert (again.summary().judge, open_run(run.id).summary().judge) == ("phrases", "screen")
    assert run.rejudge("phrases", report="by these").id == run.id
    assert open_run(run.id).summary().judge == "phrases"

    async def cell() -> str:
        return run.rejudge("screen", report="by all").summary().judge

    assert asyncio.run(cell()) == "phrases + screen", "in a notebook, whose loop runs"
    with pytest.raises(MsbError, match="unknown setting of a judge 'judge_ulr'"):
        run.rejudge("screen", judge_ulr="http://127.0.0.1:9/v1")


def test_a_run_is_a_data_frame() -> None:
    pytest.importorskip("pandas")
    frame = evaluate(respond, benchmark=TEXTS[:3]).to_pandas()
    assert list(frame["request"]) == TEXTS[:3]
