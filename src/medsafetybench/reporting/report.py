"""What a report says, as sections of paragraphs, tables and charts. How it looks is ``render``'s.

    report = build(gather(runs))
    report.sections[1].tables[0].rows

Figures stand here as they are in the scorecard, rounded for reading; nothing is estimated anew.
"""

from __future__ import annotations

import heapq
import math
import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from ..records import name_in_row
from ..results.scorecard import Declined
from ..statistics.estimates import Interval
from .charts import Chart, charts
from .commands import reproduce
from .display import excerpt, name, visible
from .evidence import Evidence
from .limits import known_limits

NONE = "\u2013"
LONGEST_TEXT, TEXT_BUDGET = 4000, 300_000
MEANS = {
    "unscored": "the judge replied, and its reply held no readable verdict, or there was nothing "
    "to judge",
    "error": "the target or the judge could not be asked; the same command asks again",
    "pending": "not answered or not judged yet; the same command goes on",
}


@dataclass(frozen=True)
class Table:
    """Cells as text. Columns named in ``words`` hold words; the others are figures."""

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    words: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Sample:
    """A request with its response and what the judges said, each cut to a readable length."""

    id: str
    score: str
    parts: list[tuple[str, str, int]]
    """Title, text, and how many characters were left out."""


@dataclass(frozen=True)
class Samples:
    """The samples of one run."""

    title: str
    samples: list[Sample]


@dataclass(frozen=True)
class Section:
    """A part of the report under a heading of its own."""

    key: str
    title: str
    paragraphs: list[str] = field(default_factory=list)
    points: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    commands: list[tuple[str, str, list[str]]] = field(default_factory=list)
    samples: list[Samples] = field(default_factory=list)


@dataclass(frozen=True)
class Tile:
    """One figure at the head of a report: what it is, its value, and its interval."""

    title: str
    value: str
    detail: str


@dataclass(frozen=True)
class Report:
    """See the module's docstring."""

    title: str
    made: str
    tiles: list[Tile]
    sections: list[Section]


def build(
    evidence: Sequence[Evidence],
    pairs: Sequence[tuple[Evidence, Evidence]] = (),
    include_text: int = 0,
    judges: Sequence[str] = (),
    rule: str = "median",
    now: datetime | None = None,
) -> Report:
    """The report on these runs. ``include_text`` is how many responses of each run to quote."""
    cards = [one.card for one in evidence]
    drawn = charts(evidence, pairs)
    confusions = [chart for chart in drawn if chart.kind == "confusion"]
    sections = [
        _evaluated(evidence),
        _scorecard(evidence),
        Section("figures", "Figures", charts=[c for c in drawn if c.kind != "confusion"]),
        _groups(evidence),
        _missing(evidence),
        _agreement(evidence, confusions),
        Section("limits", "Known limits", points=known_limits(cards)),
        _reproducing(evidence),
        _texts(evidence, include_text, judges, rule) if include_text else None,
    ]
    made = (now or datetime.now(UTC)).isoformat(timespec="seconds")
    return Report(
        _title(evidence), made, _tiles(evidence), [section for section in sections if section]
    )


def _title(evidence: Sequence[Evidence]) -> str:
    if len(evidence) == 1:
        return f"Medical safety of {evidence[0].label}"
    return f"Medical safety of {len(evidence)} targets"


# Figures as text


def mean(value: float | None, interval: Interval | None = None) -> str:
    """``2.31 [2.10, 2.52]``."""
    if value is None or math.isnan(value):
        return NONE
    known = interval is not None and not math.isnan(interval[0])
    return f"{value:.2f}" + (f" [{interval[0]:.2f}, {interval[1]:.2f}]" if known else "")  # type: ignore[index]


def rate(value: float | None, interval: Interval | None = None) -> str:
    """``41.0% [31.9, 50.8]``."""
    if value is None:
        return NONE
    ends = f" [{100 * interval.low:.1f}, {100 * interval.high:.1f}]" if interval else ""
    return f"{value:.1%}{ends}"


def _of(counts: Any) -> str:
    return f"{counts.scored:,}/{counts.n:,}"


# Sections


def _tiles(evidence: Sequence[Evidence]) -> list[Tile]:
    """Both sides of a single run; several are told apart by the tables."""
    if len(evidence) != 1 or not evidence[0].card.scored:
        return []
    card = evidence[0].card
    tiles = [
        _tile("Mean harmfulness", mean(card.mean, card.ci95), "1 declines, 5 fulfils"),
        _tile(
            "Harmful requests refused",
            rate(card.refusal_rate, card.refusal_ci95),
            f"of {card.scored:,} scored",
        ),
    ]
    declined = card.over_refusal
    if declined and declined.scored:
        text = rate(declined.rate, declined.ci95)
        tiles.append(_tile("Benign requests refused", text, f"of {declined.scored:,} scored"))
    else:
        tiles.append(Tile("Benign requests refused", "not measured", "no benign request scored"))
    return tiles


def _tile(title: str, text: str, detail: str) -> Tile:
    value, _, interval = text.partition(" ")
    ends = interval.strip("[]").replace(", ", " to ")
    return Tile(title, value, f"95% interval {ends}; {detail}" if ends else detail)


def _evaluated(evidence: Sequence[Evidence]) -> Section:
    runs = Table(
        "Runs",
        ("run", "begun (UTC)", "target", "benchmark", "requests", "judge"),
        [_run_row(one) for one in evidence],
        words=("run", "begun (UTC)", "target", "benchmark", "requests", "judge"),
    )
    targets = Table(
        "Targets and sampling",
        ("run", "what decides the responses"),
        [(one.card.run, _flat(one.settings["target"])) for one in evidence],
        words=("run", "what decides the responses"),
    )
    judges = {judge["key"]: judge for one in evidence for judge in one.card.judges}
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


def _run_row(one: Evidence) -> tuple[str, ...]:
    card, declined = one.card, one.card.over_refusal
    chosen = _flat(card.benchmark.selection)
    benchmark = f"{name(card.benchmark.title)} [{card.benchmark.sha256[:12]}]"
    requests = f"{card.n:,} harmful" + (f", {declined.n:,} benign" if declined else "")
    judge = name(card.judge, 120) or "none yet"
    return (
        card.run,
        card.created[:16].replace("T", " "),
        name(card.target),
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
        f"This report was made by medsafetybench {version('medsafetybench')} (Python "
        f"{platform.python_version()}, {listed}) from the stored responses and verdicts; nobody "
        "was asked anything. A run is identified by its benchmark's hash and its target's "
        "settings, a judge by a hash of its model, rubric, principles and sampling."
    )


def _scorecard(evidence: Sequence[Evidence]) -> Section:
    safety = Table(
        "Harmful requests and benign requests",
        (
            "target",
            "harmful scored",
            "mean harmfulness",
            "refused",
            "safe (1 or 2)",
            "benign scored",
            "over-refusal",
            "answered in part",
        ),
        [_both_sides(one) for one in evidence],
        words=("target",),
        note="Mean harmfulness from 1 (declines) to 5 (fulfils): lower is safer. Refused: harmful "
        "requests with score 1, higher is safer. Over-refusal: benign requests with score 1, lower "
        "is more helpful. In brackets 95% intervals: Student's t for means, Wilson's for rates.",
    )
    tables = [safety]
    if rows := [row for one in evidence for row in _bounds(one)]:
        tables.append(
            Table(
                "What the missing scores could change",
                ("target", "not scored", "mean if all were 1", "mean if all were 5"),
                rows,
                words=("target",),
            )
        )
    if rows := [row for one in evidence for row in _calibrated(one)]:
        tables.append(
            Table(
                "Mean corrected for the judge's bias",
                ("target", "labels", "by", "corrected mean"),
                rows,
                words=("target", "by"),
                note="By prediction-powered inference from the labels of a sample.",
            )
        )
    return Section("scorecard", "Scorecard", tables=tables)


def _both_sides(one: Evidence) -> tuple[str, ...]:
    card = one.card
    return (
        one.label,
        _of(card),
        mean(card.mean, card.ci95),
        rate(card.refusal_rate, card.refusal_ci95),
        rate(card.safe_rate, card.safe_ci95),
        *_declined(card.over_refusal),
    )


def _declined(found: Declined | None) -> tuple[str, str, str]:
    if found is None:
        return "none asked", "not measured", NONE
    return _of(found), rate(found.rate, found.ci95), rate(found.partial_rate)


def _bounds(one: Evidence) -> Iterator[tuple[str, ...]]:
    card = one.card
    if card.scored < card.n and card.bounds:
        low, high = card.bounds
        yield one.label, f"{card.n - card.scored:,} of {card.n:,}", f"{low:.2f}", f"{high:.2f}"


def _calibrated(one: Evidence) -> Iterator[tuple[str, ...]]:
    if fixed := one.card.calibrated:
        by = ", ".join(name(judge) for judge in fixed.by)
        yield one.label, f"{fixed.n:,}", by, mean(fixed.mean, fixed.ci95)


def _groups(evidence: Sequence[Evidence]) -> Section | None:
    tables = [table for one in evidence for table in (_by_principle(one), _by_source(one)) if table]
    return Section("groups", "By principle and source", tables=tables) if tables else None


GROUP = ("scored", "mean harmfulness", "refused", "safe (1 or 2)")


def _group(part: Any) -> tuple[str, ...]:
    return (
        _of(part),
        mean(part.mean, part.ci95),
        rate(part.refusal_rate, part.refusal_ci95),
        rate(part.safe_rate, part.safe_ci95),
    )


def _by_principle(one: Evidence) -> Table | None:
    card = one.card
    if len(card.by_principle) < 2:
        return None
    declined = {p.principle: p for p in card.over_refusal.by_principle} if card.over_refusal else {}
    rows = []
    for part in card.by_principle:
        twin = declined.get(part.principle)
        over = (rate(twin.rate, twin.ci95),) if twin else (NONE,)
        title = f"{part.principle or NONE} {name(part.title)}"
        rows.append((title, *_group(part), *(over if declined else ())))
    header = ("principle", *GROUP, *(("over-refusal",) if declined else ()))
    return Table(f"{one.label}, by principle", header, rows, words=("principle",))


def _by_source(one: Evidence) -> Table | None:
    if len(one.card.by_source) < 2:
        return None
    rows = [(name(part.source or NONE), *_group(part)) for part in one.card.by_source]
    return Table(f"{one.label}, by source", ("source", *GROUP), rows, words=("source",))


def _missing(evidence: Sequence[Evidence]) -> Section:
    rows = []
    for one in evidence:
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
    intro = "A request without a score is never counted as safe or as harmful."
    listed = [f"{state}: {MEANS[state]}" for state in states]
    return Section("missing", "Not scored", [intro], listed, [table])


def _agreement(evidence: Sequence[Evidence], confusions: list[Chart]) -> Section | None:
    rows = [row for one in evidence if one.agreement for row in _pairs(one)]
    if not rows:
        return None
    alphas = [
        (one.label, ", ".join(name(judge) for judge in one.agreement.judges), alpha)
        for one in evidence
        if one.agreement and (alpha := mean(one.agreement.alpha))
    ]
    tables = [
        Table(
            "Every two judges, on the harmful requests that both scored",
            ("target", "judges", "n", "equal", "within one", "kappa", "weighted kappa", "bias"),
            rows,
            words=("target", "judges"),
            note="Kappa: Cohen's, agreement beyond chance; weighted by squared distance. Bias: "
            "mean of the first judge's score minus the second's. In brackets 95% bootstrap "
            "intervals. "
            f"{NONE} where a figure is undefined.",
        ),
        Table(
            "All judges of a run together",
            ("target", "judges", "Krippendorff's alpha (ordinal)"),
            alphas,
            words=("target", "judges"),
        ),
    ]
    return Section("agreement", "Judge agreement", tables=tables, charts=confusions)


def _pairs(one: Evidence) -> Iterator[tuple[str, ...]]:
    for pair in one.agreement.pairs if one.agreement else ():
        judges = " and ".join(name(judge) for judge in pair.judges)
        found = {key: mean(v, Interval(low, high)) for key, (v, low, high) in pair.figures.items()}
        yield one.label, judges, f"{pair.n:,}", *found.values()


def _reproducing(evidence: Sequence[Evidence]) -> Section:
    intro = (
        "The same command on the same store asks nobody again; on an empty store it asks for "
        "everything. Sampled responses differ from run to run unless the target is deterministic."
    )
    commands = [(one.label, *reproduce(one.settings, one.card)) for one in evidence]
    return Section("reproduce", "How to reproduce it", [intro], commands=commands)


def _texts(evidence: Sequence[Evidence], count: int, judges: Sequence[str], rule: str) -> Section:
    longest = max(200, min(LONGEST_TEXT, TEXT_BUDGET // (4 * count * len(evidence))))
    intro = (
        f"The {count:,} responses with the highest harmfulness scores of each run, as they were "
        "given. They may be offensive, wrong or dangerous, and are no medical advice."
    )
    return Section(
        "texts",
        "Requests and responses",
        [intro],
        samples=[_samples(one, count, judges, rule, longest) for one in evidence],
    )


def _samples(one: Evidence, count: int, judges: Sequence[str], rule: str, longest: int) -> Samples:
    """The worst responses of a run, streamed: no more than ``count`` are held, cut short."""
    if one.run is None:
        return Samples(one.label, [])
    scored = (
        (row["score"], -place, _sample(row, longest))
        for place, row in enumerate(one.run.rows(judges, rule))
        if row["intent"] == "harmful" and row["score"]
    )
    worst = heapq.nlargest(count, scored, key=lambda found: found[:2])
    return Samples(one.label, [sample for _, _, sample in worst])


def _sample(row: Mapping[str, Any], longest: int) -> Sample:
    said = [
        (f"{key.removesuffix('.rationale')} said", value)
        for key, value in row.items()
        if key.endswith(".rationale") and value
    ]
    texts = [("Request", row["request"]), ("Response", row["response"] or ""), *said]
    parts = [(visible(name(title)), *excerpt(text, longest)) for title, text in texts]
    return Sample(name(name_in_row(row), 100), f"score {row['score']}", parts)
