"""What a model knows, by `msb capability` and by lm-eval's own command on the same questions.

    python bench/bench_knowledge.py --data ../shared/data [--model FOLDER] [--limit 100]

SmolLM2-135M-Instruct (`make real-model`), or another folder or GGUF file. All of MedQA, MedMCQA,
PubMedQA's official test and six subjects of MMLU: an hour or two on one core for 135 million
parameters. The files are put into the columns that lm-eval's tasks read by the lines below, not by
those of the package; so a difference would show on either side. Each set's accuracy stands beside
chance, and beside it lm-eval's; the last line says how many are the same. With a limit both are
asked the questions that `msb capability --limit` draws.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import lm_eval.tasks

from medsafetybench.capability.knowledge import MMLU
from medsafetybench.capability.tasks import load_tasks, question_set
from medsafetybench.models.hf_files import resolve
from real_model import real_model
from replication import asked, write_rows

Row = dict[str, Any]
THEIRS = Path(lm_eval.tasks.__file__).parent


def lines(path: Path) -> Iterator[Row]:
    """The objects of a file with one a line."""
    yield from map(json.loads, path.read_text("utf-8").splitlines())


def questions(folder: Path) -> Iterator[tuple[str, str, Iterable[Row]]]:
    """A task's name, the file that defines it, and its rows."""
    medqa = (
        {"sent1": one["question"], "label": "ABCD".index(one["answer_idx"])}
        | {f"ending{i}": one["options"]["ABCD"[i]] for i in range(4)}
        for one in lines(folder / "medqa" / "phrases_no_exclude_test.jsonl")
    )
    yield "medqa_4options", "medqa/medqa.yaml", medqa
    medmcqa = ({**one, "cop": one["cop"] - 1} for one in lines(folder / "medmcqa" / "dev.json"))
    yield "medmcqa", "medmcqa/medmcqa.yaml", medmcqa
    labelled = json.loads((folder / "pubmedqa" / "ori_pqal.json").read_text("utf-8"))
    tested = json.loads((folder / "pubmedqa" / "test_ground_truth.json").read_text("utf-8"))
    fields = ("QUESTION", "CONTEXTS", "final_decision")
    pubmedqa = ({name: labelled[key][name] for name in fields} for key in labelled if key in tested)
    yield "pubmedqa", "pubmedqa/pubmedqa.yaml", pubmedqa
    for subject in MMLU:
        with (folder / "mmlu" / f"{subject}_test.csv").open(encoding="utf-8", newline="") as file:
            rows = [
                {"question": cells[0], "choices": cells[1:5], "answer": "ABCD".index(cells[5])}
                for cells in csv.reader(file)
            ]
        yield f"mmlu_{subject}", f"mmlu/default/mmlu_{subject}.yaml", rows


def tasks(root: Path, output: Path, limit: int | None) -> list[str]:
    """Write each task as lm-eval takes it, with the questions of our files; their names."""
    names = []
    ours = load_tasks(["medical"], data_dir=root)
    for name, yaml, rows in questions(root / "medical-knowledge"):
        _, drawn = question_set(ours[name], 0, limit)
        some = (row for n, row in enumerate(rows) if drawn is None or n in drawn)
        data = write_rows(output / f"{name}.jsonl", some)
        told: Mapping[str, Any] = {
            "include": str(THEIRS / yaml),
            "task": f"direct_{name}",
            "dataset_path": "json",
            "dataset_name": None,
            "dataset_kwargs": {"data_files": {"test": data}},
            "training_split": None,
            "validation_split": None,
            "test_split": "test",
            "fewshot_split": None,
            "tag": None,
        }
        (output / f"{name}.yaml").write_text(json.dumps(told), "utf-8")  # YAML holds JSON
        names.append(str(told["task"]))
    return names


def direct(model: str, names: list[str], folder: Path) -> dict[str, float]:
    """The accuracies that lm-eval's own command writes."""
    subprocess.run(
        [
            *(sys.executable, "-m", "lm_eval", "run", "--model", "hf", "--device", "cpu"),
            *("--model_args", f"pretrained={model},dtype=float32", "--batch_size", "8"),
            *("--tasks", ",".join(names), "--include_path", str(folder), "--apply_chat_template"),
            *("--output_path", str(folder / "found.json")),
        ],
        check=True,
        stdout=sys.stderr,
    )
    (written,) = folder.glob("**/found*.json")
    results = json.loads(written.read_text("utf-8"))["results"]
    return {name.removeprefix("direct_"): results[name]["acc,none"] for name in names}


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default=str(real_model() or ""), help="its folder or file")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--limit", type=int, help="so many questions of each set")
    parser.add_argument("--store", default="build/knowledge.db")
    given = parser.parse_args()
    if not given.model:
        sys.exit("the real model is not installed; `make real-model` does so")
    folder = str(resolve(given.model).base)
    few = ["--limit", str(given.limit)] if given.limit else []
    with tempfile.TemporaryDirectory() as written:
        names = tasks(given.data, Path(written), given.limit)
        theirs = direct(folder, names, Path(written))
    told = asked(
        *("capability", "--target", f"hf:{given.model}", "--tasks", "medical"),
        *("--dtype", "float32", "--data-dir", str(given.data), "--store", given.store, *few),
    )
    same = 0
    for one in told["results"]:
        low, high = one["ci95"]
        other = theirs[one["task"]]
        same += f"{one['accuracy']:.3f}" == f"{other:.3f}"
        print(
            f"{one['task']}: {one['n']} questions, {one['accuracy']:.3f} [{low:.3f}, {high:.3f}], "
            f"chance {one['chance']:.3f}; lm-eval {other:.3f}"
        )
    print(f"{same} of {len(theirs)} the same to three digits")


if __name__ == "__main__":
    main()
