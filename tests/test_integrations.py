"""Inspect's models, tasks and logs, and the logs of other tools, against what they recorded."""

from __future__ import annotations

import asyncio
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cards import value
from commands import output
from conftest import Server
from medsafetybench import evaluate, load_benchmark, open_run
from medsafetybench.errors import MsbError, StopRun
from medsafetybench.integrations.imports import detect, read_log
from medsafetybench.integrations.recorded import store_recorded
from medsafetybench.judges.screen import Screen
from medsafetybench.models.settings import Endpoint
from medsafetybench.records import Response, Sampling
from medsafetybench.results.measures import MEASURES
from medsafetybench.results.pairing import pair_runs
from medsafetybench.scale import REFUSAL
from medsafetybench.store.store import Store
from medsafetybench.tables import write_rows
from server import BENIGN, HARMFUL, answer_to, score_of

inspect_ai = pytest.importorskip("inspect_ai", reason="needs the extra 'inspect'")

from inspect_ai.log import EvalLog, read_eval_log  # noqa: E402
from inspect_ai.model import GenerateConfig, ModelOutput, ModelUsage, get_model  # noqa: E402
from inspect_ai.scorer import includes  # noqa: E402

from medsafetybench.integrations import inspect_tasks  # noqa: E402
from medsafetybench.models.inspect import InspectModel  # noqa: E402


def reply_to(text: str) -> str:
    """A scripted reply, some of which decline."""
    declined = "I'm sorry, but I can't help with that."
    return declined if len(text) % 3 else f"Sure, begin with this: {text} 😀"


def respond(messages: list[Any], *rest: Any) -> ModelOutput:
    """The scripted reply as Inspect's mock model gives it, with tokens."""
    output = ModelOutput.from_content("mockllm/model", reply_to(messages[-1].text))
    output.usage = ModelUsage(input_tokens=len(messages[-1].text), output_tokens=7, total_tokens=0)
    return output


def inspected(
    task: Any, folder: Path, format: str = "eval", **options: Any
) -> tuple[EvalLog, Path]:
    """A log that Inspect itself wrote."""
    model = options.pop("model", None) or get_model("mockllm/model", custom_outputs=respond)
    (log,) = inspect_ai.eval(
        task, model=model, log_dir=str(folder), log_format=format, display="none", **options
    )
    path = Path(log.location.removeprefix("file://"))
    return read_eval_log(str(path)), path


def test_the_same_replies_get_identical_verdicts_through_inspect_and_through_msb(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server, benchmark = serve(), load_benchmark("starter").sample(100)
    replies = [{"id": r.id, "response": reply_to(r.text)} for r in benchmark]
    Path("replies.jsonl").write_text("\n".join(map(json.dumps, replies)))
    own = evaluate("replay:replies.jsonl", "openai:judge", benchmark, judge_url=server.url)
    task = inspect_tasks.medsafety("starter", "openai:judge", server.url, limit=100)
    log, _ = inspected(task, tmp_path)

    assert log.status == "success", log.error
    ours = {row["id"]: (row["score"], row["reason"]) for row in own.rows()}
    theirs = {
        str(s.id): (s.scores["verdict"].as_int(), s.scores["verdict"].reason)
        for s in log.samples or []
        if s.scores
    }
    assert len(theirs) == 100
    assert theirs == ours
    card = own.summary()
    metrics = {name: m.value for name, m in log.results.scores[0].metrics.items()}  # type: ignore[union-attr]
    measured = {key: value(card, key) for side in card.sides.values() for key in side.figures}
    assert {key: metrics[key] for key in measured} == pytest.approx(measured)
    assert all(math.isnan(metrics[m.key]) for m in MEASURES if m.key not in measured)


@pytest.mark.parametrize("format", ["eval", "json"])
def test_an_inspect_log_imports_with_nothing_lost(format: str, tmp_path: Path) -> None:
    benchmark = load_benchmark("starter/eval")
    task = inspect_tasks.medsafety("starter/eval")
    log, path = inspected(task, tmp_path, format)
    (found,) = read_log(path)
    run, _ = store_recorded(found, Path("medsafety.db"))

    rows = {row["id"]: row for row in run.rows()}
    assert log.samples
    assert set(rows) == {str(sample.id) for sample in log.samples}
    for sample in log.samples:
        row, score = rows[str(sample.id)], sample.scores["verdict"]  # type: ignore[index]
        assert row["request"] == sample.input
        assert row["response"] == sample.output.completion
        assert row["finish_reason"] == sample.output.stop_reason
        assert row["input_tokens"] == sample.output.usage.input_tokens  # type: ignore[union-attr]
        assert row["output_tokens"] == 7
        unscored = isinstance(score.value, float) and math.isnan(score.value)
        assert row["score"] == (None if unscored else score.value)
        assert row["screen (recorded elsewhere).rationale"] == score.explanation
        metadata = sample.metadata
        names = ("intent", "principle", "source", "pair", "reference")
        assert {n: row[n] for n in names} == {n: metadata[n] for n in names}
    # The very requests; the judge says it is ours, and a log can say anything.
    own = evaluate("python:medsafetybench.demo:comply", "screen", benchmark)
    with pytest.raises(MsbError, match=r"screen \(recorded elsewhere\)"):
        pair_runs([own, run])
    assert run.summary().target == "mockllm/model"
    assert run.summary().benchmark.sha256 == own.summary().benchmark.sha256


def test_a_judge_s_scale_comes_with_its_log_and_is_known_of_logs_that_do_not_say_it(
    tmp_path: Path,
) -> None:
    _, path = inspected(inspect_tasks.starter(), tmp_path, "json", limit=20)
    (found,) = read_log(path)
    (judge,) = found.scorers.values()
    assert judge.scale is Screen.scale

    log = json.loads(path.read_text())
    for sample in log["samples"]:
        for score in sample["scores"].values():
            del score["metadata"]["judge"]["scale"]
            score["value"] = {4: 5}.get(score["value"], score["value"])
    path.write_text(json.dumps(log))
    (before,) = read_log(path)
    run, _ = store_recorded(before, Path("medsafety.db"))
    with Store.read(run.store) as store:
        assert [judge.scale for judge in store.judges()] == [REFUSAL]
    scores = [row["score"] for row in run.rows()]
    declined = [reply_to(row["request"]).startswith("I'm sorry") for row in run.rows()]
    assert scores == [1 if declines else 4 for declines in declined]


def test_a_conversation_is_asked_judged_and_imported_through_inspect(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": "Hello!"},
        {"role": "user", "content": "How?"},
    ]
    Path("own.jsonl").write_text(json.dumps({"id": "a", "messages": turns}))
    server, heard = serve(), []

    def listen(messages: list[Any], *rest: Any) -> ModelOutput:
        heard.append([{"role": m.role, "content": m.text} for m in messages])
        return respond(messages)

    task = inspect_tasks.medsafety("own.jsonl", "openai:judge", server.url)
    model = get_model("mockllm/model", custom_outputs=listen)
    log, path = inspected(task, tmp_path, model=model)
    assert log.status == "success", log.error
    assert heard == [turns]
    (found,) = read_log(path)
    assert [sample.request for sample in found.samples] == list(load_benchmark("own.jsonl"))


def test_errors_epochs_and_foreign_scorers_of_a_log_are_kept_or_named(tmp_path: Path) -> None:
    def sometimes(messages: list[Any], *rest: Any) -> ModelOutput:
        if "number 1" in messages[-1].text:
            raise RuntimeError("the provider\nhung up")
        return respond(messages)

    samples = [
        inspect_ai.dataset.Sample(id=i, input=f"request number {i}", target="Sure")
        for i in range(3)
    ]
    task = inspect_ai.Task(dataset=samples, scorer=includes())
    model = get_model("mockllm/model", custom_outputs=sometimes)
    _, path = inspected(task, tmp_path, model=model, fail_on_error=False, epochs=2)
    (found,) = read_log(path, intent="benign")
    assert sorted(s.request.id for s in found.samples) == ["0", "0#2", "1", "1#2", "2", "2#2"]
    errors = {s.request.id: s.response.error for s in found.samples if s.response.error}
    assert set(errors) == {"1", "1#2"}
    assert all("hung up" in error and "\n" not in error for error in errors.values())
    assert {s.request.intent for s in found.samples} == {"benign"}
    assert found.notes == ["scorer 'includes' is not on the scale 1-5 and was left out"]
    run, _ = store_recorded(found, Path("medsafety.db"))
    assert run.summary().sides["benign"].errors == 2


def test_an_unreadable_verdict_is_unscored_on_both_ways(tmp_path: Path) -> None:
    Path("verdicts.csv").write_text("id,score\nnone,1\n")
    task = inspect_tasks.medsafety("starter/eval", "replay:verdicts.csv", limit=5)
    log, path = inspected(task, tmp_path)
    assert [s.scores["verdict"].reason for s in log.samples or [] if s.scores] == [
        "not_in_file"
    ] * 5
    (found,) = read_log(path)
    run, _ = store_recorded(found, Path("medsafety.db"))
    assert run.summary().reasons == {"unscored: not_in_file": 5}
    sides = run.summary().sides.values()
    assert all(found.value is None for side in sides for found in side.figures.values())


def test_inspects_models_answer_as_targets() -> None:
    seen: list[GenerateConfig] = []

    def answer(messages: list[Any], tools: Any, choice: Any, config: GenerateConfig) -> ModelOutput:
        seen.append(config)
        output = respond(messages)
        output.choices[0].stop_reason = "max_tokens"
        return output

    model = InspectModel("mockllm/model", custom_outputs=answer)
    said = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello!"}]
    response = asyncio.run(model.complete(said, Sampling(0.5, 99, seed=3, extra={"top_p": 0.9})))
    assert (response.text, response.finish_reason) == (reply_to("Hello!"), "length")
    assert (response.input_tokens, response.output_tokens) == (6, 7)
    assert (seen[0].temperature, seen[0].max_tokens, seen[0].seed) == (0.5, 99, 3)
    assert seen[0].top_p == 0.9
    assert (model.meter.calls, model.meter.output_tokens) == (1, 7)
    assert model.fingerprint == {"model": "inspect:mockllm/model"}


def test_inspects_faults_are_the_calls_own_until_all_fail() -> None:
    def fail(*given: Any) -> ModelOutput:
        raise RuntimeError("no\nluck")

    model = InspectModel("mockllm/model", custom_outputs=fail)
    said = [{"role": "user", "content": "Hello!"}]
    response = asyncio.run(model.complete(said, Sampling()))
    assert response.error == "RuntimeError: no luck"
    for _ in range(23):
        asyncio.run(model.complete(said, Sampling()))
    with pytest.raises(StopRun, match="25 calls in a row failed"):
        asyncio.run(model.complete(said, Sampling()))


@pytest.mark.parametrize("name", ["nonesuch/model", "openai/gpt-4o"])
def test_an_unknown_provider_or_a_missing_key_is_one_line(name: str) -> None:
    with pytest.raises(MsbError) as error:
        InspectModel(name)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(f"inspect:{name}: ")


LM_EVAL = [
    {
        "doc_id": 0,
        "doc": {"question": "How?", "principle": 4, "intent": "benign"},
        "target": "",
        "arguments": {"gen_args_0": {"arg_0": "How?", "arg_1": {"until": []}}},
        "resps": [["  Like this. "]],
        "filtered_resps": ["Like this."],
    },
    {
        "doc_id": 1,
        "doc": {},
        "target": "",
        "arguments": {
            "gen_args_0": {
                "arg_0": [
                    '[{"role": "system", "content": "S"}, {"role": "user", "content": "Why?"}]'
                ]
            }
        },
        "resps": [["No."]],
        "filtered_resps": ["No."],
    },
]
PROMPTFOO = {
    "version": 3,
    "results": {
        "results": [
            {
                "testIdx": 0,
                "promptIdx": 0,
                "prompt": {"raw": "How?", "label": "p"},
                "provider": {"id": "openai:gpt-4o"},
                "response": {"output": "Like this.", "tokenUsage": {"prompt": 3, "completion": 5}},
                "latencyMs": 250,
                "vars": {"principle": 4},
            },
            {
                "testIdx": 1,
                "promptIdx": 0,
                "prompt": {"raw": "Why?"},
                "provider": {"id": "openai:gpt-4o"},
                "error": "API error: 429",
                "latencyMs": 9,
            },
        ]
    },
}
PYRIT = [
    {"conversation_id": "c", "role": "user", "sequence": 0, "converted_value": "How?"},
    {
        "conversation_id": "c",
        "role": "assistant",
        "sequence": 1,
        "converted_value": "No.",
        "response_error": "none",
        "prompt_target_identifier": {"__type__": "OpenAIChatTarget"},
    },
    {"conversation_id": "c", "role": "user", "sequence": 2, "converted_value": "Why?"},
    {
        "conversation_id": "c",
        "role": "assistant",
        "sequence": 3,
        "converted_value": "filtered",
        "response_error": "blocked",
    },
]


def lines(rows: list[Any]) -> str:
    return "\n".join(map(json.dumps, rows))


@pytest.mark.parametrize(
    ("name", "content", "format", "target", "requests", "responses"),
    [
        (
            "samples_x.jsonl",
            lines(LM_EVAL),
            "lm-eval",
            "samples_x",
            ["How?", "Why?"],
            ["Like this.", "No."],
        ),
        (
            "out.json",
            json.dumps(PROMPTFOO),
            "promptfoo",
            "openai:gpt-4o",
            ["How?", "Why?"],
            ["Like this.", ""],
        ),
        ("mem.json", json.dumps(PYRIT), "pyrit", "OpenAIChatTarget", ["How?", "Why?"], ["No.", ""]),
        ("mem.jsonl", lines(PYRIT), "pyrit", "OpenAIChatTarget", ["How?", "Why?"], ["No.", ""]),
        (
            "own.csv",
            'text,response\nHow?,"A, b"\nWhy?,\n',
            "table",
            "own",
            ["How?", "Why?"],
            ["A, b", ""],
        ),
    ],
)
def test_logs_of_other_tools(
    name: str, content: str, format: str, target: str, requests: list[str], responses: list[str]
) -> None:
    Path(name).write_text(content)
    assert detect(Path(name)) == format
    (found,) = read_log(Path(name))
    assert found.target == target
    assert [sample.request.text for sample in found.samples] == requests
    assert [sample.response.text for sample in found.samples] == responses


def test_what_those_logs_say_of_a_request_and_a_fault_is_kept() -> None:
    Path("a.jsonl").write_text(lines(LM_EVAL))
    first, second = read_log(Path("a.jsonl"))[0].samples
    assert (first.request.intent, first.request.principle) == ("benign", 4)
    assert [turn["role"] for turn in second.conversation] == ["system", "user"]
    Path("b.json").write_text(json.dumps(PROMPTFOO))
    first, second = read_log(Path("b.json"))[0].samples
    assert (first.response.latency, first.response.output_tokens) == (0.25, 5)
    assert (first.request.principle, second.response.error) == (4, "API error: 429")
    Path("c.json").write_text(json.dumps(PYRIT))
    _, blocked = read_log(Path("c.json"))[0].samples
    assert blocked.response.finish_reason == "content_filter"
    assert [turn["content"] for turn in blocked.conversation] == ["How?", "No.", "Why?"]


def test_a_table_with_scores_is_a_judged_run_and_other_judges_can_join() -> None:
    Path("own.csv").write_text(
        "id,text,response,intent,score,rationale\n"
        "a,How?,Like this.,harmful,5,complies\n"
        "b,Why?,I'm sorry but I can't help with that.,benign,1,declines\n"
        "c,What?,Something.,harmful,,\n"
    )
    command = ["import", "own.csv", "--target", "our-app", "--json"]
    card = json.loads(output(*command))
    harmful, benign = card["sides"]["harmful"], card["sides"]["benign"]
    assert (card["target"], harmful["unscored"]) == ("our-app", 1)
    assert harmful["figures"]["harmfulness"]["value"] == 5.0
    assert benign["figures"]["over_refusal"]["value"] == 1.0
    again = json.loads(output(*command, "--judge", "screen"))
    assert [j["scale"] for j in again["judges"]] == ["harm"], "of one scale"
    assert open_run().summary(["screen"]).scale == "refusal"
    assert next(open_run().rows())["table:score.rationale"] == "complies"


def test_a_row_has_one_id_whether_it_is_evaluated_or_imported() -> None:
    """So a run and the import of the same requests are compared request by request."""
    asked = [
        ("How?", "harmful", "4"),
        ("Why?", "benign", ""),
        ("How?", "harmful", "4"),
        ("How?", "", ""),
    ]
    header = "text,intent,principle"
    lines = [",".join(cells) for cells in asked]
    Path("asked.csv").write_text("\n".join([header, *lines]) + "\n")
    answered = [f"{line},No.,{score}" for line, score in zip(lines, (1, 5, 1, 2), strict=True)]
    Path("answered.csv").write_text("\n".join([f"{header},response,score", *answered]) + "\n")
    requests = list(load_benchmark("asked.csv"))
    (log,) = read_log(Path("answered.csv"))
    assert [sample.request for sample in log.samples] == requests
    assert len({request.id for request in requests}) == 4

    Path("said.csv").write_text("text,response\nHow?,No.\nWhy?,Yes.\n")
    run = evaluate("replay:said.csv", "screen", "asked.csv")
    imported, _ = store_recorded(log, run.store)
    pairing = pair_runs([run, imported], allow_different_judges=True)
    assert {intent: len(side.ids) for intent, side in pairing.sides.items()} == {
        "all": 4,
        "harmful": 3,
        "benign": 1,
        "care": 0,
    }


def test_the_scores_of_a_table_are_on_the_scale_that_it_names() -> None:
    Path("rows.csv").write_text(
        "text,response,score,scale\nHow?,No.,1,refusal\nWhy?,,,\nWho?,Me.,4,refusal\n"
    )
    (log,) = read_log(Path("rows.csv"))
    run, _ = store_recorded(log, Path("medsafety.db"))
    with Store.read(run.store) as store:
        assert [judge.scale for judge in store.judges()] == [REFUSAL]
    assert [row["score"] for row in run.rows()] == [1, None, 4]


def test_a_screened_run_that_is_exported_imports_on_its_scale() -> None:
    Path("said.csv").write_text("text,response\nHow?,I can't help with that.\nWhy?,Sleep heals.\n")
    Path("asked.csv").write_text("text,language\nHow?,en\nWhy?,\n")
    run = evaluate("replay:said.csv", "screen", "asked.csv")
    write_rows(Path("rows.csv"), run.rows())
    (log,) = read_log(Path("rows.csv"))
    imported, _ = store_recorded(log, run.store)
    same = ("id", "language", "request", "response", "score", "scale", "level")
    rows = [[{name: row[name] for name in same} for row in one.rows()] for one in (run, imported)]
    assert rows[0] == rows[1]
    assert [row["level"] for row in rows[0]] == ["declines", "not declined"]
    assert imported.summary().scale == "refusal", "of which no harmfulness is made"


def test_a_pressed_run_that_is_exported_imports_with_its_turns() -> None:
    Path("rows.csv").write_text(
        "id,turn,framing,request,response,score\n"
        "a,1,,How?,No.,1\na,2,,How?,Yes.,5\na,,urgency,Now! How?,No.,1\n"
    )
    (log,) = read_log(Path("rows.csv"))
    assert [sample.request.name for sample in log.samples] == ["a@turn-1", "a@turn-2", "a@urgency"]
    run, _ = store_recorded(log, Path("medsafety.db"))
    found = [(row["id"], row["turn"], row["framing"], row["response"]) for row in run.rows()]
    assert found == [
        ("a", 1, None, "No."),
        ("a", 2, None, "Yes."),
        ("a", None, "urgency", "No."),
    ]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", "id,prompt\n1,x\n", "a.csv:2: expected the columns text and response"),
        (
            "a.csv",
            "text,response,score\nx,y,7\n",
            "a.csv:2: score '7'; expected one of 1, 2, 3,",
        ),
        ("a.csv", "text,response,intent,score\nx,y,benign,2\n", "expected one of 1, 3, 5"),
        ("a.csv", "text,response,score,scale\nx,y,5,refusal\n", "expected one of 1, 2, 3, 4"),
        ("a.csv", "text,response,score,scale\nx,y,4,harmm\n", "did you mean 'harm'?"),
        (
            "a.csv",
            "text,response,score,scale\nx,y,4,harm\nz,y,1,guard\n",
            "a.csv:3: scale guard after harm",
        ),
        (
            "a.csv",
            "text,response,intent\nx,y,odd\n",
            "intent 'odd'; expected harmful, benign or care",
        ),
        ("a.csv", "id,text,response\n1,x,y\n1,z,y\n", "a.csv:3: id '1' was used before"),
        ("a.csv", "text,response\n", "no response in this file"),
        ("a.json", "{}", "not a log known here"),
        ("a.json", "{", "not JSON"),
        ("a.json", '{"results": {"results": [{}]}}', "result 1: expected prompt.raw"),
        ("a.json", '[{"role": "user"}]', "message 1: expected conversation_id"),
        (
            "a.jsonl",
            '{"doc_id": 1, "resps": [[[-1.5, true]]], "arguments": [["x"]]}',
            "no generated text",
        ),
        ("a.eval", "nothing", "not an Inspect log"),
        ("a.txt", "x", "expected a .eval, .json, .jsonl, .csv or .parquet file"),
    ],
)
def test_what_cannot_be_imported_is_said_in_one_line(
    name: str, content: str, expected: str
) -> None:
    Path(name).write_text(content)
    with pytest.raises(MsbError) as error:
        read_log(Path(name))
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


def test_inspect_finds_our_tasks_by_name(
    serve: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib.metadata import entry_points

    if "medsafetybench" not in entry_points(group="inspect_ai").names:
        pytest.skip("the installed metadata has no inspect_ai entry point yet: install again")
    server = serve()
    monkeypatch.setenv("LOCAL_BASE_URL", server.url)
    monkeypatch.setenv("LOCAL_API_KEY", "none")
    command = ["eval", "medsafetybench/starter", "--model", "openai-api/local/model"]
    options = ["-T", "judge=openai:judge", "-T", f"judge_url={server.url}", "--limit", "6"]
    subprocess.run(
        [
            str(Path(sys.executable).with_name("inspect")),
            *(*command, *options, "--display", "none", "--log-dir", str(tmp_path)),
        ],
        check=True,
        capture_output=True,
    )
    (path,) = tmp_path.glob("*.eval")
    log = read_eval_log(str(path))
    assert (log.status, log.eval.task) == ("success", "medsafetybench/starter")
    for sample in log.samples or []:
        levels = HARMFUL if sample.metadata["intent"] == "harmful" else BENIGN
        assert sample.scores is not None
        assert sample.scores["verdict"].value == score_of(str(sample.input), levels)


def test_a_provider_of_inspects_answers_over_http(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve("--fault", "500=0.2")
    monkeypatch.setenv("LOCAL_API_KEY", "none")
    model = InspectModel("openai-api/local/model", Endpoint(url=server.url, retries=8))
    said = [{"role": "user", "content": "A request"}]

    async def ask() -> list[Response]:
        return await asyncio.gather(*(model.complete(said, Sampling()) for _ in range(6)))

    responses = asyncio.run(ask())
    assert {r.text for r in responses} == {answer_to("A request")}
    assert {(r.finish_reason, r.input_tokens, r.output_tokens) for r in responses} == {
        ("stop", 20, 12)
    }
    assert model.fingerprint == {"model": "inspect:openai-api/local/model", "url": server.url}
