"""Judges held against people: labelled sets, cards, what a scorecard and a gate make of them."""

from __future__ import annotations

import csv
import json
import math
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forked
from commands import msb
from conftest import ROOT, Server
from medsafetybench import open_run
from medsafetybench.checking.anchor import drift_of
from medsafetybench.checking.sets import run_set
from medsafetybench.errors import MsbError
from medsafetybench.judges import open_judge
from medsafetybench.labelled import Labelled, LabelledSet, load_set, published, readers
from medsafetybench.labelled.split import part_of
from medsafetybench.records import Request, Response, Verdict
from medsafetybench.reporting.limits import known_limits
from medsafetybench.results.checked import checked, shipped_cards
from medsafetybench.results.judge_card import (
    Checked,
    JudgeCard,
    Verdicts,
    from_plain,
    judge_card,
    mean_figure,
)
from medsafetybench.results.plain import plain
from medsafetybench.scale import GUARD, HARM, REFUSAL, Scale
from medsafetybench.statistics.agreement import Figure, cohen_kappa
from medsafetybench.store.cards import cards_of, put_card
from medsafetybench.store.labels import label, person
from medsafetybench.store.outcomes import Column
from medsafetybench.store.store import Store, judge_key
from scripted import ReadingJudge, scripted_run

STORE = Path("medsafety.db")


def card_of(
    people: Sequence[int],
    said: Sequence[int],
    name: str = "ours",
    scale: Scale = REFUSAL,
    labelled_on: Scale = REFUSAL,
    draws: Sequence[int] | None = None,
    given: Sequence[Sequence[int]] = (),
    **more: Any,
) -> JudgeCard:
    """The card of a judge that said this (0: nothing) where people said that."""
    n = len(people)
    on = Checked(
        *(name, None, "0" * 64, None, more.pop("part", "test"), False, labelled_on),
        np.array(people, np.int8),
        np.array(given, np.int8).reshape(len(given), n),
        np.array(draws if draws is not None else range(n), np.int64),
        *(n, 0),
    )
    reason = Column([None, "not_english"], np.array([not score for score in said], np.int32))
    found = Verdicts("screen", "key", scale, np.array(said, np.int8), reason, **more)
    return judge_card(on, found, np.array([1] * n, np.int8))


# What a card says


def test_a_card_counts_what_people_and_judge_say() -> None:
    people = [1, 1, 1, 1, 3, 4, 4, 4, 4, 4]
    said = [1, 1, 1, 4, 1, 4, 4, 3, 4, 0]
    card = card_of(people, said)
    assert (card.n, card.scored, card.unscored) == (10, 9, {"not_english": 1})
    assert card.sensitivity.point == 3 / 4
    assert card.specificity.point == 4 / 5
    assert card.balanced_accuracy.point == pytest.approx((3 / 4 + 4 / 5) / 2)
    assert card.accuracy.point == 7 / 9
    assert card.right == 7 / 10, "no verdict is not right"
    wrong = [score or 1 for score in said]  # where it said nothing, people say not declined
    assert card.kappa_of_all.point == pytest.approx(
        cohen_kappa(np.array(wrong) == 1, np.array(people) == 1)
    )
    there = np.array(said) > 0
    expected = cohen_kappa((np.array(said) == 1)[there], (np.array(people) == 1)[there])
    assert card.kappa.point == pytest.approx(expected)
    assert card.kappa.low < expected < card.kappa.high
    assert card.confusion == {
        "declines": {"declines": 3, "not declined": 1},
        "in part": {"declines": 1},
        "not declined": {"unscored": 1, "in part": 1, "not declined": 3},
    }


def test_responses_to_one_request_are_one_draw() -> None:
    people, said = [1, 4] * 40, [1, 4] * 30 + [4, 1] * 10
    alone = card_of(people, said)
    together = card_of(people, said, draws=[place // 8 for place in range(80)])
    assert together.kappa.point == alone.kappa.point
    assert together.kappa.high - together.kappa.low > 1.3 * (alone.kappa.high - alone.kappa.low)


def test_harm_is_compared_on_declining_and_on_its_levels() -> None:
    people, said = [1, 1, 2, 5, 5, 4], [1, 2, 1, 5, 4, 4]
    card = card_of(people, said, scale=HARM, labelled_on=HARM)
    assert card.sensitivity.point == 1 / 2
    assert card.quadratic_kappa is not None
    assert card.quadratic_kappa.point == pytest.approx(cohen_kappa(said, people, "quadratic"))
    across = card_of([1, 1, 4, 4], [1, 5, 3, 1], scale=HARM)
    assert (across.sensitivity.point, across.quadratic_kappa) == (1 / 2, None)


def test_scales_that_tell_different_things_are_not_compared() -> None:
    with pytest.raises(MsbError, match="cannot be compared"):
        card_of([1, 4], [1, 3], scale=GUARD)
    guards = card_of([1, 1, 3, 3], [1, 3, 3, 3], scale=GUARD, labelled_on=GUARD)
    assert (guards.compared, guards.accuracy.point) == ("levels", 3 / 4)
    assert math.isnan(guards.sensitivity.point)


def test_people_are_held_against_each_other() -> None:
    given = [[1, 1, 4, 4, 0], [1, 4, 4, 4, 1]]
    card = card_of([1, 1, 4, 4, 1], [1, 1, 4, 4, 1], given=given)
    assert card.people is not None
    assert card.people.point == pytest.approx(cohen_kappa([1, 1, 0, 0], [1, 0, 0, 0]))


def test_a_card_is_stored_whole() -> None:
    card = card_of([1, 1, 4, 4], [1, 4, 4, 0])
    again = from_plain(json.loads(json.dumps(plain(card))))
    assert plain(again) == plain(card)


def test_the_mean_of_independent_figures() -> None:
    """Of normal ones, the ends are those of the mean's own interval."""
    found = mean_figure([Figure(0.5, 0.3, 0.7), Figure(0.7, 0.5, 0.9)])
    assert found == pytest.approx((0.6, 0.6 - 0.2 / math.sqrt(2), 0.6 + 0.2 / math.sqrt(2)))


# Labelled sets


def test_the_published_sets_are_read(xstest: Path, refusal_labels: Path) -> None:
    found = {name: load_set(name, data_dir=xstest.parent) for name in ("xstest", "chatref")}
    found["gptfuzz"] = load_set("gptfuzz", data_dir=refusal_labels)
    assert {name: len(one.rows) for name, one in found.items()} == {
        "xstest": 2250,
        "chatref": 1406,
        "gptfuzz": 5562,
    }
    assert found["chatref"].left_out == 1721 - 1406
    assert found["xstest"].annotators == ("first annotator", "second annotator")
    assert len({row.request.pair for row in found["xstest"].rows}) == 450


def test_an_altered_file_is_not_used(refusal_labels: Path, tmp_path: Path) -> None:
    (tmp_path / "chatref").mkdir()
    file = tmp_path / "chatref" / "all_hand_labeled.json"
    file.write_bytes((refusal_labels / "chatref" / file.name).read_bytes() + b" ")
    with pytest.raises(MsbError, match="is not the published file and is not used"):
        load_set("chatref", data_dir=tmp_path)


def test_a_set_that_is_not_at_hand_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(MsbError, match=r"CC BY-NC-SA.*msb data fetch do-not-answer"):
        load_set("do-not-answer", data_dir=tmp_path)
    done = msb("judge", "check", "screen", "--data-dir", str(tmp_path))
    assert done.code == 2
    assert "no labelled set is at hand" in done.err
    assert "--on FILE" in done.err


def test_a_set_is_fetched_and_checked(
    refusal_labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a server on this machine; what is not the published file is neither kept nor used."""
    served = partial(SimpleHTTPRequestHandler, directory=str(refusal_labels / "chatref"))
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    server = ThreadingHTTPServer(("127.0.0.1", 0), served)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    one, path = published.PUBLISHED["chatref"], "all_hand_labeled.json"
    url = f"http://127.0.0.1:{server.server_port}/{path}"
    try:
        for sha256 in ("0" * 64, one.files[path].sha256):
            file = published.File(url, sha256)
            here = replace(one, files={path: file})
            monkeypatch.setitem(published.PUBLISHED, "chatref", here)  # type: ignore[arg-type]
            done = msb("data", "fetch", "chatref", "--data-dir", str(tmp_path))
            assert (done.code == 0) == (tmp_path / "chatref" / path).is_file() == (sha256[0] != "0")
    finally:
        server.shutdown()
        server.server_close()
    assert "1 files downloaded, 0 were there already" in done.out
    assert len(load_set("chatref", data_dir=tmp_path).rows) == 1406


def test_sets_that_we_know_by_their_form() -> None:
    columns = "question,GPT4_response,GPT4_action,GPT4_harmful,vicuna-7b_response,vicuna-7b_action"
    lines = (
        f"{columns}\nHow?,No.,0,0,Like so.,5\nWhy?,I do not know.,4,0,Two sides.,2\nWho?,,0,0,,1"
    )
    rows, left_out = readers.do_not_answer({"data_en.csv": lines.encode()})
    assert [row.label for row in rows] == [1, 4, 2, 3]
    assert left_out == 2
    assert rows[0].request.pair == rows[1].request.pair != rows[2].request.pair
    lines = "# dataset_version=1.0\nobjective,assistant_response,human_score_1,human_score_2\n"
    lines += "How?,No.,1,1\nHow?,So.,0,0.0\nWhy?,Perhaps.,1,0\n"
    rows, left_out = readers.pyrit({"refusal.csv": lines.encode()})
    assert [(row.label, row.given) for row in rows] == [(1, (1, 1)), (4, (4, 4))]
    assert left_out == 1, "people disagree on it"
    with pytest.raises(MsbError, match="no column 'question'"):
        readers.do_not_answer({"data_en.csv": b"a,b\n1,2\n"})


def test_every_published_set_says_where_it_is_from() -> None:
    for one in published.PUBLISHED.values():
        assert all(file.url.startswith("https://") for file in one.files.values())
        assert one.licence
        assert one.use in ("training", "checking")
        assert one.use == "checking" or all(file.sha256 for file in one.files.values())


def test_parts_are_by_request_and_stay() -> None:
    texts = [f"How do I do thing {number}?" for number in range(400)]
    rows = [Labelled(Request(str(n), t), Response("No."), 1) for n, t in enumerate(texts * 2)]
    whole = LabelledSet("s", REFUSAL, tuple(rows))
    random.Random(0).shuffle(rows)
    anew = LabelledSet("s", REFUSAL, tuple(rows[:700]))
    tune = {row.request.text for row in whole.part("tune").rows}
    assert {row.request.text for row in anew.part("tune").rows} <= tune
    assert not tune & {row.request.text for row in whole.part("test").rows}
    assert 150 < len(tune) < 250
    assert whole.part("tune").sha256 == whole.sha256
    assert part_of("  How do I do thing 1? ") == part_of(texts[1])


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "ours.csv"
    file.write_text(
        "question,answer,label,rater\n"
        "How?,No.,declines,ana\nHow?,No.,Refusal,ben\nHow?,No.,complied,cy\n"
        "Why?,Because.,not_declined,ana\nWhy?,Because.,refused,ben\n"
        "Who?,Me.,1_full_compliance,ana\n"
    )
    found = load_set(file)
    assert [(row.request.text, row.label) for row in found.rows] == [("How?", 1), ("Who?", 4)]
    assert found.left_out == 1, "one against one is not settled"
    assert found.annotators == ("ana", "ben", "cy")
    assert found.own
    file.write_text("answer,label\nNo.,declines\nNo.,declines\nNo.,complied\n")
    assert [row.label for row in load_set(file).rows] == [1, 1, 4], "each is a response"
    file.write_text("answer,label,rater\nNo.,declines,ana\nNo.,complied,ana\n")
    with pytest.raises(MsbError, match=r"ours.csv:3: a second, different label by 'ana'"):
        load_set(file)
    file.write_text("response,label\nNo.,1\nYes.,5\n")
    with pytest.raises(MsbError, match=r"ours.csv:2: label '?1'?.*--scale refusal or --scale harm"):
        load_set(file)
    assert [row.label for row in load_set(file, scale=HARM).rows] == [1, 5]
    file.write_text("said,judged\nNo.,declines\n")
    with pytest.raises(MsbError, match=r"no column 'response'.*--column response=NAME"):
        load_set(file)
    told = {"response": "said", "label": "judged"}
    assert load_set(file, columns=told).rows[0].label == 1


# Checking


@pytest.fixture
def sets() -> list[str]:
    """Three files of labelled responses, as options."""
    options = []
    for number in range(3):
        with Path(f"set{number}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("prompt", "response", "label"))
            for row in range(24):
                said = ("I'm sorry, but I can't help.", "declines"), ("Like so.", "not declined")
                writer.writerow((f"How do I do {number} {row}?", *said[row % 2]))
        options += ["--on", f"set{number}.csv"]
    return options


def test_check_is_interrupted_and_goes_on(sets: list[str], serve: Callable[..., Server]) -> None:
    """Screen, matcher and a model over HTTP on three sets: stopped, killed, and gone on with."""
    server = serve("--latency", "0.04")
    judges = ("screen", "phrases", "openai:judge", "--judge-url", server.url)
    command = ["judge", "check", *judges, *sets, "--judge-concurrency", "4", "--store", str(STORE)]

    def stopped(by: int, after: int) -> int:
        """Ends the command once so many calls have been made; how many more there were then."""
        running = forked.start(*command)
        before = server.counts().get("judge", 0)
        while server.counts().get("judge", 0) < before + after:
            time.sleep(0.01)
        running.interrupt(by)
        return running.ended().returncode

    assert stopped(signal.SIGINT, 10) == 130
    assert 10 <= server.counts()["judge"] < 50
    with Store.read(STORE) as store:
        assert store.runs() == [], "what is checked is in no list of runs"
    assert stopped(signal.SIGKILL, 10) == -signal.SIGKILL
    found = json.loads(msb(*command, "--json").out)
    assert found["schema"] == 1
    cards = {(card["set"], card["judge"]): card for card in found["cards"]}
    assert len(cards) == 9, "of scales that differ there is no panel"
    assert cards["set0.csv", "phrases"]["kappa"][0] == 1
    assert all(card["n"] == card["scored"] == 24 for card in cards.values())
    calls = server.counts()["judge"]
    assert 72 <= calls <= 72 + 4, "but for what was in flight at the kill, nothing twice"
    assert msb(*command).code == 0
    assert server.counts()["judge"] == calls


def test_a_response_in_two_sets_is_judged_once(
    sets: list[str], serve: Callable[..., Server]
) -> None:
    server = serve()
    command = ("judge", "check", "openai:judge", "--judge-url", server.url)
    assert msb(*command, "--on", "set0.csv", "--limit", "10").code == 0
    assert server.counts()["judge"] == 10
    Path("again.csv").write_text(Path("set0.csv").read_text())
    assert msb(*command, "--on", "set0.csv", "--on", "again.csv").code == 0
    assert server.counts()["judge"] == 24


def test_what_cannot_be_judged_makes_no_card(sets: list[str], serve: Callable[..., Server]) -> None:
    server = serve("--fault", "500=0.3")
    judge = ("openai:judge", "--judge-url", server.url, "--retries", "0")
    done = msb("judge", "check", *judge, "--on", "set0.csv", "--json")
    assert json.loads(done.out)["cards"] == []
    failed = server.counts()["500"]
    assert f"{failed} of 24 are not judged" in " ".join(done.err.split())


def test_a_panel_is_checked_as_one(sets: list[str]) -> None:
    done = msb("judge", "check", "screen", "phrases", *sets, "--json")
    found = [card for card in json.loads(done.out)["cards"] if card["set"] == "set0.csv"]
    assert [card["judge"] for card in found] == ["screen", "phrases", "screen + phrases"]
    assert len({card["key"] for card in found}) == 3


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("judge check", "no judge was given"),
        ("judge check screen --on nowhere", "unknown labelled set 'nowhere'"),
        ("judge check screen --on set0.csv --split half", "unknown part 'half'"),
        ("judge check screen --on set0.csv --anchor last", "leave --on and --split out"),
        ("judge check scren --on set0.csv", "did you mean 'screen'"),
    ],
)
def test_a_wrong_line_is_one_line(sets: list[str], line: str, said: str) -> None:
    done = msb(*line.split())
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1


# What becomes of cards


def labelled_run(levels: Sequence[int], people: Sequence[int]) -> str:
    """A run whose judge gave these levels of harm and which a person gave those; its id."""
    run = scripted_run("model", harmful=list(levels))
    with Store.open(STORE) as store:
        record = store.run(run.id)
        ana = person(store, "ana", HARM)
        for item in store.items(record, range(len(people))):
            label(store, ana, item, people[item.position])
    return run.id


def test_labels_of_a_run_are_a_set() -> None:
    run = labelled_run([1, 5, 1, 4], [1, 5, 5])
    with Store.read(STORE) as store:
        found = run_set(store, store.run(run), [REFUSAL])
    assert (found.name, found.scale, found.own) == (run, HARM, True)
    assert [row.label for row in found.rows] == [1, 5, 5]
    done = msb("judge", "check", "phrases", "--on", run)
    assert done.code == 0, done.err
    assert f"{run}, all: 3 responses to 3 requests" in done.out
    with Store.open(STORE) as store:  # a label is taken back: what was found with it goes as well
        record = store.run(run)
        item = next(store.items(record, [2]))
        store.forget_verdict(person(store, "ana", HARM), item.key, "harmful")
    assert msb("runs", "name", run, "ours").code == 0
    assert msb("judge", "check", "phrases", "--on", "ours").code == 0
    with Store.read(STORE) as store:
        assert [card["n"] for card in cards_of(store)] == [2]
    scripted_run("other", harmful=[1])
    done = msb("judge", "check", "phrases", "--on", "last")
    assert "has no labels of people; `msb annotate run-" in done.err


def a_card(name: str, kappa: float, key: str = "key", **more: Any) -> JudgeCard:
    """A card with this kappa, give or take a tenth."""
    row = plain(card_of([1, 4], [1, 4], name, **more))
    about = [kappa, kappa - 0.1, kappa + 0.1]
    return from_plain({**row, "key": key, "kappa": about, "kappa_of_all": about})


def test_the_line_says_how_far_a_judge_was_checked() -> None:
    assert "never checked against people on any set; `msb judge check screen`" in (
        checked("screen", "key", [], "run-1").text
    )
    cards = [a_card("a", 0.6), a_card("b", 0.8), a_card("c", 0.99, trained=True)]
    found = checked("screen", "key", [*cards, a_card("d", 0.1, key="another")], "run-1")
    assert found.kappa == pytest.approx(0.7)
    assert found.text == (
        "screen: kappa 0.70 [0.63, 0.77] against people on 2 labelled sets (a 0.60, b 0.80); c, "
        "which it was made with, does not count; never on your responses"
    )
    shy = from_plain({**plain(a_card("a", 0.9)), "n": 20})
    assert "on 1 labelled set (a 0.90); no verdict on 90% of them;" in (
        checked("screen", "key", [shy], "run-1").text
    )
    own = checked("screen", "key", [*cards[:1], a_card("run-1", 0.5)], "run-1")
    assert own.run is not None
    assert own.run.kappa == 0.5
    assert own.text.startswith("screen: kappa 0.50 [0.40, 0.60] against people on 2 of these")
    without = [a_card("a", 0.6, part="left out"), a_card("a", 0.99, trained=True)]
    found = checked("screen", "key", without, "run-1")
    assert found.text == (
        "screen: kappa 0.60 [0.50, 0.70] against people on 1 labelled set (a 0.60; each by its "
        "training without that set); never on your responses"
    )
    tuned = checked("screen", "key", [a_card("a", 0.9, part="tune")], "run-1")
    assert tuned.kappa is None, "what settings are chosen on is no evidence"


def test_the_scorecard_and_the_gate_ask_for_cards() -> None:
    run = labelled_run([1, 5, 2, 4] * 15, [1, 5, 3, 4] * 15)
    card = open_run(run).summary()
    assert [one.judge for one in card.checked] == ["reader"]
    assert "never checked against people" in str(card)
    assert any("never checked against people" in point for point in known_limits([card]))
    asked = ("gate", run, "--require-judge-kappa", "0.7")
    done = msb(*asked, "--json")
    assert done.code == 1
    (check,) = json.loads(done.out)["checks"]
    assert (check["verdict"], check["point"]) == ("fail", None)
    assert "`msb judge check reader`" in check["why"]

    store_card(run, a_card("elsewhere", 0.5))
    done = msb(*asked, "--json")
    (check,) = json.loads(done.out)["checks"]
    assert (done.code, check["point"], check["verdict"]) == (1, 0.5, "fail")
    assert f"`msb judge check reader --on {run}`" in check["why"]
    store_card(run, a_card("there", 0.85))
    assert msb(*asked).code == 3, "the threshold lies within the interval of the mean"
    store_card(run, a_card(run, 0.9))
    assert msb(*asked).code == 0, "on these responses it is known"
    shy = plain(a_card(run, 0.9)) | {"kappa_of_all": [0.3, 0.2, 0.4]}
    store_card(run, from_plain(shy))
    assert msb(*asked).code == 3, "a judge that says little does not pass"
    Path("gate.yaml").write_text("require_judge_kappa: 0.95\n")
    assert msb("gate", run, "--from", "gate.yaml").code == 3
    assert msb("gate", run, "--require-judge-kappa", "7").code == 2


def store_card(run: str, card: JudgeCard) -> None:
    """As the card of the run's judge."""
    with Store.open(STORE) as store:
        (key,) = store.run(run).panel
        put_card(store, key, card.set, card.part, card.n, plain(card) | {"key": key})


# Drift


def test_a_judge_is_asked_again_about_an_anchor(serve: Callable[..., Server]) -> None:
    """What it says now is stored apart from what it said, and asked for once a day."""
    server = serve()
    asked = ("--target", "openai:model", "--target-url", server.url, "--benchmark", "starter/eval")
    judge = ("--judge-url", server.url, "--judge-revision", "v1")
    assert msb("evaluate", *asked, "--judge", "openai:judge", *judge).code == 0
    run = open_run()
    before = run.summary()
    again = ("judge", "check", "openai:judge", *judge, "--anchor", run.id, "--limit", "30")
    calls = server.counts()["judge"]
    (found,) = json.loads(msb(*again, "--json").out)["drift"]
    assert (found["n"], found["changed"], found["equal"][0]) == (30, 0, 1)
    assert server.counts()["judge"] == calls + 30
    assert msb(*again).code == 0
    assert server.counts()["judge"] == calls + 30, "one asking a day"
    assert run.summary().figure("refusal") == before.figure("refusal")


def test_drift_says_what_has_changed() -> None:
    run = scripted_run("model", harmful=[1, 1, 5, 5, 3, 3])
    judges = [Harsher(), Harsher(1)]  # of one fingerprint, as after a provider's update
    with Store.read(STORE) as store:
        assert store.run(run.id).panel == (judge_key(judges[0].fingerprint),)
    (first,), _ = drift_of(judges[:1], run.id, STORE, day="2026-11-01")
    assert (first.n, first.changed) == (6, 0)
    _, later = drift_of(judges[1:], run.id, STORE, day="2026-11-20")[0]
    assert (later.day, later.n, later.changed) == ("2026-11-20", 6, 4)
    assert later.bias is not None
    assert later.bias.point == pytest.approx(4 / 6)
    assert later.changes[0].before == "declines"
    with pytest.raises(MsbError, match="has scored nothing of run-"):
        drift_of([Harsher(name="stranger")], run.id, STORE)


class Harsher(ReadingJudge):
    """Reads the score off the response, and adds something up to 5."""

    def __init__(self, more: int = 0, name: str = "reader") -> None:
        super().__init__(name)
        self.more = more

    async def judge(self, request: Request, response: Response) -> Verdict:
        level = (await super().judge(request, response)).level
        assert level is not None
        return Verdict(HARM.level(min(5, level.score + self.more)))


@pytest.mark.parametrize(("judge", "part"), [("phrases", "test"), ("screen", "left out")])
def test_the_shipped_cards_are_of_the_shipped_judges(judge: str, part: str) -> None:
    key = judge_key(open_judge(judge).fingerprint)
    found = {card.set: card for card in shipped_cards() if card.key == key}
    assert set(found) == {"xstest", "chatref", "gptfuzz"}, "run `make judge-cards`"
    assert {card.part for card in found.values()} == {part}
    assert not any(card.trained for card in found.values())
    line = checked(judge, key, shipped_cards(), "run-1")
    assert line.kappa is not None
    assert f"{judge}: kappa {line.kappa:.2f} [" in line.text
    said = (ROOT / "docs" / "judging.md").read_text("utf-8")
    row = " | ".join(f"{found[name].kappa.point:.2f}" for name in ("xstest", "chatref", "gptfuzz"))
    assert f" | {row} |" in said
