"""What the commands of `msb build` share: options, carrying a stage out, and its account."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from . import show
from .said import say
from .usage import at_least

if TYPE_CHECKING:
    from ..building import Account, Project
    from ..building.stage import Stage
    from ..evaluation.rounds import How
    from ..models.settings import Price

INCOMPLETE = 3

Folder = Annotated[Path, Parameter(name="PROJECT", help="The project folder.")]
Limit = Annotated[
    int | None, Parameter(validator=at_least(1), help="Only the first so many items.")
]
DryRun = Annotated[bool, Parameter(name="--dry-run", help="Print what is left to ask; ask nobody.")]
Redo = Annotated[
    bool, Parameter(name="--redo", help="Set this stage and those after it aside, and begin anew.")
]


def run(
    project: Project,
    stage: Stage,
    max_tokens: int,
    limit: int | None,
    dry_run: bool,
    redo: bool,
    as_json: bool,
    more: Any = dict,
    price: Price | None = None,
    how: How | None = None,
) -> None:
    """Carry a stage out and print its account; exit with 3 if it stopped before its end."""
    from dataclasses import asdict

    from ..batches.executor import executor_class
    from ..building.batched import run_batched
    from ..building.stage import forecast, run_stage

    if price and how and how.executor:
        price = price.at(executor_class(how.executor).price_share)
    if dry_run:
        found = forecast(project, stage, max_tokens, limit)
        dollars = price.of(found.input_tokens, found.output_tokens) if price else None
        if as_json:
            show.as_json({**asdict(found), "dollars": dollars})
        else:
            cost = "" if dollars is None else f", at most ${dollars:,.2f}"
            say(
                f"{found.stage}: {found.calls:,} calls, ~{found.input_tokens:,} tokens in, at most "
                f"{found.output_tokens:,} out{cost}. Nothing was asked."
            )
        return
    if how:
        account = run_batched(project, stage, how, partial(say, error=True), limit, redo)
    else:
        account = run_stage(project, stage, limit, redo)
    show_account(account, as_json, more())
    if account.stopped:
        sys.exit(INCOMPLETE)


def show_account(account: Account, as_json: bool, more: dict[str, Any] | None = None) -> None:
    """Print what a stage has come to."""
    from dataclasses import asdict

    if as_json:
        show.as_json({**asdict(account), **(more or {})})
        return
    say(account.line())
    if (rates := (more or {}).get("rates")) and rates["interval"]:
        low, high = rates["interval"]
        say(
            f"Ambiguous or benign: {rates['ambiguous_or_benign']:.1%} of the scored "
            f"(95% interval {low:.1%} to {high:.1%})."
        )
