"""Corrected means equal the published method, and their intervals keep what they promise."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

from medsafetybench.errors import MsbError
from medsafetybench.statistics.ppi import Stratum, ppi_mean, split_strata, stratified_ppi_mean
from medsafetybench.statistics.sampling import stratified_sample

NAN = float("nan")


def judged(seed: int, n: int = 80, others: int = 400, bias: float = 0.7) -> tuple[Any, Any, Any]:
    """Labels and predictions of ``n`` requests, predictions of others: a noisy, biased judge."""
    rng = np.random.default_rng(seed)
    true = rng.integers(1, 6, size=n + others).astype(float)
    predicted = np.clip(np.round(true + bias + rng.normal(0, 1, n + others)), 1, 5)
    return true[:n], predicted[:n], predicted[n:]


@pytest.mark.parametrize("bias", [0.0, 0.7, -2.0])
@pytest.mark.parametrize("seed", range(5))
def test_mean_and_lambda_equal_the_ppi_package(seed: int, bias: float) -> None:
    package = pytest.importorskip("ppi_py")
    y, yhat, others = judged(seed, bias=bias)
    estimate = ppi_mean(y, yhat, others)
    expected = np.asarray(package.ppi_mean_pointestimate(y, yhat, others)).item()
    assert estimate.mean == pytest.approx(expected, abs=1e-6)
    assert 0 < estimate.lambda_ < 1


@pytest.mark.parametrize("seed", range(5))
def test_the_interval_is_the_ppi_packages_but_for_small_sample_corrections(seed: int) -> None:
    package = pytest.importorskip("ppi_py")
    y, yhat, others = judged(seed)
    estimate = ppi_mean(y, yhat, others)
    low, high = (float(b[0]) for b in package.ppi_mean_ci(y, yhat, others, alpha=0.05))
    # The package's interval, rebuilt from our mean and lambda: normal quantile, variances by n.
    half = special.ndtri(0.975) * np.sqrt(
        (y - estimate.lambda_ * yhat).var() / len(y)
        + (estimate.lambda_ * others).var() / len(others)
    )
    assert (low, high) == pytest.approx((estimate.mean - half, estimate.mean + half), abs=1e-6)
    # Ours is wider, for what the corrections are there for: lambda was tuned on 80 labels.
    assert half < (estimate.high - estimate.low) / 2 < 1.15 * half


def test_the_interval_tends_to_the_ppi_packages_with_many_labels() -> None:
    package = pytest.importorskip("ppi_py")
    y, yhat, others = judged(0, n=20_000, others=60_000)
    estimate = ppi_mean(y, yhat, others)
    low, high = (float(b[0]) for b in package.ppi_mean_ci(y, yhat, others, alpha=0.05))
    assert estimate.high - estimate.low == pytest.approx(high - low, rel=1e-3)


def test_a_mean_by_hand() -> None:
    # Mean label 3, gap 2 - 3 = -1; covariance 1, variance of 1, 3, 3, 3 is 1, (1 + 2/2) = 2.
    estimate = ppi_mean([2, 4], [1, 3], [3, 3])
    assert estimate.lambda_ == pytest.approx(0.5)
    assert estimate.mean == pytest.approx(3.5)
    assert (estimate.n, estimate.N) == (2, 2)


def test_a_standard_error_by_hand() -> None:
    # Lambda 0.5; errors 1.5 and 2.5, leverage 1/2 each: residuals -1 and 1, variance 2 / 2 = 1;
    # the unlabelled predictions are constant and add nothing.
    estimate = ppi_mean([2, 4], [1, 3], [3, 3])
    assert estimate.stderr == pytest.approx(1.0)
    assert estimate.high - estimate.mean == pytest.approx(stats.t.ppf(0.975, 1))


def test_the_standard_error_counts_both_samples() -> None:
    y, yhat, others = judged(5, n=2_000, others=3_000)
    estimate = ppi_mean(y, yhat, others)
    labelled = (y - estimate.lambda_ * yhat).var() / 2_000
    unlabelled = estimate.lambda_**2 * others.var() / 3_000
    assert estimate.stderr**2 == pytest.approx(labelled + unlabelled, rel=5e-3)


def test_one_label_that_decides_lambda_alone_keeps_a_finite_interval() -> None:
    estimate = ppi_mean([1, 1, 1, 5], [1, 1, 1, 5], [1, 1, 5, 1, 1, 1])
    assert np.isfinite(estimate.stderr)
    assert estimate.stderr > 0


@pytest.mark.parametrize("yhat", [3.0, 1.0])
def test_constant_predictions_leave_the_plain_t_interval(yhat: float) -> None:
    y = np.array([1.0, 1, 2, 5, 3])
    estimate = ppi_mean(y, np.full(5, yhat), np.full(50, yhat))
    low, high = stats.t.interval(0.95, 4, loc=y.mean(), scale=stats.sem(y))
    assert estimate.lambda_ == 0
    assert (estimate.low, estimate.high) == pytest.approx((low, high))


def test_with_everything_labelled_it_is_the_plain_t_interval() -> None:
    y, yhat, _ = judged(1)
    estimate = ppi_mean(y, yhat, [])
    expected = stats.t.interval(0.9, len(y) - 1, loc=y.mean(), scale=stats.sem(y))
    assert ppi_mean(y, yhat, [], confidence=0.9)[2:4] == pytest.approx(expected)
    assert estimate.N == 0


def test_predictions_that_run_against_the_labels_are_not_used() -> None:
    y, yhat, others = judged(0)
    assert ppi_mean(y, -yhat, -others).lambda_ == 0


def test_perfect_predictions_give_the_whole_benchmarks_mean() -> None:
    y, _, _ = judged(0, n=100, others=0)
    others = np.tile(y, 9)
    assert ppi_mean(y, y, others).mean == pytest.approx(y.mean())
    assert ppi_mean(y, y, others).lambda_ == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], [], [1, 2]), "at least 2 labels, not 0"),
        (([1], [1], [1, 2]), "at least 2 labels, not 1"),
        (([1, 2], [1], [1, 2]), "2 labels came with 1 predictions"),
        (([1, NAN], [1, 2], [1, 2]), "missing"),
        (([1, 2], [1, 2], [1, NAN]), "missing"),
    ],
)
def test_what_cannot_be_estimated_is_refused(arguments: Any, message: str) -> None:
    with pytest.raises(MsbError, match=message):
        ppi_mean(*arguments)


def test_no_strata_are_refused() -> None:
    with pytest.raises(MsbError, match="at least 2 labels, not 0"):
        stratified_ppi_mean([])


def test_one_stratum_is_no_stratification() -> None:
    parts = judged(4)
    assert stratified_ppi_mean([Stratum(*parts)]) == ppi_mean(*parts)


def test_strata_weigh_as_much_as_they_have_requests() -> None:
    # 4 of 40 and 4 of 10 requests labelled: the mean is 0.8 * 1.5 + 0.2 * 4.5, not 3.
    small = Stratum(np.array([4.0, 5, 4, 5]), np.ones(4), np.ones(6))
    large = Stratum(np.array([1.0, 2, 1, 2]), np.ones(4), np.ones(36))
    assert stratified_ppi_mean([large, small]).mean == pytest.approx(2.1)


def test_with_everything_labelled_strata_give_the_plain_standard_error() -> None:
    rng = np.random.default_rng(0)
    labels = [rng.integers(low, low + 3, 200).astype(float) for low in (1, 2, 3)]
    estimate = stratified_ppi_mean([Stratum(y, y, np.array([])) for y in labels])
    everything = np.concatenate(labels)
    assert estimate.mean == pytest.approx(everything.mean())
    assert estimate.stderr == pytest.approx(stats.sem(everything), rel=1e-2)


def test_strata_with_too_few_labels_are_taken_together() -> None:
    rich = Stratum(*judged(0, n=20, others=80))
    poor = Stratum(np.array([5.0]), np.array([4.0]), np.array([4.0, 4.0]))
    none = Stratum(np.array([]), np.array([]), np.array([2.0]))
    together = Stratum(*(np.concatenate(parts) for parts in zip(none, poor, rich, strict=True)))
    assert stratified_ppi_mean([rich, poor, none]) == stratified_ppi_mean([together])


def test_a_stratum_labelled_whole_needs_no_predictions() -> None:
    whole = Stratum(np.array([1.0, 2, 3]), np.array([5.0, 1, 5]), np.array([]))
    part = Stratum(*judged(2))
    altered = whole._replace(predictions=np.array([1.0, 1, 1]))
    assert stratified_ppi_mean([whole, part]) == stratified_ppi_mean([altered, part])


def test_requests_are_split_by_stratum_and_label() -> None:
    first, second = split_strata([4, 7, 4, 7], [1, 2, 3, 4], [NAN, 5, 2, NAN])
    assert [part.tolist() for part in first] == [[2], [3], [1]]
    assert [part.tolist() for part in second] == [[5], [2], [4]]


def test_a_missing_prediction_is_the_mean_of_the_others() -> None:
    (stratum,) = split_strata(["a"] * 3, [1, NAN, 3], [2, 4, NAN])
    assert [part.tolist() for part in stratum] == [[2, 4], [1, 2], [3]]


def test_splitting_refuses_columns_of_different_lengths() -> None:
    with pytest.raises(MsbError, match="2 strata, 1 predictions and 2 labels"):
        split_strata([1, 2], [1], [1, 2])


def requests(sizes: dict[str, int]) -> tuple[list[str], list[str]]:
    strata = [stratum for stratum, size in sizes.items() for _ in range(size)]
    return [f"request-{i:03d}" for i in range(len(strata))], strata


def test_an_audit_sample_is_proportional_to_the_strata() -> None:
    ids, strata = requests({"a": 50, "b": 30, "c": 20})
    chosen = stratified_sample(ids, strata, n=20, seed=1)
    found = Counter(strata[ids.index(name)] for name in chosen)
    assert found == {"a": 10, "b": 6, "c": 4}
    assert len(set(chosen)) == 20


def test_an_audit_sample_has_exactly_n_and_two_of_each_stratum() -> None:
    ids, strata = requests({"a": 200, "b": 61, "c": 7, "d": 2, "e": 1})
    for n in (9, 10, 37, 200, len(ids)):
        chosen = stratified_sample(ids, strata, n)
        found = Counter(strata[ids.index(name)] for name in chosen)
        assert len(set(chosen)) == n
        assert all(found[s] >= 2 for s in "abcd")
        assert found["e"] == 1


def test_an_audit_sample_depends_on_the_seed_and_not_on_the_order() -> None:
    ids, strata = requests({"a": 50, "b": 30})
    assert stratified_sample(ids, strata, 10) == stratified_sample(ids[::-1], strata[::-1], 10)
    assert stratified_sample(ids, strata, 10) != stratified_sample(ids, strata, 10, seed=1)


def test_every_request_is_as_likely_to_be_audited() -> None:
    ids, strata = requests({"a": 10, "b": 10})
    found = Counter(name for seed in range(500) for name in stratified_sample(ids, strata, 8, seed))
    assert len(found) == 20
    assert all(150 < count < 250 for count in found.values())  # 200 expected, sd 11


@pytest.mark.parametrize("n", [0, 81, -1])
def test_an_impossible_audit_is_refused(n: int) -> None:
    ids, strata = requests({"a": 50, "b": 30})
    with pytest.raises(MsbError, match=f"{n} requests.*from 1 to 80"):
        stratified_sample(ids, strata, n)


def test_an_audit_of_ids_that_repeat_or_lack_a_stratum_is_refused() -> None:
    with pytest.raises(MsbError, match="twice"):
        stratified_sample(["a", "a", "b"], [1, 1, 2], 2)
    with pytest.raises(MsbError, match="3 ids came with 2 strata"):
        stratified_sample(["a", "b", "c"], [1, 2], 2)


def simulation() -> Any:
    """The script as a module; it is not part of the package."""
    path = Path(__file__).parents[1] / "bench" / "simulate_calibration.py"
    spec = importlib.util.spec_from_file_location("simulate_calibration", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_intervals_cover_where_the_naive_mean_does_not() -> None:
    row = simulation().simulate("lenient", n=100, draws=300, seed=1)
    # 300 draws know a coverage of 95% to within 3.8 points (three standard errors).
    assert 0.912 <= row.coverage.stratified <= 0.988
    assert 0.912 <= row.coverage.ppi <= 0.988
    assert row.coverage.naive < 0.1
    assert row.width < 0.8
