"""The paper's question sets from files: MedQA, MedMCQA, PubMedQA and six subjects of MMLU.

    fetch(folder)                               # 15 files, pinned and hash-checked
    task_config("medqa_4options", folder_of())  # lm-eval's own task, its questions from our files

Prompts, options and scoring are those of the task that lm-eval ships; only where the questions come
from is changed. A file is compared with its SHA-256 each time it is read.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..benchmarks.official import cache, checked, data_root, download

NAME = "medical-knowledge"
LETTERS = "ABCD"
Rows = list[dict[str, Any]]

MMLU = (
    *("anatomy", "clinical_knowledge", "college_biology"),
    *("college_medicine", "medical_genetics", "professional_medicine"),
)


@dataclass(frozen=True)
class Questions:
    """One set: its files, how their texts become rows of the splits, and lm-eval's task for it.

    ``yaml`` lies below lm-eval's folder of tasks. ``examples`` is the split that examples are drawn
    from, ``test`` where a set has no others.
    """

    yaml: str
    files: tuple[str, ...]
    read: Callable[[Sequence[str]], Mapping[str, Rows]]
    examples: str


def _medqa(texts: Sequence[str]) -> Mapping[str, Rows]:
    rows = []
    for line in texts[0].splitlines():
        one = json.loads(line)
        endings = {f"ending{i}": one["options"][letter] for i, letter in enumerate(LETTERS)}
        rows.append(
            {"sent1": one["question"], **endings, "label": LETTERS.index(one["answer_idx"])}
        )
    return {"test": rows}


def _medmcqa(texts: Sequence[str]) -> Mapping[str, Rows]:
    rows = []
    for line in texts[0].splitlines():
        one = json.loads(line)
        options = {name: one[name] for name in ("question", "opa", "opb", "opc", "opd")}
        rows.append({**options, "cop": one["cop"] - 1})  # the files count from 1, the task from 0
    return {"test": rows}


def _mmlu(texts: Sequence[str]) -> Mapping[str, Rows]:
    asked, shown = (list(csv.reader(io.StringIO(text, newline=""))) for text in texts)

    def row(cells: Sequence[str], answer: int) -> dict[str, Any]:
        return {"question": cells[0], "choices": list(cells[1:5]), "answer": answer}

    return {
        "test": [row(cells, LETTERS.index(cells[5])) for cells in asked],
        "dev": [row(cells, int(cells[5])) for cells in shown[1:]],
    }


def _pubmedqa(texts: Sequence[str]) -> Mapping[str, Rows]:
    """The official 500 test questions; the other 500 of the labelled thousand are examples."""
    labelled, tested = (json.loads(text) for text in texts)
    splits: dict[str, Rows] = {"test": [], "train": []}
    for number, one in labelled.items():
        kept = {name: one[name] for name in ("QUESTION", "CONTEXTS", "final_decision")}
        splits["test" if number in tested else "train"].append(kept)
    return splits


SETS: Mapping[str, Questions] = {
    "medqa_4options": Questions(
        "medqa/medqa.yaml", ("medqa/phrases_no_exclude_test.jsonl",), _medqa, "test"
    ),
    "medmcqa": Questions("medmcqa/medmcqa.yaml", ("medmcqa/dev.json",), _medmcqa, "test"),
    "pubmedqa": Questions(
        "pubmedqa/pubmedqa.yaml",
        ("pubmedqa/ori_pqal.json", "pubmedqa/test_ground_truth.json"),
        _pubmedqa,
        "train",
    ),
    **{
        f"mmlu_{subject}": Questions(
            f"mmlu/default/mmlu_{subject}.yaml",
            (f"mmlu/{subject}_test.csv", f"mmlu/{subject}_dev.csv"),
            _mmlu,
            "dev",
        )
        for subject in MMLU
    },
}
"""The sets by the name of lm-eval's task."""


def registry() -> dict[str, tuple[str, str]]:
    """SHA-256 and address of each file, by its path."""
    lines = files(__package__).joinpath("knowledge.txt").read_text("ascii").splitlines()
    return {path: (sha256, url) for sha256, path, url in map(str.split, lines)}


def folder_of(data_dir: str | Path | None = None) -> Path:
    """Where the files lie or would be put: in the folder given, ``MSB_DATA_DIR``, or the cache."""
    root = data_root(data_dir) or cache()
    if root.name == NAME:
        return root
    beside = root.parent / NAME if root.name == "medsafetybench" and data_root(data_dir) else None
    return beside if beside and beside.is_dir() else root / NAME


def there(name: str, folder: Path) -> bool:
    """True if all files of a set are in the folder."""
    return name in SETS and all((folder / path).is_file() for path in SETS[name].files)


def fetch(data_dir: str | Path | None = None) -> tuple[int, int, Path]:
    """Download the files that are not there yet; how many were, how many were there, where.

    Raises MsbError naming the file if one cannot be had or is another than published.
    """
    folder, known = folder_of(data_dir), registry()
    away = [path for path in known if not (folder / path).is_file()]
    for path in known.keys() - away:
        _checked(folder, path)
    for path in away:
        sha256, url = known[path]
        download(url, sha256, folder / path)
    return len(away), len(known) - len(away), folder


def task_config(name: str, folder: Path) -> dict[str, Any]:
    """lm-eval's settings of a task, with the questions of our files in place of the Hub's.

    Raises MsbError for a file that is not the published one.
    """
    import lm_eval.tasks
    from lm_eval.tasks._yaml_loader import load_yaml

    questions = SETS[name]
    harness = Path(lm_eval.tasks.__file__).parent
    config: dict[str, Any] = load_yaml(harness / questions.yaml)
    for theirs in ("dataset_path", "dataset_name", "tag", "training_split", "validation_split"):
        config.pop(theirs, None)
    return config | {
        "test_split": "test",
        "fewshot_split": questions.examples,
        "custom_dataset": partial(_splits, name, folder),
    }


def _splits(name: str, folder: Path, **_: Any) -> Any:
    """The rows of each split, as lm-eval takes them."""
    from datasets import Dataset, DatasetDict

    questions = SETS[name]
    texts = [_checked(folder, path).decode("utf-8") for path in questions.files]
    rows = questions.read(texts)
    return DatasetDict({split: Dataset.from_list(found) for split, found in rows.items()})


def _checked(folder: Path, path: str) -> bytes:
    return checked(folder, path, registry()[path][0], "knowledge")


def remark(name: str, shots: int) -> str | None:
    """What is to be said of a set's examples; None where they are the set's own."""
    if shots and name in SETS and SETS[name].examples == "test":
        return (
            f"{name}: its examples are other questions of the set itself, as its training "
            "questions are not at hand"
        )
    return None
