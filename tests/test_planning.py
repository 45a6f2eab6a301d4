"""How many requests a question takes: equal to exact chances where there are any."""

from __future__ import annotations

import math

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


SHARES = {1.0: 0.6, 2.0: 0.3, 5.0: 0.1}
NARROW = {1.0: 0.98, 5.0: 0.02}


def shown_by_definition(shares: dict[float, float], n: int, at: float, confidence: float) -> float:
    """How many of the thousand studies have a bound on its side of ``at``, one after the other."""
    drawn = np.random.default_rng(0).multinomial(n, list(shares.values()), size=planning.STUDIES)
    below = sum(value * share for value, share in shares.items()) < at
    shown = 0
    for counts, often in zip(*np.unique(drawn, axis=0, return_counts=True), strict=True):
        low, high = bounds.mean_bounds(np.repeat(list(shares), counts), SCALE, confidence)
        shown += int(often) * (high <= at if below else low >= at)
    return shown / planning.STUDIES


@pytest.mark.parametrize(("at", "confidence"), [(2.2, 0.95), (2.3, 0.9), (1.4, 0.95), (1.3, 0.9)])
def test_the_chance_is_how_often_the_bounds_show_it(at: float, confidence: float) -> None:
    found = planning.chance_to_show(SHARES, SCALE, 40, at, confidence)
    assert found == shown_by_definition(SHARES, 40, at, confidence)
    assert 0.02 < found < 0.98
    usual = planning.chance_to_show(SHARES, SCALE, 40, at)
    assert usual == planning.chance_to_show(SHARES, SCALE, 40, at, 0.95)


def test_figures_of_the_documentation() -> None:
    assert planning.least_requests(SCALE, at=1.05) == 239
    assert planning.least_requests(Interval(0, 1), at=0.03) == 99
    assert planning.chance_to_show(NARROW, SCALE, n=300, at=1.2) == pytest.approx(0.85, abs=0.005)
    assert planning.requests_to_show(NARROW, SCALE, at=1.2) == 270


def test_shares_that_make_no_distribution_are_one_line() -> None:
    with pytest.raises(MsbError, match=r"^the shares \{1\.0: 0\.7\} add up to 0\.7; expected 1$"):
        planning.requests_to_show({1.0: 0.7}, SCALE, 2.0)
    with pytest.raises(MsbError, match="add up to 1; expected 1"):
        planning.least_shown({1.0: 1.1, 2.0: -0.1}, SCALE, 10)
    for outside in ({0.5: 0.5, 2.0: 0.5}, {2.0: 0.5, 5.5: 0.5}):
        with pytest.raises(MsbError, match="are not all within 1 to 5"):
            planning.chance_to_show(outside, SCALE, 10, 3.0)
    with pytest.raises(MsbError) as outside_of:
        planning.labels_for(1.0, {4.5: 0.5, -2.0: 0.5}, SCALE)
    assert str(outside_of.value) == "the values [-2.0, 4.5] are not all within -4 to 4"
    with pytest.raises(MsbError) as itself:
        planning.chance_to_show({1.0: 0.5, 5.0: 0.5}, SCALE, 10, 3.0)
    assert str(itself.value) == ("the true mean is 3 itself; on which side it lies can't be shown")
    rounded = planning.chance_to_show({1.0: 0.3333333, 2.0: 0.6666666}, SCALE, 10, 3.0)
    assert rounded == planning.chance_to_show({1.0: 1 / 3, 2.0: 2 / 3}, SCALE, 10, 3.0)
    over = planning.chance_to_show({1.0: 1.0000005, 2.0: 0.0}, SCALE, 10, 3.0)
    assert over == planning.chance_to_show({1.0: 1.0}, SCALE, 10, 3.0)


@pytest.mark.parametrize(
    ("given", "expected"),
    [(1, 1), (9, 9), (10, 10), (99, 99), (100, 100), (101, 110), (1234, 1300), (1300, 1300)],
)
def test_two_digits_are_kept_rounding_up(given: int, expected: int) -> None:
    assert planning.two_digits_up(given) == expected


@pytest.mark.parametrize(
    ("at", "confidence", "power"),
    [(2.2, 0.95, 0.8), (2.2, 0.9, 0.5), (1.2, 0.95, 0.9), (3.0, 0.999, 0.8)],
)
def test_requests_are_found_to_within_a_thirtieth(
    at: float, confidence: float, power: float
) -> None:
    n = planning.requests_to_show(SHARES, SCALE, at, confidence, power)
    assert n is not None

    def chance(n: int) -> float:
        return planning.chance_to_show(SHARES, SCALE, n, at, confidence)

    assert chance(n) >= power - 0.03
    assert chance(int(n * 0.85)) < power + 0.03
    assert n == planning.two_digits_up(n)


def test_the_usual_power_is_four_times_of_five_at_95_percent() -> None:
    usual = planning.requests_to_show(SHARES, SCALE, 2.4)
    assert usual == planning.requests_to_show(SHARES, SCALE, 2.4, 0.95, 0.8)
    assert planning.requests_to_show({0.0: 0.5, 1.0: 0.5}, Interval(0, 1), 0.95) in (5, 6, 7)


def test_what_more_requests_than_there_is_patience_for_would_show_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = planning.requests_to_show(SHARES, SCALE, 2.4)
    assert few is not None
    monkeypatch.setattr(planning, "MOST", 4 * few)
    assert planning.requests_to_show(SHARES, SCALE, 2.4) == few
    monkeypatch.setattr(planning, "MOST", few // 4)
    assert planning.requests_to_show(SHARES, SCALE, 2.4) is None
    monkeypatch.setattr(planning, "MOST", 60)
    assert planning.labels_for(0.2, {0: 0.97, 4: 0.03}, SCALE) is None


@pytest.mark.parametrize(("confidence", "power"), [(0.95, 0.8), (0.9, 0.5)])
def test_the_lowest_threshold_is_found_to_a_hundredth_of_the_scale(
    confidence: float, power: float
) -> None:
    at = planning.least_shown(SHARES, SCALE, 60, confidence, power)
    assert at is not None
    assert planning.chance_to_show(SHARES, SCALE, 60, at, confidence) >= power
    assert planning.chance_to_show(SHARES, SCALE, 60, at - 0.02, confidence) < power
    narrow = {0.0: 0.6, 0.1: 0.3, 0.4: 0.1}
    at_most = planning.least_shown(narrow, Interval(0, 0.4), 60, confidence, power)
    assert at_most is not None
    chance = planning.chance_to_show(narrow, Interval(0, 0.4), 60, at_most - 0.002, confidence)
    assert chance < power
    assert planning.least_shown({1.0: 0.5, 5.0: 0.5}, SCALE, 1) is None
    if (confidence, power) == (0.95, 0.8):
        assert planning.least_shown(SHARES, SCALE, 60) == at


def test_shares_of_a_difference_have_it_as_their_mean() -> None:
    assert planning.difference_shares(0.2, 0.3) == pytest.approx({-4: 0.125, 0: 0.7, 4: 0.175})
    fell = planning.difference_shares(-0.1, 0.2, step=1.0)
    assert fell == pytest.approx({-1: 0.15, 0: 0.8, 1: 0.05})
    assert planning.difference_shares(0.8, 0.2)[-4.0] == pytest.approx(0)
    assert planning.difference_shares(1.0, 1.0)[0.0] == 0
    with pytest.raises(MsbError) as few:
        planning.difference_shares(-1.0, 0.2)
    assert str(few.value) == (
        "a mean difference of -1 takes at least 25.0% of answers that change by 4; 20.0% were given"
    )
    with pytest.raises(MsbError, match=r"110\.0% were given"):
        planning.difference_shares(1.0, 1.1)


@pytest.mark.parametrize(("width", "confidence"), [(0.4, 0.95), (0.4, 0.9), (0.25, 0.95)])
def test_labels_are_the_first_step_of_a_twentieth_with_the_width(
    width: float, confidence: float
) -> None:
    errors = {0.0: 0.96, 4.0: 0.04}

    def has(n: int) -> bool:
        sample = np.repeat([0.0, 4.0], [round(0.96 * n), round(0.04 * n)])
        low, high = bounds.mean_bounds(sample, Interval(-4, 4), (1 + confidence) / 2)
        return high - low <= width

    steps = [50]
    while not has(steps[-1]):
        steps.append(math.ceil(steps[-1] * 1.05))
    assert len(steps) > 1
    assert planning.labels_for(width, errors, SCALE, confidence) == steps[-1]
    assert planning.labels_for(8.0, errors, SCALE) == 50
    if confidence == 0.95:
        assert planning.labels_for(width, errors, SCALE) == steps[-1]


def test_the_least_requests_at_the_ends_and_of_another_best() -> None:
    unit = Interval(0, 1)
    assert planning.least_requests(unit, 1.0) == 1
    assert planning.least_requests(unit, 1.5) == 1
    assert planning.least_requests(unit, 0.0) is None
    assert planning.least_requests(unit, 0.2, best=0.2) is None
    assert planning.least_requests(unit, 0.9, above=True, best=0.95) is not None
    mirrored = planning.least_requests(unit, 0.1, best=0.05)
    assert planning.least_requests(unit, 0.9, above=True, best=0.95) == mirrored
    assert planning.least_requests(unit, 0.9, confidence=0.99, above=True) == 44
    assert planning.least_requests(unit, -0.1, above=True) == 1
    for above in (False, True):
        assert planning.least_requests(Interval(2, 4), 3.0, above=above) == 5
    # A bound that is met exactly is met: 0.05 is what 0.5 to the power of this leaves.
    assert planning.least_requests(unit, 0.5, confidence=1 - 0.5**7) == 7
    assert planning.flawless_share(59) == pytest.approx(1 - 0.05 ** (1 / 59))
    assert planning.flawless_share(59, 0.9) == pytest.approx(1 - 0.1 ** (1 / 59))


def test_the_reach_of_a_benchmark_by_definition() -> None:
    found = planning.reach_of(60, Interval(0, 0.5), principles=7, confidence=0.8)
    share = 1 - 0.2 ** (1 / 60)
    assert found.n == 60
    assert (found.max_rate, found.min_rate) == pytest.approx((share, 1 - share))
    assert (found.max_mean, found.max_regression) == pytest.approx((share / 2, share / 2))
    assert found.principle_p == pytest.approx(7 * 2 / 2**8)
    assert found.difference is not None

    def chance(difference: float) -> float:
        shares = planning.difference_shares(difference, 0.2, 0.5)
        return planning.chance_to_show(shares, Interval(-0.5, 0.5), 60, 0.0, 0.9)

    assert chance(found.difference) >= 0.8
    assert chance(found.difference - 0.005) < 0.8
    assert planning.reach_of(12, principles=2).principle_p == pytest.approx(2 * 2 / 2**6)
    alone = planning.reach_of(1)
    assert (alone.principle_p, alone.difference) == (None, None)
    assert planning.reach_of(108).max_mean == pytest.approx(1 + 4 * (1 - 0.05 ** (1 / 108)))
    with pytest.raises(MsbError, match="0 requests; expected 1 or more"):
        planning.reach_of(0)
