"""Looking more than once: after every request, every hundred, and at every commit; survival."""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np

from medsafetybench.statistics.bounds import mean_tails, rate_bounds
from medsafetybench.statistics.estimates import rate_interval
from medsafetybench.statistics.interval import Interval
from medsafetybench.statistics.sequential import (
    anytime_interval,
    confidence_of_a_look,
    first_look,
    sequential_tails,
)
from medsafetybench.statistics.survival import survival_interval

from . import before
from .populations import HALF, MILD, POPULATIONS, SAFE, SCORES, mean_of, pressure
from .table import Column, Table, holds

SCALE = Interval(1.0, 5.0)
SHARE = Interval(0.0, 1.0)
LEVEL = 0.05


@lru_cache(maxsize=1_000_000)
def _rate_passes(unsafe: int, n: int, at: float) -> bool:
    values = np.repeat([1.0, 0.0], [unsafe, n - unsafe])
    return sequential_tails(values, SHARE, at).at_least <= LEVEL


@lru_cache(maxsize=1_000_000)
def _mean_passes(counts: tuple[int, ...], at: float) -> bool:
    return sequential_tails(np.repeat(SCORES, counts), SCALE, at).at_least <= LEVEL


@lru_cache(maxsize=1_000_000)
def _bound_passes(unsafe: int, n: int, at: float, confidence: float) -> bool:
    return rate_bounds(unsafe, n, confidence).high <= at


def every_request(
    rng: np.random.Generator, studies: int, rate: float, at: float, most: int
) -> list[float]:
    """A gate on the safe rate, looked at after every request: how often and when it passes."""
    stops, hundreds = [], 0
    for _ in range(studies):
        unsafe = np.cumsum(rng.random(most) < rate)
        passes = (n for n in range(1, most + 1) if _rate_passes(int(unsafe[n - 1]), n, at))
        stops.append(next(passes, most + 1))
        hundreds += any(
            _bound_passes(int(unsafe[n - 1]), n, at, 0.95) for n in range(100, most + 1, 100)
        )
    passed = np.array(stops) <= most
    median = float(np.median(stops))
    return [passed.mean(), hundreds / studies, median if median <= most else float("nan")]


def every_ten(rng: np.random.Generator, studies: int, population: str, most: int) -> list[float]:
    """A gate on the mean at the truth, looked at after every tenth request."""
    truth, chances = mean_of(population), POPULATIONS[population]
    found = np.zeros(2)
    for _ in range(studies):
        drawn = rng.choice(5, most, p=chances)
        counts = np.cumsum(drawn[:, None] == np.arange(5), axis=0)[9::10]
        ours = any(_mean_passes(tuple(int(c) for c in row), truth) for row in counts)
        theirs = any(
            mean_tails(np.repeat(SCORES, row), SCALE, truth).at_least <= LEVEL
            for row in counts[9::10]
        )
        found += [ours, theirs]
    return list(found / studies)


def stopped(
    rng: np.random.Generator, studies: int, rate: float, at: float, most: int
) -> list[float]:
    """A run that a gate on the unsafe rate stopped: does its scorecard's interval hold the rate?"""
    found, asked = np.zeros(2), []
    for _ in range(studies):
        unsafe = (rng.random(most) < rate).astype(float)
        n = first_look(unsafe, unsafe, SHARE, at).n
        ours = anytime_interval(unsafe[:n], SHARE)
        fixed = rate_interval(int(unsafe[:n].sum()), n)
        found += [holds(ours, rate), holds(fixed, rate)]
        asked.append(n)
    return [*(found / studies), float(np.median(asked))]


def commits(rng: np.random.Generator, studies: int, looks: int, n: int) -> list[float]:
    """As many releases at the threshold of 0.95 safe, each of n fresh answers: any passes."""
    confidence, found = confidence_of_a_look(0.95, looks), np.zeros(2)
    for unsafe in rng.binomial(n, 0.05, size=(studies, looks)):
        found += [
            any(_bound_passes(int(k), n, 0.05, c) for k in unsafe) for c in (confidence, 0.95)
        ]
    return list(found / studies)


def holding_out(rng: np.random.Generator, studies: int, requests: int, lost: float) -> list[float]:
    """Five turns, a part being lost from sight before each: coverage of who holds out, where
    Greenwood's has an interval and where not."""
    propensities = np.random.default_rng(1).beta(0.08, 1.5, 400_000)
    truth = float(((1 - propensities) ** 5).mean())
    ours, theirs = [], []
    for _ in range(studies):
        unsafe = pressure(rng, requests, 5) > 2
        there, at_risk, left = np.ones(requests, dtype=bool), [], []
        for turn in range(5):
            there &= rng.random(requests) >= lost
            at_risk.append(int(there.sum()))
            left.append(int((there & unsafe[:, turn]).sum()))
            there &= ~unsafe[:, turn]
        ours.append(holds(survival_interval(at_risk, left), truth))
        greenwood = before.greenwood(np.array(at_risk, float), np.array(left, float))
        theirs.append(holds(greenwood, truth))
    return [float(np.mean(ours)), float(np.mean(theirs))]


def tables() -> list[Table]:
    return [
        Table(
            "sequential",
            "A gate on the safe rate at 0.95, looked at after every request up to 900",
            (
                Column("passed"),
                Column("fixed bound every 100, passed"),
                Column("median requests to a pass", "figure"),
            ),
            {
                f"truly {1 - rate:.2f}": partial(every_request, rate=rate, at=0.05, most=900)
                for rate in (0.02, 0.01, 0.0)
            },
        ),
        Table(
            "sequential-null",
            "The same at the threshold",
            (Column("passed", "errors"), Column("fixed bound every 100, passed")),
            {
                f"truly {1 - at:.2f}, {most} requests": partial(_null, at=at, most=most)
                for at, most in ((0.05, 900), (0.02, 900), (0.2, 900))
            },
            scale=4,
        ),
        Table(
            "sequential-mean",
            "A gate on the mean at the truth, looked at after every tenth request up to 900",
            (Column("passed", "errors"), Column("fixed bound every 100, passed")),
            {name: partial(every_ten, population=name, most=900) for name in (SAFE, MILD, HALF)},
        ),
        Table(
            "stopped",
            "The scorecard of a run that a gate on the safe rate stopped early, of 900 requests",
            (
                Column("95% interval holds", "coverage"),
                Column("fixed one held"),
                Column("median asked", "figure"),
            ),
            {
                f"truly {1 - rate:.2f}, held to {1 - at:.2f}": partial(
                    stopped, rate=rate, at=at, most=900
                )
                for rate, at in ((0.02, 0.05), (0.05, 0.05), (0.2, 0.05), (0.5, 0.1))
            },
        ),
        Table(
            "looks",
            "Releases at the threshold of 0.95 safe, fresh answers each: any passes",
            (Column("alpha spent over them", "errors"), Column("each at 95%")),
            {
                f"{looks} releases, n {n}": partial(commits, looks=looks, n=n)
                for looks in (5, 20)
                for n in (108, 300, 900)
            },
            scale=4,
        ),
        Table(
            "survival",
            "Who holds out through five turns",
            (Column("95% interval holds", "coverage"), Column("Greenwood's held")),
            {
                f"{n} requests, {lost:.0%} lost from sight a turn": partial(
                    holding_out, requests=n, lost=lost
                )
                for n in (9, 54, 108, 450)
                for lost in (0.0, 0.1)
            },
        ),
    ]


def _null(rng: np.random.Generator, studies: int, at: float, most: int) -> list[float]:
    return every_request(rng, studies, rate=at, at=at, most=most)[:2]
