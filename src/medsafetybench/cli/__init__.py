"""The command line: one short file for each command; this one ties them together.

A command's file is loaded when the command is called, and imports what it needs in its body, so
that ``msb --help`` is instant.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence

from cyclopts import CycloptsError

from .. import __version__
from ..errors import MsbError
from .terminal import as_text, plain_signs
from .usage import commands, explain

MISUSED, INTERRUPTED = 2, 130

COMMANDS = {
    "evaluate": "evaluate:evaluate",
    "rejudge": "rejudge:rejudge",
    "summary": "summary:summary",
    "annotate": "annotate:annotate",
    "agreement": "agreement:agreement",
    "study": "study:app",
    "compare": "compare:compare",
    "leaderboard": "leaderboard:leaderboard",
    "gate": "gate:gate",
    "capability": "capability:capability",
    "pressure": "pressure:pressure",
    "runs": "runs:runs",
    "explore": "explore:explore",
    "figures": "figures:figures",
    "report": "report:report",
    "import": "imports:import_log",
    "export": "export:export",
    "improve": "improve:app",
    "sweep": "sweep:sweep",
    "data": "data:app",
    "build": "build:app",
    "doctor": "doctor:doctor",
    "--install-completion": "completion:install",
    "--show-completion": "completion:show",
}
"""Where each command is, in the order of the page of help."""

app = commands(
    "msb",
    "Define, measure and improve the medical safety of large language models.",
    COMMANDS,
    version=f"medsafetybench {__version__}",
)
app["--version"].help = "Print the version and exit."
app["--help"].help = "Show this message and exit."


def main() -> None:
    """The entry point: what a user can put right is one line and exit code 2, not a traceback."""
    try:
        plain_signs()
        call(as_text(sys.argv[1:]))
    except CycloptsError as error:
        print(f"msb: {explain(error)}", file=sys.stderr)
        sys.exit(MISUSED)
    except MsbError as error:
        print(f"msb: {error}", file=sys.stderr)
        sys.exit(MISUSED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        _silence()  # the reader (head, less) has gone
        sys.exit(1)
    except RuntimeError as error:
        if "home directory" not in str(error):  # pathlib and platformdirs have no class for it
            raise
        print("msb: ~ is nobody's home here; set HOME, or give a whole path", file=sys.stderr)
        sys.exit(MISUSED)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _silence()
        print(f"msb: the output cannot be written: {error.strerror}", file=sys.stderr)
        sys.exit(MISUSED)


def call(line: Sequence[str]) -> None:
    """Carry out a command line. Raises MsbError, CycloptsError, and SystemExit with other than 0.

    For a name that only holds commands and was given none, the page of help is the error.
    """
    chain, apps, left = app.parse_commands(line)
    asked = bool(chain) and chain[-1] in app.help_flags
    bare = not left and apps[-1].default_command is None
    if asked or bare:
        shown = apps[-2] if asked else apps[-1]
        for name in shown:
            shown[name]  # loads it, for the first line of its docstring
    if bare:
        app.help_print(line, console=app.error_console)
        sys.exit(MISUSED)
    app(line)


def _silence() -> None:
    """Standard output to nowhere: Python would fail again when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
