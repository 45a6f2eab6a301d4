"""Bounds, estimates and differences: equal to exact methods where there are any, and consistent."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from medsafetybench.statistics import (
    bounds,
    estimates,
    gamma_sums,
    survival,
)
from medsafetybench.statistics.interval import Interval, apart

SCALE = Interval(1, 5)
NAN = float("nan")
SAFE = (0.98, 0.0, 0.0, 0.0, 0.02)
MIDDLING = (0.5, 0.2, 0.12, 0.1, 0.08)


def scores(seed: int, n: int, shares: tuple[float, ...] = MIDDLING) -> Any:
    return np.random.default_rng(seed).choice([1.0, 2, 3, 4, 5], n, p=shares)


@pytest.mark.parametrize("n", [2, 6, 54, 900, 74_374])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.98])
def test_the_chance_of_a_weighted_gamma_sum_is_the_betas(n: int, share: float) -> None:
    up, down = round(n * share) + 1.0, n - round(n * share) + 1.0
    for at in stats.beta.ppf([0.5, 0.9, 0.975, 0.99], up, down):
        found = gamma_sums.at_most_zero(np.array([1 - at, -at]), np.array([up, down]))
        assert found == pytest.approx(stats.beta.cdf(at, up, down), abs=1e-7)


def test_a_bound_is_the_quantile_of_randomly_weighted_means() -> None:
    values = scores(0, 40)
    weights = np.random.default_rng(1).standard_gamma(1.0, size=(200_000, 41))
    low, high = (
        np.quantile(weights @ [*values, end] / weights.sum(axis=1), chance)
        for end, chance in ((1, 0.05), (5, 0.95))
    )
    assert bounds.mean_bounds(values, SCALE, 0.95) == pytest.approx((low, high), abs=0.01)


@pytest.mark.parametrize(("k", "n"), [(0, 6), (1, 54), (3, 50), (50, 50), (450, 900)])
def test_a_rate_has_clopper_and_pearsons_interval(k: int, n: int) -> None:
    yes = np.repeat([1.0, 0.0], [k, n - k])
    found = estimates.estimate_proportion(yes)
    assert found is not None
    assert found.interval == pytest.approx(proportion_confint(k, n, method="beta"), abs=1e-7)


def test_a_mean_of_many_has_about_students_interval() -> None:
    values = scores(0, 900)
    found = estimates.estimate_mean(values, SCALE)
    expected = stats.t.interval(0.95, 899, values.mean(), stats.sem(values))
    assert found is not None
    assert found.interval is not None
    assert found.interval == pytest.approx(expected, abs=0.01)
    assert found.interval.high - found.interval.low < 1.08 * (expected[1] - expected[0])
    assert found.stderr == pytest.approx(stats.sem(values))


def test_equal_scores_leave_an_interval_with_width() -> None:
    found = estimates.estimate_mean(np.ones(54), SCALE)
    assert found is not None
    assert found.interval == pytest.approx((1, 1 + 4 * (1 - 0.025 ** (1 / 54))))
    assert estimates.estimate_mean(np.array([NAN]), SCALE) is None


def test_equal_clusters_are_as_many_draws_as_there_are_clusters() -> None:
    values, clusters = np.repeat(scores(3, 100), 10), np.repeat(np.arange(100), 10)
    by_cluster = estimates.estimate_mean(values, SCALE, clusters)
    alone = estimates.estimate_mean(scores(3, 100), SCALE)
    assert by_cluster is not None
    assert alone is not None
    assert by_cluster.interval == pytest.approx(alone.interval)
    assert by_cluster.stderr == pytest.approx(alone.stderr)
    assert (by_cluster.n, by_cluster.clusters) == (1000, 100)


def test_one_large_cluster_widens_the_bound_as_its_like_may_be_unseen() -> None:
    even, uneven = np.arange(40) // 2, np.r_[np.arange(20), np.full(20, 20)]
    assert bounds.mean_bounds(np.ones(40), SCALE, 0.95, uneven).high > 1.5
    assert bounds.mean_bounds(np.ones(40), SCALE, 0.95, even).high < 1.6


@pytest.mark.parametrize("seed", range(6))
def test_a_p_value_is_the_level_at_which_the_bound_touches(seed: int) -> None:
    values, clusters = scores(seed, 60), np.random.default_rng(seed).integers(0, 25, 60)
    for confidence in (0.9, 0.95, 0.999):
        low, high = bounds.mean_bounds(values, SCALE, confidence, clusters)
        assert bounds.mean_tails(values, SCALE, low, clusters).at_most == pytest.approx(
            1 - confidence, abs=1e-6
        )
        assert bounds.mean_tails(values, SCALE, high, clusters).at_least == pytest.approx(
            1 - confidence, abs=1e-6
        )


def test_missing_scores_count_as_the_worst_at_either_end() -> None:
    values = np.repeat([1.0, NAN], [50, 5])
    assert estimates.bounds_with_missing(values, SCALE) == pytest.approx((1, 1 + 20 / 55))
    low, high = estimates.interval_with_missing(values, SCALE)
    worst = bounds.mean_bounds(np.repeat([1.0, 5.0], [50, 5]), SCALE, 0.975)
    assert (low, high) == pytest.approx((1, worst.high))


def test_who_holds_out_without_losses_has_clopper_and_pearsons_interval() -> None:
    found = survival.survival_interval([100, 90, 85], [10, 5, 5])
    assert found == pytest.approx(proportion_confint(80, 100, method="beta"), abs=1e-9)
    assert survival.survival_interval([54], [0]) == pytest.approx((0.025 ** (1 / 54), 1))
    assert survival.survival_interval([6], [6]).low == 0
    lost = survival.survival_interval([100, 60], [10, 5])
    assert lost.high - lost.low > found.high - found.low


@pytest.mark.parametrize("confidence", [0.95, 0.8])
def test_the_share_that_holds_out_is_of_a_beta_with_the_products_moments(
    confidence: float,
) -> None:
    at_risk, left = [100, 60, 40], [10, 5, 3]
    tail = (1 - confidence) / 2

    def quantile(factors: list[tuple[int, int]], chance: float) -> float:
        first = math.prod(stats.beta.mean(a, b) for a, b in factors)
        second = math.prod(stats.beta.moment(2, a, b) for a, b in factors)
        total = (first - second) / (second - first**2)
        return float(stats.beta.ppf(chance, first * total, (1 - first) * total))

    factors = [(91, 10), (56, 5), (38, 3)]
    expected = (quantile([*factors, (37, 1)], tail), quantile(factors, 1 - tail))
    found = survival.survival_interval(at_risk, left, confidence)
    assert found == pytest.approx(expected)
    if confidence == 0.95:
        assert survival.survival_interval(at_risk, left) == found
    # A turn in which nobody left, of those seen, tells nothing but how many are there at last.
    assert survival.survival_interval([100, 60], [10, 0]).high == pytest.approx(
        stats.beta.ppf(0.975, 91, 10)
    )
    for nobody in ([], [0], [0, 0]):
        assert survival.survival_interval(nobody, [0] * len(nobody)) == (0, 1)


def test_weighted_gammas_of_one_scale_are_one_gamma() -> None:
    one = gamma_sums.at_most_zero(np.array([1.0, -0.3]), np.array([3.0, 9.0]))
    parted = gamma_sums.at_most_zero(np.array([1.0, 1.0, -0.3]), np.array([1.0, 2.0, 9.0]))
    assert parted == pytest.approx(one, abs=1e-9)
    assert gamma_sums.at_most_zero(np.array([2.0, -2.0]), np.array([4.0, 4.0])) == pytest.approx(
        0.5, abs=1e-9
    )
    both = (np.array([1.0, -0.3, 0.05]), np.array([3.0, 9.0, 20.0]))
    drawn = np.random.default_rng(0).standard_gamma(both[1], (400_000, 3)) @ both[0]
    assert gamma_sums.at_most_zero(*both) == pytest.approx((drawn <= 0).mean(), abs=0.003)
    assert gamma_sums.at_most_zero(-both[0], both[1]) == pytest.approx(
        1 - gamma_sums.at_most_zero(*both), abs=1e-9
    )


def test_a_sum_that_cannot_be_otherwise_has_chance_0_or_1() -> None:
    shapes = np.array([1.0, 2.0])
    for scales, chance in (((1.0, 0.0), 0), ((2.0, 1.0), 0), ((-1.0, 0.0), 1), ((-1.0, -2.0), 1)):
        assert gamma_sums.at_most_zero(np.array(scales), shapes) == chance
    far = np.array([1.0, -1e-4])
    assert gamma_sums.at_most_zero(far, np.array([900.0, 1.0])) == 0.0
    assert gamma_sums.at_most_zero(-far, np.array([900.0, 1.0])) == 1.0


def test_a_difference_lies_on_a_scale_twice_as_wide() -> None:
    assert apart(Interval(1, 5)) == (-4, 4)
    assert apart(Interval(0, 1)) == (-1, 1)
