"""Means and rates: independent requests, clusters, pressure, missing scores; and the gate."""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np

from medsafetybench.statistics.bounds import (
    Tails,
    mean_tails,
    mean_tails_with_missing,
)
from medsafetybench.statistics.estimates import (
    estimate_mean,
    rate_interval,
)
from medsafetybench.statistics.interval import Interval

from . import before
from .populations import (
    HALF,
    MILD,
    POPULATIONS,
    PRESSURE_MEAN,
    SAFE,
    SCORES,
    SIZES,
    UNSAFE,
    clustered,
    mean_of,
    pressure,
    scores,
    twenty,
    uneven,
)
from .table import Column, Draw, Table, holds, share

SCALE = Interval(1.0, 5.0)
LEVEL = 0.05


@lru_cache(maxsize=100_000)
def _interval(counts: tuple[int, ...]) -> tuple[float, float]:
    found = estimate_mean(np.repeat(SCORES, counts), SCALE)
    assert found is not None
    assert found.interval is not None
    return found.interval


@lru_cache(maxsize=100_000)
def _tails(counts: tuple[int, ...], at: float) -> Tails:
    return mean_tails(np.repeat(SCORES, counts), SCALE, at)


def scorecard(rng: np.random.Generator, studies: int, population: str, n: int) -> list[float]:
    """Coverage of a mean's interval, and its width beside Student's."""
    truth, ours, students = mean_of(population), [], []
    for counts in rng.multinomial(n, POPULATIONS[population], size=studies):
        ours.append(_interval(tuple(counts)))
        students.append(before.student(np.repeat(SCORES, counts)))
    widths = [[i[1] - i[0] for i in found if i] for found in (ours, students)]
    return [
        share([holds(i, truth) for i in ours]),
        share([holds(i, truth) for i in students]),
        *(float(np.mean(w)) for w in widths),
    ]


def other_bounds(rng: np.random.Generator, studies: int, population: str, n: int) -> list[float]:
    """The interval beside the hedged betting interval, which rests on no conjecture."""
    truth, found = mean_of(population), np.zeros(4)
    for _ in range(studies):
        drawn = rng.choice(5, n, p=POPULATIONS[population])
        ours = _interval(tuple(int(c) for c in np.bincount(drawn, minlength=5)))
        bets = before.betting(drawn / 4)
        found += [
            holds(ours, truth),
            holds(bets, (truth - 1) / 4),
            ours[1] - ours[0],
            4 * (bets[1] - bets[0]),
        ]
    return list(found / studies)


def rates(rng: np.random.Generator, studies: int, rate: float, n: int) -> list[float]:
    """Coverage of a rate's interval, by its exact distribution over the counts."""
    counts = rng.binomial(n, rate, size=studies)
    exact, wilsons = ([f(int(k), n) for k in counts] for f in (rate_interval, before.wilson))
    return [
        share([holds(i, rate) for i in exact]),
        share([holds(i, rate) for i in wilsons]),
        *(float(np.mean([i[1] - i[0] for i in found if i])) for found in (exact, wilsons)),
    ]


def gate(rng: np.random.Generator, studies: int, population: str, n: int) -> list[float]:
    """A model exactly at the threshold: how often it passes, and fails."""
    truth, wrong = mean_of(population), np.zeros(4)
    for counts in rng.multinomial(n, POPULATIONS[population], size=studies):
        tails = _tails(tuple(counts), truth)
        low, high = before.student(np.repeat(SCORES, counts), 0.90) or (1.0, 5.0)
        wrong += [tails.at_least < LEVEL, tails.at_most < LEVEL, high < truth, low > truth]
    return list(wrong / studies)


def turns(rng: np.random.Generator, studies: int, requests: int) -> list[float]:
    """Under pressure, ten turns a request: coverage and false passes, by request and before."""
    clusters = np.repeat(np.arange(requests), 10)
    found = np.zeros(4)
    for _ in range(studies):
        values = pressure(rng, requests).ravel()
        tails = mean_tails(values, SCALE, PRESSURE_MEAN, clusters)
        alone = mean_tails(values, SCALE, PRESSURE_MEAN)
        interval = before.student(values)
        found += [
            tails.two_sided >= LEVEL,
            holds(interval, PRESSURE_MEAN),
            tails.at_least < LEVEL,
            alone.at_least < LEVEL,
        ]
    return list(found / studies)


def unequal(
    rng: np.random.Generator, studies: int, population: str, sizes: str, clusters: int
) -> list[float]:
    """Clusters of unequal size, all requests of one alike."""
    truth, found = mean_of(population), np.zeros(4)
    for _ in range(studies):
        many = {"1 to 4": uneven, "1, some 20": twenty}[sizes](rng, clusters)
        values = clustered(rng, population, many)
        groups = np.repeat(np.arange(clusters), many)
        tails = mean_tails(values, SCALE, truth, groups)
        sums = np.bincount(groups, values)
        found += [
            tails.two_sided >= LEVEL,
            tails.at_least < LEVEL,
            tails.at_most < LEVEL,
            before.upper_by_mean_size(sums, many.astype(float), 5.0, rng) < truth,
        ]
    return list(found / studies)


def missing(rng: np.random.Generator, studies: int, population: str, lost: float) -> list[float]:
    """108 requests of which this part of the scores above 2 is lost: coverage and false passes."""
    truth, found = mean_of(population), np.zeros(4)
    for _ in range(studies):
        values = scores(rng, population, 108)
        values[(values > 2) & (rng.random(108) < lost)] = np.nan
        known = values[~np.isnan(values)]
        tails = mean_tails_with_missing(values, SCALE, truth)
        found += [
            tails.two_sided >= LEVEL,
            holds(before.student(known), truth),
            tails.at_least < LEVEL,
            mean_tails(known, SCALE, truth).at_least < LEVEL,
        ]
    return list(found / studies)


def tables() -> list[Table]:
    names = {SAFE: "safe", MILD: "90/5/3/1/1", HALF: "half ones", UNSAFE: "unsafe"}
    cases: dict[str, Draw] = {
        f"{names[p]}, n {n}": partial(scorecard, population=p, n=n) for p in names for n in SIZES
    }
    widths = (Column("width", "figure"), Column("width of Student's", "figure"))
    both = (Column("95% interval holds", "coverage"), Column("Student's held"))
    passes = (Column("passed", "errors"), Column("failed", "errors"))
    return [
        Table("mean", "The mean of a scorecard", (*both, *widths), cases),
        Table(
            "betting",
            "The same beside the hedged betting interval",
            (
                Column("95% interval holds", "coverage"),
                Column("betting held"),
                Column("width", "figure"),
                Column("width of betting", "figure"),
            ),
            {
                f"{names[p]}, n {n}": partial(other_bounds, population=p, n=n)
                for p in (SAFE, MILD, HALF)
                for n in (54, 108, 900)
            },
        ),
        Table(
            "rate",
            "A rate",
            (
                Column("95% interval holds", "coverage"),
                Column("Wilson's held"),
                Column("width", "figure"),
                Column("width of Wilson's", "figure"),
            ),
            {
                f"{r:.0%}, n {n}": partial(rates, rate=r, n=n)
                for r in (0.02, 0.05, 0.5, 0.98)
                for n in SIZES
            },
            scale=20,
        ),
        Table(
            "gate",
            "A gate on the mean, the true mean at the threshold",
            (*passes, Column("Student's: passed"), Column("Student's: failed")),
            {
                f"{names[p]}, n {n}": partial(gate, population=p, n=n)
                for p in names
                for n in (30, 108, 900)
            },
            scale=10,
        ),
        Table(
            "turns",
            "Under pressure: ten turns a request, propensities beta(0.08, 1.5)",
            (
                Column("95% interval holds", "coverage"),
                Column("as independent, held"),
                Column("passed at the threshold", "errors"),
                Column("as independent, passed"),
            ),
            {f"{n} requests": partial(turns, requests=n) for n in (54, 108, 450)},
            scale=2,
        ),
        Table(
            "unequal",
            "Clusters of unequal size",
            (
                Column("95% interval holds", "coverage"),
                *passes,
                Column("with the mean size, passed"),
            ),
            {
                f"{names[p]}, sizes {sizes}, {clusters} clusters": partial(
                    unequal, population=p, sizes=sizes, clusters=clusters
                )
                for sizes in ("1 to 4", "1, some 20")
                for p in (SAFE, HALF, UNSAFE)
                for clusters in (54, 300)
            },
            scale=1,
        ),
        Table(
            "missing",
            "108 requests, a part of the scores above 2 being lost",
            (
                Column("95% interval with bounds holds", "coverage"),
                Column("Student's of the scored held"),
                Column("passed at the threshold", "errors"),
                Column("the scored alone, passed"),
            ),
            {
                f"{names[p]}, {lost:.0%} lost": partial(missing, population=p, lost=lost)
                for p in (SAFE, MILD, HALF)
                for lost in (0.1, 0.3, 0.8)
            },
        ),
    ]
