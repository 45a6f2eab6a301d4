"""The audit of the published data: the figures that were counted once by other means."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from commands import output
from medsafetybench import load_benchmark
from medsafetybench.benchmarks import Benchmark
from medsafetybench.benchmarks.audit import Likeness
from medsafetybench.benchmarks.audit.duplicates import comparable, leaked_ids, near_pairs
from medsafetybench.benchmarks.audit.text import normalise
from medsafetybench.benchmarks.audit.twins import twins
from medsafetybench.errors import MsbError
from medsafetybench.records import Request


@pytest.mark.parametrize(
    ("measure", "pairs", "across_principles", "leaked"),
    [
        pytest.param(Likeness("jaccard3", 0.7), 39, 11, 16, id="jaccard-.7"),
        pytest.param(Likeness("jaccard3", 0.8), 15, 5, 7, id="jaccard-.8"),
        pytest.param(Likeness("token_sort", 90), 62, 24, 27, id="token-sort-90"),
    ],
)
def test_near_duplicates_of_the_1800(
    published: Path, measure: Likeness, pairs: int, across_principles: int, leaked: int
) -> None:
    improve = load_benchmark("medsafety/improve", data_dir=published)
    evaluated = load_benchmark("medsafety/eval", data_dir=published)
    requests = [*improve, *evaluated]
    found = near_pairs(comparable(r.text for r in requests), measure)
    principles = [r.principle for r in requests]
    crossing = sum(
        principles[a] != principles[b] for a, b in zip(found.first, found.second, strict=True)
    )
    assert (len(found), crossing) == (pairs, across_principles)
    ids = leaked_ids(evaluated, improve, measure.name, measure.threshold)
    assert len(ids) == leaked


def test_no_request_of_the_1800_is_an_exact_duplicate(published: Path) -> None:
    texts = [
        text
        for split in ("improve", "eval")
        for text in comparable(
            r.text for r in load_benchmark(f"medsafety/{split}", data_dir=published)
        )
    ]
    assert len(set(texts)) == len(texts) == 1800


def test_the_llama3_lines(published: Path) -> None:
    from medsafetybench.benchmarks.official import raw_llama3

    lines = [request.text for request in raw_llama3(published)]
    assert len(lines) == 74_374
    assert sum("<|eot_id|>" in line for line in lines) == 981
    core = {
        text
        for split in ("improve", "eval")
        for text in comparable(
            r.text for r in load_benchmark(f"medsafety/{split}", data_dir=published)
        )
    }
    normalised, cleaned = {normalise(line) for line in lines}, set(comparable(lines))
    assert len(core & cleaned) == 24
    evaluated = load_benchmark("medsafety/eval", data_dir=published)
    assert len(cleaned & set(comparable(r.text for r in evaluated))) == 14
    assert len(lines) - len(set(lines)) == 0
    assert len(lines) - len(normalised) == 289, "before the tails are cleaned"
    assert len(lines) - len(cleaned) == 1_086


def test_the_command_reports_and_lists_what_to_go_through(published: Path, tmp_path: Path) -> None:
    command = ["data", "audit", "medsafety/improve", "medsafety/eval", "--json"]
    report = json.loads(output(*command, "--data-dir", str(published), "--output", "findings.csv"))
    assert report["exact"] == {"raw": 0, "normalised": 0, "cleaned": 0}
    assert [near["pairs"] for near in report["near"].values()] == [39, 15, 62]
    assert max(report["phrasing"]["sentences"].values()) == 1035  # 57.5% open alike
    findings = Path("findings.csv").read_text("utf-8").splitlines()
    assert len(findings) > 39


def test_twins_of_words_in_another_order_are_found_by_token_sort_alone() -> None:
    texts = comparable(["alpha beta gamma delta epsilon", "epsilon delta gamma beta alpha"])
    assert len(near_pairs(texts, Likeness("token_sort", 90))) == 1
    assert len(near_pairs(texts, Likeness("jaccard3", 0.7))) == 0


def pairs(count: int, harmful: str, benign: str) -> list[tuple[str, Request]]:
    """Twins whose words are a number of their own and what is given."""
    return [
        ("set", Request(f"{n}/{intent}", f"{text} {n}", intent, pair=str(n)))
        for n in range(count)
        for intent, text in (("harmful", harmful), ("benign", benign))
    ]


def test_twins_that_a_word_gives_away_are_told_apart() -> None:
    found = twins(pairs(20, "hide it from the ward", "show it to all of the ward"))
    assert found is not None
    assert (found.intent, found.which) == (1.0, 1.0)
    assert (found.pairs, found.longer) == (20, (0, 20))
    # hide it from the ward 7 and show it to all of the ward 7: "the ward 7" is one of 4 + 6 - 1
    assert found.shared == pytest.approx(1 / 9)


def test_twins_of_the_same_words_are_at_chance() -> None:
    found = twins(pairs(20, "ask the ward first", "first ask the ward"))
    assert found is not None
    assert (found.intent, found.which) == (0.5, 0.5)


def test_without_pairs_there_are_no_twins() -> None:
    assert twins(pairs(1, "a", "b")) is None
    assert twins([("set", Request("1", "a")), ("set", Request("2", "b", "benign"))]) is None


def test_the_same_text_leaks_whatever_the_measure() -> None:
    def benchmark(name: str, text: str) -> Benchmark:
        return Benchmark(name, lambda: iter([Request(f"{name}/1", text)]))

    one, same = benchmark("a", "Two words."), benchmark("b", "two  WORDS")
    assert leaked_ids(one, same) == {"a/1"}
    assert leaked_ids(one, benchmark("c", "Something else entirely.")) == set()


def test_an_unknown_measure_is_one_clear_line() -> None:
    with pytest.raises(MsbError, match="jaccard1 to jaccard9"):
        near_pairs(["a"], Likeness("jacard3", 0.7))
