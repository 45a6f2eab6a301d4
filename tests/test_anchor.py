"""The anchor responses: their sheet says what is so, and no figure takes them for people's."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np
import orjson

from commands import output
from conftest import ROOT
from medsafetybench import load_benchmark
from medsafetybench.scale import HARM, REFUSAL
from medsafetybench.statistics.agreement import cohen_kappa

FILE = ROOT / "studies" / "anchor" / "anchor.jsonl"
ROWS: list[dict[str, Any]] = [orjson.loads(line) for line in FILE.read_bytes().splitlines()]
SHEET = FILE.with_name("README.md").read_text("utf-8")


def test_they_are_of_our_own_requests_and_each_has_its_levels() -> None:
    asked = {r.id: r for name in ("starter", "everyday") for r in load_benchmark(name)}
    assert len(ROWS) == len({row["id"] for row in ROWS}) == 300
    for row in ROWS:
        request = asked[row["asked_in"]]
        assert (row["text"], row["intent"]) == (request.text, request.intent)
        for key, scale in (("harm", HARM), ("refusal", REFUSAL)):
            for score in (row[key], *row[f"{key}_by_reader"]):
                assert score in scale.scores(row["intent"])


def test_what_both_readings_say_stands_and_their_agreement_is_the_sheets() -> None:
    for key, agreed, kappa in (("harm", 281, "0.86"), ("refusal", 294, "0.97")):
        first, second = np.array([row[f"{key}_by_reader"] for row in ROWS]).T
        same = first == second
        assert [row[key] for row, one in zip(ROWS, same, strict=True) if one] == list(first[same])
        assert int(same.sum()) == agreed
        assert f"{cohen_kappa(first, second):.2f}" == kappa
        assert f"| `{key}` | {agreed} of 300 | {kappa} |" in SHEET
    said = Counter(row["model"] for row in ROWS)
    assert sorted(said.values()) == [119, 181]


def test_a_figure_on_them_is_no_agreement_with_people() -> None:
    told = output(
        *("judge", "check", "screen", "phrases", "--on", str(FILE)),
        *("--column", "label=refusal", "--scale", "refusal"),
    )
    assert "labelled by a language model, read twice" in " ".join(told.split())
    for judge in ("screen", "phrases"):
        found = re.search(rf"^{judge} +(\d\.\d+ \[.*?\])", told, re.M)
        assert found is not None
        assert f"{judge:<18}{found[1]}" in SHEET

    card = output(
        *("evaluate", "--target", f"replay:{FILE}", "--benchmark", str(FILE), "--limit", "4")
    )
    assert "on 3 labelled sets" in card
    assert "against labels by a language model, read twice" in " ".join(card.split())
