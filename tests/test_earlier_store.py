"""A store made by version 0.1.0 (store version 1) says the same to this version.

``fixtures/store-v1.json`` holds what 0.1.0 said of it. Values, counts, rates, differences and
exact p-values are the same to the last digit. Intervals are not: they are now those of docs/
statistics.md. What `screen` gave was never a measure of harm: of its runs refusal and over-refusal
are the same, and there is no mean.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from medsafetybench.results.agreement import PEOPLE, agreement_of
from medsafetybench.results.comparison import Difference, Method, compare
from medsafetybench.results.gate import Threshold, gate
from medsafetybench.results.measures import measure_named
from medsafetybench.results.pairing import pair_runs
from medsafetybench.results.run import Run, open_run
from medsafetybench.results.scorecard import Group, Scorecard
from medsafetybench.store.outcomes import read_outcomes
from medsafetybench.store.panel import panel_of
from medsafetybench.store.store import Store

FIXTURES = Path(__file__).with_name("fixtures")
EARLIER = json.loads((FIXTURES / "store-v1.json").read_text("utf-8"))
RUNS = {label: run["id"] for label, run in EARLIER["runs"].items()}
SCREENED = {RUNS["screened"], RUNS["function"]}
MIXED = RUNS["rejudged"]  # its panel had two scales


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, migrated at the first opening."""
    path = tmp_path_factory.mktemp("earlier") / "store.db"
    shutil.copy(FIXTURES / "store-v1.db", path)
    return path


def answers(command: str) -> list[Any]:
    return list(_answers(command))


def _answers(command: str) -> Iterator[Any]:
    for answer in EARLIER["answers"]:
        if answer["command"][0] == command and answer["exit"] != 2:
            words = answer["command"][1:]
            yield pytest.param(words, answer["said"], id=" ".join(words) or "none")


def options(words: list[str]) -> tuple[list[str], dict[str, list[str]]]:
    """Positional words, and the values of each option."""
    runs: list[str] = []
    given: dict[str, list[str]] = {}
    rest = iter(words)
    for word in rest:
        if word.startswith(("--no-", "--allow-")):
            given[word] = []
        elif word.startswith("--"):
            given.setdefault(word, []).append(next(rest))
        else:
            runs.append(word)
    return runs, given


def same_group(now: Group, then: Mapping[str, Any], pressed: bool = False) -> None:
    """Counts and figures of harmful requests."""
    for name in ("n", "scored", "unscored", "errors", "pending"):
        assert getattr(now, name) == then[name], name
    names = {"refusal": "refusal_rate", "safe_rate": "safe_rate", "harmfulness": "mean"}
    for key, name in names.items():
        if key in now.figures:
            assert now.figures[key].value == then[name], name
    if harm := now.figures.get("harmfulness"):
        if not pressed:  # turns of one request are one draw now
            assert harm.stderr == pytest.approx(then["stderr"], abs=1e-15)
        assert harm.ci95 != tuple(then["ci95"] or ())  # what held too seldom
        if now.scored:  # also where all scores are the same, and t's had no width
            assert harm.ci95 is not None
            assert harm.ci95.high - harm.ci95.low > 0.3
        assert list(harm.bounds or ()) == then["bounds"]


@pytest.mark.parametrize(("words", "then"), answers("summary"))
def test_scorecards(store: Path, words: list[str], then: dict[str, Any]) -> None:
    (run,), given = options(words)
    judges, rule = given.get("--judge", []), given.get("--rule", ["median"])[0]
    if run == MIXED and not judges:
        judges = ["screen"]  # its panel had two scales; what it said of both together is no more
        then = next(a["said"] for a in EARLIER["answers"] if a["command"] == _by_screen(run))
    card = open_run(run, store).summary(judges, rule)
    harmful = card.sides["harmful"]
    pressed = "pressure" in card.benchmark.selection
    same_group(harmful, then, pressed)
    assert [str(at.count) for at in harmful.levels] == _levels(card, then)
    for by in ("principle", "source"):
        now, before = harmful.by.get(by, []), then[f"by_{by}"]
        if not pressed or by == "principle":
            assert len(now) == len(before) or (len(before) == 1 and not now)
            for group, old in zip(now, before, strict=False):
                assert group.value == old[by]
                same_group(group, old, pressed)
    if then["over_refusal"]:
        benign = card.sides["benign"]
        assert benign.figures["over_refusal"].value == then["over_refusal"]["rate"]
        assert benign.figures["in_part"].value == then["over_refusal"]["partial_rate"]
    if card.scale == "refusal":
        assert "harmfulness" not in harmful.figures
        assert "mean harmfulness" in card.not_measured
    elif then["calibrated"]:
        # Of labels of before nobody knows how they were drawn, and the scorecard says so.
        assert (card.corrected, card.labels >= then["calibrated"]["n"]) == ([], True)
        assert all("of a random sample of this run" in one.why for one in card.not_corrected)
        assert "Not corrected: " in str(card)


def _by_screen(run: str) -> list[str]:
    return ["summary", run, "--judge", "screen"]


def _levels(card: Scorecard, then: Mapping[str, Any]) -> list[str]:
    """The distribution on today's levels: 1, 3 and 5 of the earlier screen are 1, 3 and 4."""
    counts = {int(score): str(count) for score, count in then["distribution"].items()}
    if card.scale == "refusal":
        return [counts[1], "0", counts[3], counts[5]]
    return list(counts.values())


def test_what_pressure_did(store: Path) -> None:
    then = next(
        a["said"] for a in EARLIER["answers"] if a["command"][0] == "pressure" and a["said"]
    )
    card = open_run(RUNS["pressed"], store).summary()
    for by in ("turn", "framing"):
        old = {group[by]: group for group in then[f"by_{by}"]}
        assert {group.value for group in card.sides["harmful"].by[by]} == old.keys()
        for group in card.sides["harmful"].by[by]:
            same_group(group, old[group.value])
    assert card.survival is not None
    for step, old in zip(card.survival.steps, then["survival"], strict=True):
        assert (step.turn, step.at_risk, step.gave_way) == (
            old["turn"],
            old["at_risk"],
            old["complied"],
        )
        assert step.survival == pytest.approx(old["survival"], abs=1e-12)


@pytest.mark.parametrize(("words", "then"), answers("compare"))
def test_comparisons(store: Path, words: list[str], then: dict[str, Any]) -> None:
    runs, given = options(words)
    if "--clusters" in given or "--no-clusters" in given or "--tag" in given:
        pytest.skip("clusters and groups have tests of their own")
    judges = given.get("--judge", [])
    pairing = pair_runs(
        [open_run(run, store) for run in runs],
        judges,
        allow_different_judges="--allow-different-judges" in words,
    )
    test = given.get("--test", ["permutation"])[0]
    found = compare(pairing, Method(test, given.get("--correction", ["holm"])[0]))
    keys = ["refusal", "over_refusal"]
    keys += [] if "screen" in judges or SCREENED & set(runs) else ["harmfulness"]
    for key in keys:
        for now, old in zip(found.on(key), then[key], strict=True):
            same_difference(now, old)


def same_difference(now: Difference, then: Mapping[str, Any]) -> None:
    names = ((now.first, then["first"]), (now.second, then["second"]))
    assert all(one[:14] == other[:14] for one, other in names)  # what tells them apart is new
    assert now.n == then["n"]
    assert (now.lower, now.equal, now.higher) == (then["lower"], then["equal"], then["higher"])
    assert list(now.means) == pytest.approx(then["means"], abs=1e-15, nan_ok=True)
    if now.n:
        assert now.difference == pytest.approx(then["difference"], abs=1e-15)
        assert now.p == pytest.approx(then["p"], abs=1e-12)
        assert now.p_adjusted == pytest.approx(then["p_adjusted"], abs=1e-12)


@pytest.mark.parametrize(("words", "then"), answers("gate"))
def test_gates(store: Path, words: list[str], then: dict[str, Any]) -> None:
    """Points are the same; verdicts too, on bounds that are now computed and not drawn."""
    (run,), given = options(words)
    if "--baseline" in given or run in (*SCREENED, MIXED, RUNS["pressed"]):
        pytest.skip("a baseline, another scale, or turns that are now one draw")
    names = {"--max-mean": "harmfulness", "--min-safe-rate": "safe_rate"}
    names["--max-over-refusal"] = "over_refusal"
    thresholds = [
        Threshold(measure_named(names[name]), name[2:5], float(values[0]))  # type: ignore[arg-type]
        for name, values in given.items()
        if name in names
    ]
    confidence = float(given.get("--confidence", ["0.95"])[0])
    found = gate(open_run(run, store).outcomes(), thresholds, confidence)
    assert found.verdict == then["verdict"]
    for now, old in zip(found.checks, then["checks"], strict=True):
        assert (now.point, now.n, now.missing) == (old["point"], old["n"], old["missing"])
        assert (now.low, now.high) == pytest.approx((old["low"], old["high"]), abs=0.02)


@pytest.mark.parametrize(("words", "then"), answers("agreement"))
def test_agreement(store: Path, words: list[str], then: dict[str, Any]) -> None:
    (run,), given = options(words)
    if run == MIXED:
        pytest.skip("its judges were on two scales")
    found = agreement_of(
        _outcomes(open_run(run, store), given), given.get("--intent", ["harmful"])[0]
    )
    assert found is not None
    assert found.alpha is not None
    assert found.alpha.point == pytest.approx(then["alpha"][0], abs=1e-12)
    old = {tuple(pair["judges"]): pair for pair in then["pairs"]}
    for pair in found.pairs:
        if PEOPLE in pair.judges:
            continue  # what was settled of what people said is new
        before = old.get(pair.judges) or old[pair.judges[::-1]]
        if pair.judges in old:
            assert pair.confusion == before["confusion"]
        for name in ("exact", "within_one", "kappa", "quadratic_kappa"):
            point = getattr(pair, name).point
            assert point == pytest.approx(before[name][0], abs=1e-12), name


def _outcomes(run: Run, given: Mapping[str, list[str]]) -> Any:
    if not (names := given.get("--judge")):
        return run.by_all_judges()
    with Store.read(run.store) as store:
        record = store.run(run.id)
        first, *others = (panel_of(store, record, [name])[0] for name in names)
        return read_outcomes(store, record, [first], others)


def test_a_run_pairs_with_its_requests_under_other_names(store: Path) -> None:
    """0.1.0 said that these share no request; they ask the same."""
    pairing = pair_runs([open_run(RUNS["a"], store), open_run(RUNS["other-ids"], store)])
    assert len(pairing.sides["harmful"].ids) == 18
    found = compare(pairing).on("harmfulness")[0]
    assert (found.difference, found.lower, found.higher) == (0, 0, 0)


def test_runs_with_equal_ids_pair_only_where_they_ask_the_same(store: Path) -> None:
    pairing = pair_runs([open_run(RUNS["a"], store), open_run(RUNS["other-texts"], store)])
    assert 0 < len(pairing.sides["harmful"].ids) < 18


def test_rows_are_the_same(store: Path) -> None:
    for label, identity in RUNS.items():
        then = EARLIER["runs"][label]["rows"]
        now = list(open_run(identity, store).rows())
        assert len(now) == len(then)
        for new, old in zip(now, then, strict=True):
            assert (new["intent"], new["principle"]) == (old["intent"], old.get("principle"))
            if label not in ("screened", "function", "rejudged"):
                assert (new["state"], new["score"]) == (old["state"], old.get("score"))
