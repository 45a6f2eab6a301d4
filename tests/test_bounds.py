"""Bounds of means: what is missing and what is drawn together count, on every way to them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from medsafetybench.statistics.bounds import (
    Tails,
    mean_bounds,
    mean_bounds_with_missing,
    mean_tails,
    mean_tails_with_missing,
)
from medsafetybench.statistics.clusters import cluster_totals, kinds_of
from medsafetybench.statistics.estimates import (
    estimate_mean,
    estimate_proportion,
    interval_with_missing,
    rate_interval,
)
from medsafetybench.statistics.interval import Interval

SCALE = Interval(1.0, 5.0)
VALUES = np.array([1.0, 2, 5, 1, np.nan, 3, 1, 1, np.nan, 2, 1, 1])
PAIRS = np.arange(12) // 2
LOW, HIGH = (np.where(np.isnan(VALUES), end, VALUES) for end in SCALE)


@pytest.mark.parametrize("clusters", [None, PAIRS], ids=["alone", "in pairs"])
def test_what_is_missing_is_the_worst_at_either_end(clusters: np.ndarray | None) -> None:
    found = mean_bounds_with_missing(VALUES, SCALE, 0.95, clusters)
    assert found.low == mean_bounds(LOW, SCALE, 0.95, clusters).low
    assert found.high == mean_bounds(HIGH, SCALE, 0.95, clusters).high
    assert interval_with_missing(VALUES, SCALE, clusters, 0.9) == pytest.approx(found)
    tails = mean_tails_with_missing(VALUES, SCALE, 2.5, clusters)
    assert tails.at_most == mean_tails(LOW, SCALE, 2.5, clusters).at_most
    assert tails.at_least == mean_tails(HIGH, SCALE, 2.5, clusters).at_least


def test_pairs_that_agree_widen_the_bounds_with_missing_values_too() -> None:
    values = np.repeat([1.0, 5, 1, 1, np.nan, 1], 2)
    alone, paired = (mean_bounds_with_missing(values, SCALE, 0.95, c) for c in (None, PAIRS))
    assert paired.low < alone.low
    assert paired.high > alone.high


@pytest.mark.parametrize(
    ("values", "clusters"),
    [
        pytest.param([0, 0, 0, 1, 0, 1], [0, 1, 2, 2, 2, 3], id="the added one is the largest"),
        pytest.param([1, 0, 1, 1, 1, 0], [0, 1, 2, 2, 3, 3], id="one as it was seen"),
    ],
)
def test_clusters_of_any_size_are_weighted_whole_and_the_added_one_as_the_largest(
    values: list[int], clusters: list[int]
) -> None:
    told = np.array(values, float)
    sums, sizes = cluster_totals(told, np.array(clusters))
    largest = sizes.max()
    weights = np.random.default_rng(0).standard_exponential((200_000, len(sums) + 1))
    ends = []
    for end, chance in ((0.0, 0.1), (1.0, 0.9)):
        means = weights @ np.append(sums, end * largest) / (weights @ np.append(sizes, largest))
        ends.append(np.quantile(means, chance))
    found = mean_bounds(told, Interval(0, 1), 0.9, np.array(clusters))
    assert found == pytest.approx(tuple(ends), abs=0.004)


def test_means_that_differ_by_rounding_are_one_mean() -> None:
    found = mean_bounds(np.full(4, 0.1), Interval(0.1, 1), 0.95, np.array([0, 0, 0, 1]))
    assert found.low == pytest.approx(0.1)


def test_of_nothing_nothing_is_known() -> None:
    nothing = np.array([])
    assert mean_tails(nothing, SCALE, 2.0) == Tails(1.0, 1.0)
    assert mean_bounds(nothing, SCALE, 0.95) == SCALE
    assert Tails(0.03, 0.97).two_sided == pytest.approx(0.06)
    assert Tails(0.7, 0.6).two_sided == 1.0


@pytest.mark.parametrize(("k", "n"), [(0, 20), (3, 20), (20, 20)])
def test_the_interval_of_a_count_is_clopper_and_pearsons(k: int, n: int) -> None:
    found = rate_interval(k, n, 0.9)
    told = estimate_proportion(np.repeat([1.0, 0.0], [k, n - k]), confidence=0.9)
    assert told is not None
    assert told.interval == pytest.approx(found)
    assert found is not None
    expected = stats.binomtest(k, n).proportion_ci(0.9, "exact")
    # Each end by itself is at 95%, also at 0 and at 1.
    assert found == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert rate_interval(0, 0) is None


def test_the_standard_error_is_by_clusters_and_takes_two() -> None:
    values = np.array([1.0, 3, 4, 1, 2])
    alone = estimate_mean(values, SCALE)
    assert alone is not None
    assert alone.stderr == pytest.approx(stats.sem(values))
    two = estimate_mean(values, SCALE, np.array([0, 0, 0, 1, 1]))
    one = estimate_mean(values, SCALE, np.zeros(5))
    assert two is not None
    assert one is not None
    # Sums 8 and 3 of sizes 3 and 2 about a mean of 2.2: residuals 1.4 and -1.4.
    assert two.stderr == pytest.approx(math.sqrt(2 * 1.4**2 * 2) / 5)
    assert (one.stderr, one.n, one.clusters) == (None, 5, 1)


def test_totals_of_clusters_and_their_kinds() -> None:
    sums, sizes = cluster_totals(np.array([1.0, 2, 3, 4, 3]), np.array([7, 7, 9, 4, 4]))
    assert sorted(zip(sums.tolist(), sizes.tolist(), strict=True)) == [(3, 1), (3, 2), (7, 2)]
    kinds = kinds_of(np.array([1.0, 1, 5, 1, 1, 5]), np.array([0, 0, 1, 2, 2, 3]))
    found = sorted(zip(*(column.tolist() for column in kinds), strict=True))
    assert found == [(2, 2, 2), (5, 1, 2)]
    alone = kinds_of(np.array([1.0, 5, 1]), None)
    assert sorted(zip(*(column.tolist() for column in alone), strict=True)) == [
        (1, 1, 2),
        (5, 1, 1),
    ]
