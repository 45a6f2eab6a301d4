"""What the real model is trained on is kept apart from what it is measured on, and its page shows
the figures that are kept."""

from __future__ import annotations

import sys
from pathlib import Path

from conftest import ROOT
from likeness import jaccard, trigrams
from medsafetybench.benchmarks import load_benchmark

sys.path.append(str(ROOT / "bench"))

from medical_questions import questions
from replicate_real import done
from replication import xstest as prompts
from replication_page import table
from replication_points import BY_NAME


def test_questions_are_distinct_and_the_first_of_many_are_those_of_few() -> None:
    many = questions(600)
    assert len(set(many)) == 600
    assert questions(100) == many[:100]


def test_what_is_mixed_in_shares_no_wording_with_what_is_measured_on(xstest: Path) -> None:
    ours = [trigrams(text) for text in questions(900)]
    asked = [r.text for name in ("everyday", "starter/eval") for r in load_benchmark(name)]
    asked += [text for side in ("safe", "unsafe") for _, text, _ in prompts(xstest.parent, side)]
    for text in asked:
        own = trigrams(text)
        assert max(jaccard(own, other) for other in ours) < 0.2, text


def test_each_prompt_of_xstest_comes_once(xstest: Path) -> None:
    safe = list(prompts(xstest.parent, "safe"))
    assert (len(safe), len({identity for identity, *_ in safe})) == (250, 250)
    assert {intent for *_, intent in safe} == {"benign"}


def test_the_page_shows_the_figures_that_are_kept() -> None:
    page = (ROOT / "docs" / "replication-real.md").read_text("utf-8")
    assert table(done()) in page
    measured = [(line["point"], line["on"]) for line in done()]
    assert len(set(measured)) == len(measured)
    assert {point for point, _ in measured} <= BY_NAME.keys()
