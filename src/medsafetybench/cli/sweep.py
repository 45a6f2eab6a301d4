"""msb sweep: tune on more and more demonstrations, and see what each amount changes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..errors import MsbError
from ..evaluation.spec import EvaluationSpec
from . import options, show
from .evaluate import INCOMPLETE
from .said import say
from .told import Told, takes
from .tuning import (
    NOT_OURS,
    Base,
    Change,
    EvaluateOn,
    Mix,
    RecipeName,
    Tasks,
    chosen_recipe,
    evidence_spec,
    local,
    measured_on,
)

if TYPE_CHECKING:
    from ..improvement.sweep import Point, Row

RAY = {
    "help": "Train the adapters on this Ray cluster, one a worker; local: on this machine as one.",
    "metavar": "HOST:PORT|local",
}


@takes(EvaluationSpec, leave_out=NOT_OURS, changes={"ray_address": RAY})
def sweep(
    told: Told[EvaluationSpec],
    *,
    base: Base,
    output: Annotated[
        Path, Parameter(name=("-o", "--output"), help="A folder for adapters, table and figure.")
    ],
    families: Annotated[
        str, Parameter(help="med, gen, both; with +mix also what --mix names.")
    ] = "med,gen,both",
    sizes: Annotated[str, Parameter(help="Numbers of demonstrations.")] = "200,400,600,800,900",
    seeds: Annotated[str, Parameter(help="Each is a training of its own.")] = "0",
    recipe: RecipeName = None,
    change: Change = None,
    mix: Mix = None,
    evaluate_on: EvaluateOn = None,
    capability: Tasks = None,
    as_json: options.Json = False,
) -> None:
    """Tune on more and more demonstrations, measure each time; run it again to resume."""
    from ..improvement.sweep import Sweep, points, run_sweep
    from .progress import TrainingReporter

    how = told.value(target=base)
    planned = Sweep(
        base=local(base),
        output=output,
        families=[name.strip() for name in families.split(",")],
        sizes=_numbers("--sizes", sizes),
        seeds=_numbers("--seeds", seeds),
        recipe=chosen_recipe(recipe, None, None, mix, change),
        evidence=evidence_spec(measured_on(evaluate_on, how.data_dir), capability, how),
        ray_address=how.ray_address,
    )
    total, done = len(points(planned)), 0
    with TrainingReporter() as reporter:

        def tell(point: Point, rows: list[Row]) -> None:
            nonlocal done
            done += 1
            figures = ", ".join(f"{row.measure} ({row.on}) {row.value:.2f}" for row in rows)
            reporter.note(f"{done} of {total}: {point.name}: {figures}")

        rows = run_sweep(planned, reporter, tell)
    _write(rows, output, ", ".join(how.judge), as_json)
    if done < total:
        say(f"{total - done} adapters failed; the same command tries those again", error=True)
        sys.exit(INCOMPLETE)


def _numbers(option: str, given: str) -> list[int]:
    try:
        return [int(part) for part in given.split(",")]
    except ValueError:
        raise MsbError(f"{option} {given!r}; expected whole numbers, as 200,400,900") from None


def _write(rows: list[Row], output: Path, judge: str, as_json: bool) -> None:
    """The rows as CSV, the table as Markdown and on the screen, the figure as SVG and PNG."""
    from ..improvement.sweep import as_rows, broken, by_family, markdown
    from ..reporting.figures import write_figures
    from ..reporting.sweep_chart import sweep_chart
    from ..tables import write_rows
    from ..wholefiles import put

    write_rows(output / "rows.csv", as_rows(rows))
    put(output / "sweep.md", markdown(rows))
    write_figures([sweep_chart(rows, judge)], output, ["svg", "png"])
    if as_json:
        show.as_json({"rows": as_rows(rows)})
        return
    for header, lines in by_family(rows):
        show.table(header, lines, right=header[2:])
        say()
    for sentence in broken(rows):
        say(f"{sentence}.", "")
    say(f"judge {judge}; means over seeds, their ranges are in the files")
    say(f"table, figure and rows: {output}/sweep.md, sweep.svg, sweep.png, rows.csv")
