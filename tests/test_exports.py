"""Benchmarks and runs in the forms that other tools read, read back as those tools would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from commands import output
from medsafetybench import load_benchmark
from medsafetybench.errors import MsbError
from medsafetybench.integrations.exports import export_benchmark, export_run
from scripted import scripted_run


def lines(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]


def test_demonstrations_in_the_form_of_the_published_fine_tuning_files(published: Path) -> None:
    benchmark = load_benchmark("finetune/med-100", data_dir=published)
    assert export_benchmark(benchmark, "alpaca", Path("sft.json")).written == 100
    theirs = published / "train-splits-used-for-ft/med_safety/ft_safety_med_n100.json"
    assert json.loads(Path("sft.json").read_text()) == json.loads(theirs.read_text())


@pytest.mark.parametrize("form", ["openai", "trl"])
def test_demonstrations_as_conversations(published: Path, form: str) -> None:
    benchmark = load_benchmark("medsafety/improve", data_dir=published)
    export_benchmark(benchmark, form, Path("sft.jsonl"))
    first = next(iter(benchmark))
    user = {"role": "user", "content": first.text}
    assistant = {"role": "assistant", "content": first.reference}
    whole = {"messages": [user, assistant]}
    split = {"prompt": [user], "completion": [assistant]}
    assert lines("sft.jsonl")[0] == (whole if form == "openai" else split)
    assert len(lines("sft.jsonl")) == 900


def test_a_run_exports_only_what_a_model_may_learn_from() -> None:
    run = scripted_run("model", harmful=[1, 2, 3, 5, None], benign=[5, 3, 1])
    found = export_run(run, "openai", Path("safe.jsonl"))
    said = [row["messages"][1]["content"] for row in lines("safe.jsonl")]
    assert said == ["score: 1", "score: 2", "score: 5"]
    assert found.left_out == {
        "harmful that were not held out against": 2,
        "without a score": 1,
        "benign that were not answered in full": 2,
    }


def test_a_folder_for_hugging_face_opens_there() -> None:
    datasets = pytest.importorskip("datasets")
    run = scripted_run("model", harmful=[1, 5, None], benign=[5])
    assert output("export", run.id, "--to", "hf", "-o", "ours") == "4 rows in ours\n"
    opened = datasets.load_dataset("ours", split="rows", cache_dir="cache")
    assert opened["score"] == [1, 5, None, 5]
    assert opened["request"] == [row["request"] for row in run.rows()]


def test_the_command_says_what_was_left_out(published: Path) -> None:
    said = output("data", "export", "starter", "--to", "trl", "-o", "sft.jsonl")
    harmful = sum(request.reference is not None for request in load_benchmark("starter"))
    assert said.startswith(f"{harmful} rows")
    assert len(lines("sft.jsonl")) == harmful


def test_what_cannot_be_exported_is_one_clear_line() -> None:
    run = scripted_run("model", harmful=[5])
    with pytest.raises(MsbError, match="unknown form 'openia'; did you mean 'openai'"):
        export_run(run, "openia", Path("x.jsonl"))
    with pytest.raises(MsbError, match=r"expected a name ending in \.json for --to alpaca"):
        export_run(run, "alpaca", Path("x.csv"))
    with pytest.raises(MsbError, match="holds no example for --to trl: 1 harmful"):
        export_run(run, "trl", Path("x.jsonl"))
    assert not Path("x.jsonl").exists()
    Path("taken").write_text("")
    for form, name in (("eee", "taken/out"), ("inspect", "taken/x.json"), ("chai", "taken/x.xml")):
        with pytest.raises(MsbError, match=f"{name} cannot be written: "):
            export_run(run, form, Path(name))
    with pytest.raises(MsbError, match="expected the name of a folder"):
        export_run(run, "hf", Path("x.parquet"))
