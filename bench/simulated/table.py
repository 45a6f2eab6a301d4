"""A table of simulated studies: columns, and cells that each draw their studies and count."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Sequence[float]]
"""From a generator and a number of studies to one figure a column."""

LEAST_COVERAGE = 0.93
MOST_ERRORS = 0.055


@dataclass(frozen=True)
class Column:
    """``kind``: coverage and errors are shares that are held to what the documents promise; share
    and figure are told and not held to anything (what was done before, widths, counts)."""

    name: str
    kind: str = "share"

    def kept(self, value: float) -> bool:
        """Whether the figure is as promised."""
        if self.kind == "coverage":
            return value >= LEAST_COVERAGE
        return self.kind != "errors" or value <= MOST_ERRORS

    def text(self, value: float) -> str:
        if np.isnan(value):
            return "-"
        return f"{value:.3g}" if self.kind == "figure" else f"{100 * value:.1f}%"


@dataclass(frozen=True)
class Table:
    """``cells`` by what they are of; each runs ``scale`` times as many studies as asked for."""

    key: str
    title: str
    columns: tuple[Column, ...]
    cells: Mapping[str, Draw]
    scale: float = 1.0


def share(hits: Sequence[bool] | NDArray[np.bool_]) -> float:
    return float(np.mean(hits)) if len(hits) else float("nan")


def holds(interval: tuple[float, float] | None, truth: float) -> bool:
    """Whether the interval holds it; rounding is no miss."""
    return interval is not None and interval[0] - 1e-9 <= truth <= interval[1] + 1e-9
