"""How many requests a question takes, and what so many can and cannot show. Pure.

    least_requests(Interval(1, 5), at=1.05)                 # 239: if every response is a 1
    least_requests(Interval(0, 1), at=0.03)                 # 99 without a case show a rate below 3%
    chance_to_show({1: 0.98, 5: 0.02}, Interval(1, 5), n=300, at=1.2)    # 0.85: how often
    requests_to_show({1: 0.98, 5: 0.02}, Interval(1, 5), at=1.2)         # 270, four times of five
    reach_of(108, principles=9)                             # the best that 108 requests can show

``at`` is what the mean is to be shown to lie below (or above, where it does). A model is described
by its shares: how often each value occurs, as a run's distribution has it, or that of a difference
of two runs. Chances are simulated with a fixed seed, from 1,000 studies, and known to 3 points.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from ..errors import MsbError
from .bounds import kinds_tails, mean_bounds
from .clusters import Kinds
from .corrected import LEAST_LABELS
from .interval import CONFIDENCE, Floats, Interval, apart
from .paired import least_p

POWER = 0.8
STUDIES = 1000
HARM = Interval(1, 5)
MOST = 1_000_000
"""Where `requests_to_show` gives up."""

Shares = Mapping[float, float]


def least_requests(
    scale: Interval,
    at: float,
    confidence: float = CONFIDENCE,
    above: bool = False,
    best: float | None = None,
) -> int | None:
    """The least number of requests with which a flawless run shows the mean to be below ``at``.

    Flawless: every value is ``best``, without which it is the low end of the scale (0 for a
    regression, whose scale is -4 to 4). With fewer a gate cannot pass, whatever the answers. For a
    rate it is the exact rule of three: so many without a case show that cases are rarer than
    ``at``. With ``above`` the mean is to be shown above, and flawless is the high end. None where
    no number of requests can show it.
    """
    if above:
        mirrored = None if best is None else -best
        return least_requests(Interval(-scale.high, -scale.low), -at, confidence, best=mirrored)
    low = scale.low if best is None else best
    if at <= low:
        return None
    if at >= scale.high:
        return 1
    share = (at - low) / (scale.high - low)
    return math.ceil(math.log(1 - confidence) / math.log1p(-share) - 1e-9)


def flawless_share(n: int, confidence: float = CONFIDENCE) -> float:
    """The part of the scale's width by which the bound of ``n`` best values lies above the best."""
    return -math.expm1(math.log(1 - confidence) / n)


def chance_to_show(
    shares: Shares, scale: Interval, n: int, at: float, confidence: float = CONFIDENCE
) -> float:
    """How often ``n`` requests show what is true: that the mean lies on its side of ``at``.

    By the one-sided bound at the confidence, as a gate decides. For a difference, which is shown by
    a two-sided interval, give ``at`` 0 and half the level: 0.975 for 95%. Raises MsbError for
    shares that do not add up to 1, or for a mean that is ``at`` itself.
    """
    values, chances = _checked(shares, scale)
    mean = float(values @ chances)
    if math.isclose(mean, at):
        raise MsbError(f"the true mean is {at:g} itself; on which side it lies can't be shown")
    drawn = np.random.default_rng(0).multinomial(n, chances, size=STUDIES)
    kinds, often = np.unique(drawn, axis=0, return_counts=True)
    shown = 0
    for counts, count in zip(kinds, often, strict=True):
        there = counts > 0
        found = Kinds(values[there], np.ones(int(there.sum())), counts[there].astype(float))
        tails = kinds_tails(found, scale, at)
        shown += int(count) * ((tails.at_least if mean < at else tails.at_most) <= 1 - confidence)
    return shown / STUDIES


def requests_to_show(
    shares: Shares,
    scale: Interval,
    at: float,
    confidence: float = CONFIDENCE,
    power: float = POWER,
) -> int | None:
    """The requests with which `chance_to_show` is at least ``power``; None above a million.

    Rounded up to two digits: the chance is simulated.
    """
    values, chances = _checked(shares, scale)
    mean = float(values @ chances)
    reach = (NormalDist().inv_cdf(confidence) + NormalDist().inv_cdf(power)) / (mean - at or 1e-9)
    # About right for many requests, and too few for the search to start from otherwise.
    few, many = 0, max(2, min(MOST, int(reach**2 * float((values - mean) ** 2 @ chances))))
    while chance_to_show(shares, scale, many, at, confidence) < power:
        few, many = many, many * 2
        if many > MOST:
            return None
    while many - few > max(1, many // 32):
        middle = (few + many) // 2
        enough = chance_to_show(shares, scale, middle, at, confidence) >= power
        few, many = (few, middle) if enough else (middle, many)
    return two_digits_up(many)


def two_digits_up(n: int) -> int:
    """A number of requests rounded up to two digits, as 1,234 to 1,300."""
    step = 10 ** max(0, len(str(n)) - 2)
    return int(math.ceil(n / step) * step)


def least_shown(
    shares: Shares,
    scale: Interval,
    n: int,
    confidence: float = CONFIDENCE,
    power: float = POWER,
) -> float | None:
    """The lowest threshold above its mean that ``n`` requests show a model to hold, with at least
    this chance, to a hundredth of the scale's width; None if they show none."""
    values, chances = _checked(shares, scale)
    low, high = float(values @ chances), scale.high
    if chance_to_show(shares, scale, n, high, confidence) < power:
        return None
    while high - low > 0.005 * (scale.high - scale.low):
        middle = (low + high) / 2
        enough = chance_to_show(shares, scale, n, middle, confidence) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high


def difference_shares(difference: float, changed: float, step: float = 4.0) -> dict[float, float]:
    """Shares of the differences between two runs of which ``changed`` answers differ by ``step``.

    More of them go one way than the other, so that the mean is ``difference``. For planning without
    a pair of runs whose own shares one could take. Raises MsbError where so few changes cannot make
    the difference.
    """
    net = difference / step
    if not abs(net) <= changed <= 1:
        raise MsbError(
            f"a mean difference of {difference:g} takes at least {abs(net):.1%} of answers that "
            f"change by {step:g}; {changed:.1%} were given"
        )
    return {-step: (changed - net) / 2, 0.0: 1 - changed, step: (changed + net) / 2}


def labels_for(
    width: float,
    errors: Shares,
    scale: Interval,
    confidence: float = CONFIDENCE,
) -> int | None:
    """The labels with which a corrected mean's interval has about ``width``; None above a million.

    ``errors`` are the shares of each distance of the label from the prediction, such as {0: 0.97,
    4: 0.03}. That of the predictions' own mean is left out: with many requests it is small.
    """
    values, chances = _checked(errors, apart(scale))
    n = LEAST_LABELS
    while n <= MOST:
        sample = np.repeat(values, np.rint(chances * n).astype(int))
        found = mean_bounds(sample, apart(scale), (1 + confidence) / 2)
        if found.high - found.low <= width:
            return n
        n = math.ceil(n * 1.05)
    return None


@dataclass(frozen=True, slots=True)
class Reach:
    """The best that ``n`` independent requests can show, were every answer flawless.

    ``max_mean`` is the lowest threshold that a gate can pass, ``min_rate`` the highest,
    ``max_rate`` and ``max_regression`` the lowest. ``difference`` is the least mean difference of
    two runs that is found four times of five where one answer in five changes by a whole scale.
    ``principle_p`` is the least corrected p-value that one principle can have; above 0.05 no star
    is to be earned there.
    """

    n: int
    max_mean: float
    max_rate: float
    min_rate: float
    max_regression: float
    difference: float | None
    principle_p: float | None


def reach_of(
    n: int,
    scale: Interval = HARM,
    principles: int = 1,
    confidence: float = CONFIDENCE,
) -> Reach:
    """What a benchmark of ``n`` requests, in as many ``principles``, can show.

    Raises MsbError below one request.
    """
    if n < 1:
        raise MsbError(f"{n} requests; expected 1 or more")
    share = flawless_share(n, confidence)
    width = scale.high - scale.low
    return Reach(
        n=n,
        max_mean=scale.low + share * width,
        max_rate=share,
        min_rate=1 - share,
        max_regression=share * width,
        difference=_least_difference(n, scale, confidence),
        principle_p=least_p(n // principles, principles) if principles > 1 else None,
    )


def _least_difference(
    n: int, scale: Interval, confidence: float, changed: float = 0.2
) -> float | None:
    width = scale.high - scale.low
    level = (1 + confidence) / 2

    def enough(difference: float) -> bool:
        shares = difference_shares(difference, changed, width)
        return chance_to_show(shares, apart(scale), n, 0.0, level) >= POWER

    low, high = 0.0, changed * width
    if not enough(high):
        return None
    while high - low > 0.01 * width:
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _checked(shares: Shares, scale: Interval) -> tuple[Floats, Floats]:
    """The values and their shares as arrays."""
    values = np.array(list(shares), dtype=float)
    chances = np.array(list(shares.values()), dtype=float)
    if not (math.isclose(chances.sum(), 1.0, abs_tol=1e-6) and (chances >= 0).all()):
        raise MsbError(f"the shares {dict(shares)} add up to {chances.sum():g}; expected 1")
    if values.min() < scale.low or values.max() > scale.high:
        raise MsbError(
            f"the values {sorted(shares)} are not all within {scale.low:g} to {scale.high:g}"
        )
    return values, chances / chances.sum()
