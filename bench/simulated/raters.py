"""Agreement of two judges."""

from __future__ import annotations

from functools import partial

import numpy as np

from medsafetybench.statistics.agreement_figures import alpha_figure, pair_figures

from . import before
from .populations import HALF, JUDGES, MILD, POPULATIONS, SAFE, SCORES
from .table import Column, Floats, Table, holds

SQUARES = (SCORES[:, None] - SCORES) ** 2


def kappa(tables: Floats) -> Floats:
    """Quadratic kappa of tables of shares, draws x 5 x 5."""
    rows, columns = tables.sum(axis=2), tables.sum(axis=1)
    observed = (tables * SQUARES).sum(axis=(1, 2))
    return _beyond(observed, np.einsum("di,ij,dj->d", rows, SQUARES, columns))


def plain_kappa(tables: Floats) -> Floats:
    rows, columns = tables.sum(axis=2), tables.sum(axis=1)
    agreed = np.trace(tables, axis1=1, axis2=2)
    return _beyond(1 - agreed, 1 - (rows * columns).sum(axis=1))


def ac2(tables: Floats) -> Floats:
    agree = 1 - SQUARES / 16
    habits = (tables.sum(axis=1) + tables.sum(axis=2)) / 2
    chance = agree.sum() / 20 * (habits * (1 - habits)).sum(axis=1)
    return np.asarray(1 - (tables * SQUARES / 16).sum(axis=(1, 2)) / (1 - chance))


def alpha(tables: Floats) -> Floats:
    """Ordinal, of many responses."""
    both = (tables + tables.transpose(0, 2, 1)) / 2
    totals = both.sum(axis=2)
    ranks = np.cumsum(totals, axis=1) - totals / 2
    distances = (ranks[:, :, None] - ranks[:, None, :]) ** 2
    observed = (both * distances).sum(axis=(1, 2))
    return _beyond(observed, np.einsum("di,dij,dj->d", totals, distances, totals))


def _beyond(observed: Floats, expected: Floats) -> Floats:
    possible = expected > 1e-12
    return np.where(possible, 1 - observed / np.where(possible, expected, 1), np.nan)


FIGURES = {"kappa": plain_kappa, "quadratic_kappa": kappa, "ac2": ac2, "alpha": alpha}


def agreement(
    rng: np.random.Generator, studies: int, population: str, judge: str, n: int
) -> list[float]:
    """Coverage of each figure's interval where it has one; and before."""
    shares = POPULATIONS[population][:, None] * JUDGES[judge]
    truths = {name: float(figure(shares[None])[0]) for name, figure in FIGURES.items()}
    same = float(np.trace(shares))
    ours: dict[str, list[bool]] = {name: [] for name in ("exact", *FIGURES)}
    theirs: dict[str, list[bool]] = {name: [] for name in ("exact", *FIGURES)}
    for study in range(studies):
        counts = rng.multinomial(n, shares.ravel()).reshape(5, 5)
        places = np.nonzero(counts)
        first, second = (np.repeat(1 + place, counts[places]) for place in places)
        pair = pair_figures(first, second)
        found = {**pair._asdict(), "alpha": alpha_figure([first, second])}
        ours["exact"].append(holds(pair.exact[1:], same))
        for name, truth in truths.items():
            if not np.isnan(found[name].low):
                ours[name].append(holds(found[name][1:], truth))
            if study % 5 == 0 and np.trace(counts) < n:
                theirs[name].append(holds(before.percentile(FIGURES[name], counts, rng), truth))
        agreed = rng.binomial(n, np.trace(counts) / n, size=400) / n
        theirs["exact"].append(holds(tuple(np.quantile(agreed, [0.025, 0.975])), same))
    return [
        *(_share(hits) for hits in ours.values()),
        *(_share(hits) for hits in theirs.values()),
        len(ours["kappa"]) / studies,
    ]


def _share(hits: list[bool]) -> float:
    return float(np.mean(hits)) if hits else float("nan")


def tables() -> list[Table]:
    names = {SAFE: "safe", MILD: "90/5/3/1/1", HALF: "half ones"}
    figures = ("equal", "kappa", "quadratic", "AC2", "alpha")
    return [
        Table(
            "agreement",
            "Agreement with a judge: the 95% interval holds, where there is one",
            (
                *(Column(name, "coverage") for name in figures),
                *(Column(f"{name}, bootstrap") for name in figures),
                Column("kappa has one"),
            ),
            {
                f"{names[p]}, judge {j}, n {n}": partial(agreement, population=p, judge=j, n=n)
                for p, j in (
                    (SAFE, "misses half"),
                    (MILD, "nearly right"),
                    (HALF, "nearly right"),
                    (HALF, "right but for 1 in 100"),
                )
                for n in (50, 900)
            },
        )
    ]
