"""Train the offline judge and write its weights.

    python training/train_screen.py --data ../shared/data

Reads the human labels of XSTest v2, ChatRef and GPTFuzz, the published safe responses of
MedSafetyBench's train split (its test split is kept out, to check on) and examples of our own
wording. The settings are chosen by leaving each *set* out in turn; the weights are then fitted on
everything. Seeded: the same data give the same weights on the same machine; on another the last
bits of a sum may differ, and with them the hash.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, cg

from medsafetybench.judges.screen import ARTIFACT
from medsafetybench.judges.screen.features import WINDOWS, parse
from screen_examples import CANNOT, IN_PART
from screen_sets import SETS, Labelled, checked_on, training_data

SEED = 0
SAFE_RESPONSES, FROM_GPTFUZZ, OWN_EXAMPLES = 200, 1500, 3000
MIN_REQUESTS = 4  # a phrase of the answers to one request only says what was asked
KEPT = 25_000  # phrases: more gained no agreement
CUES_GAIN = 0.5  # how much a cue weighs against a window of phrases
UNSURE = 0.02  # share of the left-out responses nearest to the boundary that get no verdict

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Settings:
    """What leaving a set out chooses, and how near to the boundary a margin is ``unsure``."""

    ridge: float
    boundary: float
    unsure: float


RIDGES, BOUNDARIES = (1.0, 2.0, 4.0), (-0.15, -0.1, -0.05, 0.0, 0.05)


class Table:
    """The features of labelled responses as one sparse matrix, made once and cut per fold.

    Another table's names come first if it is to be ``like`` that one.
    """

    def __init__(self, data: Sequence[Labelled], like: Table | None = None) -> None:
        self.data = data
        self.origins = np.array([d.origin for d in data])
        self.parts = np.array([d.part for d in data])
        self.declines = np.array([d.declines for d in data])
        self.checked = np.array([checked_on(d) for d in data])
        self.targets: Floats = np.array(
            [[d.target, d.score == CANNOT, d.score == IN_PART] for d in data], dtype=float
        )
        requests: dict[str, int] = {}
        self.requests: Ints = np.array(
            [requests.setdefault(d.request, len(requests)) for d in data]
        )
        parsed = [parse(d.request, d.response) for d in data]
        self.cues: Floats = np.array([p.cues for p in parsed]) * CUES_GAIN
        names = {name: i for i, name in enumerate(like.names)} if like else {}
        cells = [
            (row, names.setdefault((window, name), len(names)), len(held) ** -0.5)
            for row, p in enumerate(parsed)
            for window, held in p.windows()
            for name in sorted(held)
        ]
        rows, columns, values = zip(*cells, strict=True)
        self.names = list(names)
        self.values = sparse.csr_matrix((values, (rows, columns)), (len(data), len(names)))

    def rows(self, origins: Sequence[str]) -> Ints:
        """The rows of these origins, and what is always trained on."""
        return np.flatnonzero(np.isin(self.origins, [*origins, "safe", "own"]))

    def held(self, origin: str) -> Ints:
        """The rows on which a set's agreement is computed."""
        return np.flatnonzero((self.origins == origin) & self.checked)

    def vocabulary(self, rows: Ints) -> Ints:
        """Columns seen with enough requests, in the order of windows and names."""
        ones, asked = np.ones(len(rows)), self.requests[rows]
        groups = sparse.csr_matrix((ones, (asked, np.arange(len(rows)))))
        spread = np.bincount((groups @ self.values[rows]).indices, minlength=len(self.names))
        kept = np.flatnonzero(spread >= MIN_REQUESTS)
        return np.array(sorted(kept, key=lambda i: self.names[i]), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Fit:
    """The columns of the table that are used, their weights, those of the cues, and the bias."""

    columns: Ints
    table: Floats
    cues: Floats
    bias: Floats

    def scores(self, table: Table, rows: Ints) -> Floats:
        """``Weights.scores`` of a table's rows, (rows, 3)."""
        known = table.values[rows][:, self.columns] @ self.table
        return np.asarray(known + table.cues[rows] @ self.cues + self.bias)


def fit(table: Table, rows: Ints, ridge: float) -> Fit:
    """Ridge regressions of the margin, "cannot" and "in part" on some of the table's rows.

    Fitted twice, the second time with the ``KEPT`` phrases that moved the first one's scores most.
    """
    first = _fit(table, rows, table.vocabulary(rows), ridge)
    squares = table.values[rows][:, first.columns].power(2).sum(axis=0)
    moved = np.sqrt(np.asarray(squares).ravel()) * np.abs(first.table).max(axis=1)
    kept = np.sort(np.argsort(-moved, kind="stable")[:KEPT])
    return _fit(table, rows, first.columns[kept], ridge)


def _fit(table: Table, rows: Ints, columns: Ints, ridge: float) -> Fit:
    """The regressions on some columns.

    Solved in the dual (Saunders, Gammerman and Vovk 1998), as there are far fewer responses than
    features, by conjugate gradients; the bias is one more feature, always 1.
    """
    present = table.values[rows][:, columns].tocsr()
    turned, cues = present.T.tocsr(), table.cues[rows]

    def alike(given: Floats) -> Floats:
        seen = present @ (turned @ given) + cues @ (cues.T @ given)
        return np.asarray(seen + given.sum() + ridge * given)

    system = LinearOperator((len(rows), len(rows)), matvec=alike, dtype=np.float64)
    duals = [cg(system, target, rtol=1e-5, maxiter=500)[0] for target in table.targets[rows].T]
    dual = np.array(duals).T
    return Fit(columns, np.asarray(turned @ dual), cues.T @ dual, dual.sum(axis=0))


def kappa(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Cohen's kappa of two yes-or-no judgements."""
    by_chance = a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean())
    return float(((a == b).mean() - by_chance) / (1 - by_chance))


def choose(table: Table, sets: Sequence[str]) -> Settings:
    """The settings with the best mean kappa over the sets, each left out in turn."""
    truth = [table.declines[table.held(name)] for name in sets]
    margins = {ridge: [_left_out(table, sets, name, ridge) for name in sets] for ridge in RIDGES}

    def agreement(ridge: float, boundary: float) -> float:
        pairs = zip(margins[ridge], truth, strict=True)
        return float(np.mean([kappa(margin > boundary, known) for margin, known in pairs]))

    ridge, boundary = max(product(RIDGES, BOUNDARIES), key=lambda tried: agreement(*tried))
    near = [np.quantile(np.abs(margin - boundary), UNSURE) for margin in margins[ridge]]
    return Settings(ridge, boundary, float(np.round(np.mean(near), 3)))


def _left_out(table: Table, sets: Sequence[str], name: str, ridge: float) -> Floats:
    """The margins of a set by a screen trained on the others."""
    rows = table.rows([other for other in sets if other != name])
    return fit(table, rows, ridge).scores(table, table.held(name))[:, 0]


def save(table: Table, fitted: Fit, settings: Settings, path: Path) -> str:
    """Write the artifact; returns its SHA-256."""
    names = [table.names[i] for i in fitted.columns]
    np.savez_compressed(
        path,
        names=np.frombuffer("\n".join(name for _, name in names).encode(), dtype=np.uint8),
        sizes=np.array([sum(k == window for k, _ in names) for window in range(len(WINDOWS))]),
        table=fitted.table.astype(np.float16),
        cues=(fitted.cues * CUES_GAIN).astype(np.float32),
        bias=fitted.bias.astype(np.float16),
        thresholds=np.array([settings.boundary, settings.unsure]),
    )
    return hashlib.sha256(path.read_bytes()).hexdigest()


def shared_table(data: Path) -> Table:
    """The table of everything that is trained on."""
    return Table(training_data(data, SEED, SAFE_RESPONSES, FROM_GPTFUZZ, OWN_EXAMPLES))


def main() -> None:
    """See the module's docstring."""
    root = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=root.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=ARTIFACT)
    args = parser.parse_args()
    table = shared_table(args.data)
    settings = choose(table, SETS)
    fitted = fit(table, table.rows(SETS), settings.ridge)
    sha256 = save(table, fitted, settings, args.out)
    size = args.out.stat().st_size / 1e6
    sys.stdout.write(f"{settings}\n{len(fitted.columns)} features, {size:.2f} MB, {sha256}\n")


if __name__ == "__main__":
    main()
