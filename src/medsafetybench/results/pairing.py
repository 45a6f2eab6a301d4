"""Runs side by side: the scores that several runs gave to the same requests.

    pairing = pair_runs([open_run("run-31e6"), open_run("run-77b0")])
    pairing.scores["harmful"]       # runs x requests, NaN where a run has no score
    pairing.notes                   # what was left out, in plain words

Runs of one benchmark hash are joined whole; others by the requests that all were asked, by id, text
and intent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MsbError
from ..records import INTENTS, Intent
from .run import Run
from .scorecard import Scorecard


@dataclass(frozen=True)
class Side:
    """The requests of one intent: ``scores`` is runs x requests, NaN for none.

    ``clusters`` holds a number for each request; those that share one are one draw.
    """

    ids: list[str]
    texts: list[str]
    principles: list[int | None]
    pairs: list[str | None]
    scores: NDArray[np.float64]
    clusters: NDArray[np.int64]


@dataclass(frozen=True)
class Pairing:
    """Runs over the same requests. ``labels`` name the runs; ``notes`` say what was left out."""

    labels: list[str]
    runs: list[str]
    judge: str
    sides: Mapping[Intent, Side]
    notes: list[str] = field(default_factory=list)


def pair_runs(
    runs: Sequence[Run],
    judges: Sequence[str] = (),
    rule: str = "median",
    allow_different_judges: bool = False,
) -> Pairing:
    """The runs side by side. ``judges`` and ``rule`` as in ``Run.summary``.

    Raises MsbError for fewer than two runs, one run twice, runs by different judges or rubrics
    (unless allowed), or runs that share no request.
    """
    names = [run.id for run in runs]
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise MsbError(f"given: {', '.join(names) or 'no run'}; expected two or more, each once")
    cards = [run.summary(judges, rule) for run in runs]
    notes = _judge_notes(cards, allow_different_judges)
    tables = [_table(run.rows(judges, rule)) for run in runs]
    shared = [key for key in tables[0] if all(key in table for table in tables[1:])]
    if not shared:
        raise MsbError(f"{' and '.join(names)} share no request; compare runs of one benchmark")
    notes += _benchmark_notes(cards, tables, len(shared))
    sides = {intent: _side(intent, shared, tables) for intent in INTENTS}
    notes += _missing_notes(sides)
    return Pairing(_labels(cards), names, cards[0].judge, sides, notes)


Key = tuple[str, str, str, int | None, str | None]
Table = dict[Key, dict[str, Any]]


def _table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """The rows of a run by what tells its requests apart; only what a comparison needs is kept."""
    wanted = ("score", "principle", "pair")
    return {
        (row["id"], row["request"], row["intent"], row["turn"], row["framing"]): {
            name: row[name] for name in wanted
        }
        for row in rows
    }


def _side(intent: Intent, shared: Sequence[Key], tables: Sequence[Table]) -> Side:
    keys = [key for key in shared if key[2] == intent]
    first = [tables[0][key] for key in keys]
    pairs = [row["pair"] for row in first]
    scores = [[table[key]["score"] for key in keys] for table in tables]
    return Side(
        [key[0] for key in keys],
        [key[1] for key in keys],
        [row["principle"] for row in first],
        pairs,
        np.array(scores, dtype=float).reshape(len(tables), len(keys)),
        merged([pairs]),
    )


def merged(groupings: Sequence[Sequence[Any]]) -> NDArray[np.int64]:
    """Cluster numbers from several groupings of the same requests, None being in no group.

    Requests that any grouping puts together, directly or through others, share a number.
    """
    root = list(range(len(groupings[0])))

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    for grouping in groupings:
        first: dict[Any, int] = {}
        for i, group in enumerate(grouping):
            if group is not None:
                root[find(i)] = find(first.setdefault(group, i))
    return np.array([find(i) for i in range(len(root))], dtype=np.int64)


def with_clusters(pairing: Pairing, clusters: Mapping[str, Any] | None) -> Pairing:
    """The pairing with requests grouped by ``clusters`` (request id to group) besides their pairs.

    None takes every request as a draw of its own.
    """
    sides = {}
    for intent, side in pairing.sides.items():
        if clusters is None:
            numbers = np.arange(len(side.ids))
        else:
            numbers = merged([side.pairs, [clusters.get(identity) for identity in side.ids]])
        sides[intent] = replace(side, clusters=numbers)
    return replace(pairing, sides=sides)


def near_duplicates(pairing: Pairing, threshold: float = 0.7) -> dict[str, int]:
    """Groups of near-duplicate requests (word-3-gram Jaccard at least ``threshold``), by id."""
    from ..benchmarks.audit.duplicates import Measure, clusters, comparable, near_pairs

    found: dict[str, int] = {}
    for side in pairing.sides.values():
        pairs = near_pairs(comparable(side.texts), Measure("jaccard3", threshold))
        numbers = clusters(len(side.ids), pairs)
        found |= {identity: int(n) for identity, n in zip(side.ids, numbers, strict=True)}
    return found


def _judge_notes(cards: Sequence[Scorecard], allowed: bool) -> list[str]:
    panels = {card.run: [judge["key"] for judge in card.judges] for card in cards}
    if not all(panels.values()):
        without = ", ".join(run for run, panel in panels.items() if not panel)
        raise MsbError(f"{without} has no judge yet; give it one with `msb rejudge`")
    if len(set(map(tuple, panels.values()))) == 1:
        return []
    named = "; ".join(
        f"{card.run} by {card.judge} [{', '.join(key[:8] for key in panels[card.run])}]"
        for card in cards
    )
    if not allowed:
        raise MsbError(
            f"different judges or rubrics: {named}. Choose one that scored all with --judge, have "
            "one score all with `msb rejudge`, or pass --allow-different-judges"
        )
    return [f"Judges or rubrics differ, so differences may be theirs: {named}"]


def _benchmark_notes(cards: Sequence[Scorecard], tables: Sequence[Table], shared: int) -> list[str]:
    if len({card.benchmark.sha256 for card in cards}) == 1:
        return []
    sizes = ", ".join(
        f"{len(table):,} of {card.benchmark.title} ({card.run})"
        for card, table in zip(cards, tables, strict=True)
    )
    return [
        f"Different benchmarks: compared on the {shared:,} requests that all were asked: {sizes}"
    ]


def _missing_notes(sides: Mapping[Intent, Side]) -> list[str]:
    notes = []
    for intent, side in sides.items():
        missing = int(np.isnan(side.scores).any(axis=0).sum())
        if missing:
            notes.append(
                f"{missing:,} of {len(side.ids):,} {intent} requests lack a score in some run; "
                "each pair of runs is compared on those that both have"
            )
    return notes


def _labels(cards: Sequence[Scorecard]) -> list[str]:
    """The targets' names, with the run's id where two share one."""
    count = Counter(card.target for card in cards)
    return [c.target if count[c.target] == 1 else f"{c.target} ({c.run})" for c in cards]
