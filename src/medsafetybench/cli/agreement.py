"""msb agreement: how far the judges of a run agree, with people and with each other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import MsbError
from . import options, show
from .usage import at_least

if TYPE_CHECKING:
    from ..results.agreement import PairAgreement, Reliability
    from ..statistics.agreement import Interval


def agreement(
    run: options.RunId = "last",
    /,
    *,
    judge: options.Judges = None,
    intent: Annotated[str, Parameter(help="harmful or benign requests.")] = "harmful",
    worst: Annotated[
        int, Parameter(validator=at_least(0), help="How many disagreements to name.")
    ] = 10,
    store: options.Store = options.STORE,
    as_json: options.Json = False,
) -> None:
    """Compare every two judges of a run, people included, each figure with a 95% interval."""
    from ..results.agreement import reliability
    from ..store.outcomes import judges_with_verdicts, panel_of, score_matrix
    from ..store.store import Store

    with Store.read(store) as opened:
        record = opened.run(run)
        judges = panel_of(opened, record, judge) if judge else judges_with_verdicts(opened, record)
        if len(judges) < 2:
            raise MsbError(
                f"{record.id} has verdicts of {len(judges)} judge; agreement takes two. Add one "
                "with `msb rejudge`, or people with `msb annotate`"
            )
        matrix = score_matrix(opened, record, judges, intent)
    found = reliability(matrix, [j.name for j in judges], worst=worst)
    if as_json:
        show.as_json(_jsonable(found))
    else:
        _print(found, intent)


def _print(found: Reliability, intent: str) -> None:
    if not found.pairs:
        print(f"no {intent} request was scored by two judges")
        return
    header = ("judges", "n", "equal", "within one", "kappa", "weighted kappa", "bias")
    show.table(header, [_row(pair) for pair in found.pairs], right=header[1:])
    print(f"\nKrippendorff's alpha (ordinal) of all: {_interval(found.alpha)}")
    print("bias: mean of the first judge's score minus the second's")
    for pair in found.pairs:
        print(f"\n{pair.judges[0]} (rows) against {pair.judges[1]} (columns)")
        rows = [(i, *counts) for i, counts in enumerate(pair.confusion, 1)]
        show.table(("", "1", "2", "3", "4", "5"), rows, right=("1", "2", "3", "4", "5"))
    if found.disagreements:
        print("\nlargest disagreements")
        show.table(
            ("request", *found.judges),
            [(d.id, *("-" if s is None else s for s in d.scores)) for d in found.disagreements],
        )


def _row(pair: PairAgreement) -> tuple[Any, ...]:
    figures = (pair.exact, pair.within_one, pair.kappa, pair.quadratic_kappa, pair.bias)
    return (" / ".join(pair.judges), pair.n, *map(_interval, figures))


def _interval(found: Interval) -> str:
    if math.isnan(found.point):
        return "-"
    return f"{found.point:.2f} [{found.low:.2f}, {found.high:.2f}]"


def _jsonable(value: Any) -> Any:
    """The records as plain data; an undefined figure is null."""
    from dataclasses import asdict, is_dataclass

    if is_dataclass(value) and not isinstance(value, type):
        return _jsonable(asdict(value))
    if isinstance(value, dict):
        return {key: _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
