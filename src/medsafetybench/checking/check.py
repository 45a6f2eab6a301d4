"""Checking judges against people's labels: one pass of the run loop, then a card for each set.

The responses of all the sets make up one stored run (``check-...``), which no list of runs shows.
A response's key stands for request and response, wherever they were published, and a response of
a stored run keeps its own: what a judge has said of it before is never asked again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..evaluation.perform import Reporter, Silent, perform
from ..evaluation.pipeline import Pipeline, Progress, Work
from ..judges import Judge
from ..judges.phrases import Phrases
from ..judges.trained import trained_on
from ..labelled import Labelled
from ..records import digest
from ..results.checked import panel_key
from ..results.judge_card import (
    JudgeCard,
    Verdicts,
    comparable,
    from_plain,
    judge_card,
)
from ..results.plain import plain
from ..store.cards import cards_of, put_card
from ..store.outcomes import ERROR, PENDING, Outcomes, read_outcomes
from ..store.provenance import here
from ..store.store import CHECK, JudgeRecord, RunRecord, Store, response_key
from .sets import Choice, Part, checked_part, open_sets


@dataclass(frozen=True)
class CheckResult:
    """The cards of a check, by set and then by judge; ``notes`` say which could not be made."""

    cards: list[JudgeCard]
    notes: list[str]
    progress: Progress


@dataclass(frozen=True)
class _Bench:
    """The sets in one stored run: the rows of each lie at its ``places``."""

    run: RunRecord
    parts: list[tuple[Part, slice]]

    @property
    def rows(self) -> int:
        return sum(len(part.found.rows) for part, _ in self.parts)


def check(
    judges: Sequence[Judge],
    sets: Sequence[str] = (),
    store: str | Path = "medsafety.db",
    choice: Choice | None = None,
    rule: str = "median",
    reporter: Reporter | None = None,
) -> CheckResult:
    """Check judges on labelled sets; several of one scale as a panel too. Again is resuming.

    Raises MsbError for a set that is not at hand, and for judges that say something else than the
    labels do, before anything is asked.
    """
    with Store.open(store) as opened:
        parts = open_sets(opened, sets, [judge.scale for judge in judges], choice or Choice())
        for part in parts:
            for judge in judges:
                comparable(judge.name, judge.scale, part.found.scale, part.found.name)
        bench = _lay_out(opened, parts)
        asked = [*judges, *(() if any(isinstance(j, Phrases) for j in judges) else (Phrases(),))]
        records = [opened.register_judge(j.name, j.fingerprint, j.scale) for j in asked]
        opened.add_provenance(bench.run, here())
        watching = reporter or Silent()
        for judge, record in zip(judges, records, strict=False):
            if judge.paid and (left := len(opened.unjudged(bench.run, record))):
                watching.note(
                    f"{judge.name} is asked about {left:,} responses (--limit: fewer of each set)"
                )
        pipeline = Pipeline(opened, bench.run, None, list(zip(asked, records, strict=True)))
        progress = perform(
            pipeline,
            lambda: _left(opened, bench.run, records),
            watching,
        )
        cards, notes = _cards(opened, bench, records, len(judges), rule)
        return CheckResult(cards, [] if progress.stopped else notes, progress)


def _left(store: Store, run: RunRecord, records: Sequence[JudgeRecord]) -> Work:
    left = Work.left(store, run, records)
    return Work([], left.unjudged, left.samples)


def _lay_out(store: Store, parts: Sequence[Part]) -> _Bench:
    """The sets as one stored run, with their responses."""
    rows = [(row, key_of(row)) for part in parts for row in part.found.rows]
    sets = {part.found.name: part.found.sha256 for part in parts}
    work = digest([[key.hex(), row.request.intent] for row, key in rows])
    settings = {
        "benchmark": {"name": "labelled sets", "sha256": work, "selection": {"sets": sets}},
        "target": {"model": "labelled sets"},
    }
    items = ((row.request, key) for row, key in rows)
    run = store.register(f"{CHECK}{digest([work, sets])[:10]}", settings, items)
    if store.unanswered(run):
        with store.transaction():
            for row, key in rows:
                if row.key is None:
                    store.put_response(key, row.response)
    places, start = [], 0
    for part in parts:
        places.append((part, slice(start, start + len(part.found.rows))))
        start += len(part.found.rows)
    return _Bench(run, places)


def key_of(row: Labelled) -> bytes:
    """What stands for a labelled response in the store, whichever set it is in."""
    asked = [*row.request.context, {"role": "user", "content": row.request.text}]
    return row.key or response_key({"labelled": row.response.text}, asked)


def _cards(
    store: Store, bench: _Bench, records: Sequence[JudgeRecord], judges: int, rule: str
) -> tuple[list[JudgeCard], list[str]]:
    """A card for each set and judge that came to the end, stored; and notes on the others."""
    outcomes = [read_outcomes(store, bench.run, [record]) for record in records]
    phrases = next(
        found for found in outcomes if found.judges[0].settings.get("judge") == "phrases"
    )
    shown = outcomes[:judges]
    if judges > 1 and len({record.scale.key for record in records[:judges]}) == 1:
        shown = [*shown, read_outcomes(store, bench.run, records[:judges], rule=rule)]
    cards, notes = [], []
    fitted = _fitted(store, records)
    for part, places in bench.parts:
        on = checked_part(part)
        for found in shown:
            if left := int(np.isin(found.state[places], (ERROR, PENDING)).sum()):
                n = places.stop - places.start
                notes.append(
                    f"{_name(found)} on {part.found.name}: {left} of {n} are not judged, so there "
                    "is no card; the same command goes on with them"
                )
                continue
            verdicts = _verdicts(found, places, part.found.name, fitted)
            card = judge_card(on, verdicts, phrases.score[places])
            put_card(store, card.key, card.set, card.part, card.n, plain(card))
            cards.append(card)
    return cards, notes


def _verdicts(
    found: Outcomes, places: slice, name: str, fitted: Mapping[tuple[str, str], Any]
) -> Verdicts:
    reason = found.reason
    assert found.scale is not None, "a judge has a scale"
    return Verdicts(
        judge=_name(found),
        key=panel_key(found.members, found.rule),
        scale=found.scale,
        scores=found.score[places],
        reason=type(reason)(reason.values, reason.codes[places]),
        trained=any(
            name in trained_on(judge.settings) or (judge.key, name) in fitted
            for judge in found.members
        ),
    )


def _name(found: Outcomes) -> str:
    return " + ".join(judge.name for judge in found.members)


def _fitted(store: Store, records: Sequence[JudgeRecord]) -> dict[tuple[str, str], Any]:
    """Which judges were fitted on which sets: how they do on those is no evidence."""
    return {(card.key, card.set): card.fitted for card in _stored(store, records) if card.fitted}


def _stored(store: Store, records: Sequence[JudgeRecord]) -> Iterator[JudgeCard]:
    yield from map(from_plain, cards_of(store, [record.key for record in records]))
