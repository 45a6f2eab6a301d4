"""Judges and people together: panels, judging again, labels, agreement, corrected means."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import commands
from cards import value
from conftest import Server
from medsafetybench import evaluate, load_benchmark, open_run, protocol
from medsafetybench.results.run import Run
from medsafetybench.store import labels
from medsafetybench.store.store import Store
from server import HARMFUL, answer_to, score_of
from test_protocol import SOURCES

STORE = Path("medsafety.db")


def msb(*arguments: str, answer: str | None = None) -> str:
    """The output of a command."""
    return commands.output(*arguments, typed=answer)


@pytest.fixture
def server(serve: Callable[..., Server]) -> Server:
    return serve()


@pytest.fixture
def run(server: Server) -> Run:
    """The starter, answered and judged over HTTP."""
    return evaluate(
        "openai:model",
        "openai:judge",
        "starter/eval",
        target_url=server.url,
        judge_url=server.url,
        store=STORE,
    )


def harmful_scores() -> np.ndarray:
    """What the scripted judge gives to each harmful request."""
    texts = [r.text for r in load_benchmark("starter/eval") if r.intent == "harmful"]
    return np.array([score_of(text, HARMFUL) for text in texts])


def test_a_panel_keeps_each_verdict_and_its_median_errs_on_the_safe_side(server: Server) -> None:
    run = evaluate(
        "openai:model",
        ["openai:judge", "openai:harsh"],
        "starter/eval",
        target_url=server.url,
        judge_url=server.url,
        store=STORE,
    )
    card = run.summary()
    mild = harmful_scores()
    harsh = np.minimum(5, mild + 1)
    assert value(card, "harmfulness") == pytest.approx(harsh.mean())
    assert value(run.summary(rule="lower-median"), "harmfulness") == pytest.approx(mild.mean())
    row = next(run.rows())
    assert {"openai:judge.score", "openai:harsh.score"} <= row.keys()
    (pair,) = card.agreement.pairs
    assert pair.within_one == 1.0
    assert pair.exact == pytest.approx((mild == harsh).mean())
    assert 0 < pair.quadratic_kappa < 1


def test_judging_again_asks_no_target_and_joins_the_panel_if_told(server: Server, run: Run) -> None:
    before = server.counts()
    options = ("--judge", "openai:harsh", "--judge-url", server.url, "--join", "--json")
    card = json.loads(msb("rejudge", run.id, *options))
    after = server.counts()
    assert after["target"] == before["target"]
    assert after["judge"] == 2 * before["judge"]
    assert card["judge"] == "openai:judge + openai:harsh"
    msb("rejudge", run.id, *options)
    assert server.counts() == after, "judging again is resuming too"
    assert value(open_run(run.id).summary(["openai:judge"]), "harmfulness") == value(
        run.summary(["openai:judge"]), "harmfulness"
    )


def test_the_paper_judge_sends_the_published_prompt(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "exps").mkdir()
    for path, text in SOURCES.items():
        (tmp_path / path).write_text(text, "utf-8", newline="")
        monkeypatch.setitem(protocol.REGISTRY, path, hashlib.sha256(text.encode()).hexdigest())
    benchmark = load_benchmark("starter/eval").select(intents=["harmful"], principles=[2])
    run = evaluate(
        "openai:model",
        "openai:judge",
        benchmark,
        rubric="paper",
        prompt_style="paper:alpha",
        data_dir=tmp_path,
        target_url=server.url,
        judge_url=server.url,
    )
    published = protocol.read_protocol(tmp_path)
    for row in run.rows():
        asked = published.target_prompt("alpha", row["request"])
        assert row["response"] == answer_to(asked)
        judged = published.judge_prompt(row["request"], row["response"], "med")
        assert row["score"] == score_of(judged)


def test_labels_are_given_one_by_one_and_resume(run: Run) -> None:
    command = ("annotate", run.id, "--annotator", "ana", "--n", "6")
    first = msb(*command, answer="5\n1\nu\n3\nx\ns\nq\n")
    assert "2 labels stored, 4 left" in first
    assert "VERDICT" not in first, "the judge's verdict is hidden"
    second = msb(*command, answer="1\n1\n1\n1\n")
    assert "4 labels stored, 0 left" in second
    scores = [row["person:ana.score"] for row in run.rows(["person:ana"])]
    assert sorted(score for score in scores if score) == [1, 1, 1, 1, 3, 5]


def test_every_annotator_gets_the_same_stratified_sample(run: Run) -> None:
    with Store.open(STORE) as store:
        record = store.run(run.id)
        queues = [
            labels.queue(store, record, labels.person(store, name), 36) for name in ("ana", "ben")
        ]
        principles = [item.request.principle for item in store.items(record, sorted(queues[0]))]
    assert queues[0] == queues[1] != sorted(queues[0])
    assert all(principles.count(principle) == 4 for principle in range(1, 10))


def test_imported_labels_name_the_line_that_is_wrong_and_store_nothing(run: Run) -> None:
    ids = [row["id"] for row in run.rows()]
    Path("labels.csv").write_text(f"id,score,annotator\n{ids[0]},1,ana\n{ids[2]},6,ana\n")
    done = commands.msb("annotate", run.id, "--import", "labels.csv")
    assert done.code == 2
    assert "score 6" in done.err
    with Store.read(STORE) as store:
        assert labels.people(store, store.run(run.id)) == []


def test_agreement_compares_judges_with_people_and_people_with_each_other(run: Run) -> None:
    rows = [row for row in run.rows() if row["intent"] == "harmful"]
    lines = ["id,score,annotator"]
    for row in rows[:40]:
        lines += [f"{row['id']},{row['score']},ana", f"{row['id']},{min(5, row['score'] + 1)},ben"]
    Path("labels.csv").write_text("\n".join(lines))
    msb("annotate", run.id, "--import", "labels.csv")
    found = json.loads(msb("agreement", run.id, "--json"))
    pairs = {tuple(pair["judges"]): pair for pair in found["pairs"]}
    own = pairs["openai:judge", "person:ana"]
    assert own["n"] == 40
    assert own["exact"][0] == own["exact"][2] == 1.0
    assert own["exact"][1] > 0.9
    assert pairs["person:ana", "person:ben"]["bias"][0] < 0
    table = msb("agreement", run.id)
    assert "largest disagreements" in table
    assert rows[0]["request"] not in table, "harmful text stays out"


def test_peoples_labels_correct_the_mean(run: Run) -> None:
    rows = [row for row in run.rows() if row["intent"] == "harmful"]
    truth = {row["id"]: max(1, row["score"] - 1) for row in rows}
    lines = [f"{identity},{score},ana" for identity, score in list(truth.items())]
    Path("labels.csv").write_text("id,score,annotator\n" + "\n".join(lines))
    msb("annotate", run.id, "--import", "labels.csv")
    card = run.summary()
    fixed = next(found for found in card.corrected if found.measure == "harmfulness")
    assert (fixed.n, fixed.by) == (len(lines), ["person:ana"])
    low, high = fixed.ci95
    assert low <= np.mean(list(truth.values())) <= high < value(card, "harmfulness")
    assert "corrected by" in str(card)


def test_an_auditing_judge_scores_a_sample_and_corrects_the_cheap_one(server: Server) -> None:
    ids = [(r.id, score_of(r.text, HARMFUL)) for r in load_benchmark("starter/eval")]
    cheap = "".join(f"{identity},{max(1, score - 1)}\n" for identity, score in ids)
    Path("cheap.csv").write_text("id,score\n" + cheap)
    run = evaluate(
        "openai:model",
        "replay:cheap.csv",
        "starter/eval",
        target_url=server.url,
        judge_url=server.url,
        audit_judge="openai:judge",
        audit_limit=104,
    )
    assert server.counts()["judge"] == 104
    card = run.summary()
    assert card.judge == "replay:cheap.csv"
    fixed = next(found for found in card.corrected if found.measure == "harmfulness")
    assert (fixed.by, fixed.n) == (["openai:judge"], 50)
    sides = {one.measure: one.n for one in card.corrected}
    assert sides["over_refusal"] == 54, "a sample has its share of both sides"
    assert fixed.value > value(card, "harmfulness") + 0.5
    low, high = fixed.ci95
    assert low <= harmful_scores().mean() <= high
