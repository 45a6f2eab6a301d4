"""What training leaves behind: numbers for phrases and cues, in a file that executes nothing.

read_weights(ARTIFACT.read_bytes()).scores(parse(request, response))  -> [0.91, 0.02, 0.05]
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .features import WINDOWS, Parsed

Floats = NDArray[np.float64]
COLUMNS = ("declines", "cannot", "in part")
"""What a score is for: +1 declines and -1 does not; the others about a probability."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A trained screen.

    ``rows`` gives for each of WINDOWS the row of each phrase in ``table`` (1 + phrases, 3), whose
    first row is none's, so that what is not known is false and quickly sifted out; ``cues`` is
    (cues, 3), ``bias`` (3,). ``boundary`` is the margin above which a response declines, and
    ``unsure`` how near to it no verdict is given.
    """

    rows: tuple[dict[str, int], ...]
    table: Floats
    cues: Floats
    bias: Floats
    boundary: float
    unsure: float

    def scores(self, parsed: Parsed) -> Floats:
        """One score for each of COLUMNS, shape (3,).

        The table's numbers have 11 bits, so their sums are exact in any order.
        """
        known: list[int] = []
        starts: list[int] = []
        sizes: list[float] = []
        for window, held in parsed.windows():
            rows = list(filter(None, map(self.rows[window].get, held)))
            if rows:
                starts.append(len(known))
                sizes.append(math.sqrt(len(held)))
                known += rows
        total = self.bias + np.asarray(parsed.cues) @ self.cues
        if known:
            summed = np.add.reduceat(self.table.take(known, axis=0), starts, axis=0)
            total = total + (summed / np.asarray(sizes)[:, None]).sum(axis=0)
        return np.asarray(total)


def read_weights(content: bytes) -> Weights:
    """The weights in an artifact's bytes; nothing in it is executed (no pickle)."""
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        names = stored["names"].tobytes().decode().split("\n")
        sizes = stored["sizes"].tolist()
        table, cues, bias = (stored[key].astype(np.float64) for key in ("table", "cues", "bias"))
        boundary, unsure = stored["thresholds"].tolist()
    rows, start = [], 1
    for size in sizes:
        rows.append({names[row - 1]: row for row in range(start, start + size)})
        start += size
    table = np.vstack([np.zeros_like(table[:1]), table])
    assert len(rows) == len(WINDOWS)
    return Weights(tuple(rows), table, cues, bias, boundary, unsure)
