"""A mean corrected for a judge's error: as the source has it, and with bounds by definition."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from medsafetybench.errors import MsbError
from medsafetybench.statistics import estimates
from medsafetybench.statistics.bounds import kinds_bounds
from medsafetybench.statistics.clusters import kinds_of
from medsafetybench.statistics.corrected import (
    Labelled,
    corrected_bounds,
    corrected_difference,
    corrected_mean,
)
from medsafetybench.statistics.interval import Interval

SCALE = Interval(1, 5)
NAN = float("nan")
MIDDLING = (0.5, 0.2, 0.12, 0.1, 0.08)


def scores(seed: int, n: int, shares: tuple[float, ...] = MIDDLING) -> Any:
    return np.random.default_rng(seed).choice([1.0, 2, 3, 4, 5], n, p=shares)


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
    found = corrected_mean(sample, SCALE)
    assert found.value == pytest.approx(np.asarray(package.ppi_mean_pointestimate(*parts)).item())
    low, high = (float(end[0]) for end in package.ppi_mean_ci(*parts, alpha=0.05))
    assert high - low < found.interval.high - found.interval.low < 1.3 * (high - low)


def test_a_run_labelled_whole_has_the_plain_means_interval() -> None:
    sample = labelled(1, 120, 120)
    plain = estimates.estimate_mean(sample.labels, SCALE)
    found = corrected_mean(sample, SCALE)
    assert plain is not None
    assert found.value == pytest.approx(plain.value)
    assert found.interval == pytest.approx(plain.interval, abs=1e-6)


def test_a_judge_that_sees_nothing_leaves_the_labels_alone() -> None:
    sample = Labelled(labelled(2).labels, np.ones(400))
    found = corrected_mean(sample, SCALE)
    assert found.lambda_ == 0
    assert found.value == pytest.approx(np.nanmean(sample.labels))


def test_labels_that_saw_no_error_still_leave_one_possible() -> None:
    labels = np.repeat([1.0, NAN], [50, 850])
    found = corrected_mean(Labelled(labels, np.ones(900)), SCALE)
    assert found.value == 1
    assert found.interval.low == 1
    assert found.interval.high == pytest.approx(1 + 4 * (1 - 0.025 ** (1 / 50)), abs=0.02)


def test_fewer_than_fifty_labels_are_refused() -> None:
    with pytest.raises(MsbError, match=r"needs 50 labels.* are 49"):
        corrected_mean(labelled(0, labels=49), SCALE)


def test_labels_that_could_not_be_read_count_as_the_worst_at_each_end() -> None:
    sample = labelled(3)
    drawn = ~np.isnan(sample.labels)
    lost = sample.labels.copy()
    lost[np.flatnonzero(drawn)[:10]] = NAN
    left_out = corrected_mean(Labelled(lost, sample.predictions), SCALE)
    counted = corrected_mean(Labelled(lost, sample.predictions, drawn), SCALE)
    assert (counted.unread, counted.labels) == (10, 90)
    assert counted.interval.low < left_out.interval.low
    assert counted.interval.high > left_out.interval.high + 0.2
    with pytest.raises(MsbError, match="was not drawn"):
        Labelled(sample.labels, sample.predictions, ~drawn)


def test_a_corrected_difference_is_that_of_the_corrected_means() -> None:
    first, second = labelled(4), labelled(5)
    means = [corrected_mean(run, SCALE).value for run in (first, second)]
    found = corrected_difference(first, second, SCALE)
    assert found.value == pytest.approx(means[1] - means[0])
    assert found.interval.low < found.value < found.interval.high
    same = corrected_difference(first, first, SCALE)
    assert same.value == 0
    assert same.interval.high - same.interval.low < found.interval.high - found.interval.low
    with pytest.raises(MsbError, match="400 and 200 requests"):
        corrected_difference(first, first.part(np.arange(400) < 200), SCALE)


def test_a_stratum_is_corrected_by_its_own_labels() -> None:
    sample = labelled(6, 800, 400)
    half = sample.part(np.arange(800) < 400)
    expected = np.nanmean(sample.labels[:400])
    assert corrected_mean(half, SCALE).value == pytest.approx(expected, abs=0.2)


def by_definition(sample: Labelled, scale: Interval, unread: float) -> tuple[Any, Interval]:
    """The value of each request as the module says it, and the least and greatest of one more
    cluster, found by trying every label and prediction at the ends of the scale."""
    guesses = np.where(
        np.isnan(sample.predictions), np.nanmean(sample.predictions), sample.predictions
    )
    read = ~np.isnan(sample.labels)
    slope = np.cov(sample.labels[read], guesses[read], bias=True)[0, 1] / guesses.var(ddof=1)
    relied = float(np.clip(slope, 0, 1))
    drawn = read if sample.drawn is None else sample.drawn
    labels = np.where(read, sample.labels, unread)
    weights = np.ones(len(guesses)) if sample.weights is None else sample.weights
    shares = np.where(drawn, weights, 0) / weights[drawn].sum()
    usual = float(shares[drawn] @ (labels - relied * guesses)[drawn])
    n = int(drawn.sum())
    speaks_for = 1 + (len(guesses) * shares - 1) * math.sqrt(n / (n - 2))

    def value(label: Any, guess: Any, at: Any) -> Any:
        return relied * guess + usual + at * (label - relied * guess - usual)

    values = value(labels, guesses, np.where(drawn, speaks_for, 0))
    names = np.arange(len(guesses)) if sample.clusters is None else sample.clusters
    size, most = (
        int(np.unique(there, return_counts=True)[1].max()) for there in (names, names[drawn])
    )
    of_drawn = [value(y, f, speaks_for[drawn].max()) for y, f in itertools.product(scale, scale)]
    of_others = [relied * f + usual for f in scale]
    return values, Interval(
        *(most * end(of_drawn) + (size - most) * end(of_others) for end in (min, max))
    )


CLUSTERS = np.arange(400) // 3
UNEVEN = np.where(np.arange(400) % 4, 1.0, 3.0)
GUESSES = np.where(np.arange(400) % 7 == 0, NAN, labelled(7).predictions)
SAMPLES = {
    "plain": labelled(7),
    "in clusters": replace(labelled(7), clusters=CLUSTERS),
    "weighted": replace(labelled(7), weights=UNEVEN),
    "with predictions missing": replace(labelled(7), predictions=GUESSES, clusters=CLUSTERS),
}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("unread", [False, True])
def test_bounds_are_those_of_the_values_by_definition(name: str, unread: bool) -> None:
    sample = SAMPLES[name]
    if unread:
        read = np.flatnonzero(~np.isnan(sample.labels))
        lost = sample.labels.copy()
        lost[read[::9]] = NAN
        sample = replace(sample, labels=lost, drawn=~np.isnan(sample.labels))
    low, high = (by_definition(sample, SCALE, end) for end in SCALE)
    found = corrected_bounds(sample, SCALE, 0.9)
    for end, (values, totals) in (("low", low), ("high", high)):
        expected = kinds_bounds(kinds_of(values, sample.clusters), totals, 0.9)
        assert getattr(found, end) == pytest.approx(getattr(expected, end), abs=1e-6)
    whole = corrected_mean(sample, SCALE, 0.8)
    assert whole.interval == found
    assert (whole.n, whole.labels) == (400, sample.labelled)
    assert (whole.unread, sample.unread) == ((12, 12) if unread else (0, 0))


def test_the_interval_of_a_difference_is_that_of_the_differences_by_definition() -> None:
    first, second = SAMPLES["in clusters"], replace(labelled(8, labels=90), clusters=CLUSTERS)
    one, other = (by_definition(run, SCALE, 1) for run in (first, second))
    totals = Interval(other[1].low - one[1].high, other[1].high - one[1].low)
    expected = kinds_bounds(kinds_of(other[0] - one[0], CLUSTERS), totals, 0.95)
    found = corrected_difference(first, second, SCALE, 0.9)
    assert found.interval == pytest.approx(expected, abs=1e-6)
    means = [corrected_mean(run, SCALE) for run in (first, second)]
    assert (found.n, found.labels, found.unread) == (400, 90, 0)
    assert found.lambda_ == min(mean.lambda_ for mean in means)


def test_what_was_not_read_of_either_run_widens_a_difference() -> None:
    first, second = labelled(4), labelled(5)
    there = corrected_difference(first, second, SCALE)
    lost = [
        replace(run, labels=np.where(np.arange(400) < 60, NAN, run.labels), drawn=run.sampled)
        for run in (first, second)
    ]
    unread = [run.unread for run in lost]
    assert min(unread) > 5
    found = corrected_difference(*lost, SCALE)
    assert found.unread == sum(unread)
    assert found.labels == min(run.labelled for run in lost)
    assert found.interval.low < there.interval.low
    assert found.interval.high > there.interval.high


def test_a_judge_is_relied_on_in_full_at_most_and_never_against_its_word() -> None:
    labels = np.where(np.arange(400) < 100, np.resize([1.0, 5.0], 400), NAN)
    halved, turned = 3 + (np.resize([1.0, 5.0], 400) - 3) / 2, 6 - np.resize([1.0, 5.0], 400)
    assert corrected_mean(Labelled(labels, halved), SCALE).lambda_ == 1.0
    assert corrected_mean(Labelled(labels, turned), SCALE).lambda_ == 0.0


def test_without_a_prediction_the_labels_are_alone() -> None:
    sample = Labelled(labelled(2).labels, np.full(400, NAN))
    found = corrected_mean(sample, SCALE)
    expected = corrected_mean(Labelled(sample.labels, np.ones(400)), SCALE)
    assert found == expected


def test_a_part_keeps_what_belongs_to_its_requests() -> None:
    drawn = ~np.isnan(labelled(6).labels)
    whole = replace(labelled(6), drawn=drawn, clusters=CLUSTERS, weights=UNEVEN)
    chosen = np.arange(400) % 5 < 2
    part = whole.part(chosen)
    for name in ("labels", "predictions", "drawn", "clusters", "weights"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[chosen])
    bare = labelled(6).part(chosen)
    assert (bare.drawn, bare.clusters, bare.weights) == (None, None, None)


def test_what_does_not_fit_together_is_one_line() -> None:
    sample = labelled(0)
    with pytest.raises(MsbError) as unequal:
        Labelled(sample.labels, sample.predictions[:399])
    assert str(unequal.value) == (
        "400 labels came with 399 predictions; expected one of each for every request, NaN where "
        "there is none"
    )
    with pytest.raises(MsbError, match=r"^a request has a label and was not drawn; leave such"):
        replace(sample, drawn=np.isnan(sample.labels))
    with pytest.raises(MsbError) as apart:
        corrected_difference(sample, sample.part(np.arange(400) < 200), SCALE)
    assert str(apart.value) == (
        "400 and 200 requests; expected the same requests of both runs, in the same order"
    )
