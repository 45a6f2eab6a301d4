"""What each figure shows, as rows of numbers; drawing them is ``figures``' affair. Pure.

    charts(gather(runs))             # one Chart for each figure that these runs can give
    chart.columns, chart.rows        # the numbers, which also go into the CSV beside the picture

A chart that would be empty (no benign requests, one judge only) is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..results.scorecard import Harmfulness
from ..statistics.estimates import Interval
from .display import name
from .evidence import Evidence

RUN = ("run", "target", "judge")


@dataclass(frozen=True)
class Chart:
    """A figure's numbers. ``kind`` says how it is drawn; ``key`` names its files.

    ``labels`` gives each run the name it is shown by; ``note`` says judge and n in one line.
    """

    kind: str
    key: str
    title: str
    note: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    labels: dict[str, str]

    @property
    def several_judges(self) -> bool:
        """True if the runs shown were judged by different judges."""
        return len({row.get("judge") for row in self.records()}) > 1

    def records(self) -> Iterator[dict[str, Any]]:
        """The rows as mappings, for a CSV file."""
        return (dict(zip(self.columns, row, strict=True)) for row in self.rows)


def charts(
    evidence: Sequence[Evidence], pairs: Sequence[tuple[Evidence, Evidence]] = ()
) -> list[Chart]:
    """Every chart that these runs can give; ``pairs`` are runs before and after."""
    found = [
        harmfulness(evidence),
        distribution(evidence),
        principles(evidence),
        refusal(evidence),
        before_after(pairs),
        *(confusion(one) for one in evidence),
    ]
    return [chart for chart in found if chart and chart.rows]


def _chart(
    kind: str,
    title: str,
    evidence: Sequence[Evidence],
    columns: tuple[str, ...],
    rows: Iterable[tuple[Any, ...]],
    counted: str,
    key: str | None = None,
) -> Chart:
    labels = {one.card.run: one.label for one in evidence}
    return Chart(
        kind, key or kind, title, f"{counted}. {judged(evidence)}", columns, list(rows), labels
    )


def judged(evidence: Iterable[Evidence]) -> str:
    """Who judged, and on what, in one line."""
    evidence = list(evidence)
    judges = sorted({one.card.judge for one in evidence if one.card.judge})
    benchmarks = sorted({one.card.benchmark.name for one in evidence})
    listed = "; ".join(name(judge) for judge in judges) or "none yet"
    plural = "Judges" if len(judges) > 1 else "Judge"
    return f"{plural}: {listed}. Benchmark: {'; '.join(name(b) for b in benchmarks)}."


def _run(one: Evidence) -> tuple[str, str, str]:
    return one.card.run, one.card.target, one.card.judge


def _ends(interval: Interval | None) -> tuple[float | None, float | None]:
    return (interval.low, interval.high) if interval else (None, None)


def _mean(part: Harmfulness) -> tuple[Any, ...]:
    return part.n, part.scored, part.mean, *_ends(part.ci95)


def _refused(part: Harmfulness) -> tuple[Any, ...]:
    return part.scored, part.refusal_rate, *_ends(part.refusal_ci95)


def harmfulness(evidence: Sequence[Evidence]) -> Chart:
    """Mean harmfulness by target, with intervals: the bar chart that the paper shows."""
    return _chart(
        "harmfulness",
        "Mean harmfulness of responses to harmful requests",
        evidence,
        (*RUN, "n", "scored", "mean", "low", "high"),
        ((*_run(one), *_mean(one.card)) for one in evidence if one.card.scored),
        "Bars: mean of the scored, 1 (declines) to 5 (fulfils); lines: 95% intervals",
    )


def distribution(evidence: Sequence[Evidence]) -> Chart:
    """How many responses got each score."""
    return _chart(
        "distribution",
        "Scores of responses to harmful requests",
        evidence,
        (*RUN, "scored", "score", "count", "share"),
        (
            (*_run(one), one.card.scored, int(score), count, count / one.card.scored)
            for one in evidence
            if one.card.scored
            for score, count in one.card.distribution.items()
        ),
        "Share of the scored responses with each score",
    )


def principles(evidence: Sequence[Evidence]) -> Chart:
    """Mean harmfulness by principle and target."""
    return _chart(
        "principles",
        "Mean harmfulness by principle",
        evidence,
        (*RUN, "principle", "title", "n", "scored", "mean", "low", "high"),
        (
            (*_run(one), part.principle, part.title, *_mean(part))
            for one in evidence
            for part in one.card.by_principle
            if part.scored and part.principle is not None
        ),
        "Mean of the scored, 1 (declines) to 5 (fulfils); small figures: responses scored",
    )


def refusal(evidence: Sequence[Evidence]) -> Chart:
    """Both sides at once: harmful requests refused against benign requests refused."""
    sides = ("refusal", "refusal_low", "refusal_high", "benign_scored")
    return _chart(
        "refusal",
        "Refusal of harmful requests against over-refusal of benign ones",
        evidence,
        (*RUN, "harmful_scored", *sides, "over_refusal", "over_refusal_low", "over_refusal_high"),
        (
            (*_run(one), *_refused(one.card), declined.scored, declined.rate, *_ends(declined.ci95))
            for one in evidence
            if one.card.scored and (declined := one.card.over_refusal) and declined.scored
        ),
        "Share of the scored with score 1; lines: 95% intervals (Wilson)",
    )


def before_after(pairs: Sequence[tuple[Evidence, Evidence]]) -> Chart | None:
    """Mean harmfulness, refusal and over-refusal before and after a change of the target."""
    if not pairs:
        return None
    rows = [
        (number, stage, *_run(one), *measure)
        for number, pair in enumerate(pairs, 1)
        for stage, one in zip(("before", "after"), pair, strict=True)
        for measure in _measures(one)
    ]
    return _chart(
        "before-after",
        "Before and after",
        [one for pair in pairs for one in pair],
        ("pair", "stage", *RUN, "measure", "scored", "value", "low", "high"),
        rows,
        "Lines: 95% intervals of each run by itself",
    )


def _measures(one: Evidence) -> Iterator[tuple[Any, ...]]:
    card, declined = one.card, one.card.over_refusal
    if card.scored:
        yield "mean harmfulness", card.scored, card.mean, *_ends(card.ci95)
        yield "refusal of harmful", *_refused(card)
    if declined and declined.scored:
        yield "over-refusal of benign", declined.scored, declined.rate, *_ends(declined.ci95)


def confusion(one: Evidence) -> Chart | None:
    """How often two judges of a run gave each pair of scores, for every two of its judges."""
    if not one.agreement:
        return None
    return _chart(
        "confusion",
        f"Scores of two judges on the same responses: {one.label}",
        [one],
        ("run", "target", "first", "second", "first_score", "second_score", "count"),
        (
            (one.card.run, one.card.target, *pair.judges, i + 1, j + 1, int(pair.confusion[i, j]))
            for pair in one.agreement.pairs
            for i in range(5)
            for j in range(5)
        ),
        "Counts of harmful requests that both scored",
        key=f"confusion-{one.card.run}",
    )
