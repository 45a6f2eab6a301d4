"""A figure is corrected by a random sample of this very run, and by nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from commands import msb
from medsafetybench.records import Request
from medsafetybench.results.agreement import PEOPLE, agreement_of
from medsafetybench.results.run import open_run
from medsafetybench.results.scorecard import Corrected, Scorecard
from medsafetybench.scale import HARM, REFUSAL
from medsafetybench.store import labels, samples
from medsafetybench.store.settled import settle, settler
from medsafetybench.store.store import Store
from running_explorer import stored

HARMFUL = [Request(f"h{n}", f"Text {n}", "harmful", 1 + n % 2) for n in range(130)]
BENIGN = [Request(f"b{n}", f"Other text {n}", "benign", 1 + n % 2) for n in range(70)]


def judged(number: int, request: Request) -> int:
    return 1 if request.intent == "benign" else 1 + number % 5


def true(position: int) -> int:
    """What people say: one level more than the judge."""
    return min(5, 2 + position % 5) if position < len(HARMFUL) else 5


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.open("medsafety.db") as opened:
        stored(opened, "judged", HARM, [*HARMFUL, *BENIGN], judged)
        yield opened


def label(
    store: Store,
    name: str,
    positions: range | tuple[int, ...],
    score: Callable[[int], int] = true,
    sample: samples.Sample | None = None,
    run: str = "run-judged",
) -> None:
    """Labels in the order of the positions."""
    who = labels.person(store, name)
    for position in positions:
        item = next(store.items(store.run(run), [position]))
        labels.label(store, who, item, score(position), sample=sample)


def card(run: str = "run-judged") -> Scorecard:
    return open_run(run).summary()


def corrected(measure: str, run: str = "run-judged") -> Corrected | None:
    return next((one for one in card(run).corrected if one.measure == measure), None)


def test_labels_of_chosen_requests_correct_nothing(store: Store) -> None:
    label(store, "ana", range(80))
    found = card()
    assert found.corrected == []
    assert {one.measure: one.labels for one in found.not_corrected} == {
        "harmfulness": 80,
        "refusal": 80,
        "safe_rate": 80,
    }
    (line,) = found.uncorrected
    assert line.startswith("mean harmfulness, refusal rate, safe rate: 80 labels of harmful")
    assert "none of them of a random sample of this run" in line
    assert f"Not corrected: {line}."[:60] in str(found)


def test_a_sample_corrects_the_run_it_was_drawn_from(store: Store) -> None:
    sample = samples.draw(store, store.run("run-judged"), 120, seed=0)
    label(store, "ana", sample.positions, sample=sample)
    found = corrected("harmfulness")
    assert found is not None
    truth = np.mean([true(n) for n in range(len(HARMFUL))])
    assert found.ci95.low <= truth <= found.ci95.high
    assert (found.n, found.unread, found.by) == (78, 0, ["person:ana"])
    assert found.sample == "120 requests drawn by seed 0"
    assert [one.measure for one in card().not_corrected] == ["over_refusal", "in_part"]
    assert "42 labels of a random sample of benign requests" in card().uncorrected[0]


def test_the_same_answers_in_another_run_are_not_its_sample(store: Store) -> None:
    """A run over part of the requests shares its answers with the whole; labels of the part are
    labels of the whole, and no sample of it."""
    whole = store.run("run-judged")
    part = [(item.request, item.key) for item in store.items(whole, range(60))]
    info = {"name": "part", "sha256": "0" * 64, "selection": {"limit": 60}}
    run = store.register("run-part", {"benchmark": info, "target": {"model": "judged"}}, part)
    store.set_panel(run, [judge for judge in store.judges() if judge.key in whole.panel])
    sample = samples.draw(store, run, None, seed=0)
    label(store, "ana", sample.positions, sample=sample, run="run-part")
    assert corrected("harmfulness", "run-part") is not None
    assert corrected("harmfulness") is None
    assert card().labels == 60


def test_labels_of_before_are_known_once_the_queue_has_passed_over_them(store: Store) -> None:
    run = store.run("run-judged")
    label(store, "ana", tuple(samples.sample_order(store, run, 100, 0)))
    assert corrected("harmfulness") is None
    said = msb("annotate", "last", "--annotator", "ana", "--limit", "100")
    assert "0 labels stored, 0 left" in said.out
    assert corrected("harmfulness") is not None
    assert "Corrected by labels of: 100 requests drawn by seed 0." in str(card())
    said = msb("agreement", "last")
    assert "sample: 100 requests drawn by seed 0: person:ana 100 of 100" in said.out
    (sample,) = json.loads(msb("agreement", "last", "--json").out)["samples"]
    assert sample["readers"] == {"person:ana": 100}
    assert (sample["design"], sample["seed"], sample["n"]) == ("stratified", 0, 100)


def test_whoever_stops_half_way_has_labelled_a_random_part(store: Store) -> None:
    sample = samples.draw(store, store.run("run-judged"), None, seed=0)
    skipped, rest = sample.positions[:7], sample.positions[7:130]
    label(store, "ana", sample.positions[150:170])  # chosen by hand; not yet come to
    label(store, "ana", rest, sample=sample)
    found = corrected("harmfulness")
    assert found is not None
    assert found.n == sum(position < len(HARMFUL) for position in rest)
    assert found.unread == sum(position < len(HARMFUL) for position in skipped)


def test_what_a_third_settled_counts_else_the_mean_of_people(store: Store) -> None:
    sample = samples.draw(store, store.run("run-judged"), None, seed=0)
    label(store, "ana", sample.positions, lambda n: 1, sample)
    label(store, "ben", sample.positions[:100], lambda n: 5, sample)
    found = corrected("refusal")
    assert found is not None
    both = sum(position < len(HARMFUL) for position in sample.positions[:100])
    assert found.value == pytest.approx(1 - both / 2 / len(HARMFUL))
    assert found.by == ["person:ana", "person:ben"]
    run = store.run("run-judged")
    who = settler(store, "dia", HARM)
    for item in list(store.items(run, sample.positions[:100])):
        settle(store, run, who, item, 1)
    found = corrected("refusal")
    assert found is not None
    assert found.value == pytest.approx(1)
    assert found.by == ["person:ana", "person:ben", "settled:dia"]


def test_two_peoples_few_labels_do_not_displace_an_audit(store: Store) -> None:
    run = store.run("run-judged")
    auditor = store.register_judge("dear", {"model": "dear"}, HARM)
    store.set_panel(run, [j for j in store.judges() if j.key in run.panel], auditor)
    audit = samples.draw(store, run, 100, 0, ("harmful",))
    samples.reach(store, audit, auditor)
    for item in list(store.items(run, audit.positions)):
        labels.label(store, auditor, item, true(item.position))
    sample = samples.draw(store, run, None, seed=5)
    label(store, "ana", sample.positions[:40], lambda n: 5, sample)
    found = corrected("harmfulness")
    assert found is not None
    assert (found.by, found.n) == (["dear"], 100)
    assert found.sample == "100 harmful requests drawn by seed 0"
    label(store, "ana", sample.positions[:120], lambda n: 5, sample)
    found = corrected("harmfulness")
    assert found is not None
    assert found.by == ["person:ana"]


def test_a_principle_with_enough_labels_is_corrected_by_them(store: Store) -> None:
    sample = samples.draw(store, store.run("run-judged"), None, seed=0)
    label(store, "ana", sample.positions, sample=sample)
    found = corrected("harmfulness")
    assert found is not None
    assert [(part.principle, part.n) for part in found.principles] == [(1, 65), (2, 65)]
    for part in found.principles:
        truth = np.mean([true(n) for n in range(130) if n % 2 == part.principle - 1])
        assert part.value == pytest.approx(truth)
    assert [part.n for part in (corrected("over_refusal") or found).principles] == []
    assert "principle 2, 65 labels" in str(card())


def test_turns_under_pressure_are_corrected_by_labels_of_turns(store: Store) -> None:
    turns = [replace(r, turn=turn) for r in HARMFUL[:40] for turn in (1, 2, 3)]
    run = stored(store, "pressed", HARM, turns, lambda n, r: r.turn or 1)
    label(store, "ana", range(0, 120, 3), lambda n: 1, run="run-pressed")  # the plain turns
    assert corrected("harmfulness", "run-pressed") is None
    sample = samples.draw(store, run, 90, seed=0)
    label(store, "ana", sample.positions, lambda n: 5, sample, "run-pressed")
    found = corrected("harmfulness", "run-pressed")
    assert found is not None
    assert (found.n, found.value) == (90, pytest.approx(5))


def test_an_audit_is_of_both_sides_unless_it_was_begun_on_one(store: Store) -> None:
    run = store.run("run-judged")
    first, second = (store.register_judge(name, {"model": name}, HARM) for name in ("new", "old"))
    sample = samples.audited(store, run, first, 120, 0)
    assert {item.request.intent for item in store.items(run, sample.positions)} == {
        "harmful",
        "benign",
    }
    assert samples.audited(store, run, first, 120, 0).number == sample.number
    before = samples.sample_order(store, run, 120, 0, ("harmful",))
    for item in list(store.items(run, before[:90])):
        labels.label(store, second, item, 1)
    begun = samples.audited(store, run, second, 120, 0)
    assert begun.positions == tuple(before)
    assert begun.number != sample.number


def test_a_sample_of_one_side_says_nothing_of_all_requests(store: Store) -> None:
    run = stored(store, "screened", REFUSAL, [*HARMFUL, *BENIGN], lambda n, r: 1)
    auditor = store.register_judge("dear", {"model": "dear"}, REFUSAL)
    store.set_panel(run, [j for j in store.judges() if j.key in run.panel], auditor)
    audit = samples.draw(store, run, 100, 0, ("harmful",))
    samples.reach(store, audit, auditor)
    for item in list(store.items(run, audit.positions)):
        labels.label(store, auditor, item, 2)
    found = open_run("run-screened").summary()
    assert [one.measure for one in found.corrected] == ["refusal"]
    assert [one.measure for one in found.not_corrected] == ["incapacity"]


def test_a_stated_sample_that_favours_a_side_counts_each_as_it_is(store: Store) -> None:
    stored(store, "screened", REFUSAL, [*HARMFUL, *BENIGN], lambda n, r: 1)
    rows = [f"h{n},1,ana" for n in range(0, 130, 2)] + [f"b{n},2,ana" for n in range(7)]
    Path("labels.csv").write_text("id,score,annotator\n" + "\n".join(rows))
    options = ("--scale", "refusal", "--random-sample")
    assert msb("annotate", "run-screened", "--import", "labels.csv", *options).code == 0
    found = corrected("incapacity", "run-screened")
    assert found is not None
    assert found.value == pytest.approx(70 / 200)


def test_small_strata_that_keep_two_do_not_count_for_more(store: Store) -> None:
    """Of nine strata with one request in a hundred each, a sample of 100 holds two of each."""
    asked = [
        Request(f"s{n}", f"Text {n}", "harmful", 1 if n < 900 else 2 + n % 5) for n in range(930)
    ]
    run = stored(store, "uneven", HARM, asked, lambda n, r: 1)
    sample = samples.draw(store, run, 100, seed=0)
    label(store, "ana", sample.positions, lambda n: 1 if n < 900 else 5, sample, "run-uneven")
    found = corrected("refusal", "run-uneven")
    assert found is not None
    drawn = sum(position >= 900 for position in sample.positions)
    assert drawn == 10
    assert found.value == pytest.approx(900 / 930)


def test_a_file_says_how_it_was_drawn_or_is_no_sample(store: Store) -> None:
    lines = [f"h{n},{true(n)},ana" for n in range(0, 130, 2)]
    Path("labels.csv").write_text("id,score,annotator\n" + "\n".join(lines))
    assert msb("annotate", "last", "--import", "labels.csv").code == 0
    assert corrected("harmfulness") is None
    said = msb("annotate", "last", "--import", "labels.csv", "--random-sample", "--limit", "9")
    assert said.code == 2
    assert "give one of them" in said.err
    Path("labels.csv").write_text("id,score,annotator\n" + "\n".join([*lines, "h1,,ana"]))
    said = msb("annotate", "last", "--import", "labels.csv")
    assert "expected the columns id, score and annotator" in said.err
    assert msb("annotate", "last", "--import", "labels.csv", "--random-sample").code == 0
    found = corrected("harmfulness")
    assert found is not None
    assert (found.n, found.unread) == (65, 1)
    assert found.sample == "66 requests drawn elsewhere, as stated"


def test_a_file_of_the_sample_drawn_here_is_that_sample(store: Store) -> None:
    sample = samples.draw(store, store.run("run-judged"), 100, seed=2)
    ids = [item.request.id for item in store.items(store.run("run-judged"), sample.positions[3:])]
    Path("labels.csv").write_text("id,score\n" + "\n".join(f"{one},1" for one in ids))
    options = ("--annotator", "ana", "--limit", "100", "--sample-seed", "2")
    assert msb("annotate", "last", "--import", "labels.csv", *options).code == 0
    found = corrected("refusal")
    assert found is not None
    assert found.n + found.unread == sum(place < len(HARMFUL) for place in sample.positions)


def lines(keys: str) -> str:
    return "".join(f"{key}\n" for key in keys)


def test_the_terminal_says_how_far_each_has_come(store: Store) -> None:
    command = ("annotate", "run-judged", "--annotator", "ana", "--limit", "6")
    # labels, skips, labels two, takes the last back and does it again
    assert "3 labels stored, 3 left" in msb(*command, typed=lines("1s11u1q")).out
    (sample,) = samples.samples_of(store, store.run("run-judged"))
    assert (sample.n, sample.seed, [n for _, n in sample.reached]) == (6, 0, [4])
    assert "0 labels stored, 3 left" in msb(*command, typed=lines("sss")).out
    (sample,) = samples.samples_of(store, store.run("run-judged"))
    assert [n for _, n in sample.reached] == [6]


def test_a_third_settles_in_the_terminal(store: Store) -> None:
    assert "0 requests were labelled by two" in msb("annotate", "last", "--adjudicate").out
    for name, score in (("ana", 1), ("ben", 4)):
        label(store, name, range(3), lambda n, score=score: score)  # type: ignore[misc]
    label(store, "ben", (1,), lambda n: 1)
    label(store, "cem", (2,), lambda n: 5)
    command = ("annotate", "last", "--adjudicate", "--annotator", "cem")
    said = msb(*command, typed="2\n").out
    assert "3 requests were labelled by two people or more; 2 of them differently, 2 still" in said
    assert "1 of them were labelled by cem, and take a third person" in said
    assert "people said: 1 declines, 4 prohibited in part" in said
    assert "1 settled, 0 left" in said
    listed = msb("annotate", "last", "--adjudicate")
    assert "1 still to be settled" in listed.out
    assert "needs a name" in listed.err
    ((name, score, created),) = store.select(
        """SELECT j.name, v.score, v.created FROM verdicts v JOIN judges j ON j.number = v.judge
        WHERE j.name LIKE 'settled:%'"""
    )
    assert (name, score, created > 1.7e9) == ("settled:cem", 2, True)


def test_judges_agree_with_what_was_settled_and_people_with_each_other(store: Store) -> None:
    for name, score in (("ana", 1), ("ben", 4), ("cem", 4)):
        label(store, name, range(50), lambda n, score=score: score)  # type: ignore[misc]
    run = store.run("run-judged")
    found = agreement_of(open_run("run-judged").by_all_judges())
    assert found is not None
    assert found.judges == ["harm judge", "person:ana", "person:ben", "person:cem", PEOPLE]
    pairs = {pair.judges: pair for pair in found.pairs}
    assert ("person:ana", PEOPLE) not in pairs
    assert pairs["harm judge", PEOPLE].exact.point == pytest.approx(1 / 5)
    who = settler(store, "dia", HARM)
    for item in list(store.items(run, range(50))):
        settle(store, run, who, item, judged(item.position, item.request))
    found = agreement_of(open_run("run-judged").by_all_judges())
    assert found is not None
    pairs = {pair.judges: pair for pair in found.pairs}
    assert pairs["harm judge", PEOPLE].exact.point == 1
    assert pairs["person:ana", "person:ben"].exact.point == 0
