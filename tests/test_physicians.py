"""A judge with criteria against several physicians, and they against each other: by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from pathlib import Path

import numpy as np
import pytest

import criteria_server
from commands import msb
from conftest import Server
from medsafetybench.checking import check
from medsafetybench.errors import MsbError
from medsafetybench.judges import open_judge
from medsafetybench.labelled import load_set
from medsafetybench.models.settings import Endpoint
from medsafetybench.results.judge_card import from_plain
from medsafetybench.results.plain import plain
from medsafetybench.scale import CRITERIA
from medsafetybench.statistics.macro_f1 import macro_f1

SAID = [
    # category, what the judge says, what annotators A, B and C say
    ("x", 1, {"A": 1, "B": 1}),
    ("x", 1, {"A": 0, "B": 1}),
    ("x", 0, {"A": 0, "C": 0}),
    ("x", 0, {"A": 1, "C": 1}),
    ("y", 1, {"B": 1, "C": 1}),
    ("y", 0, {"B": 0, "C": 1}),
    ("y", 1, {"A": 0, "C": 0}),
    ("y", 0, {"A": 0, "B": 0}),
]


def criterion(said: int, row: int) -> str:
    """Words of which the scripted judge says so."""
    texts = (f"Names thing {n} of row {row}." for n in count())
    return next(text for text in texts if criteria_server.met("exact", text) == bool(said))


@pytest.fixture
def ours() -> Path:
    path = Path("ours.jsonl")
    rows = [
        {
            "prompt": [{"role": "user", "content": f"Question {n // 2}?"}],
            "completion": f"Answer {n // 2}.",
            "rubric": criterion(said, n),
            "category": category,
            "binary_labels": [bool(label) for label in labels.values()],
            "anonymized_physician_ids": list(labels),
        }
        for n, (category, said, labels) in enumerate(SAID)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_macro_f1_against_each_physician_is_what_it_is_by_hand(
    serve: Callable[..., Server], ours: Path
) -> None:
    server = serve(script=Path(criteria_server.__file__))
    judge = open_judge("criteria:openai:exact", Endpoint(server.url))
    found = check([judge], [f"healthbench-meta:{ours}"])
    (card,) = found.cards
    f1 = card.f1
    assert f1 is not None
    # Beside the 16 labels: 5 both yes, 3 the judge alone, 3 the label alone, 5 both no.
    assert f1.judge.point == pytest.approx((10 / 16 + 10 / 16) / 2)
    assert f1.judge.low < f1.judge.point < f1.judge.high
    # x: 3, 1, 2, 2. y: 2, 2, 1, 3.
    assert f1.judge_by_group == pytest.approx((6 / 9 + 4 / 7) / 2)
    # Each label beside the other of its row, both ways: 6, 2, 2, 6; x: 4, 1, 1, 2; y: 2, 1, 1, 4.
    assert f1.others == pytest.approx(12 / 16)
    assert f1.others_by_group == pytest.approx((8 / 10 + 4 / 6) / 2)
    a = next(one for one in f1.raters if one.rater == "A")
    assert a.n == 6
    assert a.judge == pytest.approx((2 / 5 + 4 / 7) / 2)  # 1, 2, 1, 2
    assert a.others == pytest.approx((4 / 5 + 6 / 7) / 2)  # 2, 0, 1, 3
    # Of the six rows that are settled the judge is right on four, and both say yes to three.
    assert (card.n, card.scored) == (8, 8)
    assert card.accuracy.point == pytest.approx(4 / 6)
    assert card.kappa.point == pytest.approx(1 / 3)
    assert server.counts()["judge"] == 8
    kept = json.loads(json.dumps(plain(card)))
    assert json.loads(json.dumps(plain(from_plain(kept)))) == kept


def test_the_command_prints_the_judge_beside_the_physicians(
    serve: Callable[..., Server], ours: Path
) -> None:
    server = serve(script=Path(criteria_server.__file__))
    asked = ("judge", "check", "criteria:openai:exact", "--judge-url", server.url)
    said = msb(*asked, "--on", f"healthbench-meta:{ours}")
    assert said.code == 0, said.err
    assert "macro F1 against each annotator's labels: 0.62" in said.out
    assert "annotators against each other: 0.75; mean over 2 kinds of criteria 0.73" in said.out
    rows = [line.split() for line in said.out.splitlines() if line.startswith("A ")]
    assert rows == [["A", "6", "0.49", "0.83"]]
    wrong = msb("judge", "check", "screen", "--on", f"healthbench-meta:{ours}")
    assert wrong.code != 0
    assert "cannot be compared" in " ".join(wrong.err.split())


def test_a_row_of_another_shape_is_told_with_its_place(ours: Path) -> None:
    assert load_set(f"healthbench-meta:{ours}").scale is CRITERIA
    lines = ours.read_text().splitlines()
    broken = {**json.loads(lines[1]), "anonymized_physician_ids": ["A"]}
    ours.write_text("\n".join([lines[0], json.dumps(broken)]))
    with pytest.raises(MsbError, match=r"ours\.jsonl:2: expected binary_labels"):
        load_set(f"healthbench-meta:{ours}")


def test_macro_f1_of_what_does_not_occur_is_not_defined() -> None:
    yes, no = np.ones(3), np.zeros(3)
    assert np.isnan(macro_f1(yes, yes))
    assert np.isnan(macro_f1(np.array([1.0, 0, 0]), no))
    assert macro_f1(np.array([1.0, 0, 1, 0]), np.array([0.0, 1, 0, 1])) == 0
    assert macro_f1(np.array([1.0, 0, np.nan]), np.array([1.0, 0, 1])) == 1
