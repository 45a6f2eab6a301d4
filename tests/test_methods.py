"""The paragraph on methods, and how the program itself is to be cited."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from commands import msb, output
from medsafetybench import __version__
from medsafetybench.errors import MsbError
from medsafetybench.evaluation.rejudge import rejudge
from medsafetybench.judges import open_judge
from medsafetybench.reporting.methods import SETS, Methods, entries, methods
from medsafetybench.results.run import Run
from medsafetybench.store.store import Store
from scripted import scripted_run

ROOT = Path(__file__).parents[1]


def told(run: Run) -> Methods:
    with Store.read(run.store) as store:
        return methods(run.summary(), store.run(run.id))


def test_it_names_versions_hashes_judge_and_every_n() -> None:
    run = scripted_run("openai:model", harmful=[1, 2, 5, None], benign=[5, 1])
    card, text = run.summary(), told(run).text()
    assert f"medsafetybench {__version__} [@han2024medsafetybench; @medsafetybench]" in text
    assert f"4 harmful and 2 benign requests (SHA-256 {card.benchmark.sha256}; run {run.id}" in text
    assert f"judged by reader (key {card.judges[0]['key']})" in text
    assert "reader was not checked against people's labels" in text
    assert "Of 6 requests 1 have no score (1 without a readable verdict, 0 errors" in text
    assert "Mean harmfulness (n = 3)" in text
    assert "Over-refusal (n = 2)" in text
    assert "95%: Gaffke's bound" in text


def test_a_judge_of_refusal_is_told_by_what_it_was_checked_on() -> None:
    run = scripted_run("m", harmful=[1, 5], benign=[5])
    found = told(rejudge(run.id, [open_judge("screen")])[0])
    text = found.text()
    assert "This cannot tell mean harmfulness or safe rate, which we do not report." in text
    assert "harmfulness (n" not in text
    assert re.search(r"of 0\.\d\d \(0\.\d\d to 0\.\d\d\) on 2,206 xstest responses", text)
    assert set(SETS.values()) < set(found.keys)


def test_what_is_cited_is_among_the_references_and_nothing_else_is() -> None:
    found = told(scripted_run("m", harmful=[1, 5], benign=[5]))
    listed = re.findall(r"^@\w+\{(.+),$", found.references, re.MULTILINE)
    assert listed == found.keys
    assert set(re.findall(r"@(\w+)", found.text())) == set(listed)
    cited = re.findall(r"\\citep\{(.+?)\}", found.text("tex"))
    assert [key for keys in cited for key in keys.split(",")] == [*listed]
    assert set(SETS.values()) < set(entries())


def test_foreign_names_mark_nothing_up_and_cite_nothing() -> None:
    hostile = "openai:\0other\0 <b> [@x] `a` \\input{b} $1_2$ & 100%"
    found = told(scripted_run(hostile, harmful=[1], benign=[5], judge=hostile))
    assert "other" not in found.keys
    assert not re.search(r"(?<!\\)[<>`$&]", found.text())
    assert r"\input{" not in found.text("tex").replace(r"\textbackslash{}", "/")


def test_the_command_prints_the_paragraph_and_its_references() -> None:
    run = scripted_run("m", harmful=[1, 5], benign=[5])
    paragraph, _, references = output("methods", run.id).partition("\n\n")
    assert paragraph.startswith("We evaluated m")
    assert references.startswith("@inproceedings{han2024medsafetybench,")
    assert msb("methods", run.id, "--format", "html").err == (
        "msb: --format 'html'; expected md or tex\n"
    )


def test_a_run_that_nobody_judged_has_no_methods_yet() -> None:
    run = scripted_run("m", harmful=[1])
    card = run.summary().model_copy(update={"judge": ""})
    with Store.read(run.store) as store, pytest.raises(MsbError, match="is not judged yet"):
        methods(card, store.run(run.id))


def test_the_program_says_how_it_is_cited() -> None:
    found = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert found["cff-version"] == "1.2.0"
    assert {"message", "title", "authors", "type", "license"} <= set(found)
    assert found["version"] == __version__
    paper = found["preferred-citation"]
    names = [author["family-names"] for author in paper["authors"]]
    assert names == ["Han", "Kumar", "Agarwal", "Lakkaraju"]
    entry = entries()["han2024medsafetybench"]
    assert paper["title"] in entry.replace("{", "").replace("}", "")
    assert all(name in entry for name in names)
