"""Means corrected by labels: judges that miss half, or all, of what is unsafe."""

from __future__ import annotations

from functools import partial

import numpy as np

from medsafetybench.statistics.corrected import (
    Labelled,
    corrected_bounds,
    corrected_difference,
    corrected_mean,
)
from medsafetybench.statistics.interval import Interval

from . import before
from .populations import (
    HALF,
    MILD,
    POPULATIONS,
    PRESSURE_MEAN,
    SAFE,
    judged,
    mean_of,
    pressure,
    scores,
)
from .table import Column, Floats, Table, holds

SCALE = Interval(1.0, 5.0)
SHARE = Interval(0.0, 1.0)
LEVEL = 0.05


def sample(rng: np.random.Generator, true: Floats, judge: str, labels: int) -> Labelled:
    """The run as judged, and labels of a random part."""
    known = np.full(len(true), np.nan)
    chosen = rng.choice(len(true), labels, replace=False)
    known[chosen] = true[chosen]
    return Labelled(known, judged(rng, judge, true))


def corrected(
    rng: np.random.Generator, studies: int, population: str, judge: str, labels: int, n: int
) -> list[float]:
    """Coverage and widths of a corrected mean's interval."""
    truth, found = mean_of(population), np.zeros(4)
    for _ in range(studies):
        drawn = sample(rng, scores(rng, population, n), judge, labels)
        there = ~np.isnan(drawn.labels)
        ours = corrected_mean(drawn, SCALE).interval
        parts = drawn.labels[there], drawn.predictions[there], drawn.predictions[~there]
        low, high = before.ppi(*parts)
        theirs = max(1.0, low), min(5.0, high)
        found += [holds(ours, truth), holds(theirs, truth), np.ptp(ours), np.ptp(theirs)]
    return list(found / studies)


def one_sided(
    rng: np.random.Generator, studies: int, population: str, judge: str, labels: int
) -> list[float]:
    """A gate on the corrected mean, and on the corrected rate of scores above 2, at the truth."""
    truth, rate = mean_of(population), float(POPULATIONS[population][2:].sum())
    found = np.zeros(2)
    for _ in range(studies):
        drawn = sample(rng, scores(rng, population, 900), judge, labels)
        unsafe = np.where(np.isnan(drawn.labels), np.nan, drawn.labels > 2)
        rates = Labelled(unsafe, (drawn.predictions > 2).astype(float))
        found += [
            corrected_bounds(drawn, SCALE, 1 - LEVEL).high < truth,
            corrected_bounds(rates, SHARE, 1 - LEVEL).high < rate,
        ]
    return list(found / studies)


def difference(
    rng: np.random.Generator, studies: int, population: str, judge: str, same: bool
) -> list[float]:
    """Two equal runs, 100 labels each, of the same requests or of others."""
    found = np.zeros(2)
    for _ in range(studies):
        runs = [sample(rng, scores(rng, population, 900), judge, 100) for _ in range(2)]
        if same:
            true = scores(rng, population, 900)
            labels = np.where(np.isnan(runs[0].labels), np.nan, true)
            runs[1] = Labelled(labels, judged(rng, judge, true))
        interval = corrected_difference(*runs, SCALE).interval
        found += [holds(interval, 0.0), np.ptp(interval)]
    return list(found / studies)


def unread(rng: np.random.Generator, studies: int, population: str, lost: float) -> list[float]:
    """A part of the labels above 2 could not be read: coverage with them as the worst, without."""
    truth, found = mean_of(population), np.zeros(2)
    for _ in range(studies):
        drawn = sample(rng, scores(rng, population, 900), "misses half", 150)
        there = ~np.isnan(drawn.labels)
        labels = drawn.labels.copy()
        labels[(labels > 2) & (rng.random(900) < lost)] = np.nan
        found += [
            holds(corrected_mean(s, SCALE).interval, truth)
            for s in (
                Labelled(labels, drawn.predictions, there),
                Labelled(labels, drawn.predictions),
            )
        ]
    return list(found / studies)


def pressed(rng: np.random.Generator, studies: int, requests: int, labels: int) -> list[float]:
    """Turns of a request as a cluster, labels of random turns."""
    clusters, found = np.repeat(np.arange(requests), 10), np.zeros(2)
    for _ in range(studies):
        true = pressure(rng, requests).ravel()
        drawn = sample(rng, true, "misses half", labels)
        by_request = Labelled(drawn.labels, drawn.predictions, clusters=clusters)
        found += [
            holds(corrected_mean(s, SCALE).interval, PRESSURE_MEAN) for s in (by_request, drawn)
        ]
    return list(found / studies)


def strata(rng: np.random.Generator, studies: int, labels: int) -> list[float]:
    """As many labels of the tenth of requests that are worse as of the rest: weighted, or not."""
    truth, found = 0.1 * mean_of(HALF) + 0.9 * mean_of(SAFE), np.zeros(2)
    for _ in range(studies):
        worse = rng.random(900) < 0.1
        true = np.where(worse, scores(rng, HALF, 900), scores(rng, SAFE, 900))
        known, weights = np.full(900, np.nan), np.empty(900)
        for stratum in (worse, ~worse):
            chosen = rng.choice(np.flatnonzero(stratum), labels, replace=False)
            known[chosen], weights[stratum] = true[chosen], stratum.sum() / labels
        predictions = judged(rng, "misses half", true)
        found += [
            holds(corrected_mean(s, SCALE).interval, truth)
            for s in (
                Labelled(known, predictions, weights=weights),
                Labelled(known, predictions),
            )
        ]
    return list(found / studies)


def tables() -> list[Table]:
    names = {SAFE: "safe", MILD: "90/5/3/1/1", HALF: "half ones"}
    covers = Column("95% interval holds", "coverage")
    return [
        Table(
            "corrected",
            "The corrected mean of 900 requests",
            (
                covers,
                Column("PPI's held"),
                Column("width", "figure"),
                Column("width of PPI's", "figure"),
            ),
            {
                f"{names[p]}, judge {j}, {labels} labels": partial(
                    corrected, population=p, judge=j, labels=labels, n=900
                )
                for p in names
                for j in ("misses half", "misses all", "nearly right", "noise")
                for labels in (50, 200)
            },
        ),
        Table(
            "corrected-gate",
            "A gate on a corrected figure, the truth at the threshold: passed",
            (Column("mean", "errors"), Column("rate of scores above 2", "errors")),
            {
                f"{names[p]}, judge {j}, {labels} labels": partial(
                    one_sided, population=p, judge=j, labels=labels
                )
                for p in names
                for j in ("misses half",)
                for labels in (50, 200)
            },
            scale=2,
        ),
        Table(
            "corrected-difference",
            "The corrected difference of two equal runs, 100 labels each",
            (covers, Column("width", "figure")),
            {
                f"{names[p]}, judge misses half, labels of {what} requests": partial(
                    difference, population=p, judge="misses half", same=what == "the same"
                )
                for p in (SAFE, HALF)
                for what in ("the same", "other")
            },
        ),
        Table(
            "unread",
            "150 labels drawn, a part of those above 2 could not be read",
            (covers, Column("left out, held")),
            {
                f"{names[p]}, {lost:.0%} not read": partial(unread, population=p, lost=lost)
                for p in (SAFE, HALF)
                for lost in (0.3, 0.8)
            },
        ),
        Table(
            "corrected-strata",
            "A tenth of the requests is worse, and has as many labels as the rest",
            (covers, Column("as if all were as likely to be drawn, held")),
            {f"{n} and {n} labels": partial(strata, labels=n) for n in (25, 50)},
        ),
        Table(
            "corrected-turns",
            "Under pressure, ten turns a request, a judge that misses half",
            (covers, Column("turns as independent, held")),
            {
                f"{requests} requests, {labels} labels": partial(
                    pressed, requests=requests, labels=labels
                )
                for requests, labels in ((54, 100), (108, 200), (108, 600))
            },
        ),
    ]
