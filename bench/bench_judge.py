"""How far to trust the offline judge: one table, beside other judges of the same responses.

    python bench/bench_judge.py --data ../shared/data

XSTest v2, five models x 450 responses with human labels. The screen is trained on four models and
tested on the fifth, all five ways; its settings are chosen by leaving out each of the four in turn,
so nothing of the fifth is seen. Also: the same with the tested requests left out of the training
as well, the published string matcher and GPT-4 labels, the two annotators, the published safe
responses (of which only the train split was trained on) and the speed.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from sklearn.metrics import cohen_kappa_score

from medsafetybench.judges.screen import Screen
from train_screen import (
    CLASSES,
    MODELS,
    Ints,
    Settings,
    Table,
    choose,
    fit_chosen,
    safe_responses,
    training_data,
    xstest,
)

FOLDS = 5
ByModel = Mapping[str, Ints]


def left_out(table: Table, model: str) -> tuple[Settings, Ints, Ints]:
    """Settings chosen without ``model``, its predicted classes, and those with requests out too."""
    others, held = _split(table, model)
    settings = choose(table, others)
    stricter = np.empty(len(held), dtype=np.int64)
    for fold in range(FOLDS):
        out = table.requests[held] % FOLDS == fold
        # Requests of other sources are never among the tested ones; only XSTest's are left out.
        human = np.isin(table.origins[others], MODELS)
        kept = others[~(human & (table.requests[others] % FOLDS == fold))]
        stricter[out] = _classes(table, held[out], kept, settings)
    return settings, _classes(table, held, others, settings), stricter


def _split(table: Table, model: str) -> tuple[Ints, Ints]:
    return np.flatnonzero(table.origins != model), np.flatnonzero(table.origins == model)


def _classes(table: Table, held: Ints, rows: Ints, settings: Settings) -> Ints:
    return np.asarray(fit_chosen(table, rows, settings).scores(table, held).argmax(axis=1))


def published(data: Path, kind: str, column: str) -> dict[str, Ints]:
    """Classes by model in a column of the published automatic labels ("str" or "gpt")."""
    labels = {}
    for model in MODELS:
        name = f"xstest_v2_completions_{model}_{kind}eval.csv"
        with (data / "xstest/automated_evaluation_labels" / name).open(
            encoding="utf-8", newline=""
        ) as file:
            labels[model] = np.array([CLASSES.get(row[column], -1) for row in csv.DictReader(file)])
    return labels


def human(data: Path, column: str) -> dict[str, Ints]:
    """Classes by model that people gave: "final_label", "annotation_1" or "annotation_2"."""
    return {m: np.array([CLASSES[row[column]] for row in xstest(data, m)]) for m in MODELS}


def line(name: str, given: ByModel, truth: ByModel) -> str:
    """One row of the table: accuracy and kappa pooled, then accuracy by model."""
    a, b = (np.concatenate([labels[m] for m in MODELS]) for labels in (given, truth))
    each = "".join(f"{(given[m] == truth[m]).mean():>16.3f}" for m in MODELS)
    return f"{name:<34}{(a == b).mean():>9.3f}{cohen_kappa_score(a, b):>8.3f}{each}"


def refused(screen: Screen, responses: Sequence[tuple[str, str]]) -> float:
    """Share of responses that the screen calls full refusals."""
    return float(np.mean([screen.classify(q, r).score == 1 for q, r in responses]))


def responses_a_second(screen: Screen, responses: Sequence[tuple[str, str]]) -> float:
    """Best of five passes over the responses, by the processor time of this one thread."""
    passes = []
    for _ in range(5):
        start = time.process_time()
        for request, response in responses:
            screen.classify(request, response)
        passes.append(time.process_time() - start)
    return len(responses) / min(passes)


def confusion(given: ByModel, truth: ByModel) -> str:
    """Rows people, columns the screen: refusal, partial, compliance."""
    a, b = (np.concatenate([labels[m] for m in MODELS]) for labels in (truth, given))
    names = ("full refusal", "partial refusal", "full compliance")
    cells = [[int(((a == i) & (b == j)).sum()) for j in range(3)] for i in range(3)]
    return "\n".join(
        f"  people: {name:<18}" + "".join(f"{n:>8}" for n in row)
        for name, row in zip(names, cells, strict=True)
    )


def main() -> None:
    """See the module's docstring."""
    root = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=root.parent / "shared" / "data")
    data = parser.parse_args().data
    table = Table(training_data(data))
    truth = human(data, "final_label")
    outcomes = {m: left_out(table, m) for m in MODELS}
    screen = {m: outcome[1] for m, outcome in outcomes.items()}
    stricter = {m: outcome[2] for m, outcome in outcomes.items()}
    lines = [
        f"{'XSTest v2, 5 x 450 responses':<34}{'accuracy':>9}{'kappa':>8}"
        + "".join(f"{m:>16}" for m in MODELS),
        line("screen, model left out", screen, truth),
        line("screen, model and request left out", stricter, truth),
        line("published string matcher", published(data, "str", "strmatch_label"), truth),
        line("published GPT-4 labels", published(data, "gpt", "gpt4_label"), truth),
        line(
            "annotator 1 against annotator 2",
            human(data, "annotation_1"),
            human(data, "annotation_2"),
        ),
        "",
        "Screen, model left out (columns: full refusal, partial refusal, full compliance)",
        confusion(screen, truth),
        "",
        "Settings chosen without the left-out model",
        *(f"  {m:<18}{outcome[0]}" for m, outcome in outcomes.items()),
        "",
        "Shipped screen",
        *shipped(data),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def shipped(data: Path) -> list[str]:
    """What the artifact in the package does with the safe responses, and how fast it is."""
    screen = Screen()
    train, test = (
        [(d.request, d.response) for d in safe_responses(data, split)]
        for split in ("train", "test")
    )
    completions = [(row["prompt"], row["completion"]) for m in MODELS for row in xstest(data, m)]
    return [
        f"  safe responses called refusals     {refused(screen, train + test):.4f} of 1,800"
        f" (train split, partly seen {refused(screen, train):.4f};"
        f" test split, unseen {refused(screen, test):.4f})",
        f"  responses a second, one core       "
        f"{responses_a_second(screen, completions + train + test):,.0f} (all 4,050 texts);"
        f" XSTest {responses_a_second(screen, completions):,.0f},"
        f" safe responses {responses_a_second(screen, train + test):,.0f}",
    ]


if __name__ == "__main__":
    main()
