"""msb gate: hold a run to thresholds; exit code 0 pass, 1 fail, 3 not enough data."""

from __future__ import annotations

import os
import sys
from dataclasses import make_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import MsbError
from ..results.measures import MEASURES, Measure
from . import options, show
from .said import say

if TYPE_CHECKING:
    from ..results.gate import Gate
    from ..store.outcomes import Outcomes

SIDES = {"max": "Highest", "min": "Lowest"}


def _limits() -> Any:
    """A record with a threshold for each measure and side, as options.

    Both sides can be asked for; the page of help names the one that guards what is better.
    """
    options = [
        (f"{side}_{m.key}", Annotated[float | None, _option(m, side)], None)
        for m in MEASURES
        for side in SIDES
    ]
    made = make_dataclass("Limits", options, frozen=True, kw_only=True)
    made.__module__ = __name__  # cyclopts looks into no class of the module it would have else
    return Parameter(name="*")(made)


def _option(measure: Measure, side: str) -> Parameter:
    names = dict.fromkeys((measure.option, measure.key.replace("_", "-")))
    unit = "0-1" if measure.unit == "share" else "in points"
    return Parameter(
        name=[f"--{side}-{name}" for name in names],
        help=f"{SIDES[side]} {measure.title}, {unit}.",
        show=(side == "max") == (measure.better == "lower"),
    )


Limits = _limits()


def gate(
    run: options.RunId = "last",
    /,
    *,
    limits: Limits | None = None,  # type: ignore[valid-type]
    baseline: Annotated[str | None, Parameter(help="The run to compare with.")] = None,
    max_regression: Annotated[
        float | None,
        Parameter(help="How much worse than the baseline it may be, request by request."),
    ] = None,
    regression_of: Annotated[
        str | None, Parameter(metavar="MEASURE", help="On which measure. [default: harmfulness]")
    ] = None,
    require_judge_kappa: Annotated[
        float | None,
        Parameter(help="Least agreement of the judge with people (see msb judge check)."),
    ] = None,
    confidence: Annotated[
        float | None, Parameter(help="Of each one-sided bound. [default: 0.95]")
    ] = None,
    corrected: Annotated[
        bool | None,
        Parameter(negative=(), help="Decide on figures corrected by labels of the run."),
    ] = None,
    sequential: Annotated[
        bool | None,
        Parameter(negative=(), help="Bounds that hold after every request, for a growing run."),
    ] = None,
    looks: Annotated[
        int | None,
        Parameter(help="How many releases share the chance of an error; each is counted."),
    ] = None,
    series: Annotated[
        str | None, Parameter(help="Which releases those are. [default: the benchmark]")
    ] = None,
    screen_is_enough: Annotated[
        bool | None,
        Parameter(
            negative=(),
            help="Decide on screen or phrases alone, which a target that knows them can evade.",
        ),
    ] = None,
    file: Annotated[
        Path | None,
        Parameter(name="--from", help="A file of such settings; what is given here comes first."),
    ] = None,
    judge: options.Judges = None,
    junit: Annotated[Path | None, Parameter(help="Write a JUnit XML file.")] = None,
    store: options.Store = options.STORE,
    as_json: options.Json = False,
) -> None:
    """Hold a run to thresholds. Decides on the interval: 0 pass, 1 fail, 3 not enough data."""
    from ..evaluation import open_run
    from ..results.gate import EXIT_CODES
    from ..results.gate_spec import hold, read_gate, told_as

    own = {"baseline": baseline, "max_regression": max_regression, "regression_of": regression_of}
    own |= {"require_judge_kappa": require_judge_kappa, "corrected": corrected}
    own |= {"confidence": confidence, "sequential": sequential, "looks": looks, "series": series}
    own["screen_is_enough"] = screen_is_enough
    told = {**(vars(limits) if limits else {}), **own}
    spec = told_as(told, read_gate(file) if file else None)
    outcomes, found = hold(spec, open_run(run, store), judge or [])
    hand_on(outcomes, found, junit)
    if as_json:
        show.as_json(as_record(outcomes, found), schema=2)
    else:
        tell(outcomes, found)
    sys.exit(EXIT_CODES[found.verdict])


def as_record(outcomes: Outcomes, found: Gate) -> dict[str, Any]:
    """The gate as one object of JSON."""
    from ..results.interval_notes import of_gate

    record = {"run": outcomes.run.id, "verdict": found.verdict, **vars(found)}
    return {**record, "bounds": of_gate(found.corrected)}


def hand_on(outcomes: Outcomes, found: Gate, junit: Path | None = None) -> None:
    """The verdict in the forms that other tools read; what was left out, on standard error."""
    from ..results import gate_report

    run, target = outcomes.run.id, outcomes.run.title
    for note in found.notes:
        say(note, error=True)
    if junit:
        _write(junit, gate_report.junit(found, run, target))
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        _write(Path(summary), gate_report.markdown(found, run, target), append=True)


def tell(outcomes: Outcomes, found: Gate) -> None:
    """The checks as a table, and the verdict."""
    from ..results import gate_report
    from ..results.gate import rounded

    show.table(
        ("check", "threshold", "found", "from", "to", "requests", "verdict"),
        [
            (
                check.name,
                f"{check.threshold:g}",
                *map(rounded, (check.point, check.low, check.high)),
                check.n,
                f"{gate_report.WORDS[check.verdict]}: {check.why}",
            )
            for check in found.checks
        ],
        right=("threshold", "found", "from", "to", "requests"),
    )
    say("", f"{gate_report.bounds(found)}")
    verdict = gate_report.MARKS[found.verdict]
    say(f"{outcomes.run.id} ({outcomes.run.title}): {verdict}")


def _write(path: Path, text: str, append: bool = False) -> None:
    from ..wholefiles import adding, put

    if append and path.is_symlink() and path.parent != Path("/dev"):
        raise MsbError(f"{path} is a link, which is not followed; name the file itself")
    try:
        if append:
            with adding(path) as file:
                file.write(text.encode("utf-8"))
        else:
            put(path, text)
    except OSError as error:
        raise MsbError(f"{path} cannot be written: {error.strerror}") from None
