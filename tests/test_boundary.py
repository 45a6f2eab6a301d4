"""A boundary fitted to labels: the likeliest one, and never by the labels it is tested on."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

from medsafetybench.statistics.boundary import FOLDS, fitted_boundary, folds


def labelled(seed: int, n: int, boundary: float = 0.3) -> tuple[Any, Any]:
    """Margins, and labels that are yes above the boundary but for some noise."""
    rng = np.random.default_rng(seed)
    margins = rng.normal(0.2, 0.7, n)
    return margins, margins + rng.normal(0, 0.3, n) > boundary


def likeliest(margins: Any, yes: Any, usual: float) -> float:
    """The boundary with the highest posterior, searched without derivatives."""
    spread = margins.std()
    places = (margins - usual) / spread

    def loss(told: Any) -> float:
        odds = math.exp(told[1]) * (places - told[0])
        chances = 1 / (1 + np.exp(np.where(yes, -odds, odds)))
        boundary, slope = told[0] / 0.2, (told[1] - math.log(3)) / 3
        return float(-np.log(chances).sum() + boundary**2 / 2 + slope**2 / 2)

    exact = {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 5000}
    found = minimize(loss, [0.0, math.log(3)], method="Nelder-Mead", options=exact)
    return usual + spread * float(found.x[0])


@pytest.mark.parametrize(("seed", "n", "usual"), [(0, 12, 0.0), (1, 40, -0.1), (2, 200, 1.0)])
def test_the_boundary_is_the_likeliest_given_labels_and_the_usual_one(
    seed: int, n: int, usual: float
) -> None:
    margins, yes = labelled(seed, n)
    expected = likeliest(margins, yes, usual)
    assert fitted_boundary(margins, yes, usual) == pytest.approx(expected, abs=2e-4)


def test_labels_that_a_boundary_tells_apart_in_full_leave_the_slope_to_its_prior() -> None:
    margins = np.array([-0.4, -0.3, 0.1, 0.9, 1.2])
    yes = margins > 0.5
    expected = likeliest(margins, yes, 0.0)
    assert fitted_boundary(margins, yes, 0.0) == pytest.approx(expected, abs=2e-5)


def test_many_labels_are_followed_and_few_leave_the_usual_boundary() -> None:
    far = 2.0
    few, many = (fitted_boundary(*labelled(3, n), far) for n in (4, 2000))
    assert abs(many - 0.3) < 0.1
    assert abs(few - far) < abs(few - 0.3)


def test_where_all_margins_are_the_same_the_usual_boundary_stays() -> None:
    yes = np.arange(9) > 3
    assert fitted_boundary(np.full(9, 0.4), yes, -0.1) == -0.1  # their spread is one by rounding
    with warnings.catch_warnings(action="error"):
        assert fitted_boundary(np.full(9, 0.5), yes, -0.1) == -0.1


def test_each_fold_is_judged_by_the_labels_of_the_others() -> None:
    margins, yes = labelled(4, 60)
    draws = np.arange(60) // 2
    found = list(folds(margins, yes, draws, 0.1))
    assert len(found) == FOLDS
    assert sorted(np.concatenate([places for places, _ in found])) == list(range(60))
    for places, boundary in found:
        assert len(places) == 6
        rest = np.setdiff1d(np.arange(60), places)
        assert not set(draws[places]) & set(draws[rest]), "a draw is whole in one fold"
        assert boundary == fitted_boundary(margins[rest], yes[rest], 0.1)


def test_folds_follow_from_a_seed_and_are_no_more_than_there_are_draws() -> None:
    margins, yes = labelled(5, 30)
    draws = np.arange(30)

    def places(**told: int) -> list[list[int]]:
        return [fold.tolist() for fold, _ in folds(margins, yes, draws, 0.0, **told)]

    assert places() == places(seed=0) != places(seed=1)
    assert [len(fold) for fold in places(count=4)] == [8, 8, 7, 7]
    assert places(count=4) != [list(range(start, 30, 4)) for start in range(4)]
    three = list(folds(margins, yes, draws // 10, 0.0))
    assert [len(fold) for fold, _ in three] == [10, 10, 10]
