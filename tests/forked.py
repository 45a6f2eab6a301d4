"""Real ``msb`` processes that need not import torch again: forks of one that has.

Each is a process of its own, with its own store connections, signals and death; only the five
seconds of imports are shared. It begins with neither threads nor weights.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["torch", "trl", "medsafetybench.improvement.trainer"])


@dataclass(frozen=True)
class Ended:
    """An ``msb`` process that has ended: its exit code and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def start(*arguments: str | Path, out: Path, script: Path | None = None) -> BaseProcess:
    """``msb ARGUMENTS``, begun; what it prints goes to OUT/stdout and OUT/stderr.

    A ``script`` is executed in the process before the command is.
    """
    given = [str(argument) for argument in arguments]
    process = _CONTEXT.Process(target=_carry_out, args=(given, dict(os.environ), out, script))
    process.start()
    return process


def run(*arguments: str | Path, script: Path | None = None) -> Ended:
    """``msb ARGUMENTS``, once it has ended."""
    with TemporaryDirectory() as folder:
        out = Path(folder)
        process = start(*arguments, out=out, script=script)
        process.join()
        assert process.exitcode is not None
        return Ended(process.exitcode, *((out / n).read_text() for n in ("stdout", "stderr")))


def _carry_out(
    arguments: list[str], environment: dict[str, str], out: Path, script: Path | None
) -> Any:
    """In the new process: its environment, what it prints to, and the command."""
    os.environ.clear()
    os.environ.update(environment)
    for stream, name in ((sys.stdout, "stdout"), (sys.stderr, "stderr")):
        with open(out / name, "w") as file:
            os.dup2(file.fileno(), stream.fileno())
    from medsafetybench.cli import main

    if script is not None:
        exec(compile(script.read_text(), str(script), "exec"), {})
    sys.argv = ["msb", *arguments]
    main()
