"""What figures and reports are made of: runs with their scorecards, labels and agreement.

found = gather([open_run("run-31e6"), open_run("run-77b0")])
found[0].card, found[0].label, found[0].agreement
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import MsbError
from ..legible import name
from ..results.agreement import Agreement, agreement_of
from ..results.naming import Name, name_of, told_apart
from ..results.run import Run, open_run
from ..results.scorecard import Scorecard
from ..store.outcomes import Outcomes
from ..store.store import RunRecord, Store


@dataclass(frozen=True)
class ReportedRun:
    """One run: its scorecard, what it is made of, a name for it, its judges' agreement, and what
    came of each request."""

    card: Scorecard
    settings: Mapping[str, Any]
    label: str
    agreement: Agreement | None = None
    run: Run | None = field(default=None, repr=False)
    outcomes: Outcomes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Selection:
    """Runs to show, and pairs of runs before and after a change; all of them among ``runs``."""

    runs: list[Run]
    pairs: list[tuple[str, str]] = field(default_factory=list)


def select(
    ids: Sequence[str],
    store: str | Path,
    before: Sequence[str] = (),
    after: Sequence[str] = (),
) -> Selection:
    """The runs named, each once, in order; without any name and pair, the last one.

    Raises MsbError if a run, or any at all, is missing, or a run before lacks its run after.
    """
    with Store.read(store) as opened:
        if not opened.runs():
            raise MsbError(f"no runs in {store}; `msb evaluate` makes one")
    if len(before) != len(after):
        raise MsbError(
            f"{len(before)} runs --before and {len(after)} --after; expected one after for each"
        )
    stages = [(open_run(b, store), open_run(a, store)) for b, a in zip(before, after, strict=True)]
    if same := [b.id for b, a in stages if b.id == a.id]:
        raise MsbError(f"{same[0]} is both --before and --after; expected two runs")
    named = [open_run(i, store) for i in ids or ([] if stages else ["last"])]
    runs = {run.id: run for run in [*named, *(run for pair in stages for run in pair)]}
    return Selection(list(runs.values()), [(b.id, a.id) for b, a in stages])


def in_pairs(
    found: Sequence[ReportedRun], pairs: Sequence[tuple[str, str]]
) -> list[tuple[ReportedRun, ReportedRun]]:
    """The runs of each pair."""
    of = {one.card.run: one for one in found}
    return [(of[before], of[after]) for before, after in pairs]


def gather(
    runs: Sequence[Run], judges: Sequence[str] = (), rule: str = "median"
) -> list[ReportedRun]:
    """Read what there is to show of these runs. ``judges`` and ``rule`` as in ``Run.summary``."""
    cards = [run.summary(judges, rule) for run in runs]
    tables = [run.by_all_judges(judges, rule) for run in runs]
    labels = labels_of([found.run for found in tables])
    if judges_differ(cards):
        labels = [f"{text}, by {name(c.judge, 40)}" for text, c in zip(labels, cards, strict=True)]
    found = []
    for run, card, outcomes, label in zip(runs, cards, tables, labels, strict=True):
        agreed = agreement_of(outcomes) if len(outcomes.judges) > 1 else None
        found.append(ReportedRun(card, outcomes.run.settings, label, agreed, run, outcomes))
    return found


def labels_of(runs: Sequence[RunRecord]) -> list[str]:
    """What each run's target is called, fit to be shown, and told apart from the others."""
    return told_apart([_legible(name_of(run)) for run in runs])


def _legible(one: Name) -> Name:
    details = tuple(name(part, 80) for part in one.details)
    return replace(one, title=name(one.title), details=details, benchmark=name(one.benchmark, 60))


def judges_differ(cards: Sequence[Scorecard]) -> bool:
    """True if the runs are not all reported by the same judges under the same rule."""
    asked = {(tuple(sorted(j["key"] for j in c.judges)), c.rule) for c in cards if c.judges}
    return len(asked) > 1
