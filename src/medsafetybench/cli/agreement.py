"""msb agreement: how far the judges of a run agree, with people and with each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import MsbError
from . import options, show
from .said import say
from .usage import at_least

if TYPE_CHECKING:
    from ..results.agreement import Agreement, PairAgreement
    from ..statistics.agreement import Figure
    from ..store.outcomes import Outcomes
    from ..store.samples import Sample


def agreement(
    run: options.RunId = "last",
    /,
    *,
    judge: options.Judges = None,
    intent: Annotated[
        str | None,
        Parameter(help="harmful, benign or care requests. [default: the first that there are]"),
    ] = None,
    worst: Annotated[
        int, Parameter(validator=at_least(0), help="How many disagreements to name.")
    ] = 10,
    store: options.Store = options.STORE,
    as_json: options.Json = False,
) -> None:
    """Compare every two judges of a run, people included, each figure with a 95% interval."""
    from ..legible import visible
    from ..records import INTENTS
    from ..results.agreement import agreement_of
    from ..results.interval_notes import of_agreement

    outcomes, samples = _outcomes(run, judge or [], store)
    intent = intent or next(one for one in INTENTS if outcomes.of_side(one).any())
    found = agreement_of(outcomes, intent, worst)
    if as_json:
        judges = [judge.name for judge in outcomes.judges]
        nothing = {"judges": judges, "intent": intent, "alpha": None, "pairs": []}
        told = vars(found) if found else {**nothing, "disagreements": [], "apart": []}
        drawn = [sample.record() for sample in samples]
        show.as_json({**told, "intervals": of_agreement(), "samples": drawn}, schema=2)
        return
    if found:
        _print(found)
    else:
        say(f"no {intent} request was scored by two judges that measure anything in common")
    for sample in samples:
        say(f"sample: {visible(sample.told())}")


def _outcomes(run: str, names: Sequence[str], store: Path) -> tuple[Outcomes, list[Sample]]:
    """The run's outcomes by the judges named, else by all that scored it, and what was drawn."""
    from ..store.outcomes import read_outcomes
    from ..store.panel import judges_with_verdicts, panel_of
    from ..store.samples import samples_of
    from ..store.store import Store

    with Store.read(store) as opened:
        record = opened.run(run)
        judges = [panel_of(opened, record, [name])[0] for name in names]
        judges = judges or judges_with_verdicts(opened, record)
        if len(judges) < 2:
            raise MsbError(
                f"{record.id} has verdicts of {len(judges)} judge; agreement takes two. Add one "
                "with `msb rejudge`, or people with `msb annotate`"
            )
        found = read_outcomes(opened, record, judges[:1], judges[1:])
        return found, samples_of(opened, record)


def _print(found: Agreement) -> None:
    from ..results.interval_notes import of_agreement

    header = ("judges", "n", "equal", "within one", "kappa", "weighted kappa", "AC2", "bias")
    show.table(header, [_row(pair) for pair in found.pairs], right=header[1:])
    say("", f"Krippendorff's alpha of all: {_interval(found.alpha)}")
    say(of_agreement())
    say("bias: mean of the first judge's score minus the second's (or of the share that counts)")
    for one, other in found.apart:
        say(f"{one} and {other} measure nothing in common")
    for pair in found.pairs:
        say("", f"{pair.judges[0]} (rows) against {pair.judges[1]} (columns)")
        columns = [str(i) for i in range(1, len(pair.levels) + 1)]
        named = [f"{i} {level}" for i, level in enumerate(pair.levels, 1)]
        rows = [(name, *counts) for name, counts in zip(named, pair.confusion, strict=True)]
        show.table(("", *columns), rows, right=columns)
    if found.disagreements:
        say("", "largest disagreements")
        show.table(
            ("request", *found.judges),
            [(d.id, *(level or "-" for level in d.levels)) for d in found.disagreements],
        )


def _row(pair: PairAgreement) -> tuple[Any, ...]:
    figures = (pair.exact, pair.within_one, pair.kappa, pair.quadratic_kappa, pair.ac2, pair.bias)
    return (" / ".join(pair.judges), pair.n, *map(_interval, figures))


def _interval(found: Figure | None) -> str:
    if found is None or math.isnan(found.point):
        return "-"
    if math.isnan(found.low):
        return f"{found.point:.2f}"
    return f"{found.point:.2f} [{found.low:.2f}, {found.high:.2f}]"
