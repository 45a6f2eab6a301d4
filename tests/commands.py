"""Carrying out commands in this process, where starting a new one costs more than the test."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

from medsafetybench.cli import main


@dataclass(frozen=True)
class Done:
    """A command that has ended: its exit code, and what it printed."""

    code: int
    out: str
    err: str


def called(*arguments: str) -> int:
    """The exit code of ``msb ARGUMENTS``, which prints where standard output is."""
    # What was imported from this folder would be another test's code by the same name.
    with (
        patch.object(sys, "argv", ["msb", *arguments]),
        patch.object(sys, "path", sys.path.copy()),
        modules_forgotten(Path.cwd()),
    ):
        try:
            main()
        except SystemExit as exit:
            return exit.code if isinstance(exit.code, int) else 1 if exit.code else 0
    return 0


@contextmanager
def modules_forgotten(folder: Path) -> Iterator[None]:
    """Modules that lie in a folder are imported anew each time."""
    try:
        yield
    finally:
        for name, module in list(sys.modules.items()):
            if Path(getattr(module, "__file__", None) or "/").is_relative_to(folder):
                del sys.modules[name]


def msb(*arguments: str, typed: str | None = None, **environment: str) -> Done:
    """What ``msb ARGUMENTS`` does, told this on standard input."""
    with (
        redirect_stdout(StringIO()) as out,
        redirect_stderr(StringIO()) as err,
        patch.object(sys, "stdin", StringIO(typed or "")),
        patch.dict(os.environ, environment),
    ):
        code = called(*arguments)
    return Done(code, out.getvalue(), err.getvalue())


def of_before(found: Any, said: Any) -> Any:
    """Of an object that is printed today, what was printed already then."""
    if isinstance(said, dict):
        return {name: of_before(found[name], said[name]) for name in said}
    if isinstance(said, list):
        return [of_before(*both) for both in zip(found, said, strict=True)]
    return found


def output(*arguments: str, typed: str | None = None) -> str:
    """What a command prints that succeeds."""
    done = msb(*arguments, typed=typed)
    assert done.code == 0, done.err
    return done.out
