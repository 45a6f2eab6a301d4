"""Terminals and machines that are not like ours: other encodings, no home, undecodable bytes."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from io import BytesIO, TextIOWrapper
from pathlib import Path
from select import select

import pytest

import commands
import forked

MSB = (sys.executable, "-m", "medsafetybench.cli")
APP = "def answer(request): return \"I'm sorry, but I can't help with that.\"\n"
REQUESTS = '{"id": "1", "text": "How?"}\n{"id": "2", "text": "Caf\u00e9 \U0001f600?"}\n'
PLAIN = ("ascii", "cp1252", "latin-1", "cp437")


@dataclass(frozen=True)
class Done:
    """A command that has ended: its exit code, and the bytes that it printed."""

    returncode: int
    stdout: bytes
    stderr: bytes


def msb(*arguments: str | bytes, encoding: str = "utf-8") -> Done:
    """A command in this folder, at a terminal of this encoding."""
    line = [os.fsdecode(argument) for argument in arguments]
    out, err = BytesIO(), BytesIO()
    with (
        redirect_stdout(TextIOWrapper(out, encoding)) as shown,
        redirect_stderr(TextIOWrapper(err, encoding, "backslashreplace")) as said,
    ):
        done = commands.called(*line)
        shown.flush()
        said.flush()
    return Done(done, out.getvalue(), err.getvalue())


def in_a_process(*arguments: str, **environment: str) -> bytes:
    """What a process of its own prints."""
    told = {**os.environ, **environment}
    return subprocess.run([*MSB, *arguments], capture_output=True, check=True, env=told).stdout


@pytest.fixture
def run() -> None:
    """A judged run in the store of this folder."""
    Path("app.py").write_text(APP, "utf-8")
    Path("in.jsonl").write_text(REQUESTS, "utf-8")
    done = msb("evaluate", "--target", "python:app:answer", "--benchmark", "in.jsonl")
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("encoding", PLAIN)
def test_a_terminal_of_another_encoding_gets_plain_signs_and_the_same_exit_code(
    encoding: str,
) -> None:
    for arguments in (("summary", "last"), ("runs",), ("summary", "--help"), ("doctor",)):
        usual, done = msb(*arguments), msb(*arguments, encoding=encoding)
        assert (done.returncode, done.stderr) == (usual.returncode, usual.stderr)
        assert len(done.stdout.splitlines()) == len(usual.stdout.splitlines())
        assert b"?" not in done.stdout.replace(b"?", b"", usual.stdout.count(b"?"))


@pytest.mark.usefixtures("run")
def test_a_process_told_of_another_encoding_prints_the_same() -> None:
    assert in_a_process("runs", PYTHONIOENCODING="ascii") == msb("runs", encoding="ascii").stdout


GATE = ("gate", "last", "--max-over-refusal", "1", "--screen-is-enough")


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("encoding", ["utf-8", *PLAIN])
def test_a_gate_decides_alike_whatever_the_terminal(encoding: str) -> None:
    passes = msb(*GATE, encoding=encoding)
    fails = msb("gate", "last", "--min-n", "5", encoding=encoding)
    assert b"Traceback" not in passes.stderr + fails.stderr
    usual = msb(*GATE)
    assert usual.returncode == 3
    assert passes.returncode == usual.returncode
    assert fails.returncode == msb("gate", "last", "--min-n", "5").returncode


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("encoding", ["utf-8", *PLAIN])
def test_json_is_the_same_document_whatever_the_terminal(encoding: str) -> None:
    done = msb("summary", "last", "--json", encoding=encoding)
    usual = msb("summary", "last", "--json", encoding="utf-8")
    assert json.loads(done.stdout.decode(encoding)) == json.loads(usual.stdout)


@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate", "--target", "openai:m", "--system", b"caf\xe9"],
        ["evaluate", "--target", b"openai:caf\xe9"],
        ["evaluate", "--target", "openai:m", "--benchmark", b"caf\xe9.csv"],
        ["summary", b"\xff"],
        [b"summ\xff"],
        ["gate", "last", "--store", b"\xe9.db"],
    ],
)
def test_bytes_that_are_no_text_are_one_line(arguments: list[str | bytes]) -> None:
    done = msb(*arguments)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert b"is not UTF-8 text" in line
    assert b"\\x" in line, "what was given is shown"


def test_letters_of_any_language_are_text() -> None:
    done = msb("summary", "caf\u00e9", "--store", "\u6c34.db")
    assert b"is not UTF-8" not in done.stderr


NOBODY = """
import pwd
def nobody(uid): raise KeyError(f"getpwuid(): uid not found: {uid}")
pwd.getpwuid = nobody
"""


@pytest.fixture
def without_home(monkeypatch: pytest.MonkeyPatch) -> Callable[..., forked.Ended]:
    """Carries out a command as a user without a home does."""
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    Path("nobody.py").write_text(NOBODY)
    return partial(forked.run, script=Path("nobody.py"))


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    "arguments",
    [
        ["doctor"],
        ["data", "list"],
        ["runs"],
        ["summary", "last"],
        ["evaluate", "--target", "python:app:answer", "--benchmark", "in.jsonl"],
    ],
)
def test_who_has_no_home_needs_none(
    arguments: list[str], without_home: Callable[..., forked.Ended]
) -> None:
    done = without_home(*arguments)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_a_home_that_is_asked_for_and_not_there_is_one_line(
    without_home: Callable[..., forked.Ended],
) -> None:
    done = without_home("runs", "--store", "~/medsafety.db")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "set HOME, or give a whole path" in line


# Narrow terminals and pipes

NAMES = ("Rights and confidentiality", "Knowledge and consultation")


@pytest.fixture
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that draws nothing but letters."""
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("NO_COLOR", "1")


def on_screen(columns: int, *arguments: str) -> str:
    """What a command shows in a terminal of so many columns."""
    pty = pytest.importorskip("pty", reason="needs a pseudo-terminal")
    fcntl, termios = pytest.importorskip("fcntl"), pytest.importorskip("termios")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    running, shown = forked.start(*arguments, shown_on=os.ttyname(theirs)), b""
    while running.alive() or select([ours], [], [], 0)[0]:
        if select([ours], [], [], 0.02)[0]:
            shown += os.read(ours, 65_536)
    os.close(ours)
    os.close(theirs)
    assert running.ended().returncode == 0
    return shown.decode()


@pytest.fixture
def starter_run() -> None:
    """A run with a name that has no place to be folded at."""
    Path("said.py").write_text(APP, "utf-8")
    done = commands.msb("evaluate", "--target", "python:said:answer", "--benchmark", "starter/eval")
    assert done.code == 0, done.err


@pytest.mark.usefixtures("starter_run", "plain_terminal")
@pytest.mark.parametrize("columns", [40, 60])
def test_a_narrow_terminal_shows_every_name_whole(columns: int) -> None:
    shown = on_screen(columns, "runs")
    assert "python:said:answer" in shown
    assert re.search(r"run-[0-9a-f]{10}", shown)
    words = set(on_screen(columns, "summary").split())
    assert words >= set(" ".join(NAMES).split())


@pytest.mark.usefixtures("starter_run")
def test_a_pipe_gets_every_row_in_a_line() -> None:
    piped = commands.msb("runs").out.splitlines()
    assert len(piped) == 2, "a heading and a run"
    assert "starter/eval" in piped[1]
    assert any(NAMES[0] in line for line in commands.msb("summary").out.splitlines())
