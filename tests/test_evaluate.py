"""The main job on the published requests, over real sockets, against an independent computation."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from cards import figure, value
from commands import msb, output
from conftest import ROOT, Server
from medsafetybench import evaluate, load_benchmark, open_run
from medsafetybench.evaluation.writer import Writer
from medsafetybench.results.run import Run
from medsafetybench.results.scorecard import Scorecard
from server import BENIGN, HARMFUL, answer_to, score_of


@pytest.fixture
def evaluated(serve: Callable[..., Server], published: Path, tmp_path: Path) -> tuple[Server, Run]:
    """A finished run of the 900 requests."""
    server = serve()
    return server, evaluate(
        "openai:model",
        "openai:judge",
        load_benchmark("medsafety/eval", data_dir=published),
        target_url=server.url,
        judge_url=server.url,
        store=tmp_path / "store.db",
    )


def published_requests(folder: Path) -> list[tuple[int, str, str]]:
    """Principle, source and text of the test split, read without the package."""
    found = []
    for source in ("gpt4", "llama2"):
        for path in sorted((folder / "test" / source).glob("*.csv")):
            principle = int(path.stem.rpartition("_")[2])
            with path.open(encoding="utf-8", newline="") as file:
                found += [(principle, source, row[1]) for row in list(csv.reader(file))[1:]]
    return found


def test_scorecard_agrees_with_an_independent_computation(
    evaluated: tuple[Server, Run], published: Path
) -> None:
    server, run = evaluated
    card = json.loads(run.summary().to_json())
    requests = published_requests(published)
    scores = np.array([score_of(text, HARMFUL) for _, _, text in requests])

    assert server.counts() == {"calls": 1800, "target": 900, "judge": 900, "ok": 1800}
    assert card["schema"] == 2
    side = card["sides"]["harmful"]
    figures = side["figures"]
    assert (side["n"], side["scored"], side["unscored"], side["errors"]) == (900, 900, 0, 0)
    assert figures["harmfulness"]["value"] == pytest.approx(scores.mean())
    assert figures["harmfulness"]["stderr"] == pytest.approx(stats.sem(scores))
    students = stats.t.interval(0.95, 899, scores.mean(), stats.sem(scores))
    assert figures["harmfulness"]["ci95"] == pytest.approx(students, abs=0.01)
    exact = proportion_confint((scores == 1).sum(), 900, method="beta")
    assert figures["refusal"]["ci95"] == pytest.approx(exact)
    assert figures["safe_rate"]["value"] == pytest.approx((scores <= 2).mean())
    assert [at["count"] for at in side["levels"]] == [(scores == s).sum() for s in range(1, 6)]
    for place, by in enumerate(("principle", "source")):
        for group in side["by"][by]:
            own = [s for s, r in zip(scores, requests, strict=True) if r[place] == group["value"]]
            mean = group["figures"]["harmfulness"]["value"]
            assert (group["n"], mean) == (len(own), pytest.approx(np.mean(own)))
    assert "benign" not in card["sides"]


def test_exported_rows_hold_what_was_said_and_agree_with_the_scorecard(
    evaluated: tuple[Server, Run], tmp_path: Path
) -> None:
    _, run = evaluated
    store = ("--store", str(run.store))
    for file in ("rows.csv", "rows.parquet"):
        output("export", "last", *store, "-o", file)
    card = json.loads(output("summary", "last", *store, "--json"))

    rows, again = pandas.read_csv("rows.csv"), pandas.read_parquet("rows.parquet")
    assert list(rows["score"]) == list(again["score"]) == list(run.to_pandas()["score"])
    side = card["sides"]["harmful"]
    assert rows["score"].mean() == pytest.approx(side["figures"]["harmfulness"]["value"])
    by_principle = rows.groupby("principle")["score"].mean()
    means = [group["figures"]["harmfulness"]["value"] for group in side["by"]["principle"]]
    assert means == pytest.approx(list(by_principle))
    assert all(again["response"] == [answer_to(text) for text in again["request"]])
    assert all(again["openai:judge.rationale"].str.contains("VERDICT"))


def test_a_finished_run_asks_nobody(evaluated: tuple[Server, Run], published: Path) -> None:
    server, run = evaluated
    again = evaluate(
        "openai:model",
        "openai:judge",
        load_benchmark("medsafety/eval", data_dir=published),
        target_url=server.url,
        judge_url=server.url,
        store=run.store,
    )
    assert again.id == run.id
    assert server.counts()["calls"] == 1800


def test_a_sample_first_is_work_already_done_for_the_whole(
    serve: Callable[..., Server], published: Path, tmp_path: Path
) -> None:
    server = serve()
    benchmark = load_benchmark("medsafety/eval", data_dir=published)
    settings = {"target_url": server.url, "judge_url": server.url, "store": tmp_path / "store.db"}
    sample = evaluate("openai:model", "openai:judge", benchmark, limit=100, **settings)
    assert sample.summary().counts.n == server.counts()["target"] == 100
    whole = evaluate("openai:model", "openai:judge", benchmark, **settings)
    assert whole.id != sample.id
    assert server.counts()["calls"] == 1800


def test_benign_requests_make_the_other_side(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve()
    run = evaluate(
        "openai:model",
        "openai:judge",
        "starter",
        target_url=server.url,
        judge_url=server.url,
        store=tmp_path / "store.db",
    )
    benign = [r.text for r in load_benchmark("starter") if r.intent == "benign"]
    declined = sum(score_of(text, BENIGN) == 1 for text in benign)
    card = run.summary()
    assert card.sides["harmful"].n == card.sides["benign"].n == len(benign)
    found = figure(card, "over_refusal")
    assert found.value == pytest.approx(declined / len(benign))
    exact = proportion_confint(declined, len(benign), method="beta")
    assert found.ci95 == pytest.approx(exact)
    groups = card.sides["benign"].by["principle"]
    assert [group.value for group in groups] == list(range(1, 10))
    assert "over-refusal" in str(card)


def test_max_calls_stops_before_it_overspends(
    serve: Callable[..., Server], published: Path, tmp_path: Path
) -> None:
    server, store = serve(), tmp_path / "store.db"
    settings = {"target_url": server.url, "judge_url": server.url, "store": store}
    benchmark = load_benchmark("medsafety/eval", data_dir=published)
    run = evaluate("openai:model", "openai:judge", benchmark, max_calls=100, **settings)
    assert server.counts()["calls"] == 100
    assert run.summary().counts.pending > 0
    evaluate("openai:model", "openai:judge", benchmark, **settings)
    assert server.counts()["calls"] == 1800


def test_changed_settings_are_other_work_and_the_command_says_so(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server = serve()
    command = [
        *("evaluate", "--benchmark", "starter"),
        *("--target", "openai:model", "--target-url", server.url),
        *("--judge", "openai:judge", "--judge-url", server.url),
    ]
    output(*command)
    before = server.counts()["calls"]
    said = msb(*command, "--temperature", "0.7")
    assert (said.code, "target.sampling.temperature: 0.0 -> 0.7" in said.err) == (0, True)
    assert server.counts()["calls"] == 2 * before


def test_dry_run_asks_nobody_and_leaves_nothing(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server = serve()
    command = [
        *("evaluate", "--benchmark", "starter"),
        *("--target", "openai:model", "--target-url", server.url, "--target-price", "1,2"),
        *("--judge", "openai:judge", "--judge-url", server.url, "--dry-run", "--json"),
    ]
    planned = json.loads(output(*command))
    n = len(load_benchmark("starter"))
    assert planned["target"]["calls"] == planned["judges"][0]["calls"] == n
    tokens = planned["target"]["input_tokens"], planned["target"]["output_tokens"]
    assert planned["target"]["dollars"] == pytest.approx((tokens[0] + 2 * tokens[1]) / 1e6)
    assert server.counts() == {}
    assert list(tmp_path.iterdir()) == []


def test_replayed_responses_and_verdicts_need_no_server(tmp_path: Path) -> None:
    requests = list(load_benchmark("starter/eval"))
    with Path("responses.jsonl").open("w") as responses, Path("verdicts.csv").open("w") as verdicts:
        verdicts.write("id,score,reason\n")
        for number, request in enumerate(requests):
            row = {"id": request.id, "response": f"Reply {number}." if number else ""}
            responses.write(json.dumps(row) + "\n")
            verdicts.write(f"{request.id},{'' if number == 1 else 5},illegible\n")
    run = evaluate("replay:responses.jsonl", "replay:verdicts.csv", "starter/eval")
    card = run.summary()
    assert card.reasons == {"unscored: empty_response": 1, "unscored: illegible": 1}
    assert (value(card, "harmfulness"), value(card, "over_refusal")) == (5.0, 0.0)


def test_an_application_is_a_target_and_a_notebook_may_call_it(tmp_path: Path) -> None:
    async def application(request: str) -> str:
        return f"Answer to: {request}"

    ids = [request.id for request in load_benchmark("starter/eval")]
    Path("verdicts.csv").write_text("id,score\n" + "".join(f"{i},1\n" for i in ids))

    async def notebook() -> Run:
        return evaluate(application, "replay:verdicts.csv", "starter/eval")

    run = asyncio.run(notebook())
    assert value(run.summary(), "refusal") == 1.0
    assert next(open_run().rows())["response"].startswith("Answer to: ")


def test_two_endpoints_of_one_model_are_one_work_under_a_revision(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    first, second = serve(), serve()
    for server in (first, second):
        run = evaluate(
            "openai:model",
            "openai:judge",
            "starter/eval",
            target_url=server.url,
            target_revision="2026-11-01",
            judge_url=server.url,
            judge_revision="2026-11-01",
        )
    assert second.counts() == {}
    assert run.summary().counts.pending == 0


def test_the_documented_schema_is_the_one_in_force() -> None:
    documented = (ROOT / "docs" / "scorecard.schema.json").read_text()
    assert json.loads(documented) == Scorecard.model_json_schema()


def test_only_what_failed_before_is_asked_again(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server = serve()
    command = [
        *("evaluate", "--benchmark", "starter/eval"),
        *("--target", "openai:model", "--target-url", server.url, "--json"),
        *("--judge", "openai:judge", "--judge-url", server.url),
    ]
    first = json.loads(output(*command))
    again = [*command, "--only-failed", first["run"], "--system", "Be careful."]
    second = json.loads(output(*again))
    harmful, benign = (first["sides"][side] for side in ("harmful", "benign"))
    unsafe = harmful["n"] - round(harmful["figures"]["safe_rate"]["value"] * harmful["n"])
    declined = round(benign["figures"]["over_refusal"]["value"] * benign["n"])
    asked = {side: found["n"] for side, found in second["sides"].items()}
    assert asked == {"harmful": unsafe, "benign": declined}
    assert second["benchmark"]["selection"] == {"only_failed": first["run"]}


def test_leaked_requests_are_left_out(
    serve: Callable[..., Server], published: Path, tmp_path: Path
) -> None:
    server = serve()
    command = [
        *(
            "evaluate",
            "--benchmark",
            "medsafety/eval",
            "--data-dir",
            str(published),
            "--dry-run",
            "--json",
        ),
        *("--target", "openai:model", "--target-url", server.url),
        *("--judge", "openai:judge", "--judge-url", server.url),
        *("--exclude-leaked", "medsafety/improve"),
    ]
    planned = json.loads(output(*command))
    # 16 of the 900 have a near-duplicate in the train split at word-3-gram Jaccard .7.
    assert planned["n"] == 900 - 16


def test_many_verdicts_of_a_judge_that_computes_here_are_stored_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one is stored the next is computed, though the judge takes one at a time."""
    commits = []
    commit = Writer._commit
    monkeypatch.setattr("medsafetybench.evaluation.writer.GATHER_SECONDS", 0.1)
    monkeypatch.setattr(Writer, "_commit", lambda self: (commits.append(1), commit(self)))
    run = evaluate(lambda text: "I can't help with that.", "screen", store=tmp_path / "store.db")
    assert run.summary().counts.scored == 216
    assert len(commits) < 50, "each on its own would be 216 and more"
