"""Runs side by side: the verdicts that several runs got on the same requests.

    pairing = pair_runs([open_run("run-31e6"), open_run("run-77b0")])
    pairing.values(REFUSAL)             # runs x requests of its side, NaN where a run has no score
    pairing.notes                       # what was left out, in plain words

Two requests are the same if they ask the same: by text and context, intent, turn and framing, never
by id alone. So a run and its import pair, and renamed requests do too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MsbError
from ..records import INTENTS
from ..scale import Scale
from ..statistics.interval import Interval
from ..store.outcomes import Outcomes
from ..store.store import Store
from ..store.texts import texts
from .measures import Floats, Measure, common
from .naming import name_of, told_apart
from .run import Run
from .scorecard import BenchmarkInfo

Clusters = NDArray[np.int64]


@dataclass(frozen=True)
class Side:
    """The requests of one intent (or all): ``scores`` is runs x requests, 0 for none.

    ``positions`` (runs x requests) are places in each run. ``clusters`` holds a number for each
    request; those that share one are one draw.
    """

    ids: list[str]
    principles: list[int | None]
    positions: NDArray[np.int64]
    scores: NDArray[np.int8]
    clusters: Clusters

    def part(self, chosen: NDArray[np.bool_]) -> Side:
        """The side with only the requests chosen."""
        at = np.flatnonzero(chosen)
        return Side(
            [self.ids[i] for i in at],
            [self.principles[i] for i in at],
            self.positions[:, at],
            self.scores[:, at],
            self.clusters[at],
        )


@dataclass(frozen=True)
class Pairing:
    """Runs over the same requests. ``labels`` name the runs; ``notes`` say what was left out;
    ``outcomes`` are those of each run, whole."""

    labels: list[str]
    runs: list[Run]
    judge: str
    scales: list[Scale]
    sides: Mapping[str, Side]
    notes: list[str]
    outcomes: Sequence[Outcomes]

    @property
    def measures(self) -> list[Measure]:
        """The measures that every run's judge supports, of sides that were asked."""
        return [m for m in common(self.scales) if self.side(m).ids]

    def side(self, measure: Measure) -> Side:
        """The requests that a measure is of: those of its side that it says something of."""
        side = self.sides[measure.side]
        if not measure.graded:
            return side
        told = [
            measure.of(one).told[at] for one, at in zip(self.outcomes, side.positions, strict=True)
        ]
        return side.part(np.all(told, axis=0))

    def range(self, measure: Measure) -> Interval:
        """The least and the greatest value that a request can have, on any run's scale."""
        ends = [measure.of(one).ends for one in self.outcomes]
        return Interval(min(end.low for end in ends), max(end.high for end in ends))

    def values(self, measure: Measure, side: Side | None = None) -> Floats:
        """The measure for each run and request, NaN without a score; of a part of its side."""
        places = (side or self.side(measure)).positions
        pairs = zip(self.outcomes, places, strict=True)
        return np.array([measure.of(one).known[at] for one, at in pairs])


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
    return pair([run.labelled(judges, rule) for run in runs], runs, allow_different_judges)


def pair(
    found: Sequence[Outcomes], runs: Sequence[Run] = (), allow_different_judges: bool = False
) -> Pairing:
    """Outcomes of runs side by side, as `pair_runs` has them. Raises MsbError as it does."""
    names = [one.run.id for one in found]
    notes = _judge_notes(found, allow_different_judges)
    positions = join(found)
    if not positions.shape[1]:
        raise MsbError(f"{' and '.join(names)} share no request; compare runs of one benchmark")
    notes += _benchmark_notes(found, positions.shape[1])
    sides = {side: _side(found, positions, side) for side in (*INTENTS, "all")}
    notes += [*_missing_notes(sides), *stopped_notes(found)]
    scales = [one.scale for one in found if one.scale]
    judge = " + ".join(judge.name for judge in found[0].members)
    return Pairing(_labels(found), list(runs), judge, scales, sides, notes, found)


def join(found: Sequence[Outcomes]) -> NDArray[np.int64]:
    """For each run the positions of the requests that all were asked, in the first run's order.

    Where a run asks the very same thing several times, the first by id pairs with the first.
    """
    if all(_asks_the_same(found[0], other) for other in found[1:]):
        return np.tile(np.arange(len(found[0])), (len(found), 1))
    places = [dict(zip(_keys(one), range(len(one)), strict=True)) for one in found]
    shared = [key for key in places[0] if all(key in other for other in places[1:])]
    table = [[place[key] for key in shared] for place in places]
    return np.array(table, dtype=np.int64).reshape(len(found), len(shared))


def _asks_the_same(first: Outcomes, other: Outcomes) -> bool:
    """True if both ask the same requests in the same order, as runs of one benchmark do: looked at
    first, since joining them key by key takes seconds where there are many."""
    if first.ids != other.ids or not np.array_equal(first.text, other.text):
        return False
    columns = ((one.intent, one.turn, one.framing) for one in (first, other))
    return all(
        a.values == b.values and np.array_equal(a.codes, b.codes)
        for a, b in zip(*columns, strict=True)
    )


def _keys(found: Outcomes) -> Iterator[tuple[Any, ...]]:
    """What each request asks, and the how-manieth of those that ask the same it is."""
    asked = list(
        zip(
            found.text.tolist(),
            _told(found.intent.codes, found.intent.values),
            # A request asked once stands for its first turn.
            [turn or 1 for turn in _told(found.turn.codes, found.turn.values)],
            _told(found.framing.codes, found.framing.values),
            strict=True,
        )
    )
    same = defaultdict(list)
    for place, key in enumerate(asked):
        same[key].append(place)
    rank: dict[int, int] = {}
    for members in same.values():
        if len(members) > 1:
            ordered = sorted(members, key=lambda place: (found.ids[place], place))
            rank |= {place: number for number, place in enumerate(ordered)}
    return ((*key, rank.get(place, 0)) for place, key in enumerate(asked))


def _told(codes: NDArray[np.int32], values: Sequence[Any]) -> list[Any]:
    return [values[code] for code in codes.tolist()]


def _side(found: Sequence[Outcomes], positions: NDArray[np.int64], side: str) -> Side:
    first = found[0]
    at = positions[:, first.of_side(side)[positions[0]]]
    scores = [one.score[place] for one, place in zip(found, at, strict=True)]
    return Side(
        [first.ids[i] for i in at[0]],
        [first.principle[i] for i in at[0]],
        at,
        np.array(scores, dtype=np.int8),
        merged([first.draws[at[0]].tolist()]),
    )


def merged(groupings: Sequence[Sequence[Any]]) -> Clusters:
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
    for key, side in pairing.sides.items():
        if clusters is None:
            numbers = np.arange(len(side.ids))
        else:
            given = [clusters.get(identity) for identity in side.ids]
            numbers = merged([side.clusters.tolist(), given])
        sides[key] = replace(side, clusters=numbers)
    return replace(pairing, sides=sides)


def near_duplicates(pairing: Pairing, threshold: float = 0.7) -> dict[str, int]:
    """Groups of near-duplicate requests (word-3-gram Jaccard at least ``threshold``), by id."""
    from ..benchmarks.audit.duplicates import Likeness, clusters, comparable, near_pairs

    run = pairing.runs[0]
    with Store.read(run.store) as store:
        asked = [said.request for said in texts(store, store.run(run.id), ())]
    found: dict[str, int] = {}
    for intent in INTENTS:
        side = pairing.sides[intent]
        read = [asked[position] for position in side.positions[0]]
        pairs = near_pairs(comparable(read), Likeness("jaccard3", threshold))
        numbers = clusters(len(side.ids), pairs)
        found |= {identity: int(n) for identity, n in zip(side.ids, numbers, strict=True)}
    return found


def _judge_notes(found: Sequence[Outcomes], allowed: bool) -> list[str]:
    panels = [tuple(judge.key for judge in one.members) for one in found]
    if not all(panels):
        without = ", ".join(one.run.id for one in found if not one.panel)
        raise MsbError(f"{without} has no judge yet; give it one with `msb rejudge`")
    if len(set(panels)) == 1:
        return []
    named = "; ".join(
        f"{one.run.id} by {' + '.join(judge.name for judge in one.members)} "
        f"[{', '.join(key[:8] for key in panel)}]"
        for one, panel in zip(found, panels, strict=True)
    )
    if not allowed:
        raise MsbError(
            f"different judges or rubrics: {named}. Choose one that scored all with --judge, have "
            "one score all with `msb rejudge`, or pass --allow-different-judges"
        )
    return [f"Judges or rubrics differ, so differences may be theirs: {named}"]


def _benchmark_notes(found: Sequence[Outcomes], shared: int) -> list[str]:
    benchmarks = [BenchmarkInfo(**one.run.settings["benchmark"]) for one in found]
    if len({benchmark.sha256 for benchmark in benchmarks}) == 1:
        return []
    sizes = ", ".join(
        f"{len(one):,} of {benchmark.title} ({one.run.id})"
        for one, benchmark in zip(found, benchmarks, strict=True)
    )
    return [
        f"Different benchmarks: compared on the {shared:,} requests that all were asked: {sizes}"
    ]


def _missing_notes(sides: Mapping[str, Side]) -> list[str]:
    notes = []
    for intent in INTENTS:
        side = sides[intent]
        missing = int((side.scores == 0).any(axis=0).sum())
        if missing:
            notes.append(
                f"{missing:,} of {len(side.ids):,} {intent} requests lack a score in some run; "
                "each pair of runs is compared on those that both have"
            )
    return notes


def stopped_notes(found: Sequence[Outcomes]) -> list[str]:
    """What intervals of differences do not hold for, in plain words."""
    return [
        f"{one.run.id} was stopped early, when its gate was decided: what it was not asked lacks a "
        "score, and intervals of differences do not hold for it"
        for one in found
        if one.stopped
    ]


def _labels(found: Sequence[Outcomes]) -> list[str]:
    """The targets' names, with what tells apart those who share one."""
    return told_apart([name_of(one.run) for one in found])
