"""The paper's question sets from files: the published questions, put as lm-eval puts them."""

from __future__ import annotations

import csv
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lm_eval")

import lm_eval.tasks
from lm_eval.tasks import TaskManager
from lm_eval.tasks._yaml_loader import load_yaml

from conftest import Server, shared
from medsafetybench.capability import knowledge
from medsafetybench.capability.tasks import chance_of, load_tasks, prepare, shots_of
from medsafetybench.errors import MsbError

HARNESS = Path(lm_eval.tasks.__file__).parent


@pytest.fixture(scope="module")
def folder() -> Path:
    """The folder of the four question sets."""
    return shared("medical-knowledge")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def as_the_hub_has_it(name: str, folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The files' questions with the columns that lm-eval's own task asks the Hub's data for."""
    if name == "medqa_4options":
        rows = lines(folder / "medqa" / "phrases_no_exclude_test.jsonl")
        return {
            "test": [
                {
                    "sent1": row["question"],
                    **{f"ending{i}": text for i, text in enumerate(row["options"].values())},
                    "label": list(row["options"].values()).index(row["answer"]),
                }
                for row in rows
            ]
        }
    if name == "medmcqa":
        rows = lines(folder / "medmcqa" / "dev.json")
        return {"validation": [{**row, "cop": row["cop"] - 1} for row in rows]}
    if name == "pubmedqa":
        labelled = json.loads((folder / "pubmedqa" / "ori_pqal.json").read_bytes())
        tested = json.loads((folder / "pubmedqa" / "test_ground_truth.json").read_bytes())
        kept = [
            {n: row[n] for n in ("QUESTION", "CONTEXTS", "final_decision")}
            for key, row in labelled.items()
            if key in tested
        ]
        assert [row["final_decision"] for row in kept] == [
            tested[key] for key in labelled if key in tested
        ]
        return {"test": kept}
    subject = name.removeprefix("mmlu_")
    with (folder / "mmlu" / f"{subject}_test.csv").open(newline="", encoding="utf-8") as file:
        rows = [
            {"question": q, "choices": choices, "answer": "ABCD".index(answer)}
            for q, *choices, answer in csv.reader(file)
        ]
    return {"test": rows}


def own_task(name: str, folder: Path) -> Any:
    """lm-eval's own task as it is installed, given these rows in place of the Hub's."""
    from datasets import Dataset, DatasetDict

    rows = as_the_hub_has_it(name, folder)
    data = DatasetDict({split: Dataset.from_list(found) for split, found in rows.items()})
    config = load_yaml(HARNESS / knowledge.SETS[name].yaml)
    config |= {"custom_dataset": lambda **_: data, "tag": None}
    for split in ("training_split", "validation_split", "fewshot_split"):
        config.pop(split, None)
    return TaskManager(include_defaults=False).load([config])["tasks"][name]


@pytest.mark.parametrize(
    ("name", "asked", "examples"),
    [
        ("medqa_4options", 1273, 1273),
        ("medmcqa", 4183, 4183),
        ("pubmedqa", 500, 500),
        ("mmlu_anatomy", 135, 5),
        ("mmlu_professional_medicine", 272, 5),
    ],
)
def test_prompts_are_those_of_lm_eval(name: str, asked: int, examples: int, folder: Path) -> None:
    ours, theirs = load_tasks([name], data_dir=folder)[name], own_task(name, folder)
    assert (len(ours.eval_docs), len(ours.sampler.df)) == (asked, examples)
    for i in random.Random(0).sample(range(asked), 20):
        one, other = ours.eval_docs[i], theirs.eval_docs[i]
        assert ours.fewshot_context(one, 0) == theirs.fewshot_context(other, 0)
        assert ours.doc_to_choice(one) == theirs.doc_to_choice(other)
        assert ours.doc_to_target(one) == theirs.doc_to_target(other)


def test_a_question_is_never_among_its_examples(folder: Path) -> None:
    for name in ("medqa_4options", "pubmedqa", "mmlu_anatomy"):
        task = load_tasks([name], data_dir=folder)[name]
        prepare(task, shots_of(task, 3), 0)
        for doc in list(task.eval_docs)[:5]:
            prompt = str(task.fewshot_context(doc, 3))
            asked = str(task.doc_to_text(doc)).strip()
            assert prompt.endswith(asked)
            assert prompt.count(asked) == 1
            assert prompt.count("Answer:") == 4


def test_the_official_questions_of_pubmedqa_are_none_of_its_examples(folder: Path) -> None:
    task = load_tasks(["pubmedqa"], data_dir=folder)["pubmedqa"]
    shown = {row["QUESTION"] for row in task.sampler.df}
    assert not shown & {row["QUESTION"] for row in task.eval_docs}


def test_medical_is_read_from_files_and_asks_no_hub(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    def refused(*_: Any, **__: Any) -> None:
        raise AssertionError("the Hub was asked")

    monkeypatch.setattr(datasets, "load_dataset", refused)
    tasks = load_tasks(["medical"], data_dir=folder.parent)
    assert list(tasks) == ["medqa_4options", "medmcqa", "pubmedqa", *list(tasks)[3:]]
    assert sum(len(task.eval_docs) for task in tasks.values()) == 1273 + 4183 + 500 + 1089
    assert chance_of(tasks["medmcqa"]) == 0.25
    assert chance_of(tasks["pubmedqa"]) == pytest.approx(1 / 3)


def test_examples_from_the_set_itself_are_said() -> None:
    assert "other questions of the set itself" in str(knowledge.remark("medmcqa", 3))
    assert knowledge.remark("medmcqa", 0) is None
    assert knowledge.remark("pubmedqa", 3) is None


def test_a_changed_file_is_not_used(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "mmlu", tmp_path / "medical-knowledge" / "mmlu")
    path = tmp_path / "medical-knowledge" / "mmlu" / "anatomy_test.csv"
    path.write_bytes(path.read_bytes().replace(b",A\n", b",B\n", 1))
    with pytest.raises(MsbError, match=r"anatomy_test\.csv is not the published file.*knowledge"):
        load_tasks(["mmlu_anatomy"], data_dir=tmp_path)


def test_files_are_fetched_where_they_are_missing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serve: Callable[..., Server]
) -> None:
    script = tmp_path / "files.py"
    script.write_text(
        "import functools, http.server, sys\n"
        "kind = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])\n"
        "server = http.server.HTTPServer(('127.0.0.1', 0), kind)\n"
        "print(server.server_port, flush=True)\n"
        "server.serve_forever()\n"
    )
    address = serve(str(folder), script=script).url.removesuffix("/v1")
    known = knowledge.registry()
    few = {path: known[path][0] for path in ("mmlu/anatomy_test.csv", "mmlu/anatomy_dev.csv")}
    here = {path: (sha256, f"{address}/{path}") for path, sha256 in few.items()}
    monkeypatch.setattr(knowledge, "registry", lambda: here)
    place = tmp_path / "data" / "medical-knowledge"
    assert knowledge.fetch(tmp_path / "data") == (2, 0, place)
    assert knowledge.fetch(tmp_path / "data") == (0, 2, place)
    assert knowledge.there("mmlu_anatomy", place)
    (place / "mmlu" / "anatomy_dev.csv").unlink()
    monkeypatch.setattr(
        knowledge, "registry", lambda: {path: ("0" * 64, url) for path, (_, url) in here.items()}
    )
    with pytest.raises(MsbError, match="not the published file"):
        knowledge.fetch(tmp_path / "data")


def test_every_file_is_pinned_to_a_commit_and_a_hash(folder: Path) -> None:
    known = knowledge.registry()
    listed = dict(line.split()[::-1] for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert {path: sha256 for path, (sha256, _) in known.items()} == {
        path: sha256 for path, sha256 in listed.items() if "LICENSE" not in path
    }
    commits = {url.split("/")[5] for _, url in known.values()}
    assert all(len(commit) == 40 for commit in commits)
    assert {path for one in knowledge.SETS.values() for path in one.files} == set(known)
