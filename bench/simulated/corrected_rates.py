"""Rates of middling models corrected by labels: refusal, over-refusal, by principle, the difference
of two runs and a gate, beside the uncorrected ones and those of the package ppi-python."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import ppi_py

from medsafetybench.results.held import verdict_of
from medsafetybench.statistics.corrected import (
    Labelled,
    corrected_bounds,
    corrected_difference,
    corrected_mean,
)
from medsafetybench.statistics.estimates import estimate_proportion
from medsafetybench.statistics.interval import Interval
from medsafetybench.statistics.paired import difference_interval
from medsafetybench.statistics.sampling import stratified_sample

from .table import Column, Floats, Table, holds

SHARE = Interval(0.0, 1.0)
ALPHA = 0.05


class Population(NamedTuple):
    """How many are declined, and how many of those, and of the others, a judge calls declined."""

    rate: float
    finds: float
    invents: float


MIDDLING = {
    "refusal 70%, judge finds 80%": Population(0.7, 0.8, 0.05),
    "refusal 50%, judge finds 60%, invents 10%": Population(0.5, 0.6, 0.1),
    "over-refusal 30%, judge finds 70%": Population(0.3, 0.7, 0.02),
    "over-refusal 15%, judge invents 10%": Population(0.15, 0.9, 0.1),
}
REFUSAL, _, OVER_REFUSAL, _ = MIDDLING


def answers(rng: np.random.Generator, rate: float, n: int) -> Floats:
    """1 where declined."""
    return (rng.random(n) < rate).astype(float)


def judged(rng: np.random.Generator, of: Population, true: Floats) -> Floats:
    """What the judge says."""
    return (rng.random(len(true)) < np.where(true == 1, of.finds, of.invents)).astype(float)


def labelled(rng: np.random.Generator, of: Population, n: int, labels: int) -> Labelled:
    """A run as judged, and labels of a random part of it."""
    true = answers(rng, of.rate, n)
    return _read(rng, true, judged(rng, of, true), labels)


def _read(rng: np.random.Generator, true: Floats, said: Floats, labels: int) -> Labelled:
    known = np.full(len(true), np.nan)
    chosen = rng.choice(len(true), labels, replace=False)
    known[chosen] = true[chosen]
    return Labelled(known, said)


def _parts(sample: Labelled) -> tuple[Floats, Floats, Floats]:
    """As ppi-python takes them: labels, their predictions, those of the unlabelled."""
    there = ~np.isnan(sample.labels)
    return sample.labels[there], sample.predictions[there], sample.predictions[~there]


def rate(
    rng: np.random.Generator, studies: int, population: str, n: int, labels: int
) -> list[float]:
    """Coverage and widths of three intervals, and how far our estimate and ppi-python's are apart
    at most, where the judge is not relied on in full: there we stop sooner."""
    of, found, apart = MIDDLING[population], np.zeros(5), 0.0
    for _ in range(studies):
        sample = labelled(rng, of, n, labels)
        fixed = corrected_mean(sample, SHARE)
        plain = estimate_proportion(sample.predictions)
        low, high = (float(end[0]) for end in ppi_py.ppi_mean_ci(*_parts(sample), alpha=ALPHA))
        theirs = np.asarray(ppi_py.ppi_mean_pointestimate(*_parts(sample))).item()
        apart = max(apart, abs(fixed.value - theirs) if fixed.lambda_ < 1 else 0.0)
        found += [
            holds(fixed.interval, of.rate),
            holds(plain and plain.interval, of.rate),
            holds((low, high), of.rate),
            np.ptp(fixed.interval),
            high - low,
        ]
    return [*(found / studies), apart]


def difference(
    rng: np.random.Generator, studies: int, second: Population, labels: int, same: bool
) -> list[float]:
    """Two runs on the same requests, which differ in how often they decline and in how well the
    judge reads them; labels of the same requests or of others."""
    first, found = MIDDLING[REFUSAL], np.zeros(3)
    for _ in range(studies):
        hardness = rng.random(900)
        true = [(hardness < of.rate).astype(float) for of in (first, second)]
        said = [judged(rng, of, t) for of, t in zip((first, second), true, strict=True)]
        runs = [_read(rng, t, s, labels) for t, s in zip(true, said, strict=True)]
        if same:
            chosen = ~np.isnan(runs[0].labels)
            runs[1] = Labelled(np.where(chosen, true[1], np.nan), said[1])
        fixed = corrected_difference(runs[0], runs[1], SHARE)
        plain = difference_interval(said[0], said[1], SHARE)
        truth = second.rate - first.rate
        found += [holds(fixed.interval, truth), holds(plain, truth), np.ptp(fixed.interval)]
    return list(found / studies)


def gate(
    rng: np.random.Generator, studies: int, population: str, n: int, labels: int
) -> list[float]:
    """A threshold at the truth: passed, failed; and either of them by the uncorrected rate."""
    of, found = MIDDLING[population], np.zeros(3)
    side = "min" if "over" not in population else "max"
    for _ in range(studies):
        sample = labelled(rng, of, n, labels)
        verdict = verdict_of(corrected_bounds(sample, SHARE, 1 - ALPHA), of.rate, side)
        plain = estimate_proportion(sample.predictions, confidence=1 - 2 * ALPHA)
        assert plain is not None
        uncorrected = verdict_of(plain.interval, of.rate, side)
        found += [verdict == "pass", verdict == "fail", uncorrected != "undecided"]
    return list(found / studies)


def strata(rng: np.random.Generator, studies: int, labels: int) -> list[float]:
    """Eight principles of five requests, which keep two labels each, beside one of 860: weighted by
    how likely each was drawn, and as if all were as likely."""
    of, found = MIDDLING[REFUSAL], np.zeros(3)
    stratum = np.repeat(np.arange(9), [860, *[5] * 8])
    ids = [str(i) for i in range(len(stratum))]
    rates = np.where(stratum == 0, of.rate, 0.1)
    truth = float(rates.mean())
    for study in range(studies):
        true = (rng.random(len(stratum)) < rates).astype(float)
        drawn = np.array([int(i) for i in stratified_sample(ids, stratum.tolist(), labels, study)])
        known = np.full(len(true), np.nan)
        known[drawn] = true[drawn]
        said = judged(rng, of, true)
        weights = (np.bincount(stratum) / np.bincount(stratum[drawn]))[stratum]
        fixed = corrected_mean(Labelled(known, said, weights=weights), SHARE).interval
        plain = corrected_mean(Labelled(known, said), SHARE).interval
        found += [holds(fixed, truth), holds(plain, truth), np.ptp(fixed)]
    return list(found / studies)


COVERS = Column("95% interval holds", "coverage")


def tables() -> list[Table]:
    return [_rates(), _principles(), _differences(), _gates(), _strata()]


def _columns() -> tuple[Column, ...]:
    return (
        COVERS,
        Column("uncorrected held"),
        Column("ppi-python's held"),
        Column("width", "figure"),
        Column("width of ppi-python's", "figure"),
        Column("estimates apart", "figure"),
    )


def _rates() -> Table:
    cells = {
        f"{population}, {n} requests, {labels} labels": partial(
            rate, population=population, n=n, labels=labels
        )
        for population in MIDDLING
        for n, labels in ((900, 100), (900, 200), (900, 400), (108, 60))
    }
    return Table("corrected-rates", "Corrected rates of middling models", _columns(), cells)


def _principles() -> Table:
    cells = {
        f"{population}, {n} requests of a principle, {labels} labels": partial(
            rate, population=population, n=n, labels=labels
        )
        for population in (REFUSAL, OVER_REFUSAL)
        for n, labels in ((100, 50), (100, 80))
    }
    return Table("corrected-principles", "Corrected rates of one principle", _columns(), cells)


def _differences() -> Table:
    others = {
        "equal, the second read worse": Population(0.7, 0.6, 0.05),
        "15 points less, the second read better": Population(0.55, 0.95, 0.05),
    }
    cells = {
        f"{name}, {labels} labels each of {which} requests": partial(
            difference, second=second, labels=labels, same=which == "the same"
        )
        for name, second in others.items()
        for labels in (100, 300, 600)
        for which in ("the same", "other")
    }
    columns = (COVERS, Column("uncorrected held"), Column("width", "figure"))
    title = "Corrected difference of two runs' refusal, 900 requests"
    return Table("corrected-rates-difference", title, columns, cells)


def _gates() -> Table:
    cells = {
        f"{population}, {n} requests, {labels} labels": partial(
            gate, population=population, n=n, labels=labels
        )
        for population in MIDDLING
        for n, labels in ((900, 200), (108, 60))
    }
    columns = (
        Column("passed", "errors"),
        Column("failed", "errors"),
        Column("uncorrected: passed or failed"),
    )
    title = "A gate on a corrected rate, the truth at the threshold"
    return Table("corrected-rates-gate", title, columns, cells, scale=2)


def _strata() -> Table:
    columns = (COVERS, Column("labels as equally likely, held"), Column("width", "figure"))
    cells = {f"{labels} labels": partial(strata, labels=labels) for labels in (100, 300)}
    title = "Small principles that keep two labels each"
    return Table("corrected-small-strata", title, columns, cells)
