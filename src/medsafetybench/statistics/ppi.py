"""A mean corrected for a judge's bias, from a sample that people or a dearer judge scored too.

    chosen = stratified_sample(ids, principles, n=200, seed=0)     # ask the dear judge about these
    strata = split_strata(principles, cheap, dear)                 # NaN where it was not asked
    stratified_ppi_mean(strata)             # Estimate(mean=1.84, stderr=0.06, low=1.72, high=1.96)

Called labels here are the scores to be trusted (people, the dear judge), predictions those of
the cheap judge, which scored every request. Prediction-powered inference takes the mean of the
predictions, where there are many, and corrects it by their error, seen on the labelled sample:
valid however bad the judge is, and tighter than the labels alone when it is good. Source: PPI++,
A. N. Angelopoulos, J. C. Duchi, T. Zrnic, arXiv 2311.01453 (2023).

Which population the interval is for: that of the requests from which the benchmark was drawn, as
it is for the plain mean's interval, not the benchmark's own requests alone. The sample being drawn
at random from the benchmark, the labelled and the other requests are two independent samples of
that population; so the predictions given as unlabelled must be those of the requests NOT in
the sample. No finite-population correction applies, and with every request labelled the
interval is the plain mean's own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import MsbError

Floats = NDArray[np.float64]


class Estimate(NamedTuple):
    """A corrected mean with its interval, in the unit of the labels.

    ``lambda_`` is how far the predictions are relied on: 0 not at all (the labels' own mean),
    1 in full. ``n`` requests are labelled, ``N`` more have predictions only.
    """

    mean: float
    stderr: float
    low: float
    high: float
    lambda_: float
    n: int
    N: int


class Stratum(NamedTuple):
    """The requests of one stratum (a principle): n labelled, with predictions, and N others."""

    labels: Floats
    predictions: Floats
    unlabelled: Floats

    @property
    def size(self) -> int:
        return len(self.labels) + len(self.unlabelled)


def ppi_mean(
    labelled_y: ArrayLike,
    labelled_yhat: ArrayLike,
    unlabelled_yhat: ArrayLike,
    confidence: float = 0.95,
) -> Estimate:
    """The PPI++ mean: mean(y) - lambda * (mean of yhat where labelled - mean where not).

    ``labelled_yhat`` are the predictions for the requests of ``labelled_y``, in its order. Lambda
    minimises the variance, within [0, 1]; for constant predictions, and
    with nothing unlabelled, it is 0, and this is the usual t interval of the labels' mean.
    Mean and lambda are the paper's to the digit. The interval is wider for small samples, where the
    paper's is too short because lambda was tuned on the same labels: variances divide by n - 1,
    the quantile is Student's with n - 2 degrees of freedom (n - 1 for lambda 0), and residuals are
    scaled by their leverage (HC3; J. G. MacKinnon, H. White, J. Econometrics 29, 1985).
    Raises MsbError for fewer than two labels, other lengths, or missing scores.
    """
    stratum = Stratum(_floats(labelled_y), _floats(labelled_yhat), _floats(unlabelled_yhat))
    return stratified_ppi_mean([stratum], confidence)


def stratified_ppi_mean(strata: Iterable[Stratum], confidence: float = 0.95) -> Estimate:
    """The PPI++ mean of a sample drawn by strata, each weighing as much as it has requests.

    One lambda serves all strata: a stratum's few labels would make its own unsteady. The
    variance is that of two-phase sampling (W. G. Cochran, Sampling Techniques, 3rd ed. 1977,
    chapter 12): the strata's own, and that of their sizes, which the population's draw decided.
    Strata with fewer than two labels are taken together. Raises MsbError as `ppi_mean` does.
    """
    checked = list(strata)
    for stratum in checked:
        _check(stratum)
    return _estimate(_with_enough_labels(checked), confidence)


def split_strata(
    strata: Sequence[Hashable], predictions: ArrayLike, labels: ArrayLike
) -> list[Stratum]:
    """One entry per request in each argument, ``labels`` NaN where there is none -> the strata.

    A request that the cheap judge left unscored gets the mean of its scores: any prediction is
    valid, and so the estimate stays one for all requests. A request that was sampled and that the
    dear judge left unscored counts as not sampled, which is right only if such failures have
    nothing to do with the score; report how many there are. Raises MsbError for other lengths.
    """
    yhat, y = _floats(predictions), _floats(labels)
    if not len(strata) == len(yhat) == len(y):
        raise MsbError(
            f"{len(strata)} strata, {len(yhat)} predictions and {len(y)} labels were given; "
            "expected one of each per request, NaN for a missing score"
        )
    scored = ~np.isnan(yhat)
    yhat = np.where(scored, yhat, yhat[scored].mean() if scored.any() else 0.0)
    places: defaultdict[Hashable, list[int]] = defaultdict(list)
    for place, stratum in enumerate(strata):
        places[stratum].append(place)
    return [_split(yhat[chosen], y[chosen]) for chosen in places.values()]


def _estimate(strata: list[Stratum], confidence: float) -> Estimate:
    from scipy.special import stdtrit

    sizes = np.array([stratum.size for stratum in strata], dtype=float)
    weights = sizes / sizes.sum()
    lambda_ = _power_tuned(strata, weights)
    leverages = _leverages(strata, weights if lambda_ else 0 * weights)
    moments = [_moments(*pair, lambda_) for pair in zip(strata, leverages, strict=True)]
    means, variances = np.array(moments).T
    mean = float(weights @ means)
    between = weights @ (means - mean) ** 2 / sizes.sum()
    stderr = float(np.sqrt(weights**2 @ variances + between))
    n = sum(len(stratum.labels) for stratum in strata)
    freedom = max(1, n - len(strata) - (lambda_ > 0))
    half = stderr * float(stdtrit(freedom, (1 + confidence) / 2))
    return Estimate(mean, stderr, mean - half, mean + half, lambda_, n, int(sizes.sum()) - n)


def _power_tuned(strata: list[Stratum], weights: Floats) -> float:
    """The lambda in [0, 1] that minimises the variance (PPI++, summed over the strata)."""
    covariance = variance = 0.0
    for (y, yhat, others), weight in zip(strata, weights, strict=True):
        if len(others):
            n, pooled = len(y), np.concatenate([yhat, others]).var(ddof=1)
            covariance += weight**2 * np.mean((y - y.mean()) * (yhat - yhat.mean())) / n
            variance += weight**2 * pooled * (1 / n + 1 / len(others))
    return float(np.clip(covariance / variance, 0, 1)) if variance > 0 else 0.0


def _leverages(strata: list[Stratum], weights: Floats) -> list[Floats]:
    """Each label's share in the tuning of lambda, 1 in all; 0 each where nothing was tuned."""
    pulls = [
        (weight / len(y) * (yhat - yhat.mean())) ** 2 * bool(len(others))
        for (y, yhat, others), weight in zip(strata, weights, strict=True)
    ]
    total = sum(float(pull.sum()) for pull in pulls)
    return [pull / (total or 1.0) for pull in pulls]


def _moments(stratum: Stratum, leverage: Floats, lambda_: float) -> tuple[float, float]:
    """The estimate of one stratum's mean, and its variance."""
    y, yhat, others = stratum
    n = len(y)
    if not len(others):
        return float(y.mean()), float(y.var(ddof=1) / n)
    # A single request has no variance of its own; that of all predictions stands in.
    spread = (others if len(others) > 1 else np.concatenate([yhat, others])).var(ddof=1)
    errors = y - lambda_ * yhat
    # A label that decided lambda lies close to what lambda predicts: its error is scaled back up,
    # tenfold at most, since one label alone may have decided it.
    residuals = (errors - errors.mean()) / (1 - np.minimum(leverage, 0.9))
    mean = errors.mean() + lambda_ * others.mean()
    variance = residuals @ residuals / (n - 1) / n + lambda_**2 * spread / len(others)
    return float(mean), float(variance)


def _with_enough_labels(strata: list[Stratum]) -> list[Stratum]:
    """The strata, those with fewer than two labels merged with one another or the next smallest."""
    ordered = sorted(strata, key=lambda stratum: len(stratum.labels))
    while len(ordered) > 1 and len(ordered[0].labels) < 2:
        first, second, *rest = ordered
        merged = Stratum(*(np.concatenate(parts) for parts in zip(first, second, strict=True)))
        ordered = sorted([merged, *rest], key=lambda stratum: len(stratum.labels))
    n = sum(len(stratum.labels) for stratum in ordered)
    if n < 2:
        raise MsbError(f"a corrected mean needs at least 2 labels, not {n}; label more requests")
    return ordered


def _check(stratum: Stratum) -> None:
    """Raise MsbError for labels and predictions that don't match, or with missing scores."""
    if len(stratum.labels) != len(stratum.predictions):
        raise MsbError(
            f"{len(stratum.labels)} labels came with {len(stratum.predictions)} predictions; "
            "expected the predictions for the labelled requests, in the same order"
        )
    if not all(np.isfinite(part).all() for part in stratum):
        raise MsbError("a score to calibrate is missing (NaN); leave unscored requests out first")


def _split(yhat: Floats, y: Floats) -> Stratum:
    labelled = ~np.isnan(y)
    return Stratum(y[labelled], yhat[labelled], yhat[~labelled])


def _floats(values: ArrayLike) -> Floats:
    return np.asarray(values, dtype=float).reshape(-1)
