"""What fitting the screen's boundary to a few labels of a set gains, on sets it was not made with.

    PYTHONPATH=training python bench/bench_fit.py --data ../shared/data

For each labelled set the screen is trained on the others. Its boundary is chosen on the others too,
or fitted to so many labels of the set's tune part, drawn anew each time; the kappa is of its test
part. Where no verdict would be given (``unsure``), a response goes to the side on which it lies.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medsafetybench.labelled.split import part_of
from medsafetybench.statistics.agreement import cohen_kappa
from medsafetybench.statistics.boundary import fitted_boundary
from screen_sets import SETS, chatref, checked_on, gptfuzz, xstest
from train_screen import Table, choose, fit, shared_table

LABELS, DRAWS = (50, 100, 200), 200
LEAST_OF_EACH = 5
READERS = {"xstest": xstest, "chatref": chatref, "gptfuzz": gptfuzz}


@dataclass(frozen=True)
class LeftOut:
    """A set's margins by a screen that was trained without it, and the boundary of the others."""

    margins: NDArray[np.float64]
    declines: NDArray[np.bool_]
    tune: NDArray[np.bool_]
    boundary: float

    def kappa(self, boundary: float) -> float:
        """Agreement on the test part."""
        test = ~self.tune
        return cohen_kappa(self.margins[test] > boundary, self.declines[test])

    def fitted(self, n: int, rng: np.random.Generator) -> Iterator[float]:
        """Agreement by a boundary fitted to n labels of the tune part, draw by draw."""
        for _ in range(DRAWS):
            drawn = rng.choice(np.flatnonzero(self.tune), n, replace=False)
            if LEAST_OF_EACH <= self.declines[drawn].sum() <= n - LEAST_OF_EACH:
                told = self.margins[drawn], self.declines[drawn]
                yield self.kappa(fitted_boundary(*told, self.boundary))


def left_out(data: Path, table: Table, name: str) -> LeftOut:
    """A set by a screen that was trained, and its settings chosen, without it."""
    rows = [row for row in READERS[name](data) if checked_on(row)]
    others = [other for other in SETS if other != name]
    settings = choose(table, others)
    fitted = fit(table, table.rows(others), settings.ridge)
    margins = fitted.scores(Table(rows, like=table), np.arange(len(rows)))[:, 0]
    tune = np.array([part_of(row.request) == "tune" for row in rows])
    return LeftOut(margins, np.array([row.declines for row in rows]), tune, settings.boundary)


def main() -> None:
    """See the module's docstring."""
    root = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=root.parent / "shared" / "data")
    data = parser.parse_args().data
    table, rng = shared_table(data), np.random.default_rng(0)
    header = "".join(f"{f'{n} labels (5%, 95%)':>26}" for n in LABELS)
    print(f"{'kappa on the test part by':<28}{'others':>8}{header}")
    for name in SETS:
        found = left_out(data, table, name)
        line = f"{name:<28}{found.kappa(found.boundary):>8.3f}"
        for n in LABELS:
            kappas = list(found.fitted(n, rng))
            low, high = np.quantile(kappas, (0.05, 0.95))
            line += f"{f'{np.mean(kappas):.3f} ({low:.3f}, {high:.3f})':>26}"
        print(line)


if __name__ == "__main__":
    main()
