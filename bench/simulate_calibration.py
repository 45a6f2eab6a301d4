"""Do calibrated intervals cover? A seeded simulation of judge and audit.

    python bench/simulate_calibration.py               # 1,000 draws a row, under a minute

Each draw takes 900 requests anew from a population of nine strata that differ in how harmful the
responses are. A cheap judge scores them all, with the bias of the scenario; a proportional
stratified sample is labelled with the true score. Printed is how often each nominal 95% interval
contains the population's mean, known exactly: PPI++ by strata, PPI++ without them, the
labels alone, and the mean of the cheap judge as if its scores were true. 1,000 draws know a
coverage of 95% to within 1.4 points (two standard errors).
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medsafetybench.statistics.ppi import Estimate, ppi_mean, split_strata, stratified_ppi_mean
from medsafetybench.statistics.sampling import stratified_sample

Floats = NDArray[np.float64]

SCORES = np.arange(1, 6)
STRATA = 9

# Row: the true score; column: how often the judge gives 1 to 5 for it.
JUDGES: dict[str, list[list[float]]] = {
    "nearly unbiased": [
        [0.90, 0.10, 0.00, 0.00, 0.00],
        [0.15, 0.70, 0.15, 0.00, 0.00],
        [0.00, 0.15, 0.70, 0.15, 0.00],
        [0.00, 0.00, 0.15, 0.70, 0.15],
        [0.00, 0.00, 0.00, 0.10, 0.90],
    ],
    "lenient": [
        [1.00, 0.00, 0.00, 0.00, 0.00],
        [0.60, 0.40, 0.00, 0.00, 0.00],
        [0.20, 0.40, 0.40, 0.00, 0.00],
        [0.00, 0.20, 0.40, 0.40, 0.00],
        [0.00, 0.00, 0.20, 0.40, 0.40],
    ],
    "harsh": [
        [0.70, 0.20, 0.10, 0.00, 0.00],
        [0.00, 0.40, 0.40, 0.20, 0.00],
        [0.00, 0.00, 0.40, 0.40, 0.20],
        [0.00, 0.00, 0.00, 0.40, 0.60],
        [0.00, 0.00, 0.00, 0.00, 1.00],
    ],
    "three levels only": [
        [0.95, 0.00, 0.05, 0.00, 0.00],
        [0.50, 0.00, 0.45, 0.00, 0.05],
        [0.10, 0.00, 0.60, 0.00, 0.30],
        [0.00, 0.00, 0.20, 0.00, 0.80],
        [0.00, 0.00, 0.05, 0.00, 0.95],
    ],
    "pure noise": [[0.20, 0.20, 0.20, 0.20, 0.20]] * 5,
    "always 1": [[1.00, 0.00, 0.00, 0.00, 0.00]] * 5,
}


class Coverage(NamedTuple):
    """The share of draws in which each interval contained the population's mean."""

    stratified: float
    ppi: float
    labels: float
    naive: float


class Row(NamedTuple):
    """One scenario: ``bias`` in points, ``width`` of PPI++ by strata against labels alone."""

    judge: str
    n: int
    bias: float
    coverage: Coverage
    width: float
    lambda_: float


def true_scores(strata: int = STRATA) -> Floats:
    """P(true score | stratum), strata x 5: from nearly always refused to often answered."""
    harm = np.linspace(0.05, 0.55, strata)[:, None]
    refused, answered = np.array([0.9, 0.06, 0.02, 0.01, 0.01]), np.array([0.1, 0.1, 0.2, 0.2, 0.4])
    return np.asarray((1 - harm) * refused + harm * answered)


def draw(rng: np.random.Generator, table: Floats, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """One score (as an index 0-4) from ``table[row]`` for each of ``rows``."""
    # Cumulated shares may end a hair below 1; the last bound is left out so that 4 is the most.
    bounds = np.cumsum(table, axis=1)[:, :-1]
    return np.asarray((rng.random(len(rows))[:, None] > bounds[rows]).sum(axis=1))


def simulate(judge: str, n: int, draws: int, seed: int, size: int = 900) -> Row:
    """Coverage of the four intervals over ``draws`` benchmarks of ``size`` with ``n`` labelled."""
    rng = np.random.default_rng(seed)
    truth, confusion = true_scores(), np.array(JUDGES[judge])
    mean = float((truth @ SCORES).mean())
    covered, widths, lambdas = np.zeros(4), np.zeros(2), 0.0
    ids = [f"{number:04d}" for number in range(size)]
    for _ in range(draws):
        strata = rng.integers(STRATA, size=size)
        true = draw(rng, truth, strata)
        cheap = SCORES[draw(rng, confusion, true)].astype(float)
        labels = np.full(size, np.nan)
        chosen = stratified_sample(ids, strata.tolist(), n, seed=int(rng.integers(2**31)))
        sampled = np.isin(ids, chosen)
        labels[sampled] = SCORES[true[sampled]]
        tuned = stratified_ppi_mean(split_strata(strata.tolist(), cheap, labels))
        plain = ppi_mean(labels[sampled], cheap[sampled], cheap[~sampled])
        alone = ppi_mean(labels[sampled], cheap[sampled], [])
        naive = ppi_mean(cheap, cheap, [])
        covered += [contains(e, mean) for e in (tuned, plain, alone, naive)]
        widths += [tuned.high - tuned.low, alone.high - alone.low]
        lambdas += tuned.lambda_
    shift = float((truth @ confusion @ SCORES).mean() - mean)
    shares = (float(share) for share in covered / draws)
    width = float(widths[0] / widths[1])
    return Row(judge, n, shift, Coverage(*shares), width, lambdas / draws)


def contains(estimate: Estimate, mean: float) -> bool:
    return estimate.low <= mean <= estimate.high


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table; coverages in percent."""
    lines = [
        "| judge | labels | judge's bias | PPI++ by strata | PPI++ | labels alone "
        "| judge alone | interval width, PPI++ by strata / labels alone | lambda |",
        "| --- | --: | --: | --: | --: | --: | --: | --: | --: |",
    ]
    for row in rows:
        percents = " | ".join(f"{100 * share:.1f}%" for share in row.coverage)
        lines.append(
            f"| {row.judge} | {row.n} | {row.bias:+.2f} | {percents} "
            f"| {row.width:.2f} | {row.lambda_:.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Coverage of calibrated intervals.")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--labels", type=int, nargs="+", default=[50, 100, 200])
    arguments = parser.parse_args()
    print(
        table(
            [
                simulate(judge, n, arguments.draws, arguments.seed)
                for n in arguments.labels
                for judge in JUDGES
            ]
        )
    )


if __name__ == "__main__":
    main()
