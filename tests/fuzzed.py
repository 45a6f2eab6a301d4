"""Every reader of what comes from elsewhere, with valid input for it and a way to have it read.

    READERS["a study"].valid()                  # b"name: ours ..."
    READERS["a study"].nearly(Random(7))        # the same with something wrong in it
    READERS["a study"].read(Path("x.yaml"))     # None, or MsbError

A reader may say in one line that it does not take a file; all else that is raised is a fault.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import numpy as np
import orjson
import yaml

import mutations
import sent
from commands import msb
from medsafetybench import open_run
from medsafetybench.batches.anthropic import read_message
from medsafetybench.batches.lines import read_result
from medsafetybench.benchmarks.files import file_benchmark
from medsafetybench.building.listing import items
from medsafetybench.building.project import Project
from medsafetybench.building.review import decisions
from medsafetybench.cells import text_of
from medsafetybench.conversations import answer_in, asked_in, messages_of
from medsafetybench.errors import StopRun
from medsafetybench.evaluation.spec import specified
from medsafetybench.evaluation.spec_file import read_spec
from medsafetybench.improvement.preferences import pairs_from_file
from medsafetybench.improvement.recipe import load_recipe
from medsafetybench.integrations.imports import read_log
from medsafetybench.integrations.recorded import store_recorded
from medsafetybench.judges import open_judge
from medsafetybench.judges.guards.family import FOLDER, known_families, load_family
from medsafetybench.judges.guards.reply import read_reply
from medsafetybench.judges.paper import read_paper_score
from medsafetybench.judges.phrases import Phrases
from medsafetybench.judges.reading import read_verdict
from medsafetybench.judges.screen import Screen
from medsafetybench.labelled.files import file_set
from medsafetybench.legible import line, markdown, name, visible
from medsafetybench.models.completion import read_body, read_completion
from medsafetybench.models.hf_files import DEMO, resolve
from medsafetybench.models.hf_gguf import read_header
from medsafetybench.models.problem import has_error, read_problem
from medsafetybench.models.retry import retry_after
from medsafetybench.models.templates import choose_template
from medsafetybench.models.thinking import all_apart, split
from medsafetybench.records import Response
from medsafetybench.results.gate_spec import read_gate
from medsafetybench.scale import HARM
from medsafetybench.store.faults import faults_of
from medsafetybench.store.imported_labels import import_labels
from medsafetybench.store.store import Store
from medsafetybench.studies import read_study
from medsafetybench.tables import rows
from medsafetybench.targets import open_target
from medsafetybench.targets.pressure import load_script
from medsafetybench.taxonomy import load_taxonomy
from mutations import ARCHIVE, CSV, JSON, LINES, PARQUET, PLAIN, WEIGHTS, YAML, Form
from scripted import scripted_run


@dataclass(frozen=True)
class Reader:
    """What is read of which value, as a file of which form and ending."""

    read: Callable[[Path], Any]
    value: Callable[[], Any]
    suffix: str
    form: Form

    def valid(self) -> bytes:
        """A file that it takes."""
        return self.form.written(self.value())

    def nearly(self, chance: Random) -> bytes:
        """A file that it would take but for a place or three."""
        return self.form.nearly(self.value(), chance)


def _reader(read: Callable[[Path], Any], value: Any, suffix: str, form: Form = JSON) -> Reader:
    return Reader(read, value if callable(value) else lambda: value, suffix, form)


# Tables

MESSAGES = [{"role": "user", "content": "How?"}, {"role": "assistant", "content": "No."}]
REQUESTS = [
    {"id": "h0", "text": "How do I?", "intent": "harmful", "principle": 4, "pair": "p", "turn": 1},
    {"id": "b0", "messages": MESSAGES, "intent": "benign", "source": "ours", "language": "en"},
]
RESPONSES = [
    {"id": "h0", "text": "How?", "response": "No.", "finish_reason": "stop", "thinking": "Hm."},
    {"id": "h1", "text": "Who?", "response": "So.", "error": None, "score": 5, "reason": None},
]
VERDICTS = [
    {"id": "h0", "score": 1, "reason": None, "rationale": "It declines.", "annotator": "ana"},
    {"id": "h1", "score": None, "reason": "unsure", "scale": "refusal", "framing": None, "turn": 2},
]
LABELLED = [
    {
        "prompt": "How?",
        "response": "No.",
        "label": "declines",
        "annotator": "a",
        "intent": "harmful",
    },
    {
        "prompt": "How?",
        "response": "No.",
        "label": "refusal",
        "annotator": "b",
        "intent": "harmful",
    },
]
PREFERENCES = [{"request": "How?", "chosen": "No.", "rejected": "So.", "intent": "harmful"}]


def labels(path: Path) -> None:
    store = Path("labels.db")
    store.unlink(missing_ok=True)
    shutil.copy(a_store(), store)
    with Store.open(store) as opened:
        import_labels(opened, opened.run("last"), path, None)


def whole_table(path: Path) -> None:
    for _, row in rows(path):
        for cell in row.values():
            for read in (text_of, asked_in, answer_in, messages_of):
                with suppress(ValueError):  # which its callers say with the place
                    read(cell)


TABLES: Mapping[str, tuple[Callable[[Path], Any], list[dict[str, Any]]]] = {
    "a table": (whole_table, REQUESTS),
    "requests": (lambda path: list(file_benchmark(path, {})), REQUESTS),
    "responses": (lambda path: open_target(f"replay:{path}"), RESPONSES),
    "verdicts": (lambda path: open_judge(f"replay:{path}"), VERDICTS),
    "labels": (labels, [{"id": "h0", "score": 1, "annotator": "ana", "turn": None}]),
    "labelled responses": (file_set, LABELLED),
    "labels by number": (lambda path: file_set(path, scale=HARM), [{**LABELLED[0], "label": 5}]),
    "preferences": (pairs_from_file, PREFERENCES),
}
FORMS = {".csv": CSV, ".jsonl": LINES, ".json": JSON, ".parquet": PARQUET}

# Logs of other tools

PROMPTFOO = {
    "results": {
        "results": [
            {
                "prompt": {"raw": '[{"role": "user", "content": "How?"}]', "label": "p"},
                "promptIdx": 0, "testIdx": 0, "provider": {"id": "openai:m", "label": "m"},
                "vars": {"intent": "harmful"}, "testCase": {"vars": {}, "metadata": {"id": "h0"}},
                "response": {"output": "No.", "tokenUsage": {"prompt": 3, "completion": 2},
                             "finishReason": "stop"},
                "latencyMs": 12, "error": None, "gradingResult": {"score": 1},
            }
        ]
    },
    "config": {},
}  # fmt: skip
LM_EVAL = [
    {
        "doc_id": 0, "doc": {"question": "How?", "intent": "harmful"}, "target": "x",
        "arguments": {"gen_args_0": {"arg_0": "How?", "arg_1": {"until": ["\n"]}}},
        "resps": [["No.", "So."]], "filtered_resps": ["No."], "filter": "none", "metrics": ["acc"],
    },
    {"doc_id": 1, "doc": {}, "arguments": [["How?", {}]], "resps": [["No."]],
     "filtered_resps": ["No."]},
]  # fmt: skip
PYRIT = [
    {
        "id": "1", "role": "user", "conversation_id": "c", "sequence": 0, "original_value": "How?",
        "converted_value": "SG93Pw==", "original_value_data_type": "text", "labels": {"a": "b"},
        "prompt_target_identifier": {"class_name": "OpenAIChatTarget", "model_name": "m"},
        "attack_identifier": {"class_name": "RedTeamingAttack", "children": {}},
        "converter_identifiers": [{"class_name": "Base64Converter"}], "scores": [],
    },
    {
        "id": "2", "role": "assistant", "conversation_id": "c", "sequence": 1,
        "original_value": "No.", "converted_value": "No.", "original_value_data_type": "text",
        "response_error": "none", "prompt_metadata": {}, "labels": "{}",
        "prompt_target_identifier": '{"model_name": "m"}',
    },
]  # fmt: skip


def imported(format: str | None) -> Callable[[Path], Any]:
    def read(path: Path) -> None:
        for found in read_log(path, format):
            store = Path("log.db")
            for left in Path().glob("log.db*"):
                left.unlink()
            run, _ = store_recorded(found, store)
            run.summary()
            list(run.rows())

    return read


@lru_cache(maxsize=1)
def inspect_log() -> dict[str, Any]:
    """A log as Inspect writes it, of one sample that a judge of ours scored."""
    from inspect_ai.log import EvalLog, EvalSample, EvalSpec
    from inspect_ai.log._log import EvalConfig, EvalDataset
    from inspect_ai.model import ChatMessageUser, ModelOutput
    from inspect_ai.scorer import Score

    judge = {"name": "screen", "fingerprint": {"judge": "screen"}, "scale": "refusal"}
    details = {"judge": judge, "calls": 1, "input_tokens": 3, "output_tokens": 2, "latency": 0.5}
    sample = EvalSample(
        id="h0", epoch=1, input="How?", target="I won't.",
        messages=[ChatMessageUser(content="How?")],
        output=ModelOutput.from_content("m", "No."),
        metadata={"intent": "harmful", "principle": 4, "pair": "p", "context": []},
        scores={"verdict": Score(value=1, explanation="declines", metadata=details)},
    )  # fmt: skip
    dataset = EvalDataset(name="starter", samples=1, sample_ids=["h0"])
    about = EvalSpec(
        created="2026-11-24T10:00:00+00:00", task="t", dataset=dataset, model="m",
        config=EvalConfig(),
    )  # fmt: skip
    log = EvalLog(status="success", eval=about, samples=[sample])
    found: dict[str, Any] = orjson.loads(log.model_dump_json(exclude_none=True))
    return found


def packed() -> dict[str, Any]:
    """The same in the members of an archive."""
    log = inspect_log()
    (sample,) = log["samples"]
    started = {"version": 2, "eval": log["eval"], "plan": log["plan"]}
    header = {name: value for name, value in log.items() if name != "samples"}
    return {
        "_journal/start.json": started,
        "samples/h0_epoch_1.json": sample,
        "header.json": header,
    }


LOGS: Mapping[str, Reader] = {
    "promptfoo": _reader(imported("promptfoo"), PROMPTFOO, ".json"),
    "promptfoo, in lines": _reader(
        imported(None), PROMPTFOO["results"]["results"], ".jsonl", LINES
    ),
    "lm-eval": _reader(imported("lm-eval"), LM_EVAL, ".jsonl", LINES),
    "pyrit": _reader(imported("pyrit"), PYRIT, ".json"),
    "pyrit, as a table": _reader(imported("pyrit"), PYRIT, ".csv", CSV),
    "responses as a log": _reader(imported("table"), RESPONSES, ".jsonl", LINES),
    "any log": _reader(imported(None), PYRIT, ".json"),
    "inspect": _reader(imported("inspect"), inspect_log, ".json"),
    "inspect, packed": _reader(imported(None), packed, ".eval", ARCHIVE),
}

# YAML

SPEC = {"target": "openai:m", "target_url": "http://127.0.0.1:9/v1", "judge": ["screen"],
        "benchmark": "starter", "limit": 5, "temperature": 0.5, "name": "ours"}  # fmt: skip
STUDY = {
    "name": "ours", "judges": ["screen", {"model": "openai:j", "url": "http://127.0.0.1:9/v1"}],
    "benchmarks": ["starter/eval", {"name": "starter", "limit": 4}], "defaults": {"max_tokens": 9},
    "targets": [{"model": "openai:m"}, {"model": "hf:demo", "name": "demo", "template": "plain"}],
}  # fmt: skip
GATE = {"max_over_refusal": 0.1, "max_harmfulness": 2, "baseline": "last", "sequential": True,
        "max_regression": 0.1, "looks": 5, "confidence": 0.95}  # fmt: skip
TAXONOMY = {"name": "ours", "version": 1, "source": "https://example.org", "principles": [
    {"id": 1, "key": "care", "title": "Care", "statement": "Take care.", "violation": "It harms."}
]}  # fmt: skip
PRESSURE = {"version": 1, "framings": {"f": "Please: {request}"}, "turns": ["But why?"]}
PROJECT = {"name": "ours", "taxonomy": "ama", "language": "English", "specialities": ["a"],
           "styles": ["b"], "rounds": 1, "count": 10, "seed": 0, "secret": "00"}  # fmt: skip
FAMILIES = [load_family(name) for name in known_families()]
GUARD = yaml.safe_load((FOLDER / "granite-guardian.yaml").read_text("utf-8"))
RECIPE = {"name": "toy", "epochs": 1, "learning_rate": 0.001, "batch": 4}


def project(path: Path) -> Project:
    folder = Path("project")
    folder.mkdir(exist_ok=True)
    shutil.copy(path, folder / "project.yaml")
    found = Project(folder)
    found.marker("a")
    assert found.taxonomy
    return found


DOCUMENTS: Mapping[str, tuple[Callable[[Path], Any], Any]] = {
    "settings": (lambda path: specified(**read_spec(path)), SPEC),
    "a study": (read_study, STUDY),
    "a gate": (read_gate, GATE),
    "a taxonomy": (load_taxonomy, TAXONOMY),
    "pressure": (load_script, PRESSURE),
    "a recipe": (load_recipe, RECIPE),
    "a family of guards": (lambda path: load_family(str(path)), GUARD),
}

# What a project of a benchmark holds

OUTCOMES = [{"key": "a", "kept": [{"id": "a", "text": "How?"}], "aside": [], "made": "m"}]
DECISIONS = [{"id": "a", "reviewer": "ana", "decision": "accept", "text": None, "note": ""}]


def begun_project() -> Project:
    Path("begun.yaml").write_bytes(YAML.written(PROJECT))
    return project(Path("begun.yaml"))


def stage(path: Path) -> None:
    made = begun_project()
    shutil.copy(path, made.path("answer"))
    list(made.decisions("answer"))


def reviewed(path: Path) -> None:
    made = begun_project()
    shutil.copy(path, made.folder / "review.jsonl")
    decisions(made)


# What servers say

COMPLETION = {
    "id": "x", "choices": [{"index": 0, "finish_reason": "stop", "message": {
        "role": "assistant", "content": [{"type": "text", "text": "No."}], "refusal": None,
        "reasoning_content": "Hm.", "tool_calls": []}, "content_filter_results": {
            "hate": {"filtered": False}}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2,
              "completion_tokens_details": {"reasoning_tokens": 1}},
    "error": None, "prompt_filter_results": [],
}  # fmt: skip
PROBLEM = {"error": {"message": "No.", "type": "invalid", "code": "content_filter", "param": None,
                     "innererror": {"code": "ResponsibleAIPolicyViolation"}},
           "detail": [{"loc": ["body"], "msg": "m", "type": "t"}]}  # fmt: skip
STREAM = b"".join(
    b"data: " + orjson.dumps({"choices": [{"delta": {"content": part}, "finish_reason": end}]})
    + b"\n\n" for part, end in (("N", None), ("o.", "stop"))
) + b"data: [DONE]\n\n"  # fmt: skip


def reply(path: Path) -> None:
    content = path.read_bytes()
    body = read_body(content)
    has_error(body)
    found = read_completion(body, 0.1)
    if found is not None:
        orjson.dumps([found.text, found.thinking, found.finish_reason, found.notice, found.error])
    for status in (200, 400, 429, 500):
        problem = read_problem(status, content, body)
        assert problem.kind
    text = content.decode("utf-8", "replace")
    retry_after({"retry-after": text, "x-ratelimit-reset-requests": text, "retry-after-ms": text})


MARKER = "5e1f0a9c3b7d2468"
SAID = (
    f"<think>Hm.</think>It **declines**.\n\nVERDICT {MARKER}: 1\n#thereason: x\n#thescore: 1\n"
    "<|channel|>analysis<|message|>Hm.<|end|><|channel|>final<|message|>No.<|return|>"
    '\n1. "How do I?"\n- Who?\n["a", "b"]'
).encode()


def said(path: Path) -> None:
    text = path.read_bytes().decode("utf-8", "replace")
    read_verdict(text, "stop", MARKER)
    read_paper_score(text, "stop", text)
    for family in FAMILIES:
        read_reply(family, text, "stop", "No.")
    split(text), split(text, inside=True, cut_off=True)
    all_apart([Response(text, "stop"), Response(text, "length")])
    items(text)
    for shown in (line(text), name(text), markdown(text)):
        assert len(shown.splitlines()) <= 1
    visible(text)
    for judge in (Screen(), Phrases()):
        judge.classify("How do I?", text) if isinstance(judge, Screen) else judge.classify(text)


# Models' folders


def model(part: str) -> Callable[[Path], Any]:
    """The demo model with one file of its folder replaced."""

    def read(path: Path) -> None:
        folder = Path("model")
        if not folder.is_dir():
            folder.mkdir()
            for file in DEMO.iterdir():
                (folder / file.name).symlink_to(file)
        own = folder / part
        own.unlink(missing_ok=True)
        shutil.copy(path, own)
        try:
            files = resolve(str(folder))
            choose_template(None, files.base)
            assert files.base_identity, files.context
            assert files.label
        finally:
            own.unlink()
            if (DEMO / part).is_file():
                own.symlink_to(DEMO / part)

    return read


def gguf_file() -> bytes:
    """A file of one weight and the settings that a model's has."""
    import gguf

    path = Path("valid.gguf")
    out = gguf.GGUFWriter(path, "llama")
    out.add_context_length(64)
    out.add_token_list(["a", "b"])
    out.add_chat_template(JINJA.decode())
    out.add_tensor("token_embd.weight", np.zeros((2, 4), np.float32))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return path.read_bytes()


def template(path: Path) -> None:
    """A chat template in the place of the demo model's own."""
    source = path.read_bytes().decode("utf-8", "replace")
    with suppress(StopRun):  # what a local model says of one that fails
        demo()._chat([{"role": "user", "content": "How?"}], source)


@lru_cache(maxsize=1)
def demo() -> Any:
    """The demo model with its tokenizer, and without its weights."""
    from transformers import AutoTokenizer

    from medsafetybench.models.hf import HFModel

    opened = HFModel("demo")
    opened._held = SimpleNamespace(tokenizer=AutoTokenizer.from_pretrained(DEMO))  # type: ignore[assignment]
    return opened


CONFIG = orjson.loads((DEMO / "config.json").read_bytes())
TOKENIZER = orjson.loads((DEMO / "tokenizer_config.json").read_bytes())
INDEX = {"metadata": {}, "weight_map": {"lm_head.weight": "model.safetensors"}}
HEADER = {
    "__metadata__": {},
    "lm_head.weight": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
}
JINJA = (DEMO / "chat_template.jinja").read_bytes()


# Stores


@lru_cache(maxsize=1)
def a_store() -> Path:
    """The store of one run."""
    run = scripted_run("model", harmful=[1, 5, None], benign=[5, 1], store="fuzzed-valid.db")
    with closing(sqlite3.connect(run.store)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
    return Path(run.store).absolute()


@lru_cache(maxsize=1)
def a_store_s_content() -> bytes:
    return a_store().read_bytes()


@lru_cache(maxsize=1)
def cells() -> list[tuple[str, str]]:
    with closing(sqlite3.connect(a_store())) as db:
        tables = [n for (n,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [(t, row[1]) for t in tables for row in db.execute(f"PRAGMA table_info({t})")]


class Stores(Form):
    """The file of a store, in which some column says something else, or whose bytes are damaged."""

    def nearly(self, valid: Any, chance: Random) -> bytes:
        """Such a file."""
        path = Path("changed.db")
        path.write_bytes(valid)
        with closing(sqlite3.connect(path)) as db, db:
            for _ in range(chance.randint(1, 3)):
                table, column = chance.choice(cells())
                value = chance.choice(mutations.HOSTILE)
                if isinstance(value, list | dict) or not chance.randrange(3):
                    value = json.dumps(value)
                with suppress(sqlite3.Error, OverflowError, UnicodeEncodeError):
                    db.execute(f"UPDATE {table} SET {column} = ?", (value,))
        content = path.read_bytes()
        return content if chance.randrange(3) else mutations.damaged(content, chance)


def store(path: Path) -> None:
    """What people look at first in a store that they were given, and what it is exported as."""
    run = open_run("last", path)
    run.summary()
    list(run.rows())
    with Store.read(path) as opened:
        faults_of(opened, opened.run("last"))
        list(opened.items(opened.run("last"), range(5)))
    for command in ("runs",), ("summary", "last"):
        assert "Traceback" not in msb(*command, "--store", str(path)).err


MESSAGE = {
    "content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Rest."}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 3, "cache_read_input_tokens": 1, "output_tokens": 2},
}
RESULTS = [
    {
        "custom_id": "00" * 16,
        "response": {"status_code": 200, "request_id": "r", "body": COMPLETION},
        "error": None,
    },
    {"custom_id": "01" * 16, "response": {"status_code": 400, "body": PROBLEM}, "error": PROBLEM},
    {"custom_id": "02" * 16, "response": None, "error": {"code": "batch_expired"}},
    {"custom_id": "03" * 16, "result": {"type": "succeeded", "message": MESSAGE}},
    {"custom_id": "04" * 16, "result": {"type": "errored", "error": {"error": {"type": "x"}}}},
]


def results(path: Path) -> None:
    """Lines of OpenAI's and of Anthropic's form, as far as they are any."""
    for row in path.read_bytes().splitlines():
        for read in (read_result, read_message):
            if found := read(row):
                assert isinstance(found.words, str)
                if not found.failed and found.status == 200:
                    assert read_completion(read_body(found.content))


def readers() -> dict[str, Reader]:
    """All of them by what they read."""
    found = {
        f"{what}, {suffix}": _reader(read, valid, suffix, form)
        for what, (read, valid) in TABLES.items()
        for suffix, form in FORMS.items()
    }
    found |= LOGS
    found |= {
        what: _reader(read, valid, ".yaml", YAML) for what, (read, valid) in DOCUMENTS.items()
    }
    return found | {
        "a project": _reader(project, PROJECT, ".yaml", YAML),
        "a stage": _reader(stage, OUTCOMES, ".jsonl", LINES),
        "a review": _reader(reviewed, DECISIONS, ".jsonl", LINES),
        "a reply": _reader(reply, COMPLETION, ".json"),
        "an error": _reader(reply, PROBLEM, ".json"),
        "a stream": _reader(reply, STREAM, ".txt", PLAIN),
        "what a model says": _reader(said, SAID, ".txt", PLAIN),
        "a template": _reader(template, JINJA, ".jinja", PLAIN),
        "a model's config": _reader(model("config.json"), CONFIG, ".json"),
        "a tokenizer's config": _reader(model("tokenizer_config.json"), TOKENIZER, ".json"),
        "an index": _reader(model("model.safetensors.index.json"), INDEX, ".json"),
        "weights": _reader(model("model.safetensors"), HEADER, ".bin", WEIGHTS),
        "results of a batch": _reader(results, RESULTS, ".jsonl", LINES),
        "a GGUF file": _reader(read_header, gguf_file, ".gguf", PLAIN),
        "a submission's result": _reader(sent.with_result, sent.result, ".json"),
        "a submission's samples": _reader(sent.with_samples, sent.samples, ".jsonl", LINES),
        "a store": Reader(store, a_store_s_content, ".db", Stores(bytes)),
    }


READERS = readers()
