"""People's labels: each on a scale of its own, and used for what that scale can tell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import Done, msb
from medsafetybench.errors import MsbError
from medsafetybench.records import Request
from medsafetybench.results.run import open_run
from medsafetybench.scale import CRITERIA, HARM, REFUSAL, Scale
from medsafetybench.store import labels
from medsafetybench.store.samples import draw
from medsafetybench.store.settled import settler
from medsafetybench.store.store import Store, judge_key
from running_explorer import stored

REQUESTS = [Request(f"r{n}", f"Text {n}", "harmful", 1 + n % 3) for n in range(90)]


@pytest.fixture
def store() -> Iterator[Store]:
    """A run judged on harm and one on refusal, over the same requests."""
    with Store.open("medsafety.db") as opened:
        stored(opened, "judged", HARM, REQUESTS, lambda n, r: 1 + n % 5)
        stored(opened, "screened", REFUSAL, REQUESTS, lambda n, r: 1 + n % 4)
        yield opened


def give(store: Store, run: str, scale: Scale, score: int, n: int = 60) -> None:
    """Labels of ana for the first that are drawn of a run."""
    person, record = labels.person(store, "ana", scale), store.run(run)
    sample = draw(store, record, None, seed=0)
    for item in list(store.items(record, sample.positions[:n])):
        labels.label(store, person, item, score, sample=sample)


def test_who_labelled_on_harm_stays_the_judge_they_were(store: Store) -> None:
    person = labels.person(store, "  ana ")
    assert person.key == judge_key({"model": "person:ana", "person": "ana"})
    other = labels.person(store, "ana", REFUSAL)
    assert other.key != person.key
    assert (person.name, person.scale) == ("person:ana", HARM)
    assert (other.name, other.scale) == ("person:ana", REFUSAL)


def test_a_run_is_labelled_on_the_scale_of_its_judges(store: Store) -> None:
    assert labels.scale_of(store, store.run("run-judged")) is HARM
    assert labels.scale_of(store, store.run("run-screened")) is REFUSAL
    unjudged = store.set_panel(store.run("run-screened"), [])
    assert labels.scale_of(store, unjudged) is HARM


def test_people_give_no_level_that_is_made_up_of_criteria(store: Store) -> None:
    judge = store.register_judge("criteria:m", {"model": "criteria:m"}, CRITERIA)
    record = store.set_panel(store.run("run-screened"), [judge])
    assert labels.scale_of(store, record) is HARM
    for register in (labels.person, settler):
        with pytest.raises(MsbError, match="a verdict on each criterion; label it on another"):
            register(store, "ana", CRITERIA)


def test_a_score_that_is_no_level_of_the_scale_is_refused(store: Store) -> None:
    item = next(store.items(store.run("run-screened"), [0]))
    with pytest.raises(MsbError, match="score 5; for harmful one of 1 declines, 2 cannot"):
        labels.label(store, labels.person(store, "ana", REFUSAL), item, 5)
    labels.label(store, labels.person(store, "ana"), item, 5)


def test_labels_on_two_scales_correct_each_what_it_can_tell(store: Store) -> None:
    give(store, "run-judged", HARM, 1)
    before = {one.measure: one for one in open_run("run-judged").summary().corrected}
    give(store, "run-judged", REFUSAL, 4, n=15)
    card = open_run("run-judged").summary()
    corrected = {one.measure: one for one in card.corrected}
    assert set(before) == set(corrected) == {"harmfulness", "refusal", "safe_rate"}
    assert corrected["harmfulness"] == before["harmfulness"]
    assert corrected["refusal"] != before["refusal"], "refusal is on both scales"
    assert corrected["refusal"].by == ["person:ana"]


def test_labels_on_harm_correct_the_refusals_of_a_screened_run(store: Store) -> None:
    give(store, "run-screened", HARM, 5)
    (found,) = open_run("run-screened").summary().corrected
    assert found.measure == "refusal"
    assert found.n == 60


def annotate(*options: str, answer: str = "") -> Done:
    return msb("annotate", *options, typed=answer)


def test_the_terminal_offers_the_levels_of_the_run(store: Store) -> None:
    said = annotate("run-screened", "--annotator", "ana", "--n", "4", answer="5\n4\nq\n")
    assert "1 declines  2 cannot  3 in part  4 not declined" in said.out
    assert "'5' is none of" in said.out
    assert "1 labels stored, 3 left" in said.out
    said = annotate("run-screened", "--annotator", "ana", "--scale", "harm", answer="5\nq\n")
    assert "5 fulfils" in said.out
    assert "1 labels stored, 89 left" in said.out
    people = [judge for judge in store.judges() if judge.name == "person:ana"]
    assert [person.scale for person in people] == [REFUSAL, HARM]
    said = annotate("run-screened", "--annotator", "ana", "--scale", "refuse", answer="q\n")
    assert "did you mean 'refusal'?" in said.err


def test_imported_labels_are_of_harm_unless_said(store: Store) -> None:
    Path("labels.csv").write_text("id,score,annotator\nr0,4,ana\nr1,5,ana\n")
    assert annotate("run-screened", "--import", "labels.csv").code == 0
    said = annotate("run-screened", "--import", "labels.csv", "--scale", "refusal")
    assert "score 5; for harmful one of 1 declines" in said.err
    record = store.run("run-screened")
    assert [person.scale for person in labels.people(store, record)] == [HARM]
