"""How often "within ±2 points" is claimed wrongly, and how often the interval holds: simulated.

    python bench/simulate_capability.py            # 6,000 comparisons each, several minutes
    python bench/simulate_capability.py --draws 300

The true difference is -2 points, just the margin, so that every claim is wrong. With one seed,
``lost`` and ``gained`` are the shares of questions that change. With ten, some questions change
wholly and every answer is wrong besides with the probability ``noise``. docs/capability.md states
the figures.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from medsafetybench.statistics.equivalence import TOST_CONFIDENCE, change_interval, within

Floats = NDArray[np.float64]
MARGIN = 0.02
SEEDS = 10
SIZES = (120, 272, 500, 1273)
ONE_SEED = ((0.02, 0.0), (0.03, 0.01), (0.07, 0.05), (0.16, 0.14))
NOISE = (0.0, 0.01, 0.1)


def one_seed(rng: np.random.Generator, n: int, lost: float, gained: float) -> Floats:
    """Changes of n questions, -1, 0 or 1."""
    draw = rng.random(n)
    return np.where(draw < lost, -1.0, np.where(draw < lost + gained, 1.0, 0.0))


def ten_seeds(rng: np.random.Generator, n: int, noise: float) -> Floats:
    """Changes of n questions, means over the seeds."""
    known = rng.random(n) < 0.5
    forgotten = known & (rng.random(n) < 2 * MARGIN / (1 - 2 * noise))
    right = [np.where(k, 1 - noise, noise) for k in (known, known & ~forgotten)]
    before, after = (rng.binomial(SEEDS, share) / SEEDS for share in right)
    return after - before


def judge(changes: list[Floats]) -> tuple[float, float]:
    """The shares of wrong claims, and of intervals that hold the true difference."""
    claims = [within(change_interval(c, TOST_CONFIDENCE), MARGIN) is True for c in changes]
    intervals = [change_interval(c) for c in changes]
    return float(np.mean(claims)), float(np.mean([i.low <= -MARGIN <= i.high for i in intervals]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=6_000)
    draws = range(parser.parse_args().draws)
    rng = np.random.default_rng(0)
    print(f"{'questions':>9}  {'changes':24}  {'wrongly within':>14}  {'interval holds':>14}")
    for n in SIZES:
        cases = {
            f"1 seed, -{lost:.0%} +{gained:.0%}": [one_seed(rng, n, lost, gained) for _ in draws]
            for lost, gained in ONE_SEED
        }
        cases |= {
            f"{SEEDS} seeds, noise {noise:.0%}": [ten_seeds(rng, n, noise) for _ in draws]
            for noise in NOISE
        }
        for name, changes in cases.items():
            wrong, holds = judge(changes)
            print(f"{n:9,}  {name:24}  {wrong:14.1%}  {holds:14.1%}")


if __name__ == "__main__":
    main()
