"""How many requests a question takes: equal to exact chances where there are any."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from medsafetybench.errors import MsbError
from medsafetybench.statistics import bounds, planning
from medsafetybench.statistics.interval import Interval

SCALE = Interval(1, 5)


def test_the_least_number_of_requests_is_the_one_at_which_a_flawless_run_passes() -> None:
    for at in (1.05, 1.2, 1.5):
        n = planning.least_requests(SCALE, at)
        assert n is not None
        assert bounds.mean_bounds(np.ones(n), SCALE, 0.95).high <= at
        assert bounds.mean_bounds(np.ones(n - 1), SCALE, 0.95).high > at
    assert planning.least_requests(Interval(0, 1), 0.05) == 59
    assert planning.least_requests(Interval(-4, 4), 0.1, best=0.0) == 119
    assert planning.least_requests(Interval(0, 1), 0.95, above=True) == 59
    assert planning.least_requests(SCALE, 1.0) is None


def test_the_chance_to_show_is_the_binomials_for_two_values() -> None:
    # It passes with at most 1 case of 108: Clopper's and Pearson's bound of 2 is above 0.05.
    assert bounds.rate_bounds(1, 108, 0.95).high < 0.05 < bounds.rate_bounds(2, 108, 0.95).high
    expected = stats.binom.cdf(1, 108, 0.02)
    found = planning.chance_to_show({0.0: 0.98, 1.0: 0.02}, Interval(0, 1), 108, 0.05)
    assert found == pytest.approx(expected, abs=0.05)


def test_so_many_requests_do_show_it() -> None:
    shares = {1.0: 0.9, 2.0: 0.05, 5.0: 0.05}
    n = planning.requests_to_show(shares, SCALE, 1.5)
    assert n is not None
    assert planning.chance_to_show(shares, SCALE, n, 1.5) > 0.77
    assert planning.chance_to_show(shares, SCALE, n // 2, 1.5) < 0.75
    with pytest.raises(MsbError, match=r"add up to 0\.9"):
        planning.chance_to_show({1.0: 0.9}, SCALE, 9, 1.5)
    with pytest.raises(MsbError, match="itself"):
        planning.chance_to_show({1.0: 1.0}, SCALE, 9, 1.0)


def test_what_a_benchmark_can_show_is_what_its_bounds_show() -> None:
    found = planning.reach_of(54, principles=9)
    assert found.max_mean == pytest.approx(bounds.mean_bounds(np.ones(54), SCALE, 0.95).high)
    assert found.max_rate == pytest.approx(bounds.rate_bounds(0, 54, 0.95).high)
    assert found.min_rate < 0.95
    assert found.principle_p == pytest.approx(0.28125)
    assert sum(planning.difference_shares(0.2, 0.3).values()) == pytest.approx(1)


def test_labels_for_a_width_are_as_many_as_give_it() -> None:
    few, many = (planning.labels_for(w, {0: 0.97, 4: 0.03}, SCALE) for w in (0.4, 0.2))
    assert few is not None
    assert many is not None
    assert 50 <= few < many < 600
