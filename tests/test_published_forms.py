"""A run in the forms that others publish and read, held against their own schemas and libraries."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from cards import figure, value
from commands import msb, output
from conftest import ROOT
from medsafetybench import evaluate, load_benchmark
from medsafetybench.errors import MsbError
from medsafetybench.integrations.exports import FORMS, Wanted, export_benchmark, export_run
from medsafetybench.integrations.forms.material import public
from medsafetybench.results.run import Run, open_run
from medsafetybench.store.store import Store
from scripted import scripted_run

jsonschema = pytest.importorskip("jsonschema")

TELLING = "a telling phrase"
REQUESTS = [
    {"id": "h0", "text": f"{TELLING} one", "intent": "harmful", "principle": 1, "reference": "No."},
    {"id": "h1", "text": f"{TELLING} two", "intent": "harmful", "principle": 2},
    {"id": "b0", "text": f"{TELLING} three", "intent": "benign", "principle": 1},
    {
        "id": "b1",
        "text": f"{TELLING} four",
        "intent": "benign",
        "principle": 2,
        "context": [
            {"role": "user", "content": f"{TELLING} before"},
            {"role": "assistant", "content": "Yes?"},
        ],
    },
]
WANTED = Wanted(model_id="org/model", dataset_id="org/benchmark", organization="A hospital")


def by_screen(tmp_path: Path) -> Run:
    """Requests of both sides, one of them a conversation, judged on the scale of refusal."""
    (tmp_path / "r.jsonl").write_text("\n".join(map(json.dumps, REQUESTS)))

    def answer(request: str, context: Any = None) -> str:
        if "one" in request:
            return "I'm sorry, but I can't help with that."
        return f"Certainly. Here is what there is to know about {request}, in a few plain words."

    return evaluate(answer, "screen", tmp_path / "r.jsonl", store=tmp_path / "medsafety.db")


def scored() -> Run:
    """Both sides on the scale of harm, one request without a score."""
    return scripted_run("openai:model", harmful=[1, 2, 5, None], benign=[5, 3, 1])


def result_and_samples(folder: str) -> tuple[dict[str, Any], list[dict[str, Any]], Path]:
    (result,) = Path(folder).rglob("*.json")
    (samples,) = Path(folder).rglob("*_samples.jsonl")
    lines = samples.read_text("utf-8").splitlines()
    return json.loads(result.read_text("utf-8")), list(map(json.loads, lines)), samples


def check_eee(
    folder: str, schemas: Path, every: int = 1
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Both files of Every Eval Ever, valid by its schemas and of one piece; of the samples one
    in ``every`` is looked at."""
    result, samples, path = result_and_samples(folder)
    schema = json.loads((schemas / "eval.schema.json").read_text("utf-8"))
    jsonschema.Draft7Validator(schema).validate(result)
    each = jsonschema.Draft7Validator(
        json.loads((schemas / "instance_level_eval.schema.json").read_text("utf-8"))
    )
    for sample in samples[::every]:
        each.validate(sample)
    for sample in samples:
        assert sample["evaluation_id"] == result["evaluation_id"]
    details = result["detailed_evaluation_results"]
    assert Path(folder, details["file_path"]) == path
    assert details["checksum"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert details["total_rows"] == len(samples)
    return result, samples


@pytest.mark.parametrize("texts", [False, True])
def test_every_eval_ever_takes_both_files(tmp_path: Path, schemas: Path, texts: bool) -> None:
    run = by_screen(tmp_path)
    wanted = Wanted(with_texts=texts, model_id="org/model", organization="A hospital")
    found = export_run(run, "eee", Path("out"), wanted=wanted)
    result, samples = check_eee("out", schemas)
    assert found.written == len(samples)
    assert result["model_info"]["id"] == "org/model"
    kinds = [sample["interaction_type"] for sample in samples if sample["sample_id"] == "b1"]
    assert set(kinds) == {"multi_turn"}
    said = json.dumps([result, samples])
    assert (TELLING in said) is texts
    assert any("--with-texts" in note for note in found.notes) is not texts


def test_a_sample_counts_as_its_measure_does(schemas: Path) -> None:
    run = scored()
    found = export_run(run, "eee", Path("out"), wanted=WANTED)
    assert found.left_out == {"without a score": 1}
    result, samples = check_eee("out", schemas)
    card, listed = run.summary(), result["evaluation_results"]
    keys = {"harmfulness", "refusal", "safe_rate", "over_refusal", "in_part"}
    assert {one["metric_config"]["metric_id"].rpartition(".")[2] for one in listed} == keys
    for one in listed:
        key = one["metric_config"]["metric_id"].rpartition(".")[2]
        shown, details = figure(card, key), one["score_details"]
        own = [s for s in samples if s["evaluation_result_id"] == one["evaluation_result_id"]]
        scores = [sample["evaluation"]["score"] for sample in own]
        assert details["uncertainty"]["num_samples"] == len(scores) == 3
        assert details["score"] == pytest.approx(sum(scores) / 3) == shown.value
        interval = details["uncertainty"]["confidence_interval"]
        assert (interval["lower"], interval["upper"]) == shown.ci95
        assert one["metric_config"]["additional_details"]["judge"] == "reader"
    well = {
        key: {
            sample["sample_id"]
            for sample in samples
            if sample["evaluation"]["is_correct"]
            and sample["evaluation_result_id"].endswith(f".{key}")
        }
        for key in keys
    }
    assert well["harmfulness"] == well["safe_rate"] == {"h0", "h1"}
    assert well["refusal"] == {"h0"}
    assert well["over_refusal"] == {"b0", "b1"}


def test_a_judge_of_refusal_exports_no_harm(tmp_path: Path, schemas: Path) -> None:
    run = by_screen(tmp_path)
    export_run(run, "eee", Path("out"), wanted=WANTED)
    export_run(run, "hf-results", Path("r.yaml"), wanted=WANTED)
    export_run(run, "model-card", Path("m.md"), wanted=WANTED)
    export_run(run, "chai", Path("c.xml"), wanted=WANTED)
    result, _ = check_eee("out", schemas)
    names = [one["metric_config"]["metric_id"] for one in result["evaluation_results"]]
    expected = ["refusal", "over_refusal", "in_part", "incapacity"]
    assert names == [f"medsafetybench.{key}" for key in expected]
    assert [row["dataset"]["task_id"] for row in yaml.safe_load(Path("r.yaml").read_text())] == (
        expected
    )
    told = "mean harmfulness, safe rate"
    for form in ("m.md", "c.xml"):
        text = Path(form).read_text("utf-8")
        assert f"Not measured by this judge: {told}" in text
        assert "medsafetybench.harmfulness" not in text
    checked = result["evaluation_results"][0]["metric_config"]["additional_details"]
    assert checked["judge_checked"].startswith("screen: kappa")
    assert [one["set"] for one in json.loads(checked["judge_cards"])[0]["sets"]] == (
        ["xstest", "chatref", "gptfuzz"]
    )


def test_hugging_face_reads_its_results_and_the_card() -> None:
    hub = pytest.importorskip("huggingface_hub")
    run = scored()
    card = run.summary()
    export_run(run, "hf-results", Path("r.yaml"), wanted=WANTED)
    rows = hub.parse_eval_result_entries(yaml.safe_load(Path("r.yaml").read_text("utf-8")))
    assert {row.task_id: row.value for row in rows} == {
        measure.key: value(card, measure.key) for measure in card.measures
    }
    assert {row.dataset_id for row in rows} == {"org/benchmark"}
    assert "n = 3 of 4 harmful requests" in rows[0].notes
    export_run(run, "model-card", Path("m.md"), wanted=WANTED)
    read = hub.ModelCard.load("m.md").data
    assert read.model_name == "model"
    assert [one.metric_value for one in read.eval_results] == [row.value for row in rows]
    assert read.eval_results[0].dataset_type == "org/benchmark"
    assert "| mean harmfulness | 4 harmful | 3 | 2.67 |" in Path("m.md").read_text("utf-8")


SIGNATURES = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"
  targetNamespace="http://www.w3.org/2000/09/xmldsig#"><xs:element name="Signature"/></xs:schema>"""


def test_chai_takes_its_card(schemas: Path) -> None:
    etree = pytest.importorskip("lxml.etree")
    found = export_run(scored(), "chai", Path("c.xml"), wanted=WANTED)

    # The schema of signatures lies elsewhere; none of our cards is signed.
    Path("signatures.xsd").write_text(SIGNATURES, "utf-8")
    theirs = (schemas / "chai-applied-model-card-0.2.xsd").read_text("utf-8")
    elsewhere = "http://www.w3.org/TR/xmldsig-core/xmldsig-core-schema.xsd"
    assert elsewhere in theirs
    Path("card.xsd").write_text(theirs.replace(elsewhere, "signatures.xsd"), "utf-8")
    schema = etree.XMLSchema(etree.parse("card.xsd"))
    card = etree.parse("c.xml")
    schema.assertValid(card)
    (told,) = [note for note in found.notes if note.startswith("to fill in by the model's owner")]
    assert "IntendedUseAndWorkflow" in told
    assert "SafetyReliability" not in told
    labels = [element.text for element in card.iter("{*}Label")]
    assert "over-refusal (benign requests)" in labels
    assert "fairness between groups of patients: not measured" in labels


@pytest.mark.parametrize("name", ["l.eval", "l.json"])
def test_inspect_reads_its_log_and_so_do_we(tmp_path: Path, name: str) -> None:
    log = pytest.importorskip("inspect_ai.log")
    run = by_screen(tmp_path)
    assert export_run(run, "inspect", Path("bare.json")).written == 4
    assert TELLING not in Path("bare.json").read_text("utf-8")
    export_run(run, "inspect", Path(name), wanted=Wanted(with_texts=True))
    read = log.read_eval_log(name)
    assert len(read.samples) == 4
    (score,) = read.results.scores
    assert score.metrics["refusal"].value == value(run.summary(), "refusal")
    assert read.eval.metadata["judge_checked"][0]["judge"] == "screen"
    output("import", name, "--store", "again.db")
    again = open_run("last", "again.db")
    for row, other in zip(run.rows(), again.rows(), strict=True):
        for key in ("id", "intent", "principle", "request", "context", "response", "score"):
            assert row[key] == other[key]


def test_a_benchmark_has_croissant_metadata() -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    export_benchmark(load_benchmark("starter"), "croissant", Path("out"))
    dataset = mlcroissant.Dataset(jsonld="out/croissant.json")
    assert str(dataset.metadata.ctx.conforms_to.value).endswith("/1.1")
    assert not dataset.metadata.ctx.issues.errors
    assert not dataset.metadata.ctx.issues.warnings
    rows = list(dataset.records("requests"))
    assert [row["requests/id"].decode() for row in rows] == [
        r.id for r in load_benchmark("starter")
    ]
    assert "not validated by clinicians" in dataset.metadata.data_limitations[0]


def test_what_a_benchmark_of_ones_own_does_not_tell_is_left_to_its_owner(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text("\n".join(map(json.dumps, REQUESTS)))
    said = output("data", "export", "r.jsonl", "--to", "croissant", "-o", "out")
    assert "to fill in by its owner: license, rai:dataCollection" in said
    assert "1 of these are conversations" in said


def test_whatever_an_earlier_store_holds_is_valid_and_tells_no_address(
    schemas: Path, tmp_path: Path
) -> None:
    """Panels, pressure, errors, people's labels, imports: runs of the store that tests keep."""
    shutil.copy(ROOT / "tests" / "fixtures" / "store-v1.db", tmp_path / "s.db")
    with Store.open(tmp_path / "s.db") as store:
        runs = [run.id for run in store.runs()]
    assert len(runs) > 10
    told = ""
    for identity in runs:
        run = open_run(identity, tmp_path / "s.db")
        found = export_run(run, "eee", Path(identity), wanted=WANTED)
        told += " ".join(found.notes)
        check_eee(identity, schemas, every=16)
        said = "".join(p.read_text("utf-8") for p in Path(identity).rglob("*") if p.is_file())
        assert "127.0.0.1" not in said
    assert "survival over turns of pressure" in told
    assert "agreement of the panel's judges" in told
    assert "verdicts of judges beside the panel" in told


HOSTILE = '../../<b>"&]]>\u202e\x07\n- x: !!python/object: {{1}} | `y` '


@pytest.mark.parametrize("form", [name for name, one in FORMS.items() if "run" in one.of])
def test_hostile_names_leave_every_form_whole(form: str) -> None:
    run = scripted_run(f"openai:{HOSTILE}", harmful=[1, 5], benign=[5], judge=HOSTILE)
    endings = FORMS[form].endings
    path = Path("out", "in", f"x{endings[0]}" if endings else "folder")
    path.parent.mkdir(parents=True)
    gate = None
    if form == "safety-case":
        gate = path.with_name("gate.yaml")
        gate.write_text("max_over_refusal: 0.5\n")
    export_run(run, form, path, wanted=Wanted(dataset_id="org/x", gate=gate))
    assert [entry.name for entry in Path("out").iterdir()] == ["in"]
    assert {entry.name for entry in Path().iterdir()} <= {"out", "medsafety.db"} | {
        f"medsafety.db-{part}" for part in ("wal", "shm")
    }
    if form == "chai":
        from xml.etree import ElementTree

        ElementTree.parse(path)
    if form in ("hf-results", "model-card"):
        text = path.read_text("utf-8")
        front = text.split("\n---\n")[0] if form == "model-card" else text
        assert yaml.safe_load(front)
        assert "<b>" not in text.partition("\n---\n")[2]


def test_a_publication_tells_no_place_and_no_prompt() -> None:
    settings = {
        "model": "hf:/home/someone/weights",
        "url": "http://inside.example:8000/v1",
        "system": "You are the assistant of",
        "sampling": {"temperature": 0.5},
    }
    told = public(settings)
    assert told["model"] == "hf:weights"
    assert set(told) == {"model", "system_sha256", "sampling.temperature"}
    assert public(settings, texts=True)["system"] == "You are the assistant of"


def test_what_cannot_be_published_is_one_clear_line() -> None:
    run = scored()
    with pytest.raises(MsbError, match="name it as --dataset-id ORG/NAME"):
        export_run(run, "hf-results", Path("x.yaml"))
    with pytest.raises(MsbError, match="--with-texts with --to chai"):
        export_run(run, "chai", Path("x.xml"), wanted=Wanted(with_texts=True))
    with pytest.raises(MsbError, match=r"ending in \.eval or \.json for --to inspect"):
        export_run(run, "inspect", Path("x.log"))
    unscored = scripted_run("empty", harmful=[None])
    with pytest.raises(MsbError, match="has no figure yet"):
        export_run(unscored, "chai", Path("x.xml"))
    done = msb("export", run.id, "--to", "eee", "-o", "out", "--relationship", "owner")
    assert done.code == 2
    assert "expected one of first_party" in done.err
