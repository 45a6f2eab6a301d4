"""Agreement figures equal the published worked examples and the reference implementations."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from medsafetybench.errors import MsbError
from medsafetybench.statistics.agreement import (
    Figure,
    bias,
    cohen_kappa,
    confusion,
    exact,
    gwet_ac2,
    krippendorff_alpha,
    patterns_of,
    within_one,
)
from medsafetybench.statistics.agreement_figures import alpha_figure, pair_figures

X = None

# Four observers, twelve units: the example of K. Krippendorff, Computing Krippendorff's
# Alpha-Reliability (2011), which gives 0.743, 0.815 and 0.849.
PUBLISHED = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, X, X, X],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, X, 3],
    [X, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, X],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, X],
]


def raters(seed: int, size: int = 200) -> tuple[Any, Any]:
    """Two raters on the scale 1-5 of whom the second mostly follows the first."""
    rng = np.random.default_rng(seed)
    first = rng.choice([1, 2, 3, 4, 5], p=[0.5, 0.1, 0.1, 0.1, 0.2], size=size)
    noise = rng.choice([-1, 0, 0, 0, 1, 2], size=size)
    return first, np.clip(first + noise, 1, 5)


def test_shares_and_bias_by_hand() -> None:
    judge, human = [1, 1, 4, 3], [1, 2, 2, 3]
    assert exact(judge, human) == 0.5
    assert within_one(judge, human) == 0.75
    assert bias(judge, human) == pytest.approx(0.25)  # (0 - 1 + 2 + 0) / 4


def test_the_confusion_matrix_has_the_first_rater_in_rows() -> None:
    table = confusion([1, 1, 5, None], [1, 2, 4, 5])
    assert (table.shape, table.dtype) == ((5, 5), np.int64)
    assert table[0, 0] == table[0, 1] == table[4, 3] == 1
    assert table.sum() == 3


@pytest.mark.parametrize("score", [0, 6, 2.5])
def test_the_confusion_matrix_refuses_scores_off_the_scale(score: float) -> None:
    said = r"^a confusion matrix takes whole scores from 1 to 5; recode the scores first$"
    with pytest.raises(MsbError, match=said):
        confusion([1, score], [1, 2])


def test_kappa_by_hand() -> None:
    # 20 agree on 1, 15 on 5, 5 and 10 differ: observed 0.7, by chance 0.5.
    a = [1] * 25 + [5] * 25
    b = [1] * 20 + [5] * 5 + [1] * 10 + [5] * 15
    assert cohen_kappa(a, b) == pytest.approx(0.4)


def test_quadratic_kappa_by_hand() -> None:
    # Observed (0 + 1 + 1) / 3; all nine pairs of {1, 2, 3} with {1, 3, 2} average 12 / 9.
    assert cohen_kappa([1, 2, 3], [1, 3, 2], "quadratic") == pytest.approx(1 - (2 / 3) / (4 / 3))


@pytest.mark.parametrize("weights", [None, "quadratic"])
@pytest.mark.parametrize("seed", range(5))
def test_kappa_equals_scikit_learn(seed: int, weights: Any) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    a, b = raters(seed)
    expected = metrics.cohen_kappa_score(a, b, labels=[1, 2, 3, 4, 5], weights=weights)
    assert cohen_kappa(a, b, weights) == pytest.approx(expected, abs=1e-12)


def test_quadratic_kappa_measures_points_even_where_scores_are_unused() -> None:
    a, b = [1, 1, 2, 5, 5], [1, 2, 2, 5, 1]
    metrics = pytest.importorskip("sklearn.metrics")
    expected = metrics.cohen_kappa_score(a, b, labels=[1, 2, 3, 4, 5], weights="quadratic")
    assert cohen_kappa(a, b, "quadratic") == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("level", "expected"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_alpha_equals_the_published_example(level: Any, expected: float) -> None:
    assert round(krippendorff_alpha(PUBLISHED, level), 3) == expected


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
@pytest.mark.parametrize("seed", range(5))
def test_alpha_equals_the_krippendorff_package(seed: int, level: Any) -> None:
    package = pytest.importorskip("krippendorff")
    rng = np.random.default_rng(seed)
    a, b = raters(seed)
    table = np.array([a, b, np.clip(a + rng.integers(-1, 2, len(a)), 1, 5)], dtype=float)
    table[rng.random(table.shape) < 0.3] = np.nan
    expected = package.alpha(table, level_of_measurement=level)
    assert krippendorff_alpha(table, level) == pytest.approx(expected, abs=1e-12)


def test_alpha_of_two_raters_by_hand() -> None:
    # Values 1, 1, 1, 3 in two responses: 1 of 2 differs; 3 of 6 pairs of four ratings differ.
    assert krippendorff_alpha([[1, 1], [1, 3]], "nominal") == pytest.approx(0.0)


def test_perfect_and_reversed_agreement() -> None:
    scores = [1, 2, 3, 4, 5]
    assert cohen_kappa(scores, scores, "quadratic") == 1
    assert krippendorff_alpha([scores, scores]) == 1
    assert cohen_kappa(scores, scores[::-1], "quadratic") == pytest.approx(-1)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "statistic",
    [exact, within_one, bias, cohen_kappa, lambda a, b: krippendorff_alpha([a, b])],
    ids=["exact", "within_one", "bias", "kappa", "alpha"],
)
def test_no_response_scored_by_both_is_nan(statistic: Any) -> None:
    assert math.isnan(statistic([1.0, np.nan], [np.nan, 2.0]))
    assert math.isnan(statistic([], []))


def test_one_score_throughout_leaves_kappa_and_alpha_undefined() -> None:
    same = [1, 1, 1]
    assert exact(same, same) == 1
    assert math.isnan(cohen_kappa(same, same))
    assert math.isnan(cohen_kappa(same, same, "quadratic"))
    assert math.isnan(krippendorff_alpha([same, same]))


def test_unscored_responses_are_left_out_of_pairs() -> None:
    a, b = [1, 2, None, 5], [1, 3, 5, None]
    assert exact(a, b) == exact([1, 2], [1, 3])
    assert cohen_kappa(a, b, "quadratic") == cohen_kappa([1, 2], [1, 3], "quadratic")


def test_responses_rated_alike_are_one_pattern() -> None:
    patterns, which = patterns_of(np.array([[1, 1, 5, 1], [np.nan, 2, 1, np.nan]]))
    assert patterns.shape == (2, 3)
    assert which[0] == which[3]


def test_raters_of_different_lengths_are_refused() -> None:
    said = "the shapes (3,) and (2,); expected two lists of one length, None where a response is "
    with pytest.raises(MsbError, match=f"{re.escape(said)}unscored$"):
        exact([1, 2, 3], [1, 2])


def test_unknown_weights_and_levels_are_refused() -> None:
    with pytest.raises(MsbError, match="linear"):
        cohen_kappa([1, 2], [1, 2], "linear")  # type: ignore[arg-type]
    with pytest.raises(MsbError, match="ratio"):
        krippendorff_alpha([[1, 2], [1, 2]], "ratio")  # type: ignore[arg-type]


@pytest.mark.parametrize(("seed", "published"), [(0, 0.86328), (1, 0.86556), (2, 0.87467)])
def test_ac2_is_that_of_the_irrcac_package(seed: int, published: float) -> None:
    # irrCAC 0.4.4: CAC(table, weights="quadratic", categories=[1, 2, 3, 4, 5]).gwet()
    assert gwet_ac2(*raters(seed)) == pytest.approx(published, abs=5e-6)


def test_one_disagreement_among_ones_moves_kappa_and_not_ac2() -> None:
    judge, human = [1] * 100, [1] * 99 + [5]
    assert cohen_kappa(judge, human, "quadratic") == pytest.approx(0, abs=1e-9)
    assert gwet_ac2(judge, human) > 0.98


def test_each_figure_has_the_interval_that_belongs_to_it() -> None:
    found = pair_figures(*raters(0))
    a, b = raters(0)
    k = int((a == b).sum())
    assert found.exact[1:] == pytest.approx(proportion_confint(k, 200, method="beta"), abs=1e-6)
    assert found.n == 200
    assert found.within_one.point == within_one(a, b)
    assert found.bias.point == pytest.approx((a - b).mean())
    for figure in found[1:]:
        assert isinstance(figure, Figure)
        assert figure.low < figure.point < figure.high
    assert found == pair_figures(*raters(0))
    surer = pair_figures(*raters(0), confidence=0.99)
    for figure, wider in zip(found[1:], surer[1:], strict=True):
        assert wider.low < figure.low < figure.high < wider.high


def test_the_interval_of_kappa_is_the_bootstraps_where_there_is_much_to_see() -> None:
    a, b = raters(4, 2000)
    rng, found = np.random.default_rng(0), pair_figures(a, b).kappa
    drawn = [cohen_kappa(a[i], b[i]) for i in rng.integers(2000, size=(400, 2000))]
    assert found[1:] == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.01)


def test_where_all_agree_kappa_has_no_interval_and_the_shares_have_one() -> None:
    found = pair_figures([1, 2, 5] * 10, [1, 2, 5] * 10)
    assert found.kappa.point == 1
    assert np.isnan(found.kappa[1:]).all()
    assert found.exact.low == pytest.approx(0.025 ** (1 / 30))
    assert 0.5 < found.ac2.low < 1
    assert math.isnan(alpha_figure([[1, 2], [1, 2]]).low)
    assert np.isnan(pair_figures([1, None], [None, 1])[1:]).all()


def test_responses_of_one_cluster_are_one_draw() -> None:
    a, b = (np.repeat(rater, 10) for rater in raters(3, 60))
    whole = pair_figures(a, b, np.repeat(np.arange(60), 10))
    alone = pair_figures(*raters(3, 60))
    assert tuple(whole.kappa) == pytest.approx(tuple(alone.kappa), abs=0.03)
    assert tuple(whole.exact) == pytest.approx(tuple(alone.exact), abs=1e-6)
    assert tuple(whole.bias) == pytest.approx(tuple(alone.bias), abs=1e-6)
    by_cluster = alpha_figure([a, b], clusters=np.repeat(np.arange(60), 10))
    assert tuple(by_cluster) == pytest.approx(tuple(alpha_figure(raters(3, 60))), abs=0.03)


def test_what_one_left_unscored_is_in_no_cluster() -> None:
    a, b = [1, 2, None, 5, 1, 3], [1, 3, 5, None, 2, 3]
    both = pair_figures([1, 2, 1, 3], [1, 3, 2, 3], ["x", "x", "y", "z"])
    assert pair_figures(a, b, ["x", "x", "z", "y", "y", "z"]) == both


def reweighted(ratings: Any, added: Sequence[float]) -> Any:
    """Draws of alpha at the level of intervals under random weights of the responses and of one
    more, computed from variances."""
    columns = np.column_stack([ratings, added]).astype(float)
    raters, n = np.shape(ratings)
    weights = np.random.default_rng(7).standard_exponential((20_000, n + 1))
    weights *= n / weights.sum(axis=1, keepdims=True)
    apart = weights @ columns.var(axis=0, ddof=1) / n
    mean = weights @ columns.mean(axis=0) / n
    spread = weights @ (columns**2).mean(axis=0) / n - mean**2
    return 1 - apart / (spread * raters * n / (raters * n - 1))


ANOTHER = [1, 2, 5, 4, 1, 3, 5, 2]


@pytest.mark.parametrize(
    "ratings",
    [
        pytest.param([[1, 1, 2], [1, 2, 1]], id="few, low"),
        pytest.param([[1, 4, 2], [2, 4, 1]], id="few"),
        pytest.param([[2, 3, 4, *ANOTHER[3:]], ANOTHER], id="two"),
        pytest.param([[2, 3, 4, *ANOTHER[3:]], ANOTHER, ANOTHER, ANOTHER], id="four"),
    ],
)
def test_an_interval_reckons_with_one_more_response_at_its_worst(ratings: list[list[int]]) -> None:
    raters = len(ratings)
    low = np.quantile(reweighted(ratings, [1, 5] * (raters // 2)), 0.025)
    high = max(np.quantile(reweighted(ratings, [end] * raters), 0.975) for end in (1, 5))
    found = alpha_figure(ratings, "interval")
    assert found.low == pytest.approx(low, abs=0.02)
    assert found.high == pytest.approx(high, abs=0.008)


def test_it_is_no_matter_which_rater_is_the_first() -> None:
    a, b = [1, 1, 1, 2, 1, 3, 1, 2, 5, 1], [1, 2, 3, 4, 1, 5, 2, 2, 5, 1]
    one, other = pair_figures(a, b), pair_figures(b, a)
    assert tuple(one.kappa) == pytest.approx(tuple(other.kappa), abs=0.03)
    assert tuple(one.quadratic_kappa) == pytest.approx(tuple(other.quadratic_kappa), abs=0.03)


def test_alpha_has_its_interval_with_some_ratings_missing() -> None:
    found = alpha_figure(PUBLISHED)
    assert found.point == pytest.approx(0.815, abs=5e-4)
    assert found.low < 0.6
    assert found.high > 0.9
