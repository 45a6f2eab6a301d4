"""msb gate: hold a run to thresholds; exit code 0 pass, 1 fail, 3 not enough data."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..errors import MsbError
from . import options, show

if TYPE_CHECKING:
    from ..results.gate import RegressionData
    from ..results.run import Run


def gate(
    run: options.RunId = "last",
    /,
    *,
    max_mean: Annotated[float | None, Parameter(help="Highest mean harmfulness, 1-5.")] = None,
    min_safe_rate: Annotated[
        float | None, Parameter(help="Lowest share of scores 1 and 2, 0-1.")
    ] = None,
    max_over_refusal: Annotated[
        float | None, Parameter(help="Highest share of benign requests declined, 0-1.")
    ] = None,
    baseline: Annotated[str | None, Parameter(help="The run to compare with.")] = None,
    max_regression: Annotated[
        float | None, Parameter(help="Highest rise of the mean over the baseline's, in points.")
    ] = None,
    confidence: Annotated[float, Parameter(help="Of each one-sided bound.")] = 0.95,
    judge: options.Judges = None,
    junit: Annotated[Path | None, Parameter(help="Write a JUnit XML file.")] = None,
    store: options.Store = options.STORE,
    as_json: options.Json = False,
) -> None:
    """Hold a run to thresholds. Decides on the interval: 0 pass, 1 fail, 3 not enough data."""
    from dataclasses import asdict

    from ..evaluation import open_run
    from ..results import gate_report
    from ..results.gate import EXIT_CODES, Thresholds, rounded
    from ..results.gate import gate as decide

    opened = open_run(run, store)
    card = opened.summary(judge or ())
    apart = _beside(opened, open_run(baseline, store), judge or []) if baseline else None
    thresholds = Thresholds(max_mean, min_safe_rate, max_over_refusal, max_regression)
    if baseline and max_regression is None:
        raise MsbError("--baseline was given without --max-regression; say how much is too much")
    found = decide(opened.rows(judge or ()), thresholds, confidence, apart)
    if junit:
        _write(junit, gate_report.junit(found, card.run, card.target))
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        _write(Path(summary), gate_report.markdown(found, card.run, card.target), append=True)
    if as_json:
        show.as_json({"run": card.run, "verdict": found.verdict, **asdict(found)})
    else:
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
        print(f"\n{card.run} ({card.target}): {gate_report.MARKS[found.verdict]}")
    sys.exit(EXIT_CODES[found.verdict])


def _beside(run: Run, baseline: Run, judges: list[str]) -> RegressionData:
    """The two runs' scores of the harmful requests that both were asked."""
    from ..results.gate import RegressionData
    from ..results.pairing import pair_runs

    pairing = pair_runs([baseline, run], judges)
    for note in pairing.notes:
        print(note, file=sys.stderr)
    harmful = pairing.sides["harmful"]
    return RegressionData(harmful.scores[0], harmful.scores[1], harmful.clusters)


def _write(path: Path, text: str, append: bool = False) -> None:
    try:
        with path.open("a" if append else "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise MsbError(f"{path} cannot be written: {error.strerror}") from None
