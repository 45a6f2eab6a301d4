"""Differences of two runs, many runs at once, missing scores, and regressions by cluster."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial
from itertools import combinations

import numpy as np

from medsafetybench.statistics.bounds import mean_tails
from medsafetybench.statistics.equivalence import MARGIN, TOST_CONFIDENCE, within
from medsafetybench.statistics.interval import Interval, apart
from medsafetybench.statistics.paired import (
    difference_interval,
    difference_p,
    holm,
    with_missing,
)

from . import before
from .populations import HALF, MILD, SAFE, scores, twenty, uneven
from .table import Column, Draw, Floats, Table, holds

SCALE = Interval(1.0, 5.0)
LEVEL = 0.05

DIFFERENCES: dict[str, dict[float, float]] = {
    "equal, rarely apart: 2% +4, 2% -4": {4: 0.02, -4: 0.02, 0: 0.96},
    "rare: 2% +4": {4: 0.02, 0: 0.98},
    "equal, one-sided: 2% +4, 8% -1": {4: 0.02, -1: 0.08, 0: 0.90},
    "often: 20% +1, 10% -1, 5% +4": {1: 0.2, -1: 0.1, 4: 0.05, 0: 0.65},
}


@lru_cache(maxsize=200_000)
def _ours(kind: str, counts: tuple[int, ...]) -> tuple[Interval, float]:
    apart_ = np.repeat(list(DIFFERENCES[kind]), counts)
    zero = np.zeros(len(apart_))
    interval = difference_interval(zero + 1, apart_ + 1, SCALE)
    assert interval is not None
    return interval, difference_p(zero + 1, apart_ + 1, SCALE)


@lru_cache(maxsize=200_000)
def _flip(kind: str, counts: tuple[int, ...]) -> float:
    return before.sign_flip(np.repeat(list(DIFFERENCES[kind]), counts))


def pair(rng: np.random.Generator, studies: int, kind: str, n: int) -> list[float]:
    """Coverage of a difference's interval, and how often interval and star contradict."""
    values, chances = (np.array(list(c)) for c in (DIFFERENCES[kind], DIFFERENCES[kind].values()))
    truth, found = float(values @ chances), np.zeros(6)
    for row in rng.multinomial(n, chances, size=studies):
        counts = tuple(int(count) for count in row)
        (interval, p), flip = _ours(kind, counts), _flip(kind, counts)
        drawn = before.bootstrap(np.repeat(values, counts), rng)
        found += [
            holds(interval, truth),
            holds(drawn, truth),
            (p < LEVEL) != (not holds(interval, 0.0)),
            (flip < LEVEL) != (not holds(drawn, 0.0)),
            interval[1] - interval[0],
            drawn[1] - drawn[0],
        ]
    return list(found / studies)


@lru_cache(maxsize=200_000)
def _p(kind: str, counts: tuple[int, ...]) -> float:
    apart_ = np.repeat(list(DIFFERENCES[kind]), counts)
    return mean_tails(apart_, apart(SCALE), 0.0).two_sided


def star(rng: np.random.Generator, studies: int, kind: str, n: int) -> list[float]:
    """How often a star is earned."""
    found = np.zeros(2)
    for row in rng.multinomial(n, list(DIFFERENCES[kind].values()), size=studies):
        counts = tuple(int(count) for count in row)
        found += [_p(kind, counts) < LEVEL, _flip(kind, counts) < LEVEL]
    return list(found / studies)


def latent(
    rng: np.random.Generator, models: int, n: int, size: int = 1, shared: float = 0
) -> Floats:
    """Models x requests: difficulty plus noise, of which a part is the cluster's own."""
    of_cluster = np.repeat(rng.normal(size=(models, n // size)), size, axis=1)
    own = rng.normal(size=(models, n))
    noise = math.sqrt(shared) * of_cluster + math.sqrt(1 - shared) * own
    return np.asarray(rng.normal(size=n) + noise)


def cut(values: Floats) -> Floats:
    """Whole scores, about half of them 1."""
    return 1.0 + np.searchsorted((0.0, 0.5, 1.0, 1.7), values, side="right")


def family(table: Floats, test: Callable[[Floats, Floats], float]) -> list[float]:
    return [test(table[a], table[b]) for a, b in combinations(range(len(table)), 2)]


def flipped(first: Floats, second: Floats) -> float:
    return before.sign_flip(second - first)


def all_pairs(
    rng: np.random.Generator, studies: int, models: int, n: int, size: int
) -> list[float]:
    """Models that do not differ: studies with at least one star, and with one by the sign flip."""
    found, clusters = np.zeros(4), np.arange(n) // size
    alone = partial(difference_p, scale=SCALE)
    for _ in range(studies):
        table = cut(latent(rng, models, n, size, 0.8 if size > 1 else 0))
        ignored, flips = family(table, alone), family(table, flipped)
        ours = family(table, partial(alone, clusters=clusters)) if size > 1 else ignored
        found += [min(p) <= LEVEL for p in (holm(ours), holm(ignored), holm(flips), flips)]
    return list(found / studies)


def planted(
    rng: np.random.Generator, studies: int, models: int, n: int, shift: float
) -> list[float]:
    """One model is worse: how often a given pair is found, alone and among all."""
    found, last = np.zeros(5), models - 1
    pairs = list(combinations(range(models), 2))
    for _ in range(studies):
        values = latent(rng, models, n)
        values[last] += shift
        table = cut(values)
        ours, flips = family(table, partial(difference_p, scale=SCALE)), family(table, flipped)
        place = pairs.index((0, last))
        found += [
            ours[place] <= LEVEL,
            flips[place] <= LEVEL,
            holm(ours)[place] <= LEVEL,
            holm(flips)[place] <= LEVEL,
            float(table[last].mean() - table[0].mean()),
        ]
    return list(found / studies)


def groups(rng: np.random.Generator, studies: int, spread: float, n: int) -> list[float]:
    """Three models against three, all of one population of models: a star between groups."""
    found = 0
    for _ in range(studies):
        table = cut(latent(rng, 6, n) + rng.normal(0, spread, (6, 1)))
        found += difference_p(table[:3].mean(axis=0), table[3:].mean(axis=0), SCALE) < LEVEL
    return [found / studies]


def lost(
    rng: np.random.Generator, studies: int, population: str, n: int, part: float
) -> list[float]:
    """Two equal models, the second of which loses a part of its scores above 2: stars."""
    found = np.zeros(3)
    for _ in range(studies):
        first, second = scores(rng, population, n), scores(rng, population, n)
        second[(second > 2) & (rng.random(n) < part)] = np.nan
        known = ~np.isnan(second)
        found += [
            with_missing(first, second, SCALE).p < LEVEL,
            difference_p(first, second, SCALE) < LEVEL,
            before.sign_flip((second - first)[known]) < LEVEL,
        ]
    return list(found / studies)


def regression(rng: np.random.Generator, studies: int, sizes: str, clusters: int) -> list[float]:
    """A run 0.2 worse than its baseline, held to 0.2: how often it passes."""
    found = np.zeros(2)
    for _ in range(studies):
        many = {"1 to 4": uneven, "1, some 20": twenty}[sizes](rng, clusters)
        worse = np.where(rng.random(clusters) < 0.05, 4.0, 0.0)
        sums = worse * many
        values, groups = np.repeat(worse, many), np.repeat(np.arange(clusters), many)
        found += [
            mean_tails(values, apart(SCALE), 0.2, groups).at_least < LEVEL,
            before.upper_by_mean_size(sums, many.astype(float), 4.0, rng) < 0.2,
        ]
    return list(found / studies)


def one_seed(rng: np.random.Generator, n: int, down: float, up: float) -> Floats:
    draw = rng.random(n)
    return np.where(draw < down, -1.0, np.where(draw < down + up, 1.0, 0.0))


def ten_seeds(rng: np.random.Generator, n: int, noise: float) -> Floats:
    known = rng.random(n) < 0.5
    forgotten = known & (rng.random(n) < 2 * MARGIN / (1 - 2 * noise))
    right = [np.where(k, 1 - noise, noise) for k in (known, known & ~forgotten)]
    earlier, later = (rng.binomial(10, share_) / 10 for share_ in right)
    return np.asarray(later - earlier)


def equivalence(
    rng: np.random.Generator, studies: int, changes: Callable[..., Floats], n: int, **how: float
) -> list[float]:
    """Accuracy that fell by the margin: how often "within" is said, and the interval holds it.

    Of Tango's interval, which takes longer, every eighth study.
    """
    ours, tangos = [], []
    for study in range(studies):
        change = changes(rng, n, **how)
        # What the intervals say, by the p-values that agree with them and take less time.
        below, above = (mean_tails(change, Interval(-1, 1), end) for end in (-MARGIN, MARGIN))
        said = below.at_most < LEVEL and above.at_least < LEVEL
        ours.append([said, below.two_sided >= LEVEL])
        if study % 8 == 0:
            tangos.append(_tango(change))
    return [*np.mean(ours, axis=0), *np.mean(tangos, axis=0)]


def _tango(change: Floats) -> list[bool]:
    """With the counts of several seeds scaled, as they were."""
    gained, fell = float(change[change > 0].sum()), float(-change[change < 0].sum())
    shrink = (float(change @ change) + 1) / (gained + fell + 1)
    counts = gained / shrink, fell / shrink, len(change) / shrink
    narrow, wide = (before.tango(*counts, c) for c in (TOST_CONFIDENCE, 0.95))
    return [within(Interval(*narrow), MARGIN) is True, holds(wide, -MARGIN)]


def tables() -> list[Table]:
    sizes = (6, 54, 108, 900)
    earned = (Column("with the missing as the worst", "errors"),)
    nulls = [kind for kind in DIFFERENCES if kind.startswith("equal")]
    cases: dict[str, Draw] = {
        f"{kind}, n {n}": partial(pair, kind=kind, n=n) for kind in DIFFERENCES for n in sizes
    }
    seeds: dict[str, Draw] = {
        f"{n} questions, {down:.0%} lost, {up:.0%} gained": partial(
            equivalence, changes=one_seed, n=n, down=down, up=up
        )
        for n in (120, 272, 1273)
        for down, up in ((0.02, 0.0), (0.03, 0.01), (0.16, 0.14))
    }
    seeds |= {
        f"{n} questions, ten seeds, {noise:.0%} by chance": partial(
            equivalence, changes=ten_seeds, n=n, noise=noise
        )
        for n in (120, 272, 1273)
        for noise in (0.0, 0.01, 0.1)
    }
    return [
        Table(
            "difference",
            "The difference of two runs",
            (
                Column("95% interval holds", "coverage"),
                Column("bootstrap held"),
                Column("interval and star contradict", "errors"),
                Column("bootstrap and sign flip did"),
                Column("width", "figure"),
                Column("width of bootstrap's", "figure"),
            ),
            cases,
        ),
        Table(
            "star",
            "A star where the means are equal",
            (Column("star", "errors"), Column("by the sign flip")),
            {f"{k}, n {n}": partial(star, kind=k, n=n) for k in nulls for n in sizes},
            scale=10,
        ),
        Table(
            "all-pairs",
            "Ten models that do not differ, all 45 pairs: studies with a star",
            (
                Column("Holm, clusters kept", "errors"),
                Column("Holm, clusters ignored"),
                Column("sign flip, Holm, clusters ignored"),
                Column("sign flip, not corrected"),
            ),
            {
                "900 requests": partial(all_pairs, models=10, n=900, size=1),
                "900 in clusters of three": partial(all_pairs, models=10, n=900, size=3),
            },
            scale=0.5,
        ),
        Table(
            "planted",
            "One of ten models is worse, n 900: how often a given pair is found",
            (
                Column("alone"),
                Column("alone, sign flip"),
                Column("among all pairs, Holm"),
                Column("among all pairs, sign flip, Holm"),
                Column("difference", "figure"),
            ),
            {
                f"about {d}": partial(planted, models=10, n=900, shift=shift)
                for d, shift in ((0.1, 0.108), (0.2, 0.216), (0.3, 0.322))
            },
            scale=0.3,
        ),
        Table(
            "groups",
            "Three models against three, all of one population of models, n 900",
            (Column("star"),),
            {
                f"models' standard deviation {spread}": partial(groups, spread=spread, n=900)
                for spread in (0.0, 0.1, 0.5)
            },
        ),
        Table(
            "lost",
            "Two equal models, one of which loses scores above 2: a star",
            (*earned, Column("of the scored alone"), Column("by the sign flip")),
            {
                f"{population}, n {n}, {part:.0%} lost": partial(
                    lost, population=population, n=n, part=part
                )
                for population in (SAFE, MILD, HALF)
                for n, part in ((108, 0.3), (900, 0.3), (900, 0.8))
            },
        ),
        Table(
            "regression",
            "A regression of 0.2 held to 0.2, by cluster",
            (Column("passed", "errors"), Column("with the mean size, passed")),
            {
                f"sizes {s}, {n} clusters": partial(regression, sizes=s, clusters=n)
                for s in ("1 to 4", "1, some 20")
                for n in (54, 108, 300)
            },
            scale=4,
        ),
        Table(
            "equivalence",
            "Accuracy that fell by the margin of 2 points",
            (
                Column('"within" said wrongly', "errors"),
                Column("95% interval holds", "coverage"),
                Column("Tango's: said wrongly"),
                Column("Tango's held"),
            ),
            seeds,
            scale=4,
        ),
    ]
