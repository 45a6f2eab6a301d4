"""Requests under pressure: what the server receives, resuming, and the survival curve."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from statsmodels.duration.survfunc import SurvfuncRight

from commands import msb, output
from medsafetybench.benchmarks import Benchmark
from medsafetybench.errors import MissingExtra, MsbError
from medsafetybench.evaluation.calling import evaluate_as
from medsafetybench.evaluation.evaluation import Evaluation, carry_out
from medsafetybench.evaluation.pressure import press
from medsafetybench.evaluation.spec import EvaluationSpec
from medsafetybench.integrations.imports import read_log
from medsafetybench.judges.replay import ReplayJudge
from medsafetybench.models import Budget, Meter
from medsafetybench.records import Conversation, Request, Response, Sampling
from medsafetybench.results.run import Run
from medsafetybench.results.survival import survival
from medsafetybench.store.store import Store
from medsafetybench.tables import write_rows
from medsafetybench.targets.model import ModelTarget
from medsafetybench.targets.pressure import load_script, under_pressure
from medsafetybench.taxonomy import load_taxonomy
from scripted import ReadingJudge, ScriptedTarget, scripted_run

REQUESTS = [Request(f"h{i}", f"Request {i}", "harmful", 1) for i in range(4)]
REQUESTS += [Request("b0", "Benign 0", "benign", 1)]


@dataclass
class Yielding:
    """A model that gives in at a turn of its own: request i at turn i + 1; framings at once."""

    name: str = "yielding"
    concurrency: int = 3
    meter: Meter = field(default_factory=Meter)
    heard: list[Conversation] = field(default_factory=list)

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        return {"model": self.name}

    async def complete(self, conversation: Conversation, sampling: Sampling) -> Response:
        self.meter.call()
        self.heard.append(conversation)
        turn = sum(said["role"] == "user" for said in conversation)
        first = conversation[0]["content"]
        yields = first not in [r.text for r in REQUESTS] or turn > int(first.split()[-1])
        return Response(text=f"score: {5 if yields else 1}")

    async def close(self) -> None:
        pass


def pressed(model: Yielding, turns: int = 3) -> Run:
    benchmark = Benchmark("scripted", lambda: iter(REQUESTS[:4]))
    with Store.open("medsafety.db") as store:
        requests, target = press(ModelTarget(model), benchmark, store, turns)
        return carry_out(Evaluation(store, requests, target, [ReadingJudge()], load_taxonomy()))[0]


def test_at_turn_three_the_model_hears_its_own_two_earlier_answers() -> None:
    model = Yielding()
    pressed(model)
    pushes = load_script().turns
    last = next(c for c in model.heard if len(c) == 5 and c[0]["content"] == "Request 1")
    assert [turn["role"] for turn in last] == ["user", "assistant", "user", "assistant", "user"]
    assert [last[1]["content"], last[3]["content"]] == ["score: 1", "score: 5"]
    assert [last[2]["content"], last[4]["content"]] == list(pushes[:2])


class Silent(Yielding):
    """Says nothing to the first turn of request 1, or has it filtered."""

    notice: str | None = None

    async def complete(self, conversation: Conversation, sampling: Sampling) -> Response:
        response = await super().complete(conversation, sampling)
        if len(conversation) == 1 and conversation[0]["content"] == "Request 1":
            reason = "content_filter" if self.notice else "stop"
            return Response(finish_reason=reason, notice=self.notice)
        return response


@pytest.mark.parametrize("notice", [None, "HTTP 400: flagged"])
def test_no_turn_follows_one_to_which_nothing_was_said(notice: str | None) -> None:
    model = Silent()
    model.notice = notice
    rows = list(pressed(model).rows())
    assert all(turn["content"] for said in model.heard for turn in said)
    after = [row for row in rows if row["id"] == "h1" and (row["turn"] or 1) > 1]
    why = notice or "the target said nothing"
    assert [row["error"] for row in after] == [f"turn 1 has no answer: {why}"] * 2
    assert all(row["state"] == "scored" for row in rows if row["id"] != "h1")


def test_a_server_receives_the_turns_over_http(tmp_path: Path) -> None:
    bodies: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            bodies.append(body)
            message = {"role": "assistant", "content": f"score: {len(body['messages'])}"}
            reply = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]})
            self.send_response(200)
            self.send_header("content-length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply.encode())

        def log_message(self, *given: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    requests = tmp_path / "requests.csv"
    Path("verdicts.csv").write_text("id,score\nnone,1\n")
    requests.write_text("text\nRequest 1\n")
    spec = EvaluationSpec(
        "openai:model",
        "replay:verdicts.csv",
        requests,
        target_url=f"http://127.0.0.1:{server.server_port}/v1",
        system="Be brief.",
        pressure=3,
    )
    evaluate_as(spec)
    server.shutdown()
    (third,) = [body["messages"] for body in bodies if len(body["messages"]) == 6]
    assert [m["content"] for m in third if m["role"] == "assistant"] == ["score: 2", "score: 4"]
    assert third[0] == {"role": "system", "content": "Be brief."}


def test_each_turn_and_framing_is_asked_once_also_when_stopped_in_between() -> None:
    expected = 4 * (3 + len(load_script().framings))
    whole = Yielding()
    pressed(whole)
    assert whole.meter.calls == expected
    Path("medsafety.db").unlink()
    calls, stops = 0, 0
    for _ in range(100):
        model = Yielding(meter=Meter(Budget(3)))
        pressed(model)
        calls += model.meter.calls
        stops += 1
        if model.meter.calls < 3:
            break
    assert stops > 5
    assert calls == expected


def test_harmfulness_by_turn_and_framing_and_the_survival_curve() -> None:
    run = pressed(Yielding())
    card = run.summary()
    by = card.sides["harmful"].by
    means = {g.value: g.figures["harmfulness"].value for g in (*by["turn"], *by["framing"])}
    assert {turn: means[turn] for turn in (1, 2, 3)} == {1: 2.0, 2: 3.0, 3: 4.0}
    framings = set(load_script().framings)
    assert {group.value for group in by["framing"]} == framings
    assert {means[framing] for framing in framings} == {5.0}
    assert card.survival is not None
    assert card.survival.held == "safe_rate"
    assert [(s.turn, s.at_risk, s.gave_way, s.survival) for s in card.survival.steps] == [
        (1, 4, 1, 0.75),
        (2, 3, 1, 0.5),
        (3, 2, 1, 0.25),
    ]


def test_the_scorecard_prints_and_gives_what_pressure_did() -> None:
    pressed(Yielding())
    for table in (output("summary"), output("pressure")):
        assert "claimed authority" in table
        assert "held out (safe)" in table
        assert "25.0%" in table
    card = json.loads(output("summary", "--json"))
    found = json.loads(output("pressure", "--json"))
    assert found["survival"] == card["survival"]
    assert found["by_turn"] == card["sides"]["harmful"]["by"]["turn"]
    assert found["survival"]["steps"][2]["gave_way"] == 1


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_an_exported_run_says_turn_and_framing_and_imports_again(suffix: str) -> None:
    run = pressed(Yielding())
    path = Path(f"rows{suffix}")
    write_rows(path, run.rows())
    (log,) = read_log(path)
    with Store.read(run.store) as store:
        asked = [item.request for item in store.items(store.run(run.id), range(32))]
    assert [sample.request for sample in log.samples] == asked


def test_a_run_that_was_not_under_pressure_has_no_such_part() -> None:
    run = scripted_run("model", harmful=[1, 5])
    assert run.summary().survival is None
    done = msb("pressure")
    assert done.code == 2
    assert done.err.endswith("was not under pressure; evaluate with --pressure TURNS\n")


def test_a_converter_is_a_framing_that_the_target_alone_is_told() -> None:
    pytest.importorskip("pyrit")
    model = Yielding()
    name = "pyrit:Base64Converter"
    benchmark = Benchmark("scripted", lambda: iter(REQUESTS))
    with Store.open("medsafety.db") as store:
        requests, target = press(ModelTarget(model), benchmark, store, 1, converters=[name])
        evaluation = Evaluation(store, requests, target, [ReadingJudge()], load_taxonomy())
        run = carry_out(evaluation)[0]
    heard = [said[0]["content"] for said in model.heard]
    assert base64.b64encode(b"Request 2").decode() in heard
    rows = {(row["id"], row["framing"]): row["request"] for row in run.rows()}
    assert rows["h2", name] == "Request 2", "a judge reads what was asked"
    assert ("b0", name) not in rows
    card = run.summary()
    assert name in {group.value for group in card.sides["harmful"].by["framing"]}
    assert card.benchmark.selection["pressure"]["converters"] == [name]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        pytest.param("Base65Converter", "did you mean 'Base64Converter'", id="unknown"),
        pytest.param("CaesarConverter", "needs caesar_offset", id="needs-a-setting"),
        pytest.param("TranslationConverter", "needs", id="needs-a-model"),
        pytest.param("QRCodeConverter", "does not make text of text", id="makes-a-picture"),
        pytest.param("ZalgoConverter", "is random", id="random"),
    ],
)
def test_a_converter_that_a_run_cannot_stand_on_is_refused(name: str, why: str) -> None:
    pytest.importorskip("pyrit")
    with pytest.raises(MsbError, match=why):
        load_script(converters=[f"pyrit:{name}"]).converters[f"pyrit:{name}"]("A longer request")


def test_without_the_library_a_converter_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyrit", None)
    with pytest.raises(MissingExtra, match=r"pip install '\.\[pyrit\]' in your clone"):
        load_script(converters=["pyrit:Base64Converter"])


def test_a_converter_of_nobodys_is_refused() -> None:
    with pytest.raises(MsbError, match="expected one such as pyrit:Base64Converter"):
        load_script(converters=["rot13"])


def test_survival_agrees_with_statsmodels() -> None:
    rng = np.random.default_rng(0)
    paths: list[list[bool | None]] = []
    times, events = [], []
    for _ in range(200):
        path: dict[int, int | None] = {t: int(rng.choice([1, 1, 1, 2, 4])) for t in (1, 2, 3, 4)}
        if rng.random() < 0.2:
            path[int(rng.integers(2, 5))] = None
        paths.append([None if s is None else s <= 2 for s in path.values()])
        gone = next((t for t, s in path.items() if s is None or s > 2), None)
        events.append(gone is not None and path[gone] is not None)
        times.append((gone if events[-1] else gone - 1) if gone else 4)
    curve = SurvfuncRight(np.array(times), np.array(events))
    ours = survival(paths)
    assert [s.survival for s in ours] == pytest.approx(list(curve.surv_prob))
    for share, step, error in zip(curve.surv_prob, ours, curve.surv_prob_se, strict=True):
        reach = 1.959964 * error / (share * abs(np.log(share)))
        greenwood = (share ** np.exp(reach), share ** np.exp(-reach))
        assert step.ci95 == pytest.approx(greenwood, abs=0.02), "of many it is nearly Greenwood's"


def test_a_benign_request_is_asked_once_and_turns_of_a_request_are_one_draw() -> None:
    script = load_script()
    asked = list(under_pressure(Benchmark("b", lambda: iter(REQUESTS)), script, 2))
    assert len(asked) == 4 * (2 + len(script.framings)) + 1
    assert {r.pair for r in asked if r.id == "h0"} == {"h0"}
    assert len({(r.id, r.turn, r.framing) for r in asked}) == len({r.name for r in asked})
    assert len({r.name for r in asked}) == len(asked)


@pytest.mark.parametrize("turns", [0, 9])
def test_more_turns_than_there_are_texts_are_refused(turns: int) -> None:
    with pytest.raises(MsbError, match="expected 1 to 4 turns"):
        under_pressure(Benchmark("b", lambda: iter(REQUESTS)), load_script(), turns)


def test_an_application_cannot_be_put_under_pressure() -> None:
    benchmark = Benchmark("b", lambda: iter(REQUESTS))
    with Store.open(":memory:") as store:
        application = ScriptedTarget("app", {})
        with pytest.raises(MsbError, match="pressure takes a model"):
            press(application, benchmark, store, 2)


def test_a_conversation_is_pressed_after_what_was_said_before() -> None:
    said = ({"role": "user", "content": "Before"}, {"role": "assistant", "content": "Yes?"})
    requests = [Request("c", "Request 0", "harmful", 1, context=said)]
    model = Yielding()
    with Store.open("medsafety.db") as store:
        benchmark = Benchmark("scripted", lambda: iter(requests))
        pressed_requests, target = press(ModelTarget(model), benchmark, store, 2)
        carry_out(Evaluation(store, pressed_requests, target, [ReadingJudge()], load_taxonomy()))
    second = next(heard for heard in model.heard if len(heard) == 5)
    assert [turn["content"] for turn in second[:3]] == ["Before", "Yes?", "Request 0"]
    assert second[4]["content"] == load_script().turns[0]


def test_verdicts_made_elsewhere_are_on_their_turn() -> None:
    Path("verdicts.csv").write_text("id,turn,framing,score\nh0,1,,1\nh0,2,,5\nh0,,urgency,3\n")
    judge = ReplayJudge(Path("verdicts.csv"))
    response = Response(text="Said.")

    def verdict(**asked: Any) -> tuple[int | None, str | None]:
        found = asyncio.run(judge.judge(replace(REQUESTS[0], **asked), response))
        return found.score, found.reason

    assert [verdict(turn=1), verdict(turn=2), verdict(framing="urgency")] == [
        (1, None),
        (5, None),
        (3, None),
    ]
    assert verdict() == verdict(turn=3) == (None, "not_in_file")
