"""Did accuracy change, or is it shown that it did not? By definition, and as McNemar has it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from medsafetybench.statistics.bounds import mean_bounds
from medsafetybench.statistics.equivalence import (
    ENDS,
    MARGIN,
    TOST_CONFIDENCE,
    change_interval,
    paired_change,
    within,
)
from medsafetybench.statistics.interval import Interval

BEFORE, AFTER, COUNTS = (
    np.array(column) for column in ([4, 2, 0, 3, 1], [2, 2, 1, 2, 0], [4, 4, 2, 4, 1])
)


def test_a_change_is_of_shares_each_question_weighing_the_same() -> None:
    change = paired_change(BEFORE, AFTER, COUNTS)
    assert change.n == 5
    assert change.before == pytest.approx((1 + 0.5 + 0 + 0.75 + 1) / 5)
    assert change.after == pytest.approx((0.5 + 0.5 + 0.5 + 0.5 + 0) / 5)
    assert change.difference == pytest.approx(change.after - change.before)
    assert (change.gained, change.lost, change.margin) == (1, 3, MARGIN)


def test_the_intervals_of_a_change_are_of_95_and_of_90_percent() -> None:
    shares = (AFTER - BEFORE) / COUNTS
    change = paired_change(BEFORE, AFTER, COUNTS)
    assert (change.low, change.high) == mean_bounds(shares, ENDS, 0.975)
    assert change.tost == mean_bounds(shares, ENDS, 0.95)
    assert change_interval(shares) == (change.low, change.high)
    assert change_interval(shares, TOST_CONFIDENCE) == change.tost
    assert -1 <= change.low < change.tost.low < change.tost.high < change.high <= 1


def test_what_a_change_is_equivalent_to_is_decided_by_the_margin() -> None:
    before, after = np.repeat([1, 0, 1], [900, 50, 50]), np.repeat([1, 0, 0], [900, 50, 50])
    counts = np.ones(1000, int)
    found = [paired_change(before, after, counts, margin) for margin in (0.01, 0.05, 0.2)]
    assert [change.equivalent for change in found] == [False, None, True]
    assert [change.margin for change in found] == [0.01, 0.05, 0.2]
    assert all(change.tost == found[0].tost for change in found)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.01, 0.01, True),
        (-0.02, 0.01, None),
        (-0.01, 0.02, None),
        (-0.03, 0.03, None),
        (0.02, 0.05, None),
        (-0.05, -0.02, None),
        (0.021, 0.05, False),
        (-0.05, -0.021, False),
    ],
)
def test_within_a_margin_is_neither_on_it_nor_beyond(
    low: float, high: float, expected: bool | None
) -> None:
    assert within(Interval(low, high), 0.02) is expected


@pytest.mark.parametrize("margin", [0.0, 1.0, -0.1])
def test_a_margin_is_between_0_and_1(margin: float) -> None:
    with pytest.raises(ValueError, match=f"5 questions, margin {margin}; expected some, and 0"):
        paired_change(BEFORE, AFTER, COUNTS, margin)


def test_without_questions_nothing_is_compared() -> None:
    nothing = np.array([], int)
    with pytest.raises(ValueError, match="0 questions"):
        paired_change(nothing, nothing, nothing)


def test_the_p_value_of_a_change_is_mcnemars() -> None:
    before, after = np.repeat([1, 0, 1], [9, 2, 20]), np.repeat([0, 1, 1], [9, 2, 20])
    change = paired_change(before, after, np.ones(31, int))
    assert change.p == pytest.approx(binomtest(2, 11).pvalue)


def test_a_change_has_the_interval_that_its_p_value_has() -> None:
    for gained, lost, n in ((12, 2, 50), (1, 9, 40), (5, 5, 200), (3, 0, 30)):
        change = np.repeat([1.0, -1.0, 0.0], [gained, lost, n - gained - lost])
        low, high = change_interval(change)
        p = binomtest(gained, gained + lost).pvalue  # McNemar's exact test
        assert (p < 0.05) == (not low <= 0 <= high)
        assert change_interval(-change) == pytest.approx((-high, -low))
    assert change_interval(np.zeros(100)).high == pytest.approx(1 - 0.025**0.01)
    assert change_interval(np.ones(20)).high == 1.0


def test_equivalence_is_claimed_wrongly_at_most_once_in_twenty() -> None:
    rng = np.random.default_rng(0)
    claims = 0
    for _ in range(400):  # true difference: just the margin
        draw = rng.random(500)
        change = np.where(draw < 0.03, -1.0, np.where(draw < 0.04, 1.0, 0.0))
        claims += within(change_interval(change, 0.90), 0.02) is True
    assert claims / 400 < 0.05 + 2 * math.sqrt(0.05 * 0.95 / 400)
