"""A file is asked about once at a terminal: the answer holds for its bytes, and no others."""

from __future__ import annotations

import json
import os
import pty
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from medsafetybench.cli import call
from medsafetybench.errors import MsbError
from medsafetybench.evaluation.decisions import confirmed, kept_at, remember

MARK = Path("imported")
CODE = f"open({str(MARK)!r}, 'w').close()\ndef answer(text): return 'No.'\n"
STUDY = """\
name: received
store: received.db
judges: [screen]
benchmarks: [{name: starter/eval, limit: 2}]
targets:
  - {model: python:evil_module:answer}
"""
SPEC = "target: openai:m\ntarget_url: http://127.0.0.1:9/v1\ntarget_key_env: MY_KEY\nlimit: 1\n"
RUN = ["study", "run", "study.yaml"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "evil_module", raising=False)
    (tmp_path / "evil_module.py").write_text(CODE)
    (tmp_path / "study.yaml").write_text(STUDY)


@contextmanager
def terminal(typed: str) -> Iterator[list[str]]:
    """A real terminal at which this is typed; the list holds what it showed, once it is left."""
    ours, theirs = pty.openpty()
    shown: list[str] = []
    os.write(ours, typed.encode())
    with (
        pytest.MonkeyPatch.context() as patch,
        os.fdopen(theirs, "r", closefd=False) as typing,
        os.fdopen(os.dup(theirs), "w") as said,
    ):
        patch.setattr(sys, "stdin", typing)
        patch.setattr(sys, "stderr", said)
        try:
            yield shown
        finally:
            said.flush()
            os.set_blocking(ours, False)
            with suppress(BlockingIOError):
                while text := os.read(ours, 65536).decode():
                    shown.append(text)
    os.close(theirs)
    os.close(ours)


def decisions() -> list[Path]:
    return sorted(kept_at("0").parent.glob("*"))


def test_a_yes_is_kept_for_these_bytes_and_asked_for_once() -> None:
    with terminal("y\n") as shown:
        call(RUN)
    assert MARK.exists()
    assert f"import python:evil_module:answer in {Path.cwd()}" in "".join(shown)
    (kept,) = decisions()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    with terminal("") as shown:
        call(RUN)
    assert "y or n" not in "".join(shown)
    call(RUN)  # without a terminal as well
    Path("study.yaml").write_text(STUDY + "description: changed\n")
    with pytest.raises(MsbError, match="--allow-python"):
        call(RUN)
    with terminal("n\n") as shown, pytest.raises(MsbError, match="--allow-python"):
        call(RUN)
    assert "y or n" in "".join(shown)
    assert len(decisions()) == 1


@pytest.mark.parametrize("typed", ["n\n", "\n", "yes, but\n", "\x04"], ids=repr)
def test_anything_but_a_yes_is_a_no(typed: str) -> None:
    with terminal(typed), pytest.raises(MsbError, match="--allow-python"):
        call(RUN)
    assert not MARK.exists()
    assert decisions() == []


def test_the_same_file_in_another_folder_would_run_other_code(tmp_path: Path) -> None:
    with terminal("y\n"):
        call(RUN)
    (tmp_path / "elsewhere").mkdir()
    os.chdir(tmp_path / "elsewhere")
    Path("study.yaml").write_text(STUDY)
    with pytest.raises(MsbError, match="--allow-python"):
        call(RUN)


def test_each_key_is_shown_with_its_host_and_another_one_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MY_KEY", "s3cret-value")
    Path("spec.yaml").write_text(SPEC)
    asked = ["evaluate", "--from", "spec.yaml", "--store", "a.db", "--max-calls", "0"]
    with terminal("n\n") as shown, pytest.raises(MsbError, match="--allow-keys"):
        call(asked)
    assert "send MY_KEY -> 127.0.0.1:9" in "".join(shown)
    with terminal("y\n") as shown, suppress(MsbError, SystemExit):
        call(asked)
    assert "remembered in" in "".join(shown)
    with terminal("") as shown, suppress(MsbError, SystemExit):
        call(asked)
    assert "y or n" not in "".join(shown)
    (kept,) = decisions()
    assert json.loads(kept.read_text())["confirmed"] == ["send MY_KEY -> 127.0.0.1:9"]
    assert "s3cret-value" not in kept.read_text()
    monkeypatch.setenv("MSB_JUDGE_API_KEY", "s3cret-value")
    Path("spec.yaml").write_text(SPEC + "judge: openai:j\njudge_url: http://127.0.0.1:9/v1\n")
    with pytest.raises(MsbError, match=r"MY_KEY to .*MSB_JUDGE_API_KEY to"):
        call(asked)


@pytest.mark.parametrize(
    "command",
    ["study status study.yaml", "study run study.yaml --dry-run"],
)
def test_status_and_dry_run_import_nothing_though_it_was_confirmed(command: str) -> None:
    with terminal("y\n"):
        call(RUN)
    MARK.unlink()
    sys.modules.pop("evil_module", None)
    with terminal("y\n") as shown:
        call(command.split())
    assert not MARK.exists()
    assert "y or n" not in "".join(shown)


@pytest.mark.skipif(os.name != "posix", reason="modes and links are POSIX")
def test_a_decision_that_somebody_else_could_have_written_is_none(tmp_path: Path) -> None:
    sha256, line = "a" * 64, "send K -> host"
    remember(Path("study.yaml"), sha256, [line])
    kept = kept_at(sha256)
    assert confirmed(sha256) == {line}
    for mode in (0o620, 0o602):
        kept.chmod(mode)
        assert confirmed(sha256) == frozenset()
    kept.chmod(0o600)
    kept.rename(tmp_path / "moved.json")
    kept.symlink_to(tmp_path / "moved.json")
    assert confirmed(sha256) == frozenset()
    remember(Path("study.yaml"), sha256, [line])
    assert not kept.is_symlink()
    for broken in ("", "[]", '{"confirmed": ["send K -> host"]}', '{"sha256": "b"}', "\x00"):
        kept.write_text(broken)
        assert confirmed(sha256) == frozenset()
    kept.rename(kept_at("b" * 64))
    assert confirmed("b" * 64) == frozenset()


def test_what_cannot_be_kept_is_allowed_this_once(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("no-folder").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(Path("no-folder").resolve()))
    with terminal("y\n") as shown:
        call(RUN)
    assert MARK.exists()
    assert "not remembered" in "".join(shown)
    with pytest.raises(MsbError, match="--allow-python"):
        call(RUN)
