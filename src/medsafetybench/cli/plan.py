"""msb plan: how many requests a question takes, and what a benchmark can and cannot show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from . import options, show
from .gate import Limits
from .said import say

if TYPE_CHECKING:
    from ..results.planned import Asked, Model, Question, Side

ANSWERS = {"yes": "yes", "if flawless": "only if nearly flawless", "no": "no", None: ""}
Many = list[float] | None


def plan(
    benchmark: Annotated[str | None, Parameter(help="What it can show: a name or a file.")] = None,
    /,
    *,
    limits: Limits | None = None,
    any_unsafe_below: Annotated[
        Many, Parameter(negative=(), help="Rarer than this are unsafe responses; repeatable.")
    ] = None,
    max_regression: Annotated[
        Many, Parameter(negative=(), help="No worse than a baseline by this; repeatable.")
    ] = None,
    difference: Annotated[
        Many, Parameter(negative=(), help="Two runs differ by this in the mean; repeatable.")
    ] = None,
    label_width: Annotated[
        Many, Parameter(negative=(), help="Labels for a corrected mean so wide; repeatable.")
    ] = None,
    bad: Annotated[float, Parameter(help="A model with this share of the worst answers.")] = 0.02,
    changed: Annotated[
        float | None,
        Parameter(
            help="Share of answers in which two runs differ. [default: twice --bad; 0.2 for a "
            "difference]"
        ),
    ] = None,
    like: Annotated[
        str | None, Parameter(metavar="RUN", help="A model like that of a stored run, instead.")
    ] = None,
    confidence: Annotated[float, Parameter(help="Of each one-sided bound.")] = 0.95,
    power: Annotated[float, Parameter(help="How often it is to be shown.")] = 0.8,
    looks: Annotated[int, Parameter(help="Releases that share the chance of an error.")] = 1,
    output: Annotated[
        Path | None,
        Parameter(name=("--output", "-o"), help="A folder for the figure; made if missing."),
    ] = None,
    form: Annotated[
        list[str] | None,
        Parameter(name="--format", help="svg, png or pdf; repeatable. [default: svg]"),
    ] = None,
    data_dir: options.DataDir = None,
    store: options.Store = options.STORE,
    as_json: options.Json = False,
) -> None:
    """How many requests a question takes; what a benchmark can show. Without one, usual ones."""
    from ..results.planned import Model, questions

    given = (any_unsafe_below, max_regression, difference, label_width)
    asked = _asked(limits, given, confidence, power, looks)
    model = Model(bad, changed, _outcomes(like, store))
    sides = _sides(benchmark, data_dir, asked)
    there = {side.intent: side.draws for side in sides}
    found = questions(asked, model, there if benchmark else None)
    files = _draw(asked, model, there, output, form or ["svg"]) if output else []
    if as_json:
        show.as_json(
            {"confidence": asked.confidence, "power": power, "model": _like(model, like)}
            | {"questions": [_record(one) for one in found], "sides": sides, "files": files}
        )
        return
    _tell(benchmark, found, sides, asked, _like(model, like))
    for path in files:
        say(path)


def _asked(limits: Any, given: Any, confidence: float, power: float, looks: int) -> Asked:
    """What is asked: the usual questions, or those that were given."""
    from ..results.gate_spec import told_as
    from ..results.planned import Asked
    from ..statistics.sequential import confidence_of_a_look

    level = confidence_of_a_look(confidence, looks)
    thresholds = told_as(vars(limits)).thresholds if limits else ()
    parts = [tuple(part or ()) for part in given]
    if not thresholds and not any(parts):
        return Asked(confidence=level, power=power)
    unsafe, regressions, differences, widths = parts
    return Asked(
        thresholds=thresholds,
        unsafe_below=unsafe,
        regressions=regressions,
        differences=differences,
        label_widths=widths,
        confidence=level,
        power=power,
    )


def _outcomes(run: str | None, store: Path) -> Any:
    from ..evaluation import open_run

    return open_run(run, store).outcomes() if run else None


def _sides(benchmark: str | None, data_dir: Path | None, asked: Asked) -> list[Side]:
    from ..benchmarks import load_benchmark
    from ..results.planned import reaches

    if benchmark is None:
        return []
    return reaches(load_benchmark(benchmark, data_dir=data_dir), asked.confidence)


def _like(model: Model, run: str | None) -> str:
    return f"the model of {run}" if run else f"a model with {model.bad:.1%} of the worst answers"


def _record(one: Question) -> dict[str, Any]:
    names = ("kind", "name", "side", "least", "needed", "fails", "there", "answer")
    return {name: getattr(one, name) for name in names}


def _draw(
    asked: Asked, model: Model, there: dict[str, int], folder: Path, forms: list[str]
) -> list[str]:
    from ..reporting.figures import write_figures
    from ..reporting.plan_chart import plan_chart

    return [str(path) for path in write_figures([plan_chart(asked, model, there)], folder, forms)]


def _tell(
    benchmark: str | None, found: list[Question], sides: list[Side], asked: Asked, like: str
) -> None:
    header = ["to show", "side", "flawless takes", "the model takes"]
    rows = [
        [
            one.name,
            one.side,
            _number(one.least),
            _number(one.needed) + (" to fail" if one.fails and one.needed else ""),
        ]
        for one in found
    ]
    if benchmark:
        header += ["there", "shown"]
        for row, one in zip(rows, found, strict=True):
            row += [_number(one.there), ANSWERS[one.answer]]
    show.table(header, rows, right=["flawless takes", "the model takes", "there"])
    say(
        "",
        f"requests, or labels; one-sided bounds at {100 * asked.confidence:g}%; {like}, shown in "
        f"{asked.power:.0%} of cases",
    )
    for side in sides:
        say()
        _tell_side(benchmark or "", side)


def _tell_side(benchmark: str, side: Side) -> None:
    best = side.reach
    rows = [("max-mean, min-safe-rate", f"{best.max_mean:.2f}, {best.min_rate:.1%}")]
    rows += [("max-regression", f"{best.max_regression:.2f}")]
    if side.intent == "benign":
        rows = [("max-over-refusal", f"{best.max_rate:.1%}")]
    elif best.difference is not None:
        rows += [("a difference of two runs, where a fifth changes", f"{best.difference:.2f}")]
    if best.principle_p is not None:
        star = "can earn a star" if best.principle_p <= 0.05 else "can never earn a star"
        told = f"{side.smallest} requests {star} (least p {best.principle_p:.2g})"
        rows += [(f"by principle, {side.principles} of them", told)]
    show.table((f"{benchmark}, {side.intent}: {side.draws:,} draws", "at best"), rows)


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"
