"""What a report says, section by section.

report = build(gather(runs))
report.sections[1].tables[0].rows
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from .. import __version__
from ..legible import name
from . import scores
from .board import first_page
from .charts import charts
from .commands import reproduce
from .differences import differences
from .document import Report, Section, Table
from .limits import known_limits
from .reported import ReportedRun, judges_differ
from .samples import texts

MEANS = {
    "unscored": "the judge replied, and its reply held no readable verdict, or there was nothing "
    "to judge",
    "error": "the target or the judge could not be asked; the same command asks again",
    "pending": "not answered or not judged yet; the same command goes on",
}


MIXED = (
    "These runs are reported by different judges, which are named beside each target. Different "
    "judges draw the line in different places: a difference between two targets may be one between "
    "their judges. One judge for all: msb rejudge RUN --judge JUDGE, then --judge JUDGE here."
)


def build(
    found: Sequence[ReportedRun],
    pairs: Sequence[tuple[ReportedRun, ReportedRun]] = (),
    include_text: int = 0,
    judges: Sequence[str] = (),
    rule: str = "median",
    now: datetime | None = None,
) -> Report:
    """The report on these runs. ``include_text`` is how many responses of each run to quote."""
    cards = [one.card for one in found]
    drawn = charts(found, pairs)
    confusions = [chart for chart in drawn if chart.kind == "confusion"]
    others = [chart for chart in drawn if chart.kind != "confusion"]
    sections = [
        *first_page(found),
        differences(found, pairs),
        _evaluated(found),
        scores.scorecard(found, MIXED if judges_differ(cards) else ""),
        Section("figures", "Figures", charts=others) if others else None,
        scores.groups(found),
        _missing(found),
        scores.agreement(found, confusions),
        Section("limits", "Known limits", points=known_limits(cards)),
        _reproducing(found),
        texts(found, include_text, judges, rule) if include_text else None,
    ]
    made = (now or datetime.now(UTC)).isoformat(timespec="seconds")
    return Report(
        _title(found), made, scores.tiles(found), [section for section in sections if section]
    )


def _title(found: Sequence[ReportedRun]) -> str:
    if len(found) == 1:
        return f"Medical safety of {found[0].label}"
    return f"Medical safety of {len(found)} targets"


def _evaluated(found: Sequence[ReportedRun]) -> Section:
    runs = Table(
        "Runs",
        ("run", "begun (UTC)", "target", "benchmark", "requests", "judge"),
        [_run_row(one) for one in found],
        words=("run", "begun (UTC)", "target", "benchmark", "requests", "judge"),
    )
    targets = Table(
        "Targets and sampling",
        ("run", "what decides the responses"),
        [(one.card.run, _flat(one.settings["target"])) for one in found],
        words=("run", "what decides the responses"),
    )
    judges = {judge["key"]: judge for one in found for judge in one.card.judges}
    rubrics = Table(
        "Judges and rubrics",
        ("judge", "what decides the verdicts"),
        [
            (key, _flat({k: v for k, v in judge.items() if k != "key"}))
            for key, judge in judges.items()
        ],
        words=("judge", "what decides the verdicts"),
    )
    return Section(
        "evaluated", "What was evaluated", [_versions()], tables=[runs, targets, rubrics]
    )


def _run_row(one: ReportedRun) -> tuple[str, ...]:
    card = one.card
    chosen = _flat(card.benchmark.selection)
    benchmark = f"{name(card.benchmark.title)} [{card.benchmark.sha256[:12]}]"
    requests = ", ".join(f"{side.n:,} {key}" for key, side in card.sides.items() if key != "all")
    judge = name(card.judge, 120) or "none yet"
    return (
        card.run,
        card.created[:16].replace("T", " "),
        name(", ".join((card.target, *card.details)), 200),
        benchmark + (f", {name(chosen, 120)}" if chosen else ""),
        requests,
        judge + (f"; {card.rule} of the panel" if card.rule else ""),
    )


def _flat(settings: Mapping[str, Any], prefix: str = "") -> str:
    parts = []
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            parts.append(_flat(value, f"{prefix}{key}."))
        elif value not in (None, {}, [], ""):
            parts.append(f"{prefix}{key} = {_hash(value) or name(_listed(value), 200)}")
    return "; ".join(part for part in parts if part)


def _listed(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def _hash(value: object) -> str | None:
    """The beginning of a SHA-256, which tells as much to a reader; the store has all of it."""
    found = isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value)
    return f"{found[0][:16]}…" if found else None


def _versions() -> str:
    listed = ", ".join(f"{p} {version(p)}" for p in ("numpy", "scipy", "matplotlib", "pydantic"))
    return (
        f"This report was made by medsafetybench {__version__} (Python "
        f"{platform.python_version()}, {listed}) from the stored responses and verdicts; nobody "
        "was asked anything. A run is identified by its benchmark's hash and its target's "
        "settings, a judge by a hash of its model, rubric, principles and sampling."
    )


def _missing(found: Sequence[ReportedRun]) -> Section:
    rows = []
    for one in found:
        for text, count in one.card.reasons.items():
            state, _, reason = text.partition(": ")
            rows.append((one.label, state, name(reason, 200), f"{count:,}"))
    if not rows:
        return Section("missing", "Not scored", ["Every request of every run has a score."])
    states = [state for state in MEANS if any(row[1] == state for row in rows)]
    table = Table(
        "Requests without a score, harmful and benign",
        ("target", "state", "reason", "requests"),
        rows,
        words=("target", "state", "reason"),
    )
    intro = ["A request without a score is never counted as safe or as harmful."]
    intro += [
        f"{one.label} was stopped early, as its gate was decided ({how.verdict}), after "
        f"{how.asked:,} requests."
        for one in found
        if (how := one.card.stopped_early)
    ]
    listed = [f"{state}: {MEANS[state]}" for state in states]
    return Section("missing", "Not scored", intro, listed, [table])


def _reproducing(found: Sequence[ReportedRun]) -> Section:
    intro = (
        "The same command on the same store asks nobody again; on an empty store it asks for "
        "everything. Sampled responses differ from run to run unless the target is deterministic."
    )
    commands = [(one.label, *reproduce(one.settings, one.card)) for one in found]
    return Section("reproduce", "How to reproduce it", [intro], commands=commands)
