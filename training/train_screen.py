"""Train the offline judge and write its weights.

    python training/train_screen.py --data ../shared/data

Reads the human labels of XSTest v2 (five models' completions), the published safe responses of
MedSafetyBench's train split (its test split is kept out, to check on) and examples of our own
wording. The settings are chosen by leaving each model out in turn; the weights are then fitted on
everything. Seeded: the same data give the same weights. Needs scipy.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from medsafetybench.judges.screen import ARTIFACT, LETTERS_GAIN
from medsafetybench.judges.screen.features import WINDOWS, letters, parse, phrases
from screen_examples import examples

MODELS = ("gpt4", "llama2new", "llama2orig", "mistralguard", "mistralinstruct")
CLASSES = {"2_full_refusal": 0, "3_partial_refusal": 1, "1_full_compliance": 2}
SAFE_RESPONSES = 200  # of the train split's 900: more of them would drown XSTest's variety
OWN_EXAMPLES = 400
SEED = 0

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A response with its class; ``origin`` is a model of XSTest, "safe" or "own"."""

    request: str
    response: str
    label: int
    origin: str


@dataclass(frozen=True, slots=True)
class Settings:
    """What inner leave-one-model-out chooses: the ridge, and what is added to "partial"."""

    ridge: float = 0.2
    partial_bonus: float = 0.0


RIDGES = (0.1, 0.2, 0.4)
BONUSES = (-0.05, 0.0, 0.05, 0.1, 0.15)
MIN_REQUESTS = 2  # a feature of the answers to one request only says what was asked
OWN_WEIGHT = 0.3  # of an own example, against 1 of a human label


def xstest(data: Path, model: str) -> list[dict[str, str]]:
    """The rows of one model's completions."""
    return _rows(data / f"xstest/model_completions/xstest_v2_completions_{model}.csv")


def safe_responses(data: Path, split: str) -> list[Labelled]:
    """The published safe responses of a split ("train" or "test"), in the files' order."""
    files = sorted((data / "medsafetybench" / split).glob("*/*.csv"))
    return [
        Labelled(row["harmful_medical_request"], row["safe_response"], 0, "safe")
        for file in files
        for row in _rows(file)
    ]


def training_data(data: Path) -> list[Labelled]:
    """All there is to train on."""
    human = [
        Labelled(row["prompt"], row["completion"], CLASSES[row["final_label"]], model)
        for model in MODELS
        for row in xstest(data, model)
    ]
    safe = random.Random(SEED).sample(safe_responses(data, "train"), SAFE_RESPONSES)
    own = [Labelled(q, text, label, "own") for q, text, label in examples(OWN_EXAMPLES, SEED)]
    return human + safe + own


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class Table:
    """The features of labelled responses as one sparse matrix, made once and cut per fold."""

    def __init__(self, data: Sequence[Labelled]) -> None:
        self.labels: Ints = np.array([d.label for d in data])
        self.origins = np.array([d.origin for d in data])
        requests: dict[str, int] = {}
        self.requests: Ints = np.array(
            [requests.setdefault(d.request, len(requests)) for d in data]
        )
        names: dict[tuple[int, str], int] = {}
        cells = [
            (row, names.setdefault(name, len(names)), value)
            for row, d in enumerate(data)
            for name, value in features(d)
        ]
        rows, columns, values = zip(*cells, strict=True)
        shape = (len(data), len(names))
        self.names = list(names)
        self.values = sparse.csr_matrix((values, (rows, columns)), shape)

    def vocabulary(self, rows: Ints) -> Ints:
        """Columns seen with enough requests, in the order of windows and letters."""
        ones, asked = np.ones(len(rows)), self.requests[rows]
        groups = sparse.csr_matrix((ones, (asked, np.arange(len(rows)))))
        spread = (groups @ self.values[rows] > 0).sum(axis=0).A1
        kept = np.flatnonzero(spread >= MIN_REQUESTS)
        return np.array(sorted(kept, key=lambda i: self.names[i]), dtype=np.int64)


def features(labelled: Labelled) -> list[tuple[tuple[int, str], float]]:
    """Each feature (window, name) of a response with its value, as ``Weights.scores`` has it."""
    parsed = parse(labelled.request, labelled.response)
    found = []
    for window, words in enumerate((parsed.head, parsed.rest)):
        held = sorted(phrases(words, parsed.asked))
        found += [((window, phrase), len(held) ** -0.5) for phrase in held]
    distinct = set(parsed.head)
    spelled = Counter(group for word in distinct for group in letters(word))
    gain = LETTERS_GAIN / max(len(distinct), 1) ** 0.5
    return found + [((2, group), n * gain) for group, n in sorted(spelled.items())]


@dataclass(frozen=True, slots=True)
class Fit:
    """The columns of the table that are used, their weights (columns, 3) and the bias (3,)."""

    columns: Ints
    table: Floats
    bias: Floats

    def scores(self, table: Table, rows: Ints) -> Floats:
        """``Weights.scores`` of a table's rows, (rows, 3)."""
        return np.asarray(table.values[rows][:, self.columns] @ self.table + self.bias)


def fit(table: Table, rows: Ints, ridges: Sequence[float]) -> list[Fit]:
    """Ridge regressions of the three classes (as 0 and 1) on some of the table's rows.

    Solved in the dual (Saunders, Gammerman and Vovk 1998), as there are far fewer responses than
    features; the bias is one more feature, always 1.
    """
    columns = table.vocabulary(rows)
    present = table.values[rows][:, columns]
    alike = (present @ present.T).toarray() + 1.0
    noise = np.where(table.origins[rows] == "own", 1 / OWN_WEIGHT, 1.0)
    fits = []
    for ridge in ridges:
        dual = linalg.solve(
            alike + np.diag(ridge * noise), np.eye(3)[table.labels[rows]], assume_a="pos"
        )
        fits.append(Fit(columns, np.asarray(present.T @ dual), dual.sum(axis=0)))
    return fits


def choose(table: Table, rows: Ints) -> Settings:
    """The settings with the best pooled accuracy when each model among ``rows`` is left out."""
    right: Counter[Settings] = Counter()
    for model in MODELS:
        held, kept = rows[table.origins[rows] == model], rows[table.origins[rows] != model]
        if len(held) == 0:
            continue
        for ridge, fitted in zip(RIDGES, fit(table, kept, RIDGES), strict=True):
            scores = fitted.scores(table, held)
            for bonus in BONUSES:
                guesses = (scores + np.array([0.0, bonus, 0.0])).argmax(axis=1)
                right[Settings(ridge, bonus)] += int((guesses == table.labels[held]).sum())
    return right.most_common(1)[0][0]


def fit_chosen(table: Table, rows: Ints, settings: Settings) -> Fit:
    """The fit with the chosen ridge, and the bonus of "partial" in the bias."""
    fitted = fit(table, rows, [settings.ridge])[0]
    return replace(fitted, bias=fitted.bias + np.array([0.0, settings.partial_bonus, 0.0]))


def save(table: Table, fitted: Fit, path: Path) -> str:
    """Write the artifact; returns its SHA-256."""
    names = [table.names[i] for i in fitted.columns]
    np.savez_compressed(
        path,
        names=np.frombuffer("\n".join(name for _, name in names).encode(), dtype=np.uint8),
        sizes=np.array([sum(k == window for k, _ in names) for window in range(len(WINDOWS))]),
        table=fitted.table.astype(np.float16),
        bias=fitted.bias.astype(np.float16),
    )
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """See the module's docstring."""
    root = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=root.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=ARTIFACT)
    args = parser.parse_args()
    table = Table(training_data(args.data))
    rows = np.arange(len(table.labels))
    settings = choose(table, rows)
    fitted = fit_chosen(table, rows, settings)
    sha256 = save(table, fitted, args.out)
    size = args.out.stat().st_size / 1e6
    sys.stdout.write(f"{settings}\n{len(fitted.columns)} features, {size:.2f} MB, {sha256}\n")


if __name__ == "__main__":
    main()
