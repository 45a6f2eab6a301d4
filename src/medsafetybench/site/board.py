"""The boards of a site: runs of one benchmark by one judge, ranked on both sides. Pure.

    for board in boards(found):
        board.benchmark, board.judge, board.rows[0].standing.places["refusal"].ranks

Different judges draw the line in different places, so runs by different judges are never ranked
together: a run that two judges scored stands on two boards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ..records import INTENTS
from ..reporting.reported import ReportedRun, labels_of
from ..results.evadable import CAVEAT, deciding
from ..results.leaderboard import Place, Standing, leaderboard
from ..results.measures import Measure, lead, supported
from ..results.pairing import pair
from ..results.scorecard import BenchmarkInfo, Group, JudgeChecked, Scorecard
from ..results.wording import text_check
from ..scale import SCALES, Scale
from .listed import Listed


@dataclass(frozen=True)
class Row:
    """One run of a board with its standing; ``broken`` is the share of its answers that are no
    coherent text, where that is so many that its other figures say little."""

    listed: Listed
    run: ReportedRun
    standing: Standing
    broken: float | None

    @property
    def card(self) -> Scorecard:
        """Its figures by this board's judge."""
        return self.run.card

    @property
    def page(self) -> str:
        """What its pages are named by."""
        return self.card.run


@dataclass(frozen=True)
class Board:
    """See the module's docstring. ``key`` names it in addresses."""

    key: str
    benchmark: BenchmarkInfo
    judge: str
    scale: Scale
    checked: Sequence[JudgeChecked]
    rows: Sequence[Row]
    notes: Sequence[str]

    @cached_property
    def measures(self) -> list[Measure]:
        """Those that the judge can give, and that have a value for some run."""
        found = {m: [row.card.figure(m.key) for row in self.rows] for m in supported(self.scale)}
        return [
            m for m, figures in found.items() if any(f and f.value is not None for f in figures)
        ]

    @property
    def ranked(self) -> list[Measure]:
        """The measure that each side is ranked by: its first; and that of all requests, where the
        judge tells nothing of harmful ones by themselves."""
        sides = [*INTENTS, *([] if lead(self.scale, "harmful") else ["all"])]
        firsts = (next((m for m in self.measures if m.side == side), None) for side in sides)
        return [measure for measure in firsts if measure]

    def principles(self, measure: Measure) -> dict[int, str]:
        """The principles that any run was asked on a measure's side, with their titles."""
        groups = (group for row in self.rows for group in _groups(row.card, measure))
        return dict(sorted({int(g.value): g.title for g in groups if g.value is not None}.items()))


def _known(card: Scorecard, measure: Measure) -> bool:
    figure = card.figure(measure.key)
    return figure is not None and figure.value is not None


def of_principle(card: Scorecard, measure: Measure, principle: int) -> Group | None:
    """The requests of one principle on a measure's side; None where there are none."""
    return next((g for g in _groups(card, measure) if g.value == principle), None)


def _groups(card: Scorecard, measure: Measure) -> Sequence[Group]:
    side = card.sides.get(measure.side)
    return side.by.get("principle", ()) if side else ()


def boards(found: Sequence[Listed]) -> list[Board]:
    """The boards of these runs: for each benchmark that of the judge most runs are reported by
    first. A run that nobody scored is on none."""
    groups: dict[tuple[str, ...], list[tuple[Listed, ReportedRun]]] = {}
    for one in found:
        for run in (one.run, *one.by_others):
            if run.card.scale and run.card.counts.scored:
                groups.setdefault(_alike(run), []).append((one, run))
    of_benchmark = list(dict.fromkeys(key[0] for key in groups))
    ordered = sorted(groups, key=lambda key: (of_benchmark.index(key[0]), -len(groups[key])))
    return [_board(f"board-{n}", groups[key]) for n, key in enumerate(ordered, 1)]


def _alike(run: ReportedRun) -> tuple[str, ...]:
    card = run.card
    judges = sorted(str(judge["key"]) for judge in card.judges)
    return (card.benchmark.sha256, card.rule or "", *judges)


def _board(key: str, group: Sequence[tuple[Listed, ReportedRun]]) -> Board:
    first = group[0][1]
    assert first.card.scale is not None, "boards() takes no others"
    labels = labels_of([run.outcomes.run for _, run in group if run.outcomes])
    runs = [replace(run, label=label) for (_, run), label in zip(group, labels, strict=True)]
    standings, notes = _ranked(runs)
    rows = {
        run.card.run: Row(one, run, standings[run.card.run], _broken(run))
        for (one, _), run in zip(group, runs, strict=True)
    }
    return Board(
        key,
        first.card.benchmark,
        first.card.judge,
        SCALES[first.card.scale],
        first.card.checked,
        [rows[identity] for identity in standings],
        [*notes, *_caveats(first)],
    )


def _ranked(runs: Sequence[ReportedRun]) -> tuple[dict[str, Standing], list[str]]:
    """The standings by run, in order, and what was left out; one run alone is ranked by nothing."""
    if len(runs) == 1:
        (one,) = runs
        places = {i.key: _alone(one.card, i.key) for i in one.card.measures}
        return {one.card.run: Standing(one.card.run, one.label, places)}, []
    pairing = pair([one.outcomes for one in runs if one.outcomes], [o.run for o in runs if o.run])
    pairing = replace(pairing, labels=[one.label for one in runs])
    return {row.run: row for row in leaderboard(pairing)}, pairing.notes


def _alone(card: Scorecard, measure: str) -> Place:
    figure = card.figure(measure)
    return Place(figure.value if figure else None, None, None)


def _broken(run: ReportedRun) -> float | None:
    if run.run is None or run.outcomes is None:
        return None
    check = text_check(run.run, run.outcomes)
    return check.point if check else None


def _caveats(run: ReportedRun) -> Iterator[str]:
    evaded = deciding(run.outcomes) if run.outcomes else ()
    if evaded:
        named = " and ".join(judge.name for judge in evaded)
        yield f"Decided by {named} alone: {CAVEAT.format(named)}"
