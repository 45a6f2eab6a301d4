"""Real ``msb`` processes that need not import anything again: forks of one that has.

Each is a process of its own, with its own store connections, signals and death; only the seconds of
imports are shared. It begins with neither threads nor weights.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory

_CONTEXT = multiprocessing.get_context("forkserver")
# TRL, transformers and PEFT import most of what they need late: these have it.
_CONTEXT.set_forkserver_preload(
    ["trl.trainer.sft_trainer", "medsafetybench.improvement.trainer", "medsafetybench.cli.evaluate"]
)


@dataclass(frozen=True)
class Ended:
    """An ``msb`` process that has ended: its exit code and what it printed."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Running:
    """An ``msb`` process that goes on by itself."""

    process: BaseProcess
    printed: TemporaryDirectory[str] = field(repr=False)

    def alive(self) -> bool:
        """Whether it has not ended."""
        return self.process.is_alive()

    def kill(self) -> None:
        """End it as SIGKILL does, if it has not ended."""
        self.process.kill()
        self.process.join()
        self.printed.cleanup()

    def interrupt(self, signal: int) -> None:
        """Send it a signal."""
        assert self.process.pid is not None
        os.kill(self.process.pid, signal)

    def ended(self, timeout: float = 60) -> Ended:
        """What became of it; fails if it takes longer than so many seconds."""
        self.process.join(timeout)
        assert self.process.exitcode is not None, f"no end in {timeout} s"
        files = (Path(self.printed.name) / name for name in ("stdout", "stderr"))
        said = (file.read_text() if not file.is_symlink() else "" for file in files)
        ended = Ended(self.process.exitcode, *said)
        self.printed.cleanup()
        return ended


def start(
    *arguments: str | Path, script: Path | None = None, shown_on: str | Path | None = None
) -> Running:
    """``msb ARGUMENTS``, begun in this folder; a ``script`` is executed in the process first.

    ``shown_on`` is a terminal or a named pipe that it prints on, instead of a file.
    """
    printed = TemporaryDirectory()
    if shown_on is not None:
        (Path(printed.name) / "stdout").symlink_to(shown_on)
    given = [str(argument) for argument in arguments]
    told = (given, dict(os.environ), Path.cwd(), Path(printed.name), script)
    process = _CONTEXT.Process(target=_carry_out, args=told)
    process.start()
    return Running(process, printed)


def run(*arguments: str | Path, script: Path | None = None) -> Ended:
    """``msb ARGUMENTS``, once it has ended."""
    return start(*arguments, script=script).ended(timeout=300)


def _carry_out(
    arguments: list[str],
    environment: dict[str, str],
    folder: Path,
    printed: Path,
    script: Path | None,
) -> None:
    """In the new process: its environment, what it prints to, and the command."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, name in ((1, "stdout"), (2, "stderr")):
        with (printed / name).open("w") as file:
            os.dup2(file.fileno(), number)
        setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", closefd=False))
    from medsafetybench.cli import main

    if script is not None:
        exec(compile(script.read_text(), str(script), "exec"), {})
    sys.argv = ["msb", *arguments]
    main()
