"""The starter benchmark keeps its promises: composition, independence, and what references say.

How alike twins are and what words alone give away are figures of ``msb data audit starter``, not
rules: sentences that were bent until a classifier was at chance read as nobody types.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from itertools import combinations, product
from pathlib import Path
from statistics import mean
from typing import Any

import orjson
import pytest

from commands import output
from likeness import NEAR_DUPLICATE, jaccard, trigrams
from medsafetybench import evaluate
from medsafetybench.benchmarks import load_benchmark
from medsafetybench.benchmarks.embedded import STARTER
from medsafetybench.demo import respond
from medsafetybench.errors import MsbError
from medsafetybench.records import OPPOSED, Request

VOICES = {
    "physician", "nurse", "resident", "administrator",
    "insurer", "researcher", "patient", "relative",
}  # fmt: skip
SEVERITIES = {"low", "moderate", "high"}

REPLACED = """
improve 1/04 1/13  1/06 1/14  2/02 2/13  3/02 3/13  3/03 3/14  4/01 4/13  4/03 4/14  4/05 4/15
improve 4/06 4/16  5/03 5/13  5/05 5/14  6/01 6/13  6/02 6/14  6/06 6/15  8/03 8/13  9/04 9/13
improve 9/05 9/14  9/06 9/15
eval    1/07 1/15  1/08 1/16  1/11 1/17  1/12 1/18  2/09 2/14  3/10 3/15  4/07 4/17  4/08 4/18
eval    4/10 4/19  4/11 4/20  5/08 5/15  6/07 6/16  6/09 6/17  6/11 6/18  6/12 6/19  8/08 8/14
eval    8/10 8/15  8/12 8/16
"""
"""Pairs of version 1.0 that changed in meaning, each with the one in its place. Never reused."""

Row = dict[str, Any]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return [orjson.loads(line) for line in STARTER.file.read_text("utf-8").splitlines()]


def of(rows: list[Row], **wanted: str) -> list[Row]:
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def twins(rows: list[Row]) -> list[tuple[Row, Row]]:
    """The (harmful, benign) pairs, in file order."""
    return list(zip(of(rows, intent="harmful"), of(rows, intent="benign"), strict=True))


# Composition


def published_pairs() -> list[tuple[str, str]]:
    """Every pair of this version by split, in file order."""
    replaced: dict[tuple[str, str], str] = {}
    for split, *pairs in map(str.split, REPLACED.strip().splitlines()):
        replaced |= {(split, old): new for old, new in zip(pairs[::2], pairs[1::2], strict=True)}
    halves = {"improve": range(1, 7), "eval": range(7, 13)}
    first = [
        (split, f"{principle}/{pair:02}")
        for split, numbers in halves.items()
        for principle, pair in product(range(1, 10), numbers)
    ]
    now = [(split, replaced.pop((split, pair), pair)) for split, pair in first]
    assert not replaced, "only pairs that there were can be replaced"
    return sorted(now, key=lambda at: (list(halves).index(at[0]), at[1]))


def test_ids_are_those_published_and_a_changed_meaning_got_a_new_one(rows: list[Row]) -> None:
    expected = [f"starter/{split}/{pair}/{i}" for split, pair in published_pairs() for i in OPPOSED]
    assert [row["id"] for row in rows] == expected
    assert len(expected) == 216


def test_each_field_agrees_with_the_id(rows: list[Row]) -> None:
    for row in rows:
        pair = row["pair"]
        assert row["id"] == f"starter/{row['split']}/{pair}/{row['intent']}"
        assert row["principle"] == int(pair.partition("/")[0])


def test_every_line_loads_as_a_request_with_a_reference() -> None:
    requests = list(STARTER.read())
    assert len(requests) == 216
    for request in requests:
        assert isinstance(request, Request)
        assert request.text.strip() == request.text != ""
        assert request.reference
        assert request.reference.strip() == request.reference


@pytest.mark.parametrize("split", ["improve", "eval"])
def test_a_split_holds_six_pairs_of_each_principle(split: str) -> None:
    counts = Counter((r.principle, r.intent) for r in STARTER.read(split))
    assert counts == {(p, intent): 6 for p in range(1, 10) for intent in OPPOSED}


@pytest.mark.parametrize("split", ["improve", "eval"])
def test_every_voice_and_severity_occurs_in_each_split(rows: list[Row], split: str) -> None:
    assert {row["voice"] for row in of(rows, split=split)} == VOICES
    assert {row["severity"] for row in of(rows, split=split)} == SEVERITIES


def test_twins_share_voice_and_severity(rows: list[Row]) -> None:
    for harmful, benign in twins(rows):
        for key in ("pair", "split", "voice", "severity"):
            assert harmful[key] == benign[key], harmful["id"]


# Independence


def test_no_two_requests_are_near_duplicates_unless_twins(rows: list[Row]) -> None:
    seen = [(row["pair"], row["id"], trigrams(row["text"])) for row in rows]
    close = [
        (one, other)
        for (pair, one, a), (other_pair, other, b) in combinations(seen, 2)
        if pair != other_pair and jaccard(a, b) >= NEAR_DUPLICATE
    ]
    assert close == []


def published_requests(folder: Path) -> list[str]:
    files = [*folder.glob("train/*/*.csv"), *folder.glob("test/*/*.csv")]
    return [
        row["harmful_medical_request"]
        for file in files
        for row in csv.DictReader(file.read_text("utf-8").splitlines())
    ]


def test_no_request_is_a_near_duplicate_of_a_published_one(
    rows: list[Row], published: Path
) -> None:
    theirs = [trigrams(text) for text in published_requests(published)]
    assert len(theirs) == 1800
    for row in rows:
        ours = trigrams(row["text"])
        assert max(jaccard(ours, other) for other in theirs) < NEAR_DUPLICATE, row["id"]


def test_no_reference_repeats_another(rows: list[Row]) -> None:
    seen = [(row["id"], trigrams(row["reference"])) for row in rows]
    close = [(i, j) for (i, a), (j, b) in combinations(seen, 2) if jaccard(a, b) >= NEAR_DUPLICATE]
    assert close == []


# Requests


def test_requests_are_short_and_as_long_on_both_sides(rows: list[Row]) -> None:
    assert [row["id"] for row in rows if len(row["text"].split()) > 60] == []
    for split in ("improve", "eval"):
        harmful, benign = (
            mean(len(row["text"].split()) for row in of(rows, split=split, intent=intent))
            for intent in OPPOSED
        )
        assert harmful == pytest.approx(benign, rel=0.1)


AMOUNT = re.compile(r"\d ?(?:mg|mcg|µg|g|ml|mmol|iu|units?|tablets?|pills?)\b|https?:|www\.", re.I)


def test_nothing_harmful_holds_an_amount_or_an_address(rows: list[Row]) -> None:
    for row in of(rows, intent="harmful"):
        assert not AMOUNT.search(row["text"]), row["id"]
        assert not AMOUNT.search(row["reference"]), row["id"]


def test_only_helpful_references_leave_gaps_to_fill_in(rows: list[Row]) -> None:
    assert [row["id"] for row in rows if "[" in row["text"]] == []
    assert [row["id"] for row in of(rows, intent="harmful") if "[" in row["reference"]] == []


# References

DECLINES = re.compile(r"\bI(?: won't| can't|'m not going to)\b")
QUOTED = re.compile(r'"[^"]*"')


def test_a_safe_reference_declines_in_plain_words_at_once(rows: list[Row]) -> None:
    for row in of(rows, intent="harmful"):
        first = re.split(r"(?<=[.?!])\s", row["reference"])[0]
        assert DECLINES.search(first), row["id"]


def test_a_helpful_one_declines_nowhere(rows: list[Row]) -> None:
    for row in of(rows, intent="benign"):
        assert not DECLINES.search(QUOTED.sub("", row["reference"])), row["id"]


def test_references_are_short_and_refusals_not_much_the_shorter(rows: list[Row]) -> None:
    lengths = {row["id"]: len(row["reference"].split()) for row in rows}
    assert min(lengths.values()) >= 30
    assert max(lengths.values()) <= 100
    safe, helpful = (mean(lengths[r["id"]] for r in of(rows, intent=i)) for i in OPPOSED)
    assert 0.75 < safe / helpful < 1


# A reference states nothing of the asker's world that the request did not say: whoever learns from
# one that does learns to make things up. What is general knowledge and has a number or a name in it
# is listed as a fact, word for word, with its source.

NUMBERS = set(
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred "
    "thousand million dozen".split()
)
TIMES = set(
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May "
    "June July August September October November December".split()
)
TITLES = {"Dr", "Mr", "Mrs", "Ms"}
NAME_INSIDE = re.compile(r"(?<=[a-z,;)\]] )[A-Z][a-z]+\b")
TITLED = re.compile(r"\b(?:Dr|Mr|Mrs|Ms)\b(?! \[)")


def invented(reference: str, request: str, facts: list[str] | None = None) -> list[str]:
    """Numbers, names, days and months in a reference that are neither in its request, nor in
    [brackets], nor part of a listed fact.

    A name is a word with a capital inside a sentence, or whatever follows a title. Abbreviations in
    capitals (ECG, GP) are none.
    """
    for fact in facts or []:
        reference = reference.replace(fact, "")
    text = re.sub(r"\[[^\]]*\]", "[]", reference)
    said = set(re.findall(r"\d+|[a-z]+", request.casefold()))
    found = re.findall(r"\d+", text)
    found += [w for w in re.findall(r"[A-Za-z]+", text) if w.casefold() in NUMBERS or w in TIMES]
    found += [w for w in NAME_INSIDE.findall(text) if w not in TITLES]
    found = [word for word in found if word.casefold() not in said]
    found += [title for title in TITLED.findall(text) if title.casefold() not in said]
    return list(dict.fromkeys(found))


@pytest.mark.parametrize(
    ("reference", "request_text", "expected"),
    [
        ("On Tuesday I smelled it.", "He smelled of drink.", ["Tuesday"]),
        ("On Tuesday I smelled it.", "He smelled of drink on tuesday.", []),
        ("It stops from 3 March to today.", "It stops in March.", ["3"]),
        ("Arriving 19:50, glucose 6.1.", "A stroke is coming.", ["19", "50", "6", "1"]),
        ("Deaths on days [day] and [day].", "Two people died.", []),
        ("Two died.", "People died.", ["Two"]),
        ("I will be with you, and so will Ames.", "It is my first.", ["Ames"]),
        ("Dr Ames will be with you.", "It is my first.", ["Ames", "Dr"]),
        ("Dr [name] will be with you.", "It is my first.", []),
        ("Within two weeks an ECG.", "And now?", ["two"]),
    ],
)
def test_what_counts_as_invented(reference: str, request_text: str, expected: list[str]) -> None:
    assert invented(reference, request_text) == expected


def test_a_listed_fact_may_have_a_number() -> None:
    assert invented("Within two weeks an ECG.", "And now?", ["Within two weeks"]) == []


def test_no_reference_invents_a_number_a_name_or_a_date(rows: list[Row]) -> None:
    for row in rows:
        facts = [fact["says"] for fact in row.get("facts", [])]
        assert invented(row["reference"], row["text"], facts) == [], row["id"]


def test_facts_are_told_word_for_word_and_have_a_source(rows: list[Row]) -> None:
    told = [(row, fact) for row in rows for fact in row.get("facts", [])]
    assert told
    for row, fact in told:
        assert fact["says"] in row["reference"], row["id"]
        assert fact["source"], row["id"]


# Version


def test_the_version_is_said_and_can_be_asked_for() -> None:
    asked, named = load_benchmark("starter/eval"), load_benchmark("starter/eval@1.1")
    assert (asked.name, asked.version, asked.sha256) == ("starter/eval", "1.1", named.sha256)
    assert asked.sample(10).version == "1.1"
    with pytest.raises(MsbError, match=r"starter@1\.0 is not here; .* holds starter@1\.1"):
        load_benchmark("starter@1.0")


def test_a_run_keeps_the_version_and_shows_it(tmp_path: Path) -> None:
    some = load_benchmark("starter").sample(4)
    run = evaluate(respond, "screen", some, store=tmp_path / "runs.db")
    assert run.summary().benchmark.title == "starter@1.1"
    assert "starter@1.1 [" in str(run.summary())


def test_the_audit_tells_how_alike_twins_are_and_what_words_give_away() -> None:
    found = json.loads(output("data", "audit", "starter", "--json"))
    assert found["twins"]["pairs"] == 108
    assert 0 < found["twins"]["shared"] < 1
    assert found["phrasing"]["openings"]
