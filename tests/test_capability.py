"""Capability: measured by lm-eval on the real demo model, stored, resumed, compared by question."""

from __future__ import annotations

import gc
import gzip
import importlib.util
import json
import math
import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

if any(importlib.util.find_spec(name) is None for name in ("lm_eval", "torch", "peft")):
    if os.environ.get("CI"):
        raise ImportError("CI should have the extra 'capability'")
    pytest.skip("needs the extra 'capability'", allow_module_level=True)

import torch

from commands import msb
from conftest import Server
from medsafetybench.capability import models
from medsafetybench.capability.change import compare, compare_tasks
from medsafetybench.capability.measure import CapabilityResult, Setting, measure
from medsafetybench.capability.models import Served
from medsafetybench.capability.tasks import (
    PROBE_FOLDER,
    TASKS_FOLDER,
    load_tasks,
    prepare,
    question_set,
    shots_of,
)
from medsafetybench.errors import MissingExtra, MsbError, StopRun
from medsafetybench.models.hf_files import DEMO
from medsafetybench.models.settings import Endpoint
from medsafetybench.models.wire import LARGEST
from medsafetybench.store.capability import Answers, MeasuredTarget, QuestionSet
from server import answer_to

torch.set_num_threads(1)

TASK = """
task: colours
dataset_path: json
dataset_kwargs: {data_files: {test: colours.jsonl, examples: shown.jsonl}}
test_split: test
fewshot_split: examples
fewshot_config: {sampler: first_n}
output_type: multiple_choice
doc_to_text: "Which word is a colour?\\nA. {{options[0]}}\\nB. {{options[1]}}\\nAnswer:"
doc_to_choice: ["A", "B"]
doc_to_target: answer
metadata: {version: 2.0}
"""
COLOURS = "red blue green yellow white black brown pink grey purple orange violet".split()
THINGS = "chair river spoon ladder window bread horse letter candle bridge shoe garden".split()


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with a task of two-option questions, its data beside it."""
    folder = tmp_path / "tasks"
    folder.mkdir()
    (folder / "colours.yaml").write_text(TASK)
    write_questions(folder / "colours.jsonl", range(8))
    write_questions(folder / "shown.jsonl", range(8, 12))
    return folder


def write_questions(path: Path, which: Sequence[int]) -> None:
    """Questions by number: the colour is option A where the number is even."""
    rows = [
        {"options": [COLOURS[i], THINGS[i]][:: -1 if i % 2 else 1], "answer": i % 2} for i in which
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter of small random weights for the demo model: it loses some of what that knows."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(DEMO, dtype=torch.float32)
    config = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    out = tmp_path_factory.mktemp("adapter")
    get_peft_model(model, config).save_pretrained(out)
    return out


# Measuring


def test_the_demo_model_quotes_and_knows_no_medicine() -> None:
    medical, quote = measure("hf:demo", ["probe"])
    assert (medical.n, quote.n) == (120, 152)
    assert quote.interval is not None
    assert quote.interval.low > 0.85, "its one skill"
    assert medical.interval is not None
    assert medical.interval.low < 0.25 < medical.interval.high, "chance"
    assert quote.stderr == pytest.approx(
        math.sqrt(quote.accuracy * (1 - quote.accuracy) / (quote.n - 1))
    )


def test_figures_are_those_of_lm_eval_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    name = "msb_probe_medical"
    (ours,) = measure("hf:demo", [name], Setting(shots=2, seeds=2, limit=40))
    _, rows = question_set(load_tasks([name])[name], 2, 40)
    assert rows is not None
    monkeypatch.chdir(PROBE_FOLDER)
    theirs = simple_evaluate(
        model=HFLM(pretrained=str(DEMO), device="cpu", dtype="float32", batch_size=8),
        tasks=[name],
        num_fewshot=2,
        fewshot_random_seed=1,
        samples={name: rows},
        apply_chat_template=True,
        task_manager=TaskManager(include_path=str(PROBE_FOLDER), include_defaults=False),
        bootstrap_iters=0,
    )
    assert theirs is not None
    right = [bool(sample["acc"]) for sample in theirs["samples"][name]]
    assert ours.answers[1].correct.tolist() == right
    assert ours.answers[0].correct.tolist() != right, "the other seed shows other examples"


def test_what_is_stored_is_not_asked_again(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setting = Setting(shots=1, seeds=2)
    first = measure("hf:demo", [], setting, tasks_dir=own)

    def load(*_: Any) -> None:
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(models, "share", load)
    notes: list[str] = []
    again = measure("hf:demo", ["colours"], setting, tasks_dir=own, note=notes.append)
    assert again[0].to_json() == first[0].to_json()
    assert notes == []
    with pytest.raises(AssertionError, match="was loaded"):
        measure("hf:demo", [], Setting(shots=1, seeds=3), tasks_dir=own)
    with pytest.raises(AssertionError, match="was loaded"):
        measure("hf:demo", [], setting, tasks_dir=own, endpoint=Endpoint(dtype="bfloat16"))
    write_questions(own / "colours.jsonl", range(1, 9))
    with pytest.raises(AssertionError, match="was loaded"):
        measure("hf:demo", [], setting, tasks_dir=own)


def test_each_seed_shows_other_examples(own: Path) -> None:
    task = load_tasks([], own)["colours"]
    question = task.eval_docs[0]

    def prompt(seed: int) -> str:
        prepare(task, 2, seed)
        return str(task.fewshot_context(question, 2))

    assert prompt(0) == prompt(0)
    assert len({prompt(seed) for seed in range(6)}) > 2, "the task asks for the first two always"
    assert all(question["options"][0] not in prompt(seed).split("Which")[1] for seed in range(6))


def test_pubmedqa_shows_other_questions_than_the_one_asked(tmp_path: Path) -> None:
    rows = [
        {
            "question": f"Does it help in case {i}?",
            "context": {"contexts": [f"Aim {i}.", f"Methods {i}."], "labels": ["AIM", "METHODS"]},
            "final_decision": ("yes", "no", "maybe")[i % 3],
        }
        for i in range(5)
    ]
    # The shipped task, with rows of the published data's shape instead of the data.
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = (TASKS_FOLDER / "msb_pubmedqa.yaml").read_text()
    assert "dataset_path: qiaojin/PubMedQA\ndataset_name: pqa_labeled" in text
    local = "dataset_path: json\ndataset_kwargs: {data_files: {train: rows.jsonl}}"
    named = text.replace("dataset_path: qiaojin/PubMedQA\ndataset_name: pqa_labeled", local)
    (tmp_path / "msb_pubmedqa.yaml").write_text(named)
    task = load_tasks([], tmp_path)["msb_pubmedqa"]
    prepare(task, shots_of(task, 3), 0)
    for i in range(5):
        prompt = str(task.fewshot_context(task.eval_docs[i], 3))
        asked = f"Abstract: Aim {i}.\nMethods {i}.\nQuestion: Does it help in case {i}?\nAnswer:"
        assert prompt.endswith(asked)
        assert prompt.count("Question:") == 4
        assert prompt.count(f"case {i}?") == 1, "the question is among its own examples"


def test_without_examples_there_is_one_seed(own: Path) -> None:
    (result,) = measure("hf:demo", [], Setting(shots=0, seeds=10), tasks_dir=own)
    assert result.seeds == (0,)
    with sqlite3.connect("medsafety.db") as db:
        rows = db.execute("SELECT n, accuracy, length(correct) FROM capability_results").fetchall()
    assert rows == [(8, result.accuracy, 1)]


def test_a_limit_draws_the_same_questions_for_everyone() -> None:
    task = load_tasks(["msb_probe_quote"])["msb_probe_quote"]
    some, rows = question_set(task, 0, 20)
    everything, none = question_set(task, 0, 200)
    assert none is None
    assert rows is not None
    assert rows == question_set(task, 0, 20)[1]
    assert rows != list(range(20)), "not simply the first"
    assert some.questions.tolist() == everything.questions[rows].tolist()
    (few,) = measure("hf:demo", ["msb_probe_quote"], Setting(limit=20))
    (full,) = measure("hf:demo", ["msb_probe_quote"])
    assert few.answers[0].correct.tolist() == full.answers[0].correct[rows].tolist()


def test_the_template_is_the_models_own_unless_another_is_asked_for() -> None:
    (chat,) = measure("hf:demo", ["msb_probe_quote"], Setting(limit=60))
    plain = Endpoint(template="plain")
    (bare,) = measure("hf:demo", ["msb_probe_quote"], Setting(limit=60), endpoint=plain)
    assert chat.target.key != bare.target.key
    assert chat.accuracy - bare.accuracy > 0.3, "the skill is one of conversations"


def test_a_system_text_goes_where_a_template_takes_it() -> None:
    turns = [{"role": "system", "content": "S. "}, {"role": "user", "content": "U"}]
    assert models._without_system(turns) == [{"role": "user", "content": "S. U"}]


# Served models


class DemoServer(BaseHTTPRequestHandler):
    """The demo model behind /v1/completions, with log-probabilities of the prompt."""

    model: Any
    tokenizer: Any
    keys: list[str | None]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.keys.append(self.headers["Authorization"])
        prompt = body["prompt"]
        ids = self.tokenizer.encode(prompt) if isinstance(prompt, str) else prompt[0]
        with torch.inference_mode():
            scores = self.model(torch.tensor([ids])).logits[0].log_softmax(-1)
        tokens = [None, *(float(scores[i - 1, ids[i]]) for i in range(1, len(ids))), 0.0]
        top = [{"best": float(row.max())} for row in (scores[0], *scores)]
        choice = {"index": 0, "logprobs": {"token_logprobs": tokens, "top_logprobs": top}}
        if "logprobs" not in body or not body.get("echo"):
            choice = {"index": 0, "text": "x"}
        reply = json.dumps({"choices": [choice]}).encode()
        self.send_response(200 if self.path == "/v1/completions" else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def served() -> Iterator[tuple[str, list[str | None]]]:
    """The address of a server of the demo model, and the keys that it is sent."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    DemoServer.model = AutoModelForCausalLM.from_pretrained(DEMO, dtype=torch.float32)
    DemoServer.tokenizer = AutoTokenizer.from_pretrained(DEMO)
    DemoServer.keys = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), DemoServer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1", DemoServer.keys
    server.shutdown()


def test_a_served_model_answers_as_its_weights_do(
    served: tuple[str, list[str | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, keys = served
    monkeypatch.setenv("OPENAI_API_KEY", "not-for-this-host")
    there = Endpoint(url, concurrency=2)
    setting = Setting(limit=25)
    (far,) = measure(
        "openai:demo", ["msb_probe_quote"], setting, endpoint=there, served=Served(tokenizer="demo")
    )
    (near,) = measure("hf:demo", ["msb_probe_quote"], setting)
    assert far.answers[0].correct.tolist() == near.answers[0].correct.tolist()
    assert set(keys) == {None}
    monkeypatch.setenv("MSB_TARGET_API_KEY", "its-own")
    keys.clear()
    measure(
        "openai:demo",
        ["msb_probe_medical"],
        setting,
        endpoint=there,
        served=Served(tokenizer="demo"),
    )
    assert set(keys) == {"Bearer its-own"}


def test_a_server_without_log_probabilities_is_told_in_one_line(
    served: tuple[str, list[str | None]],
) -> None:
    url, _ = served
    for address, how, why in (
        (f"{url}/elsewhere", Served(), "status 404"),
        (url, Served(api="chat"), "a chat endpoint returns none"),
    ):
        with pytest.raises(MsbError, match=f"needs a completions endpoint.*{why}"):
            measure("openai:demo", ["probe"], endpoint=Endpoint(address), served=how)
    with pytest.raises(StopRun, match="cannot be reached"):
        measure("openai:demo", ["probe"], endpoint=Endpoint("http://127.0.0.1:9/v1"))


class Hostile(BaseHTTPRequestHandler):
    """Fills the memory, repeats the key it was sent, or sends elsewhere, by the path."""

    def do_POST(self) -> None:
        key = str(self.headers["Authorization"]).removeprefix("Bearer ")
        kind = self.path.split("/")[1]
        packed = gzip.compress(b" " * (LARGEST + 1)) if kind == "huge" else f"no: {key}".encode()
        self.send_response({"huge": 200, "echo": 401, "moved": 307}[kind], f"No {key}")
        self.send_header("Location", "http://127.0.0.1:9/v1")
        self.send_header("Content-Type", f"application/{key}" if kind == "echo" else "text/json")
        if kind == "huge":
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(packed)))
        self.end_headers()
        self.wfile.write(packed)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.mark.parametrize("concurrency", [1, 2], ids=["requests", "aiohttp"])
@pytest.mark.parametrize("kind", ["huge", "echo", "moved"])
def test_lm_eval_s_own_client_takes_no_more_than_ours(
    kind: str,
    concurrency: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("MSB_TARGET_API_KEY", key := "sk-secret-0123456789")
    say(tmp_path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = Endpoint(
        f"http://127.0.0.1:{server.server_port}/{kind}/v1", concurrency=concurrency, retries=0
    )
    with pytest.raises(StopRun) as error:
        measure("openai:m", tasks_dir=tmp_path, endpoint=endpoint, served=Served(api="chat"))
    server.shutdown()
    said = {"huge": "larger than 16 MiB", "echo": "401", "moved": "sends elsewhere"}[kind]
    told = str(error.value)
    assert said in told
    assert key not in told
    del error
    gc.collect()  # asyncio tells of errors that nobody looked at once they are gone
    assert key not in caplog.text


def say(folder: Path) -> None:
    """A task that generates, in a folder."""
    (folder / "say.yaml").write_text(
        "task: say\ndataset_path: json\ndataset_kwargs: {data_files: {test: say.jsonl}}\n"
        "test_split: test\noutput_type: generate_until\ndoc_to_text: q\ndoc_to_target: a\n"
        "generation_kwargs: {until: [STOP], do_sample: false}\n"
        "metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]\n"
    )
    rows = [{"q": q, "a": answer_to(q if i else "else")} for i, q in enumerate(("a", "b", "c"))]
    (folder / "say.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_chat_endpoint_answers_tasks_that_generate(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    say(tmp_path)
    (result,) = measure(
        "openai:model",
        tasks_dir=tmp_path,
        endpoint=Endpoint(serve().url, concurrency=2),
        served=Served(api="chat"),
    )
    assert result.answers[0].correct.tolist() == [False, True, True]
    assert result.asked.version == "-"


# Comparing


def answered(*seeds: Sequence[int], questions: Sequence[int] | None = None) -> CapabilityResult:
    """A made-up result: for each seed, which questions were right."""
    numbers = np.array(questions or range(len(seeds[0])), np.uint64)
    answers = tuple(Answers(1, i, np.array(right, bool)) for i, right in enumerate(seeds))
    return CapabilityResult(
        MeasuredTarget("t", {}), QuestionSet("k", "made", "1", numbers), answers
    )


def counts(both: int, lost: int, gained: int, neither: int) -> tuple[list[int], list[int]]:
    """Answers before and after with so many questions of each kind."""
    return (
        [1] * (both + lost) + [0] * (gained + neither),
        [1] * both + [0] * lost + [1] * gained + [0] * neither,
    )


@pytest.mark.parametrize("table", [(30, 12, 4, 10), (0, 7, 0, 3), (50, 3, 3, 50), (5, 0, 0, 5)])
def test_mcnemar_is_that_of_statsmodels(table: tuple[int, int, int, int]) -> None:
    from statsmodels.stats.contingency_tables import mcnemar

    before, after = counts(*table)
    change = compare([answered(before)], [answered(after)])
    both, lost, gained, neither = table
    expected = mcnemar([[both, lost], [gained, neither]], exact=True).pvalue
    assert change.p == pytest.approx(float(expected))
    assert (change.lost, change.gained, change.n) == (lost, gained, sum(table))
    assert change.difference == pytest.approx((gained - lost) / sum(table))
    assert change.low < change.difference < change.high


@pytest.mark.parametrize(
    ("table", "equivalent", "said"),
    [
        ((600, 5, 5, 390), True, "stayed within ±2 points (95% confidence): 60.5% before"),
        ((600, 100, 10, 290), False, "fell by more than 2 points"),
        ((600, 10, 100, 290), False, "rose by more than 2 points"),
        ((60, 0, 0, 40), None, "not shown that capability stayed within ±2 points"),
        ((600, 80, 80, 240), None, "not shown"),
    ],
)
def test_equivalence(table: tuple[int, int, int, int], equivalent: bool | None, said: str) -> None:
    before, after = counts(*table)
    change = compare([answered(before)], [answered(after)])
    assert change.equivalent is equivalent
    assert said in change.sentence


def test_seeds_make_a_comparison_surer_but_no_new_questions() -> None:
    rng = np.random.default_rng(0)
    n, seeds = 400, 10
    skill = rng.beta(1, 1, n)
    before, after = (
        [(rng.random(n) < skill).astype(int).tolist() for _ in range(seeds)] for _ in range(2)
    )
    one = compare([answered(before[0])], [answered(after[0])])
    ten = compare([answered(*before)], [answered(*after)])
    assert (ten.n, ten.seeds) == (n, seeds)
    assert 0.2 < (ten.high - ten.low) / (one.high - one.low) < 0.6
    # The same answer from every seed is one answer.
    same = compare([answered(*[before[0]] * seeds)], [answered(*[after[0]] * seeds)])
    assert (same.low, same.high) == pytest.approx((one.low, one.high))
    assert same.p == pytest.approx(one.p)


def test_a_repeated_question_is_one_draw() -> None:
    before = answered([1, 1, 1, 0, 1], questions=[7, 7, 7, 8, 9])
    after = answered([0, 0, 0, 0, 1], questions=[7, 7, 7, 8, 9])
    change = compare([before], [after])
    assert before.repeated == 2
    assert (change.n, change.lost, change.p) == (3, 1, 1.0)


def test_questions_and_seeds_in_common_are_compared() -> None:
    before = answered([1, 1, 0], [1, 0, 0], questions=[1, 2, 3])
    after = answered([1, 0], questions=[2, 4])
    change = compare([before], [after])
    assert (change.n, change.seeds, change.before, change.after) == (1, 1, 1.0, 1.0)
    with pytest.raises(MsbError, match="no question in common"):
        compare([before], [answered([1], questions=[5])])
    with pytest.raises(MsbError, match=r"nothing to compare: before has made \(1 shots\)"):
        compare([before], [])
    with pytest.raises(MsbError, match="margin 2; expected"):
        compare([before], [before], margin=2)


def test_before_and_after_an_adapter(adapter: Path) -> None:
    target = ["--target", f"hf:demo+{adapter}", "--tasks", "probe", "--limit", "60"]
    done = msb("capability", *target, "--baseline", "hf:demo", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert [change["on"] for change in found["changes"]] == [
        *("msb_probe_medical", "msb_probe_quote", "all questions")
    ]
    everything = found["changes"][-1]
    before = measure("hf:demo", ["probe"], Setting(limit=60))
    after = measure(f"hf:demo+{adapter}", ["probe"], Setting(limit=60))
    right = [
        np.concatenate([r.answers[0].correct for r in side]).astype(int) for side in (before, after)
    ]
    assert everything["n"] == 120
    assert everything["gained"] == int(((right[1] - right[0]) == 1).sum())
    assert everything["lost"] == int(((right[1] - right[0]) == -1).sum()) > 0
    assert before[0].target.key != after[0].target.key
    tasks = compare_tasks(before, after)
    assert [t.p_adjusted for t in tasks] == [c["p_adjusted"] for c in found["changes"][:2]]
    stored = msb("capability", *target, "--baseline", before[0].target.key[:6])
    assert stored.code == 0, stored.err
    assert "90% interval" in stored.out
    assert msb("capability").out.count("hf:demo") == 4


# What is refused


def test_bad_input_is_one_line(own: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    def refused(message: str, *names: str, folder: Path | None = None, **setting: Any) -> None:
        with pytest.raises(MsbError, match=message) as caught:
            measure("hf:demo", names, Setting(**setting), tasks_dir=folder)
        assert "\n" not in str(caught.value)

    refused("no task in .*empty; expected .yaml files", folder=tmp_path / "empty")
    refused("no folder .*nowhere", folder=tmp_path / "nowhere")
    refused("colours has 4 examples; expected more than --shots 4", folder=own, shots=4)
    (own / "colours.jsonl").write_text("")
    refused("colours has no questions", folder=own)
    (own / "colours.jsonl").unlink()
    refused("colours: its questions cannot be read: FileNotFoundError", folder=own)
    (own / "broken.yaml").write_text("task: [")
    refused(r"broken.yaml cannot be read as a task", folder=own)
    with pytest.raises(MsbError, match="unknown target scheme 'python'"):
        measure("python:a:b", ["probe"])


def test_examples_are_never_the_questions_themselves(own: Path) -> None:
    text = TASK.replace("fewshot_split: examples", "").replace("{sampler: first_n}", "{}")
    (own / "colours.yaml").write_text(text)
    with pytest.raises(MsbError, match="no examples to show: they would be its own questions"):
        measure("hf:demo", [], Setting(shots=1), tasks_dir=own)


def test_a_metric_that_says_nothing_of_single_questions_is_refused(own: Path) -> None:
    metric = "metric_list: [{metric: f1, aggregation: f1, higher_is_better: true}]\n"
    (own / "colours.yaml").write_text(TASK + metric)
    with pytest.raises(MsbError, match="colours has the metrics f1; expected one of acc"):
        measure("hf:demo", [], tasks_dir=own)


def test_an_unknown_task_is_told_the_nearest() -> None:
    with pytest.raises(MsbError, match="unknown task 'medqa_4option'; did you mean 'medqa_4opt"):
        load_tasks(["medqa_4option"])


def test_questions_that_cannot_be_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(MsbError, match=r"its data GBaker/MedQA.*not be fetched.*--tasks-dir"):
        measure("hf:demo")


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "lm_eval" else find(name, *a)
    )
    with pytest.raises(MissingExtra, match=r"'\.\[capability\]' in your clone"):
        measure("hf:demo", ["probe"])


def test_the_probe_is_balanced_and_says_what_it_should() -> None:
    def rows(name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (PROBE_FOLDER / name).read_text().splitlines()]

    medical, shown, quote = (
        rows("medical.jsonl"),
        rows("medical_examples.jsonl"),
        rows("quote.jsonl"),
    )
    assert Counter(row["answer"] for row in medical) == dict.fromkeys(range(4), 30)
    assert Counter(row["answer"] for row in quote) == dict.fromkeys(range(4), 38)
    assert all(len(set(row["options"])) == 4 for row in medical + shown)
    texts = [row["question"] for row in medical + shown] + [row["request"] for row in quote]
    assert len(set(texts)) == len(texts)
    for row in quote:
        quoted = " ".join(row["request"].split()[:6]).strip(".,:;!?\"'")
        assert row["replies"][row["answer"]] == f'About "{quoted}":'
        assert len(set(row["replies"])) == 4
