"""People differ, and a third settles it; samples say how labels were drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from medsafetybench.errors import MsbError
from medsafetybench.records import Request
from medsafetybench.scale import HARM, REFUSAL
from medsafetybench.store import labels, samples
from medsafetybench.store.settled import settle, settled_labels, settler
from medsafetybench.store.store import RunRecord, Store
from running_explorer import stored

REQUESTS = [Request(f"r{n}", f"Text {n}", "harmful", 1 + n % 3) for n in range(12)]


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.open("medsafety.db") as opened:
        stored(opened, "judged", HARM, REQUESTS, lambda n, r: 1 + n % 5)
        yield opened


@pytest.fixture
def run(store: Store) -> RunRecord:
    return store.run("run-judged")


def give(store: Store, run: RunRecord, name: str, scores: Mapping[int, int]) -> None:
    who = labels.person(store, name)
    for position, score in scores.items():
        labels.label(store, who, next(store.items(run, [position])), score)


def test_a_label_is_what_more_than_half_say(store: Store, run: RunRecord) -> None:
    give(store, run, "ana", {0: 1, 1: 1, 2: 1, 3: 4})
    give(store, run, "ben", {1: 1, 2: 5, 3: 4})
    give(store, run, "cem", {3: 5, 4: 2})
    found = settled_labels(store, run, HARM)
    assert found.score.tolist() == [1, 1, 0, 4, 2] + [0] * 7
    assert found.disputed.nonzero()[0].tolist() == [2, 3]
    assert settled_labels(store, run, REFUSAL).score.tolist() == [0] * 12


def test_a_third_settles_what_two_dispute(store: Store, run: RunRecord) -> None:
    give(store, run, "ana", {0: 1, 1: 1, 2: 3})
    give(store, run, "ben", {0: 4, 1: 5, 2: 3})
    assert settled_labels(store, run, HARM).to_settle("ana") == []
    assert settled_labels(store, run, HARM).to_settle("dia") == [0, 1]
    items = list(store.items(run, [0, 1, 2]))
    settle(store, run, settler(store, "dia", HARM), items[1], 4, "as the guideline says")
    found = settled_labels(store, run, HARM)
    assert found.score.tolist()[:3] == [0, 4, 3]
    assert found.to_settle("dia") == [0]
    with pytest.raises(MsbError, match="r0: ana labelled it; a third person settles it"):
        settle(store, run, settler(store, "ana", HARM), items[0], 1)
    with pytest.raises(MsbError, match="r2: there is nothing to settle"):
        settle(store, run, settler(store, "dia", HARM), items[2], 1)
    assert [judge.name for judge in labels.people(store, run)] == ["person:ana", "person:ben"]


def test_a_sample_is_drawn_once_and_knows_how_far_each_has_come(
    store: Store, run: RunRecord
) -> None:
    drawn = samples.draw(store, run, 6, seed=3)
    assert drawn.positions == tuple(samples.sample_order(store, run, 6, 3))
    ana, ben = labels.person(store, "ana"), labels.person(store, "ben")
    samples.reach(store, drawn, ana, drawn.positions[3])
    samples.reach(store, drawn, ana, drawn.positions[1])
    samples.reach(store, drawn, ben)
    assert [sample.number for sample in samples.samples_of(store, run)] == [drawn.number]
    again = samples.draw(store, run, 6, seed=3)
    assert again.reached == ((ana, 4), (ben, 6))
    samples.step_back(store, drawn, ana, drawn.positions[3])
    samples.step_back(store, drawn, ana, drawn.positions[0])
    assert samples.draw(store, run, 6, seed=3).reached == ((ana, 3), (ben, 6))
    assert samples.draw(store, run, 6, seed=4).number != drawn.number


def test_a_stated_sample_is_the_same_when_it_is_told_again(store: Store, run: RunRecord) -> None:
    first = samples.stated(store, run, [5, 2, 9])
    assert samples.stated(store, run, [5, 2, 9]).number == first.number
    assert first.title == "3 requests drawn elsewhere, as stated"
    assert samples.stated(store, run, [5, 2]).number != first.number
