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
