"""The command line: one short file for each command; this one ties them together.

A command's file is loaded when the command is called, and imports what it needs in its body, so
that ``msb --help`` is instant.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from typing import TextIO

from cyclopts import CycloptsError

from .. import __version__
from ..errors import MsbError
from .said import say
from .terminal import as_text, plain_signs
from .usage import TABLES, commands, explain, listing

MISUSED, INTERRUPTED = 2, 130

COMMANDS = {
    "evaluate": ("evaluate:evaluate", "Ask a target, judge it, print its scorecard."),
    "batch": ("batch:app", "Calls that are out in batches: list, collect, cancel."),
    "rejudge": ("rejudge:rejudge", "Have another judge score a stored run."),
    "summary": ("summary:summary", "Print the scorecard of a run."),
    "show": ("spec:show", "What a run is made of, and its settings as a file."),
    "annotate": ("annotate:annotate", "Label responses, or import labels."),
    "judge": ("judge:app", "Check judges against people's labels."),
    "agreement": ("agreement:agreement", "How far judges and people agree."),
    "study": ("study:app", "Evaluate many targets from one file."),
    "compare": ("compare:compare", "Compare runs, request by request."),
    "leaderboard": ("leaderboard:leaderboard", "Rank runs on both sides."),
    "gate": ("gate:gate", "Hold a run to thresholds."),
    "plan": ("plan:plan", "How many requests a question takes."),
    "capability": ("capability:capability", "Measure what a model knows."),
    "pressure": ("pressure:pressure", "How long a target held out under pressure."),
    "runs": ("runs:app", "List the runs in the store; name, tag, delete them."),
    "store": ("stores:app", "Bring stores together into one."),
    "errors": ("errors:errors", "What stood in the way in a run."),
    "explore": ("explore:explore", "Read, compare and label in your browser."),
    "figures": ("figures:figures", "Draw runs, with the numbers behind them."),
    "report": ("report:report", "Write a report in one file."),
    "methods": ("methods:methods", "The paragraph on methods for a paper."),
    "site": ("site:site", "Write a leaderboard that anyone can host."),
    "submission": ("submission:submission", "Check a run that is sent in to a leaderboard."),
    "import": ("imports:import_log", "Store another tool's log as a run."),
    "export": ("export:export", "Write the rows of a run to a file."),
    "improve": ("improve:app", "Tune a model to be safer, and what that cost."),
    "sweep": ("sweep:sweep", "Tune on more and more demonstrations."),
    "data": ("data:app", "List, fetch, show, audit and export benchmarks."),
    "build": ("build:app", "Build a benchmark of your own."),
    "doctor": ("doctor:doctor", "What is installed and what is found."),
    "--install-completion": ("completion:install", "Install completion for your shell."),
    "--show-completion": ("completion:show", "Print completion for your shell."),
    "--version": ("", "Print the version."),
    "--help, -h": ("", "Print this page, or that of a command."),
}
"""Where each command is, and its line in the page of help."""

app = commands(
    "msb",
    "Define, measure and improve the medical safety of large language models.",
    COMMANDS,
    version=f"medsafetybench {__version__}",
)


def main() -> None:
    """The entry point: what a user can put right is one line and exit code 2, not a traceback."""
    try:
        plain_signs()
        warnings.showwarning = _show_warning
        _hear_notes()
        call(as_text(sys.argv[1:]))
    except CycloptsError as error:
        say(f"msb: {explain(error)}", error=True)
        sys.exit(MISUSED)
    except MsbError as error:
        say(f"msb: {error}", error=True)
        sys.exit(MISUSED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        _silence()  # the reader (head, less) has gone
        sys.exit(1)
    except RuntimeError as error:
        if "home directory" not in str(error):  # pathlib and platformdirs have no class for it
            raise
        say("msb: ~ is nobody's home here; set HOME, or give a whole path", error=True)
        sys.exit(MISUSED)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _silence()
        say(f"msb: the output cannot be written: {error.strerror}", error=True)
        sys.exit(MISUSED)


def _hear_notes() -> None:
    """What the package notes of its work, as what a model takes of memory, is a line of errors."""

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            say(record.getMessage(), error=True)

    ours = logging.getLogger(__package__.partition(".")[0])
    ours.addHandler(Lines())
    ours.setLevel(logging.INFO)
    ours.propagate = False


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A warning of ours is a line like an error; another's looks as Python has it."""
    if category.__module__.startswith(f"{__package__.partition('.')[0]}."):
        say(f"msb: {message}", error=True)
    else:
        plain = warnings.formatwarning(message, category, filename, lineno)
        say(*plain.splitlines(), error=True)


def call(line: Sequence[str]) -> None:
    """Carry out a command line. Raises MsbError, CycloptsError, and SystemExit with other than 0.

    For a name that only holds commands and was given none, the page of help is the error.
    """
    chain, apps, left = app.parse_commands(line)
    asked = bool(chain) and chain[-1] in app.help_flags
    named = apps[-2] if asked else apps[-1]
    if named.default_command is None and (asked or not left):
        page = listing(chain[:-1] if asked else chain, named)
        say(*page.splitlines(), error=not asked)
        sys.exit(0 if asked else MISUSED)
    if asked:
        # `runs judge` is called as the group `judge` is, and has none of its commands.
        for name in TABLES.get(named.name[0], {}).keys() & set(named):
            named[name]  # loads it, for the first line of its docstring
    app(line)


def _silence() -> None:
    """Standard output to nowhere: Python would fail again when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
