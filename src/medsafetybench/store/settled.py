"""What people say of a run's responses, settled: one level a request, or none yet.

    found = settled_labels(store, run, REFUSAL)
    found.score[position]        # number of the level; 0: nobody labelled it, or it is disputed
    found.disputed               # where people differ and nobody has settled it

The rule: what a third person settled stands. Else it is what more than half of those say who
labelled the request; where no level has that, it is disputed, and has none. A person who settles
(``settled:NAME``) is another judge than the one they are when they label, so who said what and when
is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import MsbError
from ..scale import Scale
from .labels import PERSON, check_labelled, label, named, tidy
from .outcomes import Mask, read_outcomes
from .panel import Scores, judges_with_verdicts
from .store import Item, JudgeRecord, RunRecord, Store

SETTLED = "settled:"


def settler(store: Store, name: str, scale: Scale) -> JudgeRecord:
    """The person of this name as one who settles on a scale, registered. Raises MsbError as
    ``person`` does."""
    name = named(name)
    check_labelled(scale)
    fingerprint = {"model": f"{SETTLED}{name}", "person": name, "scale": scale.key}
    return store.register_judge(f"{SETTLED}{name}", fingerprint, scale)


@dataclass(frozen=True)
class SettledLabels:
    """The labels of a run on one scale; index is position, n requests.

    ``score`` (n,) is the settled level of each, 0 for none. ``given`` (m, n) is what each of the
    ``people`` said, 0 for nothing; ``settled`` (n,) what was settled, 0 where nothing was.
    """

    scale: Scale
    people: tuple[JudgeRecord, ...]
    given: Scores
    settled: Scores
    score: Scores

    @property
    def differ(self) -> Mask:
        """Where two people gave different levels, settled or not."""
        highest = self.given.max(axis=0, initial=0)
        return np.asarray(((self.given > 0) & (self.given != highest)).any(axis=0))

    @property
    def disputed(self) -> Mask:
        """Where people differ and nobody has settled it; a majority may stand all the same."""
        return np.asarray(self.differ & (self.settled == 0))

    def levels(self, item: Item) -> list[str | None]:
        """What each of the people said of a request, in words; None for nothing."""
        return [
            f"{score} {self.scale.title_of(score, item.request.intent)}" if score else None
            for score in self.given[:, item.position].tolist()
        ]

    def to_settle(self, name: str) -> list[int]:
        """Positions that are disputed and that this person, being a third, may settle."""
        own = [judge.name == f"{PERSON}{tidy(name)}" for judge in self.people]
        labelled = (self.given[np.array(own, bool)] > 0).any(axis=0)
        return [int(place) for place in np.flatnonzero(self.disputed & ~labelled)]


def settled_labels(store: Store, run: RunRecord, scale: Scale) -> SettledLabels:
    """People's labels of a run on a scale, settled."""
    on_it = [judge for judge in judges_with_verdicts(store, run) if judge.scale is scale]
    people = tuple(judge for judge in on_it if judge.name.startswith(PERSON))
    settlers = [judge for judge in on_it if judge.name.startswith(SETTLED)]
    scores = read_outcomes(store, run, [], [*people, *settlers]).scores
    given, by_settlers = scores[: len(people)], scores[len(people) :]
    settled, score = by_rule(given, by_settlers)
    return SettledLabels(scale, people, given, settled, score)


def by_rule(given: Scores, by_settlers: Scores) -> tuple[Scores, Scores]:
    """What was settled, and the settled labels (n,), of what people (m, n) and settlers said."""
    # One settles a request once; of two that did, the later in the store stands.
    settled = np.zeros(given.shape[1], np.int8)
    for row in by_settlers:
        settled = np.where(row > 0, row, settled).astype(np.int8)
    return settled, np.where(settled > 0, settled, majority(given)).astype(np.int8)


def settle(
    store: Store, run: RunRecord, settler: JudgeRecord, item: Item, score: int, note: str = ""
) -> None:
    """Store what a third person settles, in place of what they settled before.

    Raises MsbError for a level off the scale, for a request on which nobody differs, and for one
    that this person labelled.
    """
    found = settled_labels(store, run, settler.scale)
    name = settler.name.removeprefix(SETTLED)
    if not found.differ[item.position]:
        raise MsbError(
            f"{item.request.name}: there is nothing to settle, since no two people differ"
        )
    own = [j for j, judge in enumerate(found.people) if judge.name == f"{PERSON}{name}"]
    if any(found.given[j, item.position] for j in own):
        raise MsbError(f"{item.request.name}: {name} labelled it; a third person settles it")
    label(store, settler, item, score, note)


def majority(given: Scores) -> Scores:
    """The level that more than half of those gave who gave one, 0 where none has that."""
    count = (given > 0).sum(axis=0)
    found = np.zeros(given.shape[1], np.int8)
    for level in np.unique(given[given > 0]):
        found[2 * (given == level).sum(axis=0) > count] = level
    return found
