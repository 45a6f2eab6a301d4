"""msb study: many targets, one file; carry it out, see how far it is, read what it found."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from . import options, show
from .compare import Confidence, Correction, Test, show_comparison
from .consent import consented
from .leaderboard import show_leaderboard
from .said import say
from .usage import commands

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from ..studies.board import Board
    from ..studies.findings import Part
    from ..studies.running import Evaluated, Remaining
    from ..studies.study import Study

FAILED, INCOMPLETE, INTERRUPTED = 2, 3, 130
LINE_SECONDS = 10.0

app = commands(
    "study",
    "Evaluate many targets from one file.",
    {
        "run": ("study:run", "Carry out what is left of a study."),
        "status": ("study:status", "How far each evaluation is."),
        "report": ("study:report", "Standings and comparisons."),
    },
)

File = Annotated[Path, Parameter(help="The study, a YAML file.")]


def run(
    file: File,
    /,
    *,
    store: options.StoreOfFile = None,
    data_dir: options.DataDir = None,
    allow_python: options.AllowPython = False,
    trust_remote_code: options.TrustRemoteCode = False,
    allow_keys: options.AllowKeys = False,
    dry_run: Annotated[
        bool, Parameter(name="--dry-run", help="Print what is left to do; ask nobody.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Carry out a study, or what is left of it. Run the same command again to resume."""
    from ..evaluation.allowed import Allowed, told
    from ..legible import line
    from ..studies import read_study
    from ..studies.board import Board
    from ..studies.running import evaluations, run_study

    study = read_study(file, Allowed(allow_python, trust_remote_code, allow_keys))
    place = store or study.store
    for pair in told(planned.spec for planned in evaluations(study)):
        say(pair, error=True)
    if dry_run:
        _show_remaining(study, place, data_dir, as_json)
        return
    study = _consented(study, file)
    console = _console()

    def note(text: str) -> None:
        console.print(line(text), style="dim", markup=False, soft_wrap=True)

    board = Board([planned.label for planned in evaluations(study)], note)
    with _watching(board, console) as look:
        outcomes = run_study(study, board, place, data_dir, look)
    _finish(study, outcomes, board, file, as_json)


def status(
    file: File,
    /,
    *,
    store: options.StoreOfFile = None,
    data_dir: options.DataDir = None,
    allow_python: options.AllowPython = False,
    trust_remote_code: options.TrustRemoteCode = False,
    as_json: options.Json = False,
) -> None:
    """Print how far each evaluation is. Asks nobody."""
    from ..evaluation.allowed import Allowed
    from ..studies import read_study

    study = read_study(file, Allowed(allow_python, trust_remote_code))
    _show_remaining(study, store or study.store, data_dir, as_json)


def report(
    file: File,
    /,
    *,
    test: Test = "bounds",
    correction: Correction = "holm",
    confidence: Confidence = 0.95,
    by_principle: Annotated[
        bool, Parameter(name="--by-principle", help="Also every pair on every principle.")
    ] = False,
    store: options.StoreOfFile = None,
    data_dir: options.DataDir = None,
    allow_python: options.AllowPython = False,
    trust_remote_code: options.TrustRemoteCode = False,
    as_json: options.Json = False,
) -> None:
    """Print, for each benchmark, the standings and the comparison of the targets."""
    from ..evaluation.allowed import Allowed
    from ..results.comparison import Method
    from ..studies import read_study
    from ..studies.findings import report as parts

    study = _consented(read_study(file, Allowed(allow_python, trust_remote_code, True)), file)
    method = Method(test, correction, confidence)
    found = list(parts(study, store or study.store, data_dir, method))
    if as_json:
        show.as_json({"study": study.name, "benchmarks": [_part(p) for p in found]}, schema=2)
        return
    for part in found:
        say("", f"{study.name}: {part.benchmark}")
        if part.missing:
            say(f"not evaluated yet, or not to be opened here: {', '.join(part.missing)}")
        if part.leaderboard is None or part.comparison is None or part.pairing is None:
            say("fewer than two targets have results")
            continue
        show_leaderboard(part.leaderboard, part.pairing.measures, confidence)
        say()
        show_comparison(part.comparison, by_principle)


def _consented(study: Study, file: Path) -> Study:
    """The study with what is confirmed of its file, asked for where somebody is there."""
    from ..studies.running import evaluations

    specs = [planned.spec for planned in evaluations(study)]
    return replace(study, allowed=consented(study.allowed, specs, file, study.sha256))


def _part(part: Part) -> dict[str, object]:
    """What was found on one benchmark, as plain data."""
    from ..results.comparison import comparison_json

    return {
        "benchmark": part.benchmark,
        "missing": part.missing,
        "leaderboard": part.leaderboard,
        "comparison": part.comparison and comparison_json(part.comparison),
    }


def _show_remaining(study: Study, store: Path, data_dir: Path | None, as_json: bool) -> None:
    from ..studies.running import remaining

    found = list(remaining(study, store, data_dir))
    if as_json:
        show.as_json({"study": study.name, "evaluations": [_remaining(one) for one in found]})
        return
    show.table(
        ("evaluation", "run", "requests", "target calls left", "judge calls left", ""),
        [
            (
                one.planned.label,
                one.run or "-",
                one.n or "-",
                "-" if one.not_ready else f"{one.target_calls:,}",
                "-" if one.not_ready else f"{one.judge_calls:,}",
                _state(one),
            )
            for one in found
        ],
        right=("requests", "target calls left", "judge calls left"),
    )
    reasons = Counter(one.not_ready for one in found if one.not_ready)
    for reason, count in reasons.items():
        say("", f"not ready ({count}): {reason}")
    say(
        "",
        f"{study.name}: {len(found)} evaluations, {reasons.total()} not ready. Nothing was asked.",
    )


def _remaining(one: Remaining) -> dict[str, object]:
    return {
        "evaluation": one.planned.label,
        **{k: v for k, v in vars(one).items() if k != "planned"},
    }


def _state(one: Remaining) -> str:
    if one.not_ready:
        return "not ready"
    return "done" if not one.target_calls + one.judge_calls else ""


def _console() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False)


@contextmanager
def _watching(board: Board, console: Console) -> Iterator[Callable[[], None]]:
    """Shows the board: as a table that changes in place, or without a terminal a line at times."""
    if not console.is_terminal:
        yield _lines(board)
        return
    from rich.live import Live

    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield lambda: live.update(_table(board), refresh=True)


def _lines(board: Board) -> Callable[[], None]:
    import time

    last = time.monotonic()

    def look() -> None:
        nonlocal last
        if time.monotonic() - last >= LINE_SECONDS:
            last = time.monotonic()
            board.say(_overall(board))

    return look


def _overall(board: Board) -> str:
    rows = board.rows()
    done, total = sum(row.done for row in rows), sum(row.total for row in rows)
    states = [row.state for row in rows]
    parts = [f"{states.count(s)} {s}" for s in ("running", "waiting", "done", "failed")]
    return f"{done:,}/{total:,} verdicts of those begun; evaluations: {', '.join(parts)}"


def _table(board: Board) -> Table:
    from rich.markup import escape
    from rich.progress_bar import ProgressBar
    from rich.table import Table as Grid

    grid = Grid.grid(padding=(0, 1))
    for row in board.rows():
        bar = ProgressBar(max(row.total, 1), row.done, width=24)
        count = f"{row.done:,}/{row.total:,}" if row.total else ""
        errors = f"{row.errors} errors" if row.errors else ""
        grid.add_row(escape(row.label), bar, row.state, count, errors)
    return grid


def _finish(
    study: Study, outcomes: list[Evaluated], board: Board, file: Path, as_json: bool
) -> None:
    """Print what came of each evaluation; exit 2 if one failed, 130 if interrupted, 3 if nothing in
    one was scored."""
    rows = {row.label: row for row in board.rows()}
    if as_json:
        found = [
            {
                "evaluation": outcome.planned.label,
                "run": outcome.run and outcome.run.id,
                "state": rows[outcome.planned.label].state,
                "failed": outcome.failed,
            }
            for outcome in outcomes
        ]
        show.as_json({"study": study.name, "evaluations": found})
    else:
        show.table(
            ("evaluation", "run", "state", "errors"),
            [
                (
                    outcome.planned.label,
                    outcome.run.id if outcome.run else "-",
                    outcome.failed or rows[outcome.planned.label].state,
                    rows[outcome.planned.label].errors or "",
                )
                for outcome in outcomes
            ],
        )
    if board.stopping:
        say("interrupted; what is done is stored, the same command goes on", error=True)
        sys.exit(INTERRUPTED)
    if any(outcome.failed for outcome in outcomes):
        sys.exit(FAILED)
    runs = [(outcome.planned.label, outcome.run) for outcome in outcomes if outcome.run]
    if bare := [label for label, run in runs if not run.summary().counts.scored]:
        say(f"nothing was scored of {', '.join(bare)}; see msb errors RUN", error=True)
        sys.exit(INCOMPLETE)
    imports = any(target.name.startswith("python:") for target in study.targets)
    allow = " --allow-python" if imports else ""
    say(f"done; `msb study report {file}{allow}` compares them", error=True)
