"""Before and after: the table, the sentence under it, and the sweep."""

from __future__ import annotations

import importlib.util
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from medsafetybench import load_benchmark
from medsafetybench.errors import MsbError
from medsafetybench.evaluation import EvaluationSpec
from medsafetybench.improvement.evidence import (
    Evidence,
    EvidenceSpec,
    Row,
    as_rows,
    gather_evidence,
    verdict,
)
from medsafetybench.improvement.recipe import load_recipe
from medsafetybench.improvement.sweep import (
    Point,
    Sweep,
    by_family,
    markdown,
    means,
    points,
    run_sweep,
)
from medsafetybench.improvement.sweep import Row as SweepRow
from medsafetybench.improvement.training import Unwatched
from medsafetybench.statistics.estimates import Interval

REFUSAL = "I'm sorry, but I can't help with that."
ANSWER = (
    "Sure! Begin with a short note to the team, name who does what, and look at it again after a "
    "week. Keep what works, and write down why."
)


def row(measure: str, before: float, after: float, sure: bool = True, n: int = 100) -> Row:
    change = after - before
    reach = abs(change) / 2 if sure else abs(change) * 2 + 0.01
    interval = Interval(change - reach, change + reach)
    return Row(measure, "here", n, (before, None), (after, None), change, interval, 0.001)


def evidence(*rows: Row) -> Evidence:
    return Evidence("a", "b", "screen", [], list(rows))


SAFER = (row("harmfulness", 5, 1), row("refusal", 0, 1))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        pytest.param(
            [*SAFER, row("over_refusal", 0, 1)], "model now refuses everything", id="everything"
        ),
        pytest.param([*SAFER, row("over_refusal", 0, 0.3)], "safer, at a price", id="price"),
        pytest.param(
            [row("harmfulness", 5, 4), row("refusal", 0, 0.3), row("over_refusal", 0, 0.35)],
            "does not tell them apart",
            id="not telling apart",
        ),
        pytest.param(
            [*SAFER, row("over_refusal", 0, 0.02, sure=False)], "is safer: it", id="safer"
        ),
        pytest.param([*SAFER], "Over-refusal was not measured", id="one side only"),
        pytest.param(
            [
                row("harmfulness", 3, 2.9, sure=False),
                row("refusal", 0.4, 0.42, sure=False),
                row("over_refusal", 0, 0),
            ],
            "No change in safety is shown",
            id="no change",
        ),
        pytest.param(
            [row("harmfulness", 2, 4), row("refusal", 0.8, 0.2), row("over_refusal", 0, 0)],
            "less safe than before",
            id="worse",
        ),
        pytest.param([row("over_refusal", 0, 0)], "no harmful requests", id="nothing harmful"),
        pytest.param(
            [row("refusal", 0, 1), row("over_refusal", 0, 0)],
            "The model declines more harmful requests: it",
            id="refusals alone",
        ),
        pytest.param(
            [row("refusal", 0.8, 0.2), row("over_refusal", 0, 0)],
            "declines fewer harmful requests than before",
            id="refusals alone, fewer",
        ),
    ],
)
def test_the_sentence_says_what_happened(rows: list[Row], said: str) -> None:
    assert said in verdict(evidence(*rows))
    assert "What it knows was not measured." in verdict(evidence(*rows))
    if all(row.measure != "harmfulness" for row in rows):
        assert not re.search("safer|less safe|safety rose", verdict(evidence(*rows)))


def replies(path: Path, declined: set[str]) -> str:
    """Responses to the starter's eval split: refusals of these ids, answers of all others."""
    rows = (
        {"id": r.id, "response": REFUSAL if r.id in declined else ANSWER}
        for r in load_benchmark("starter/eval")
    )
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return f"replay:{path}"


def test_rows_are_counted_on_both_sides(tmp_path: Path) -> None:
    requests = list(load_benchmark("starter/eval"))
    harmful = {r.id for r in requests if r.intent == "harmful"}
    benign = sorted(r.id for r in requests if r.intent == "benign")
    before = replies(tmp_path / "before.jsonl", set())
    after = replies(tmp_path / "after.jsonl", harmful | set(benign[:9]))
    found = gather_evidence(
        before, after, EvidenceSpec(how=EvaluationSpec("hf:demo", store=tmp_path / "s.db"))
    )
    rows = {r["measure"]: r for r in as_rows(found)}
    assert (rows["refusal"]["before"], rows["refusal"]["after"]) == (0, 1)
    assert "harmfulness" not in rows, "screen measures no harm"
    assert rows["over_refusal"]["after"] == pytest.approx(9 / 54)
    low, high = rows["over_refusal"]["change_ci95"]
    assert 0 < low < 9 / 54 < high
    assert rows["refusal"]["p"] < 0.001
    assert "at a price: it declines 100% of harmful requests" in verdict(found)


# The sweep


def sweep_row(family: str, size: int, seed: int, value: float) -> SweepRow:
    return SweepRow(family, size, seed, "refusal", "eval", 100, value)


def test_seeds_are_averaged_and_their_range_told() -> None:
    rows = [sweep_row("base", 0, 0, 0.0)]
    rows += [sweep_row("med", 200, seed, value) for seed, value in enumerate((0.5, 0.6, 1.0))]
    found = means(rows)
    assert found[1].value == pytest.approx(0.7)
    assert (found[1].low, found[1].high, found[1].seeds) == (0.5, 1.0, 3)
    assert "| med | 200 | 70.0% (50.0%-100.0%) |" in markdown(rows)
    assert list(by_family(rows)) == [
        (["med", "on", "base", "200"], [["refusal", "eval", "0.0%", "70.0%"]])
    ]


def test_sizes_that_are_not_there_are_explained(tmp_path: Path) -> None:
    for family, size, largest in (("med", 150, 900), ("gen", 1000, 900), ("both", 1900, 1800)):
        with pytest.raises(MsbError, match=f"{family} subsets come in steps of 100, .* {largest};"):
            points(Sweep("demo", tmp_path, [family], [size]))
    assert len(points(Sweep("demo", tmp_path, ["both"], [1800], [0]))) == 2


def test_a_sweep_starts_with_its_base_and_its_small_sizes(tmp_path: Path) -> None:
    sweep = Sweep("demo", tmp_path, ["med", "gen"], [400, 200], [0, 1])
    found = points(sweep)
    assert found[0].family == "base"
    assert [p.size for p in found[1:]] == [200] * 4 + [400] * 4
    assert found[1] == Point("med", 200, 0)
    assert found[1].data == "finetune/med-200"


@pytest.mark.parametrize(
    ("families", "said"),
    [(["medical"], "expected med, gen, both"), (["med+mix"], "the recipe mixes nothing in")],
)
def test_families_there_are_not(families: list[str], said: str, tmp_path: Path) -> None:
    toy = load_recipe("toy")
    with pytest.raises(MsbError, match=said):
        points(Sweep("demo", tmp_path, families, recipe=toy))


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("trl", "lm_eval"))
    and not os.environ.get("CI"),
    reason="needs the extras 'train' and 'capability'",
)
def test_a_sweep_ends_in_a_table_and_goes_on(
    published: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    import torch

    torch.set_num_threads(1)
    sweep = Sweep(
        "demo",
        tmp_path / "sweep",
        ["med", "med+mix"],
        [100],
        recipe=load_recipe(
            "toy", {"mix": '["starter/improve:0.5"]', "epochs": "2", "max_length": "80"}
        ),
        evidence=EvidenceSpec(
            ["starter/eval"],
            tasks=["msb_probe_quote"],
            how=EvaluationSpec(
                "hf:demo", max_tokens=24, limit=36, store=tmp_path / "s.db", data_dir=published
            ),
        ),
    )
    told: list[str] = []
    rows = run_sweep(sweep, Unwatched(), lambda point, found: told.append(point.name))
    assert told == ["base-0-seed0", "med-100-seed0", "med+mix-100-seed0"]
    value = {(r.family, r.measure): r.value for r in rows}
    assert value["base", "refusal"] == value["base", "over_refusal"] == 0
    assert value["med", "refusal"] > 0.5
    assert value["med", "over_refusal"] > 0.5, "refusals only: benign twins are refused as well"
    assert value["med+mix", "over_refusal"] < value["med", "over_refusal"]
    assert value["base", "capability"] > 0.9
    assert value["base", "incoherent text"] == value["med", "incoherent text"] == 0

    def never(*_: Any) -> None:
        raise AssertionError("what is done is not done again")

    monkeypatch.setattr("medsafetybench.improvement.train.run_training", never)
    assert run_sweep(sweep, Unwatched()) == rows
