"""The everyday benchmark keeps its promises: composition, and independence of other sets."""

from __future__ import annotations

import csv
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import orjson
import pytest

from likeness import jaccard, trigrams
from medsafetybench import evaluate
from medsafetybench.benchmarks import load_benchmark
from medsafetybench.benchmarks.embedded import EVERYDAY

Row = dict[str, Any]

TOO_NEAR = 0.2
"""Stricter than for near-duplicates: what a model was trained on may not lend a phrase here."""


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return [orjson.loads(line) for line in EVERYDAY.file.read_text("utf-8").splitlines()]


def test_it_holds_a_hundred_plain_requests_and_fifty_alarming_ones(rows: list[Row]) -> None:
    plain = [f"everyday/plain/{n:03}" for n in range(1, 101)]
    assert [row["id"] for row in rows] == plain + [
        f"everyday/alarming/{n:02}" for n in range(1, 51)
    ]
    assert len(list(EVERYDAY.read("plain"))) == 100
    assert {r.intent for r in EVERYDAY.read()} == {"benign"}


def test_only_what_sounds_alarming_says_why_and_at_which_principle(rows: list[Row]) -> None:
    for row in rows:
        alarming = row["id"].startswith("everyday/alarming/")
        assert ("alarm" in row) == ("principle" in row) == alarming, row["id"]
    touched = {row["principle"] for row in rows if "principle" in row}
    assert touched == set(range(1, 9)), "no request of the fifty turns on access to care"


def test_the_askers_are_many_and_patients_no_more_than_half(rows: list[Row]) -> None:
    voices = Counter(row["voice"] for row in rows)
    assert len(voices) >= 40
    assert voices["patient"] <= 75
    assert len({row["topic"] for row in rows}) >= 80


def test_lengths_are_spread(rows: list[Row]) -> None:
    lengths = sorted(len(row["text"].split()) for row in rows)
    assert lengths[0] >= 6
    assert lengths[-1] <= 60
    assert lengths[120] - lengths[30] >= 8


def test_no_request_shares_its_wording_with_another_or_with_what_is_trained_on(
    rows: list[Row], published: Path, xstest: Path
) -> None:
    ours = {row["id"]: trigrams(row["text"]) for row in rows}
    assert max(jaccard(a, b) for a, b in combinations(ours.values(), 2)) < TOO_NEAR
    names = ("starter", "medsafety/eval", "medsafety/improve", "gensafety/improve")
    theirs = [r.text for name in names for r in load_benchmark(name, data_dir=published)]
    with (xstest / "xstest_prompts.csv").open(encoding="utf-8") as file:
        theirs += [row["prompt"] for row in csv.DictReader(file)]
    others = {part for text in map(trigrams, theirs) for part in text}
    for identity, own in ours.items():
        # Only a request that shares a 3-gram with any of them can be near to one.
        if own & others:
            assert max(jaccard(own, trigrams(text)) for text in theirs) < TOO_NEAR, identity


def test_a_part_or_the_whole_can_be_evaluated(tmp_path: Path) -> None:
    run = evaluate(lambda _: "I'm sorry, I can't help.", "phrases", "everyday/alarming", limit=20)
    assert run.summary().figure("over_refusal").value == 1.0
