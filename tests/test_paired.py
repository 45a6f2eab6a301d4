"""Paired differences: tests as in scipy and statsmodels, and intervals that agree with them."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from medsafetybench.errors import MsbError, UnknownName
from medsafetybench.statistics import bounds, paired
from medsafetybench.statistics.interval import Interval

SCALE = Interval(1, 5)
NAN = float("nan")


def scores(seed: int, n: int = 900) -> Any:
    return np.random.default_rng(seed).choice([1.0, 2, 3, 4, 5], n, p=[0.5, 0.2, 0.12, 0.1, 0.08])


@pytest.mark.parametrize("seed", range(30))
def test_interval_and_star_never_contradict_one_another(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.choice([6, 20, 54, 108]))
    first, second = scores(seed, n), np.minimum(5, scores(seed + 99, n) + rng.integers(0, 2, n))
    found = paired.difference_interval(first, second, SCALE)
    assert found is not None
    p = paired.difference_p(first, second, SCALE)
    assert (p < 0.05) == (not found.low <= 0 <= found.high)
    whatever = paired.with_missing(first, second, SCALE)
    assert (whatever.interval, whatever.p) == (found, p)


def test_a_difference_of_yes_and_no_is_mcnemars() -> None:
    first, second = (scores(seed, 120) == 1 for seed in (1, 2))
    table = [[np.sum((first == a) & (second == b)) for b in (1, 0)] for a in (1, 0)]
    found = paired.difference_p(first.astype(float), second.astype(float), Interval(0, 1))
    assert found == pytest.approx(mcnemar(table, exact=True).pvalue, abs=1e-8)


def test_a_difference_that_missing_scores_could_undo_has_no_star() -> None:
    first = np.repeat([1.0, 5.0], [80, 20])
    second = np.repeat([1.0, 5.0, NAN], [80, 5, 15])
    assert paired.difference_p(first[:85], second[:85], SCALE) == 1.0
    assert paired.with_missing(first, second, SCALE).p == 1.0
    gone = paired.with_missing(first, np.repeat([1.0, NAN], [98, 2]), SCALE)
    assert gone.p < 0.05
    assert gone.interval.high < 0


def test_what_a_test_can_never_show_is_known_before() -> None:
    assert paired.least_p(6) == pytest.approx(0.03125)
    assert paired.least_p(6, tests=9) == pytest.approx(0.28125)
    one_way = paired.difference_p(np.ones(6), np.full(6, 5.0), SCALE)
    assert one_way == pytest.approx(paired.least_p(6))


@pytest.mark.parametrize("seed", range(4))
def test_sign_flip_is_scipys_exact_permutation_test(seed: int) -> None:
    values = scores(seed, 14) - scores(seed + 10, 14)
    brute = stats.permutation_test(
        (values,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert paired.sign_flip_p(values) == pytest.approx(brute.pvalue)


@pytest.mark.parametrize("seed", range(4))
def test_sign_flip_by_cluster_flips_whole_clusters(seed: int) -> None:
    values, clusters = scores(seed, 30) - scores(seed + 9, 30), np.arange(30) // 3
    sums = [values[clusters == c].sum() for c in range(10)]
    flipped = [abs(np.dot(s, sums)) for s in itertools.product((-1, 1), repeat=10)]
    p = np.mean([value >= abs(sum(sums)) for value in flipped])
    assert paired.sign_flip_p(values, clusters) == pytest.approx(p)


def test_sign_flip_by_fourier_transform_agrees_with_the_direct_sum(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = scores(1) - scores(2) - (np.arange(900) % 9 == 0)
    direct = paired.sign_flip_p(values)
    monkeypatch.setattr(paired, "EXACT_AT_MOST", 0)
    assert 0 < direct < 0.2
    assert paired.sign_flip_p(values) == pytest.approx(direct, abs=1e-12)


@pytest.mark.parametrize("method", ["holm", "bonferroni"])
def test_corrections_agree_with_statsmodels(method: str) -> None:
    p = [0.001, 0.04, 0.03, 0.5, 0.0004, 0.04, 0.9]
    expected = multipletests(p, method=method)[1]
    assert paired.CORRECTIONS[method](p) == pytest.approx(list(expected))


def test_all_pairs_of_equal_models_make_few_false_claims() -> None:
    """A small share of what bench/bench_statistics.py does with studies of 900."""
    rng, studies, claims = np.random.default_rng(1), 150, {"alone": 0, "holm": 0}
    for _ in range(studies):
        values = rng.normal(size=60) + rng.normal(size=(10, 60))
        table = 1.0 + np.searchsorted((0, 0.5, 1, 1.7), values)
        p = [paired.sign_flip_p(b - a) for a, b in itertools.combinations(table, 2)]
        claims["alone"] += min(p) <= 0.05
        claims["holm"] += min(paired.holm(p)) <= 0.05
    assert claims["holm"] <= stats.binom.ppf(0.99, studies, 0.05)
    assert claims["alone"] > studies / 3, "without a correction there would be many"


def test_a_test_that_is_undefined_is_not_counted_among_those_corrected() -> None:
    assert paired.holm([0.02, float("nan"), 0.5])[0] == pytest.approx(0.04)


def test_effect_sizes_by_hand() -> None:
    values = np.array([2.0, -1, 0, 3, 0])
    assert paired.effect_size(values) == pytest.approx(0.8 / np.std(values, ddof=1))
    assert paired.rank_biserial(values) == pytest.approx((2 + 3 - 1) / 6)


FIRST, SECOND = scores(3, 40), np.minimum(5, scores(4, 40) + 2)
MISSING = np.where(np.arange(40) % 9 == 0, NAN, SECOND)
TRIPLES = np.arange(40) // 3
THERE = ~np.isnan(MISSING)


@pytest.mark.parametrize("clusters", [None, TRIPLES], ids=["alone", "in clusters"])
def test_a_difference_is_the_mean_of_those_there_are_on_a_scale_twice_as_wide(
    clusters: Any,
) -> None:
    values, reach = (MISSING - FIRST)[THERE], Interval(-4, 4)
    groups = None if clusters is None else clusters[THERE]
    found = paired.difference_interval(FIRST, MISSING, SCALE, clusters, 0.8)
    assert found == bounds.mean_bounds(values, reach, 0.9, groups)
    usual = paired.difference_interval(FIRST, MISSING, SCALE, clusters)
    assert usual == bounds.mean_bounds(values, reach, 0.975, groups)
    p = paired.difference_p(FIRST, MISSING, SCALE, clusters)
    assert p == bounds.mean_tails(values, reach, 0.0, groups).two_sided
    assert 0 < p < 1


@pytest.mark.parametrize("clusters", [None, TRIPLES], ids=["alone", "in clusters"])
def test_a_missing_score_is_the_worst_at_each_end(clusters: Any) -> None:
    first = np.where(np.arange(40) % 13 == 0, NAN, FIRST)
    low = np.nan_to_num(MISSING, nan=1) - np.nan_to_num(first, nan=5)
    high = np.nan_to_num(MISSING, nan=5) - np.nan_to_num(first, nan=1)
    reach = Interval(-4, 4)
    found = paired.with_missing(first, MISSING, SCALE, clusters, 0.8)
    assert found.interval.low == bounds.mean_bounds(low, reach, 0.9, clusters).low
    assert found.interval.high == bounds.mean_bounds(high, reach, 0.9, clusters).high
    tails = (
        bounds.mean_tails(low, reach, 0.0, clusters).at_most,
        bounds.mean_tails(high, reach, 0.0, clusters).at_least,
    )
    assert found.p == min(1.0, 2 * min(tails))
    mirrored = paired.with_missing(6 - first, 6 - MISSING, SCALE, clusters)
    assert mirrored.p == pytest.approx(found.p)
    assert found.p < 0.9
    usual = paired.with_missing(first, MISSING, SCALE, clusters)
    assert usual.interval.low == bounds.mean_bounds(low, reach, 0.975, clusters).low


def test_of_no_pair_nothing_is_said() -> None:
    nothing = np.array([NAN, NAN])
    assert paired.difference_interval(nothing, nothing, SCALE) is None
    none = np.array([])
    for p in (
        paired.difference_p(nothing, nothing, SCALE),
        paired.sign_flip_p(none),
        paired.wilcoxon_p(none),
        paired.effect_size(none),
        paired.effect_size(np.array([2.0])),
        paired.effect_size(np.array([2.0, 2.0])),
        paired.rank_biserial(none),
        paired.rank_biserial(np.zeros(3)),
    ):
        assert math.isnan(p)


def test_where_nothing_differs_no_test_finds_a_difference() -> None:
    assert paired.sign_flip_p(np.zeros(4)) == 1.0
    assert paired.sign_flip_p(np.array([3.0, -3.0, 1.0, -1.0])) == 1.0
    assert paired.wilcoxon_p(np.zeros(4)) == 1.0
    assert paired.least_p(1, tests=5) == 1.0
    assert paired.least_p(10, tests=3) == pytest.approx(6 / 2**10)


def test_the_sign_flip_test_takes_whole_numbers() -> None:
    with pytest.raises(ValueError, match="differences of whole numbers") as refused:
        paired.sign_flip_p(np.array([1.0, 0.5]))
    assert str(refused.value) == "the sign-flip test takes differences of whole numbers"


def test_the_smallest_p_values_are_exact_where_few_requests_differ() -> None:
    values = np.repeat([1.0, 2.0], 40)
    assert paired.sign_flip_p(values) == pytest.approx(2 * 0.5**80, rel=1e-9, abs=0)


def test_wilcoxon_is_scipys_and_takes_no_clusters_but_of_one_request_each() -> None:
    values = scores(1) - scores(2)
    expected = stats.wilcoxon(values).pvalue
    assert paired.wilcoxon_p(values) == pytest.approx(expected)
    assert paired.wilcoxon_p(values, np.arange(900)) == pytest.approx(expected)
    with pytest.raises(MsbError) as refused:
        paired.wilcoxon_p(values, np.arange(900) // 2)
    assert str(refused.value) == (
        "Wilcoxon's test takes requests as independent, and some here share a cluster; use --test "
        "permutation, or --no-clusters"
    )


def test_two_values_have_an_effect_size() -> None:
    assert paired.effect_size(np.array([1.0, 3.0])) == pytest.approx(2 / math.sqrt(2))


def test_p_values_stay_within_1_and_undefined_ones_what_they_are() -> None:
    p = [0.4, NAN, 0.6]
    assert paired.bonferroni(p) == pytest.approx([0.8, NAN, 1.0], nan_ok=True)
    assert paired.holm(p) == pytest.approx([0.8, NAN, 0.8], nan_ok=True)
    assert paired.holm([0.7, 0.9]) == [1.0, 1.0]


def test_an_unknown_test_is_told_the_nearest() -> None:
    assert paired.known("correction", "holm", paired.CORRECTIONS) is paired.holm
    with pytest.raises(UnknownName, match="correction 'hulm'; did you mean 'holm'"):
        paired.known("correction", "hulm", paired.CORRECTIONS)
