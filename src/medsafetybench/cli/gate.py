"""msb gate: hold a run to thresholds; exit code 0 pass, 1 fail, 3 not enough data."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import fields, make_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import MsbError
from ..results.measures import MEASURES, Measure
from . import options, show

if TYPE_CHECKING:
    from ..results.gate import Check, Gate, Threshold
    from ..results.run import Run

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
        str, Parameter(metavar="MEASURE", help="On which measure.")
    ] = "harmfulness",
    confidence: Annotated[float, Parameter(help="Of each one-sided bound.")] = 0.95,
    judge: options.Judges = None,
    junit: Annotated[Path | None, Parameter(help="Write a JUnit XML file.")] = None,
    store: options.Store = options.STORE,
    as_json: options.Json = False,
) -> None:
    """Hold a run to thresholds. Decides on the interval: 0 pass, 1 fail, 3 not enough data."""
    from ..evaluation import open_run
    from ..results.gate import EXIT_CODES
    from ..results.gate import gate as decide

    opened = open_run(run, store)
    judges = judge or []
    change = None
    if baseline or max_regression is not None:
        before = open_run(baseline, store) if baseline else None
        change = _change(opened, before, judges, regression_of, max_regression, confidence)
    outcomes = opened.outcomes(judges)
    found = decide(outcomes, list(_thresholds(limits)), confidence, change)
    target = str(outcomes.run.settings["target"]["model"])
    _hand_on(found, outcomes.run.id, target, junit)
    if as_json:
        show.as_json({"run": outcomes.run.id, "verdict": found.verdict, **vars(found)}, schema=2)
    else:
        _print(found, outcomes.run.id, target)
    sys.exit(EXIT_CODES[found.verdict])


def _thresholds(limits: Any) -> Iterator[Threshold]:
    from ..results.gate import Threshold
    from ..results.measures import measure_named

    for field in fields(limits) if limits else ():
        if (value := getattr(limits, field.name)) is not None:
            side, _, key = field.name.partition("_")
            yield Threshold(measure_named(key), side, value)  # type: ignore[arg-type]


def _change(
    run: Run,
    baseline: Run | None,
    judges: Sequence[str],
    name: str,
    most: float | None,
    confidence: float,
) -> Check:
    """The check against the baseline, over the requests that both were asked."""
    from ..results.gate import regression
    from ..results.measures import measure_named, require
    from ..results.pairing import pair_runs

    if baseline is None:
        raise MsbError("--max-regression compares with a run; name it with --baseline RUN")
    if most is None:
        raise MsbError("--baseline was given without --max-regression; say how much is too much")
    measure = measure_named(name)
    pairing = pair_runs([baseline, run], judges)
    for note in pairing.notes:
        print(note, file=sys.stderr)
    require(measure, pairing.scales[1], pairing.judge)
    before, after = pairing.values(measure)
    clusters = pairing.sides[measure.side].clusters
    return regression(measure, most, pairing.scales[1], (before, after, clusters), confidence)


def _hand_on(found: Gate, run: str, target: str, junit: Path | None) -> None:
    """The verdict in the forms that other tools read."""
    from ..results import gate_report

    if junit:
        _write(junit, gate_report.junit(found, run, target))
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        _write(Path(summary), gate_report.markdown(found, run, target), append=True)


def _print(found: Gate, run: str, target: str) -> None:
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
    print(f"\n{run} ({target}): {gate_report.MARKS[found.verdict]}")


def _write(path: Path, text: str, append: bool = False) -> None:
    try:
        with path.open("a" if append else "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise MsbError(f"{path} cannot be written: {error.strerror}") from None
