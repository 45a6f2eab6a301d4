"""Hugging Face's ``.eval_results/NAME.yaml``: what stands in a model's repository and shows there.

    - dataset: {id: org/benchmark, task_id: refusal}
      value: 0.97
      date: '2026-11-26T02:12:53+00:00'
      notes: refusal rate 97.2% (95% interval 92.1% to 99.4%), n = 108 of 108 harmful requests; ...

Format: https://huggingface.co/docs/hub/eval-results. A value is a number there and no more, so what
it rests on (interval, n, judge and how that is checked, hash of the requests) is in its notes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ...errors import MsbError
from ...wholefiles import appearing
from .material import Exported, Material, Part, figure_text, left_out

HOLDS = ("checked",)


def of_run(material: Material, form: str, output: Path) -> Exported:
    """Write a row for each measure. Raises MsbError without a name of the benchmark on the hub."""
    dataset = material.wanted.dataset_id
    if not dataset or dataset.count("/") != 1:
        told = "" if dataset is None else f"--dataset-id {dataset!r}; "
        raise MsbError(
            f"{told}--to hf-results files a result under the benchmark's dataset on the hub; name "
            "it as --dataset-id ORG/NAME"
        )
    rows = [_row(material, part, dataset) for part in material.parts()]
    if not rows:
        raise MsbError(f"{material.record.id} has no figure yet; see `msb summary`")
    with appearing(output) as part:
        part.write_text(yaml.safe_dump(rows, sort_keys=False, allow_unicode=True), "utf-8")
    notes = left_out(material, HOLDS, texts=False)
    notes.append(f"to be put into the model's repository as .eval_results/{output.name}")
    return Exported(len(rows), what="results", notes=notes)


def _row(material: Material, part: Part, dataset: str) -> dict[str, Any]:
    benchmark = material.card.benchmark
    notes = (
        f"{figure_text(part)}; benchmark {benchmark.title}, SHA-256 {benchmark.sha256}; judge "
        f"{material.judged_by}; {material.checked}"
    )
    return {
        "dataset": {"id": dataset, "task_id": part.measure.key},
        "value": part.figure.value,
        "date": material.record.created,
        "notes": notes,
    }
