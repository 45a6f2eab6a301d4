"""A file of settings runs no code and sends no key unless whoever runs it has said so."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from medsafetybench.cli import call
from medsafetybench.errors import MsbError
from medsafetybench.evaluation.allowed import Allowed, keys_of
from medsafetybench.evaluation.spec import EvaluationSpec
from medsafetybench.studies import read_study
from medsafetybench.studies.running import evaluations, prepared

MARK = Path("imported")
CODE = f"open({str(MARK)!r}, 'w').close()\ndef answer(text): return 'No.'\n"
STUDY = """\
name: received
store: received.db
judges: [screen]
benchmarks: [{name: starter/eval, limit: 2}]
targets:
"""
PYTHON = "  - {model: python:evil_module:answer}\n"
KEY = "  - {model: openai:m, url: https://collects.example/v1, key_env: AWS_SECRET}\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a module that leaves a mark when it is imported."""
    monkeypatch.setenv("AWS_SECRET", "s3cret-value")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "evil_module", raising=False)
    (tmp_path / "evil_module.py").write_text(CODE)
    (tmp_path / "study.yaml").write_text(STUDY + PYTHON)
    (tmp_path / "spec.yaml").write_text("target: python:evil_module:answer\nlimit: 2\n")


@pytest.mark.parametrize(
    "command",
    [
        "study run study.yaml",
        "study run study.yaml --dry-run",
        "study status study.yaml",
        "study status study.yaml --json",
        "evaluate --from spec.yaml",
        "evaluate --from spec.yaml --dry-run",
        "evaluate --from spec.yaml --judge screen",
    ],
)
def test_a_file_imports_nothing_by_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = ""
    try:
        call(command.split())
    except MsbError as error:
        said = str(error)
    assert "--allow-python" in said + "".join(capsys.readouterr())
    assert not MARK.exists()


def test_what_the_command_line_allows_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    call(["study", "run", "study.yaml", "--allow-python"])
    assert MARK.exists()
    call(["study", "status", "study.yaml", "--allow-python"])
    assert "0 not ready" in capsys.readouterr().out


def test_a_target_that_was_typed_needs_no_leave() -> None:
    call("evaluate --from spec.yaml --target python:evil_module:answer --store a.db".split())
    assert MARK.exists()


def test_code_that_a_model_brings_along() -> None:
    model = "  - {model: hf:demo, trust_remote_code: true}\n"
    for entry in (model, f"{model}defaults: {{trust_remote_code: true}}\n"):
        Path("study.yaml").write_text(STUDY + entry)
        study = read_study("study.yaml")
        with (
            pytest.raises(MsbError, match="--trust-remote-code"),
            prepared(evaluations(study)[0], None),
        ):
            pass
    Path("spec.yaml").write_text("target: hf:demo\nlimit: 1\njudge_trust_remote_code: [true]\n")
    with pytest.raises(MsbError, match="--trust-remote-code"):
        call(["evaluate", "--from", "spec.yaml", "--dry-run"])


def test_a_key_goes_nowhere_that_a_file_says(capsys: pytest.CaptureFixture[str]) -> None:
    Path("study.yaml").write_text(STUDY + KEY)
    with pytest.raises(MsbError) as error:
        call(["study", "run", "study.yaml"])
    assert "AWS_SECRET to collects.example" in str(error.value)
    assert "key AWS_SECRET -> collects.example" in capsys.readouterr().err
    Path("spec.yaml").write_text("target: openai:m\ntarget_url: https://collects.example/v1\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MSB_TARGET_API_KEY", "s3cret-value")
        with pytest.raises(MsbError, match=r"MSB_TARGET_API_KEY to collects\.example"):
            call(["evaluate", "--from", "spec.yaml"])
    assert "s3cret-value" not in "".join(capsys.readouterr())


def test_pairs_of_keys_and_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    def pairs(**told: object) -> list[tuple[str, str]]:
        return keys_of(EvaluationSpec("openai:m", **told))  # type: ignore[arg-type]

    usual = {"judge": "screen"}
    assert pairs(**usual) == []
    assert pairs(**usual, target_key_env="OPENAI_API_KEY") == []
    openai = {"target_key_env": "OPENAI_API_KEY", "target_url": "http://api.openai.com/v1"}
    assert pairs(**usual, **openai) == [("OPENAI_API_KEY", "api.openai.com")]
    monkeypatch.setenv("MSB_JUDGE_API_KEY", "x")
    both = pairs(judge=["openai:a", "openai:b"], judge_url=["http://a:1/v1", "http://b:2/v1"])
    assert both == [("MSB_JUDGE_API_KEY", "a:1"), ("MSB_JUDGE_API_KEY", "b:2")]
    with pytest.raises(MsbError, match="--allow-keys"):
        Allowed().to_ask(EvaluationSpec("hf:demo", judge="openai:j", judge_url="http://a:1/v1"))
    Allowed(keys=True).to_ask(EvaluationSpec("hf:demo", judge="openai:j"))
