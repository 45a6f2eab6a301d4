"""Bounds that hold at every look: bets by definition, and looks that agree with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from medsafetybench.errors import MsbError
from medsafetybench.statistics import bounds, sequential
from medsafetybench.statistics.interval import Interval

SCALE = Interval(1, 5)
NAN = float("nan")
MIDDLING = (0.5, 0.2, 0.12, 0.1, 0.08)


def scores(seed: int, n: int, shares: tuple[float, ...] = MIDDLING) -> Any:
    return np.random.default_rng(seed).choice([1.0, 2, 3, 4, 5], n, p=shares)


@pytest.mark.parametrize("at", [0.03, 0.05, 0.2])
def test_bets_on_yes_and_no_are_a_mixture_of_likelihood_ratios(at: float) -> None:
    unsafe, safe = 3, 120
    values = np.repeat([1.0, 0.0], [unsafe, safe])
    rates = at * (1 - sequential.BETS)
    ratios = (rates / at) ** unsafe * ((1 - rates) / (1 - at)) ** safe
    found = sequential.sequential_tails(values, Interval(0, 1), at)
    assert found.at_least == pytest.approx(min(1, 1 / ratios.mean()))


@pytest.mark.parametrize("seed", range(4))
def test_sequential_bounds_and_p_values_agree_and_are_wider(seed: int) -> None:
    values, clusters = scores(seed, 90), np.arange(90) // 3
    wide = sequential.sequential_bounds(values, SCALE, 0.95, clusters, largest=3)
    narrow = bounds.mean_bounds(values, SCALE, 0.95, clusters)
    assert wide.low < narrow.low < narrow.high < wide.high
    for end, side in zip(wide, ("at_most", "at_least"), strict=True):
        tails = sequential.sequential_tails(values, SCALE, end, clusters, largest=3)
        assert getattr(tails, side) == pytest.approx(0.05, abs=1e-6)


def test_a_gate_may_be_looked_at_after_every_request() -> None:
    """A hundred gates at the threshold; make bench-statistics has them by thousands."""
    unsafe = np.random.default_rng(0).random((100, 300)) < 0.05
    passed = sum(
        any(
            sequential.sequential_tails(row[:n].astype(float), Interval(0, 1), 0.05).at_least
            <= 0.05
            for n in range(60, 301, 4)
        )
        for row in unsafe
    )
    assert passed <= stats.binom.ppf(0.999, 100, 0.05)


def test_a_cluster_larger_than_was_said_is_refused() -> None:
    with pytest.raises(MsbError, match="3 values where at most 2"):
        sequential.sequential_bounds(np.ones(3), SCALE, 0.95, np.zeros(3), largest=2)
    assert sequential.sequential_bounds(np.array([]), SCALE, 0.95) == SCALE


def test_looks_share_the_chance_of_an_error() -> None:
    assert sequential.confidence_of_a_look(0.95, 20) == pytest.approx(0.9975)
    with pytest.raises(MsbError, match="0 looks"):
        sequential.confidence_of_a_look(0.95, 0)


def chance_of(gains: Any) -> float:
    """The p-value of bets whose stakes have grown, cluster by cluster, by these shares."""
    capital = np.mean([np.prod(1 + bet * gains) for bet in sequential.BETS])
    return min(1.0, 1 / float(capital))


def by_definition(values: Any, at: float, names: Any, largest: int) -> bounds.Tails:
    """The chances of a mean being at most, and at least, ``at``, bet by bet."""
    found = []
    for sign, end, missing in ((1, SCALE.low, SCALE.low), (-1, SCALE.high, SCALE.high)):
        there = np.nan_to_num(values, nan=missing)
        beyond = np.array([np.sum(there[names == name] - at) for name in np.unique(names)])
        found.append(chance_of(sign * beyond / (largest * abs(at - end))))
    return bounds.Tails(*found)


VALUES = np.where(np.arange(60) % 11 == 5, NAN, scores(5, 60))
TRIPLES = np.arange(60) // 3


@pytest.mark.parametrize("at", [1.5, 2.2, 3.0, 4.0])
@pytest.mark.parametrize(("clusters", "largest"), [(None, 1), (TRIPLES, 3), (TRIPLES, 5)])
def test_p_values_are_what_bets_have_grown_to(at: float, clusters: Any, largest: int) -> None:
    names = np.arange(60) if clusters is None else clusters
    expected = by_definition(VALUES, at, names, largest)
    found = sequential.sequential_tails(VALUES, SCALE, at, clusters, largest)
    assert found == pytest.approx(expected)
    assert max(found) == 1.0


def test_at_an_end_of_the_scale_one_value_beyond_it_decides() -> None:
    assert sequential.sequential_tails(np.ones(9), SCALE, 1.0).at_most == 1.0
    assert sequential.sequential_tails(np.array([1.0, 1.5]), SCALE, 1.0).at_most == 0.0
    assert sequential.sequential_tails(np.array([1.0, 1.5]), SCALE, 0.5).at_most == 0.0
    assert sequential.sequential_tails(np.full(9, 5.0), SCALE, 5.0).at_least == 1.0
    assert sequential.sequential_tails(np.array([5.0, 4.0]), SCALE, 5.0).at_least == 0.0
    above, below = np.array([1.0, 2, 1]), np.array([5.0, 5, 4])
    assert sequential.first_look(above, above, SCALE, 1.0) == (2, True)
    assert sequential.first_look(below, below, SCALE, 5.0) == (3, False)
    assert sequential.first_look(np.ones(3), np.ones(3), SCALE, 1.0) == (3, None)
    pairs = np.arange(6) // 2
    assert sequential.sequential_tails(np.ones(6), SCALE, 1.0, pairs, 2) == (1.0, 1.0)
    assert sequential.first_look(np.ones(6), np.ones(6), SCALE, 1.0, clusters=pairs) == (6, None)


@pytest.mark.parametrize(("clusters", "largest"), [(None, 1), (TRIPLES, 3)])
def test_missing_values_are_the_worst_at_each_end(clusters: Any, largest: int) -> None:
    found = sequential.sequential_bounds(VALUES, SCALE, 0.9, clusters, largest)
    for end, name in ((1.0, "low"), (5.0, "high")):
        whole = np.nan_to_num(VALUES, nan=end)
        there = sequential.sequential_bounds(whole, SCALE, 0.9, clusters, largest)
        assert getattr(found, name) == getattr(there, name)
        side = "at_most" if name == "low" else "at_least"
        chances = sequential.sequential_tails(whole, SCALE, getattr(found, name), clusters, largest)
        assert getattr(chances, side) == pytest.approx(0.1, abs=1e-6)


def test_values_at_an_end_leave_that_end_possible_and_rule_out_the_other() -> None:
    low, high = sequential.sequential_bounds(np.ones(40), SCALE, 0.95)
    assert low == 1.0
    assert 1.2 < high < 2.0
    mirrored = sequential.sequential_bounds(np.full(40, 5.0), SCALE, 0.95)
    assert mirrored == pytest.approx((6 - high, 5.0))
    hardly = sequential.sequential_bounds(np.array([1.0, 1.0 + 1e-9]), SCALE, 0.95)
    assert hardly.low == 1.0


def test_an_interval_for_any_stop_leaves_out_what_is_missing() -> None:
    known = ~np.isnan(VALUES)
    alone = sequential.anytime_interval(VALUES, SCALE)
    assert alone == sequential.sequential_bounds(VALUES[known], SCALE, 0.975)
    clustered = sequential.anytime_interval(VALUES, SCALE, TRIPLES, 0.8)
    assert clustered == sequential.sequential_bounds(
        VALUES[known], SCALE, 0.9, TRIPLES[known], largest=3
    )
    one_lost = np.where(TRIPLES == 0, VALUES, np.nan)
    assert sequential.anytime_interval(one_lost, SCALE, TRIPLES) == (
        sequential.sequential_bounds(VALUES[:3], SCALE, 0.975, TRIPLES[:3], largest=3)
    )
    assert sequential.anytime_interval(np.array([]), SCALE, np.array([])) == SCALE


@pytest.mark.parametrize("at", [1.3, 2.0, 3.2, 4.5])
@pytest.mark.parametrize("clusters", [None, TRIPLES], ids=["alone", "in clusters"])
def test_the_first_look_is_the_first_prefix_that_decides(at: float, clusters: Any) -> None:
    low, high = np.nan_to_num(VALUES, nan=1), np.nan_to_num(VALUES, nan=5)
    step = 1 if clusters is None else 3
    expected: tuple[int, bool | None] = (60, None)
    for n in range(step, 61, step):
        prefix = None if clusters is None else clusters[:n]
        chances = sequential.sequential_tails(VALUES[:n], SCALE, at, prefix, step)
        if min(chances) <= 0.1:
            expected = (n, chances.at_most < chances.at_least)
            break
    assert sequential.first_look(low, high, SCALE, at, 0.9, clusters) == expected


def test_a_look_is_decided_at_95_percent_unless_told_otherwise() -> None:
    safe = np.zeros(200)
    usual = sequential.first_look(safe, safe, Interval(0, 1), 0.05)
    assert usual == sequential.first_look(safe, safe, Interval(0, 1), 0.05, 0.95)
    assert usual.n < sequential.first_look(safe, safe, Interval(0, 1), 0.05, 0.99).n
    assert sequential.first_look(safe[:0], safe[:0], SCALE, 2.0) == (0, None)


def test_clusters_of_other_sizes_are_looked_at_whole() -> None:
    values, names = np.array([5.0, 5, 5, 5, 5, 5]), np.array([0, 0, 0, 7, 7, 3])
    found = sequential.first_look(values, values, SCALE, 1.1, 0.6, names)
    assert (found.n, found.above) == (3, True)
    later = sequential.first_look(values, values, SCALE, 2.5, 0.6, names)
    assert (later.n, later.above) == (5, True)


def test_what_is_sure_at_last_hides_no_earlier_decision() -> None:
    unsafe = np.ones(3000)
    found = sequential.first_look(unsafe, unsafe, Interval(0, 1), 0.05)
    assert found == sequential.first_look(unsafe[:9], unsafe[:9], Interval(0, 1), 0.05)
    assert found.n < 9


def test_one_look_is_at_the_whole_confidence() -> None:
    assert sequential.confidence_of_a_look(0.9, 1) == pytest.approx(0.9)
    with pytest.raises(MsbError, match=r"^0 looks; expected 1 or more"):
        sequential.confidence_of_a_look(0.95, 0)
    with pytest.raises(MsbError) as larger:
        sequential.sequential_tails(np.ones(4), SCALE, 2.0, np.zeros(4), largest=3)
    assert str(larger.value) == (
        "a cluster has 4 values where at most 3 were expected; say how many the largest can have "
        "before the first look"
    )
