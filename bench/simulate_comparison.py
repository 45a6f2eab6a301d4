"""How often the comparison errs, and what it finds: simulated studies, seeded.

    python bench/simulate_comparison.py            # 1,000 studies each, several minutes
    python bench/simulate_comparison.py --studies 100

Each request has a difficulty, each model answers it at random: scores are cut from difficulty plus
noise, so that most are 1 and the models agree as models do. Clustered studies draw 900 requests as
300 clusters of three whose answers go together in each model. The table says how many studies made
at least one false claim, at 5%, and how many found a planted difference. docs/statistics.md states
its figures.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from medsafetybench.results.gate import mean_bounds
from medsafetybench.statistics.estimates import Interval, t_quantile
from medsafetybench.statistics.paired import (
    bonferroni,
    bootstrap_interval,
    holm,
    sign_flip_p,
    wilcoxon_p,
)

Floats = NDArray[np.float64]
LEVEL = 0.05
CUTS = (0.0, 0.5, 1.0, 1.7)
"""Where difficulty plus noise passes from one score to the next: about half of the scores are 1."""


def latent(rng: np.random.Generator, models: int, n: int, size: int, shared: float) -> Floats:
    """Models x requests: difficulty plus noise. Of the noise a share is the cluster's own in each
    model (``size`` requests to a cluster); the variance is 2 whatever the share."""
    difficulty = rng.normal(size=n)
    of_cluster = np.repeat(rng.normal(size=(models, n // size)), size, axis=1)
    own = rng.normal(size=(models, n))
    return difficulty + math.sqrt(shared) * of_cluster + math.sqrt(1 - shared) * own


def scores(values: Floats) -> Floats:
    """Whole scores 1-5."""
    return 1.0 + np.searchsorted(CUTS, values, side="right")


def shift_for(planted: float) -> float:
    """How far the latent values must move for the mean score to rise by ``planted``."""
    rng = np.random.default_rng(0)
    values = latent(rng, 1, 400_000, 1, 0.0)
    base = scores(values).mean()
    low, high = 0.0, 3.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if scores(values + middle).mean() - base < planted else (low, middle)
        )
    return low


def family(
    table: Floats, test: Callable[..., float], clusters: NDArray[np.int64] | None
) -> list[float]:
    """P-values of all pairs of rows."""
    return [test(table[b] - table[a], clusters) for a, b in combinations(range(len(table)), 2)]


def false_claims(studies: int, models: int, n: int, seed: int) -> None:
    """Studies of models that do not differ: the share with at least one claim."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n // 3), 3)
    found = dict.fromkeys(NULLS, 0)
    covered = [0, 0]
    for _ in range(studies):
        plain = scores(latent(rng, models, n, 1, 0.0))
        clustered = scores(latent(rng, models, n, 3, 0.8))
        exact, ranks = family(plain, sign_flip_p, None), family(plain, wilcoxon_p, None)
        respected = family(clustered, sign_flip_p, groups)
        ignored = family(clustered, sign_flip_p, None)
        corrected = (
            exact,
            holm(exact),
            bonferroni(exact),
            holm(ranks),
            holm(respected),
            holm(ignored),
        )
        for name, p in zip(NULLS, corrected, strict=True):
            found[name] += min(p) <= LEVEL
        for i, (table, by) in enumerate(((plain, None), (clustered, groups))):
            interval = bootstrap_interval(table[1] - table[0], by, draws=2000)
            covered[i] += interval is not None and interval.low <= 0 <= interval.high
    print(f"\n{models} models without a difference, n = {n}: studies with a false claim")
    for name, count in found.items():
        print(f"  {name:<52} {_share(count, studies)}")
    print("95% bootstrap interval of one pair holds the true 0")
    for name, count in zip(("independent", "clusters of three, respected"), covered, strict=True):
        print(f"  {name:<52} {_share(count, studies)}")


NULLS = (
    "sign flip, not corrected",
    "sign flip, Holm",
    "sign flip, Bonferroni",
    "Wilcoxon, Holm",
    "clusters of three: sign flip by cluster, Holm",
    "clusters of three ignored: sign flip, Holm",
)


def power(studies: int, models: int, n: int, planted: float, seed: int) -> None:
    """One model of several is worse by ``planted``: how often that is found."""
    rng = np.random.default_rng(seed)
    shift = np.zeros((models, 1))
    shift[-1] = shift_for(planted)
    one = every = any_of_nine = 0
    spread = []
    for _ in range(studies):
        table = scores(latent(rng, models, n, 1, 0.0) + shift)
        p = family(table, sign_flip_p, None)
        with_last = [
            k for k, pair in enumerate(combinations(range(models), 2)) if pair[1] == models - 1
        ]
        adjusted = holm(p)
        one += p[with_last[0]] <= LEVEL
        hits = [adjusted[k] <= LEVEL for k in with_last]
        any_of_nine += hits[0]
        every += all(hits)
        spread.append((table[-1] - table[0]).std(ddof=1))
    print(
        f"\nplanted difference {planted}, n = {n}, SD of paired differences {np.mean(spread):.2f}"
    )
    print(f"  {'found, two models compared':<52} {_share(one, studies)}")
    print(
        f"  {f'found, one given pair of {models} models (Holm)':<52} {_share(any_of_nine, studies)}"
    )
    print(f"  {f'found against all {models - 1} others (Holm)':<52} {_share(every, studies)}")


DISTRIBUTIONS = {
    "half 1, the rest spread": (0.5, 0.2, 0.12, 0.1, 0.08),
    "95% 1, 5% 5": (0.95, 0.0, 0.0, 0.0, 0.05),
    "99% 1, 1% 5": (0.99, 0.0, 0.0, 0.0, 0.01),
    "95% 5, 5% 1": (0.05, 0.0, 0.0, 0.0, 0.95),
}


def gate_errors(studies: int, seed: int) -> None:
    """A model exactly at the threshold: how often the gate on the mean passes, and fails, it."""
    rng = np.random.default_rng(seed)
    print("\ngate on the mean at 95%, the true mean at the threshold")
    print(f"  {'':<26} {'':<10}   passed   failed   (by Student's t: passed, failed)")
    for name, shares in DISTRIBUTIONS.items():
        true = float(np.dot(shares, (1, 2, 3, 4, 5)))
        for n in (30, 100, 900):
            wrong = np.zeros(4, dtype=int)
            for _ in range(studies):
                drawn = rng.choice((1.0, 2.0, 3.0, 4.0, 5.0), size=n, p=shares)
                ours = mean_bounds(drawn, Interval(1, 5), 0.95, draws=4000)
                student = student_bounds(drawn)
                wrong += [ours.high < true, ours.low > true, student[1] < true, student[0] > true]
            print(f"  {name:<26} n = {n:<6}", *(f"{count / studies:8.1%}" for count in wrong))


def student_bounds(scores: Floats) -> tuple[float, float]:
    """One-sided 95% bounds by Student's t, which the gate does not use."""
    reach = t_quantile(0.95, len(scores) - 1) * scores.std(ddof=1) / math.sqrt(len(scores))
    return float(scores.mean() - reach), float(scores.mean() + reach)


def _share(count: int, of: int) -> str:
    return f"{count:>5} of {of}  {count / of:6.1%}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--models", type=int, default=10)
    parser.add_argument("--n", type=int, default=900)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only-gate", action="store_true")
    options = parser.parse_args()
    if options.only_gate:
        gate_errors(4 * options.studies, options.seed)
        return
    false_claims(options.studies, options.models, options.n, options.seed)
    for planted in (0.1, 0.2, 0.3):
        power(options.studies, options.models, options.n, planted, options.seed)
    gate_errors(4 * options.studies, options.seed)


if __name__ == "__main__":
    main()
