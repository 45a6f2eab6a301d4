"""Bounds, estimates and differences: equal to exact methods where there are any, and consistent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from medsafetybench.errors import MsbError
from medsafetybench.statistics import (
    bounds,
    corrected,
    estimates,
    gamma_sums,
    paired,
    planning,
    sequential,
    survival,
)
from medsafetybench.statistics.corrected import Labelled
from medsafetybench.statistics.interval import Interval

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


def test_missing_scores_count_as_the_worst_at_either_end() -> None:
    values = np.repeat([1.0, NAN], [50, 5])
    assert estimates.bounds_with_missing(values, SCALE) == pytest.approx((1, 1 + 20 / 55))
    low, high = estimates.interval_with_missing(values, SCALE)
    worst = bounds.mean_bounds(np.repeat([1.0, 5.0], [50, 5]), SCALE, 0.975)
    assert (low, high) == pytest.approx((1, worst.high))


def test_what_a_test_can_never_show_is_known_before() -> None:
    assert paired.least_p(6) == pytest.approx(0.03125)
    assert paired.least_p(6, tests=9) == pytest.approx(0.28125)
    one_way = paired.difference_p(np.ones(6), np.full(6, 5.0), SCALE)
    assert one_way == pytest.approx(paired.least_p(6))


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


def labelled(seed: int, n: int = 400, labels: int = 100, shares: Any = MIDDLING) -> Labelled:
    rng = np.random.default_rng(seed)
    true = scores(seed, n, shares)
    judged = np.clip(true + rng.choice([-1, 0, 0, 1, 2], n), 1, 5)
    known = np.full(n, NAN)
    chosen = rng.choice(n, labels, replace=False)
    known[chosen] = true[chosen]
    return Labelled(known, judged.astype(float))


@pytest.mark.parametrize("seed", range(5))
def test_a_corrected_mean_is_the_ppi_packages(seed: int) -> None:
    package = pytest.importorskip("ppi_py")
    sample = labelled(seed, 900, 200)
    there = ~np.isnan(sample.labels)
    parts = sample.labels[there], sample.predictions[there], sample.predictions[~there]
    found = corrected.corrected_mean(sample, SCALE)
    assert found.value == pytest.approx(np.asarray(package.ppi_mean_pointestimate(*parts)).item())
    low, high = (float(end[0]) for end in package.ppi_mean_ci(*parts, alpha=0.05))
    assert high - low < found.interval.high - found.interval.low < 1.3 * (high - low)


def test_a_run_labelled_whole_has_the_plain_means_interval() -> None:
    sample = labelled(1, 120, 120)
    plain = estimates.estimate_mean(sample.labels, SCALE)
    found = corrected.corrected_mean(sample, SCALE)
    assert plain is not None
    assert found.value == pytest.approx(plain.value)
    assert found.interval == pytest.approx(plain.interval, abs=1e-6)


def test_a_judge_that_sees_nothing_leaves_the_labels_alone() -> None:
    sample = Labelled(labelled(2).labels, np.ones(400))
    found = corrected.corrected_mean(sample, SCALE)
    assert found.lambda_ == 0
    assert found.value == pytest.approx(np.nanmean(sample.labels))


def test_labels_that_saw_no_error_still_leave_one_possible() -> None:
    labels = np.repeat([1.0, NAN], [50, 850])
    found = corrected.corrected_mean(Labelled(labels, np.ones(900)), SCALE)
    assert found.value == 1
    assert found.interval.low == 1
    assert found.interval.high == pytest.approx(1 + 4 * (1 - 0.025 ** (1 / 50)), abs=0.02)


def test_fewer_than_fifty_labels_are_refused() -> None:
    with pytest.raises(MsbError, match=r"needs 50 labels.* are 49"):
        corrected.corrected_mean(labelled(0, labels=49), SCALE)


def test_labels_that_could_not_be_read_count_as_the_worst_at_each_end() -> None:
    sample = labelled(3)
    drawn = ~np.isnan(sample.labels)
    lost = sample.labels.copy()
    lost[np.flatnonzero(drawn)[:10]] = NAN
    left_out = corrected.corrected_mean(Labelled(lost, sample.predictions), SCALE)
    counted = corrected.corrected_mean(Labelled(lost, sample.predictions, drawn), SCALE)
    assert (counted.unread, counted.labels) == (10, 90)
    assert counted.interval.low < left_out.interval.low
    assert counted.interval.high > left_out.interval.high + 0.2
    with pytest.raises(MsbError, match="was not drawn"):
        Labelled(sample.labels, sample.predictions, ~drawn)


def test_a_corrected_difference_is_that_of_the_corrected_means() -> None:
    first, second = labelled(4), labelled(5)
    means = [corrected.corrected_mean(run, SCALE).value for run in (first, second)]
    found = corrected.corrected_difference(first, second, SCALE)
    assert found.value == pytest.approx(means[1] - means[0])
    assert found.interval.low < found.value < found.interval.high
    same = corrected.corrected_difference(first, first, SCALE)
    assert same.value == 0
    assert same.interval.high - same.interval.low < found.interval.high - found.interval.low
    with pytest.raises(MsbError, match="400 and 200 requests"):
        corrected.corrected_difference(first, first.part(np.arange(400) < 200), SCALE)


def test_a_stratum_is_corrected_by_its_own_labels() -> None:
    sample = labelled(6, 800, 400)
    half = sample.part(np.arange(800) < 400)
    expected = np.nanmean(sample.labels[:400])
    assert corrected.corrected_mean(half, SCALE).value == pytest.approx(expected, abs=0.2)


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


def test_who_holds_out_without_losses_has_clopper_and_pearsons_interval() -> None:
    found = survival.survival_interval([100, 90, 85], [10, 5, 5])
    assert found == pytest.approx(proportion_confint(80, 100, method="beta"), abs=1e-9)
    assert survival.survival_interval([54], [0]) == pytest.approx((0.025 ** (1 / 54), 1))
    assert survival.survival_interval([6], [6]).low == 0
    lost = survival.survival_interval([100, 60], [10, 5])
    assert lost.high - lost.low > found.high - found.low
