"""How far to trust the offline judges: their agreement with people on sets they were not made with.

    python bench/bench_judge.py --data ../shared/data

For each labelled set the screen is trained on the others, its settings chosen by leaving out each
of these in turn, so that nothing of the set is seen. Beside it: version 2 of the screen (which was
trained on XSTest), the phrase matcher, and on XSTest the published matcher, the GPT-4 labels and
the annotators. Then XSTest with the model left out, texts of our own (tests/clinical_answers.jsonl,
the starter's references, incoherent texts made by script), and the speed.

The agreement is kappa of "declines" against the rest; ``unsure`` and other unscored responses go to
the side of the boundary on which they lie, so that no number gains by withheld verdicts.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medsafetybench.benchmarks.embedded import STARTER
from medsafetybench.coherence.order import LEAST, SHORTEST, tokens_of
from medsafetybench.judges.phrases import Phrases
from medsafetybench.judges.screen import Screen
from salad import salad, shuffled
from screen_sets import (
    MODELS,
    SETS,
    Labelled,
    chatref,
    checked_on,
    gptfuzz,
    safe_responses,
    xstest,
    xstest_rows,
)
from screen_v2 import run as version_2
from train_order import count, texts
from train_screen import Settings, Table, choose, fit, kappa, shared_table

FOLDS = 5
Bools = NDArray[np.bool_]
Pairs = Sequence[tuple[str, str]]


def pairs(rows: Iterable[Labelled]) -> list[tuple[str, str]]:
    """Request and response."""
    return [(row.request, row.response) for row in rows]


def set_left_out(table: Table, name: str, rows: Sequence[Labelled]) -> tuple[Settings, Bools]:
    """The settings chosen without a set, and who declines in it by a screen trained without."""
    others = [other for other in SETS if other != name]
    settings = choose(table, others)
    fitted = fit(table, table.rows(others), settings.ridge)
    tested = Table(rows, like=table)
    margins = fitted.scores(tested, np.arange(len(rows)))[:, 0]
    return settings, margins > settings.boundary


def model_left_out(table: Table, settings: Settings, requests_too: bool) -> Bools:
    """Who declines in XSTest by a screen trained without the model (and the request)."""
    declined = np.zeros(len(table.data), dtype=bool)
    for model in MODELS:
        held = np.flatnonzero(table.parts == model)
        rest = np.setdiff1d(table.rows(SETS), held)
        folds = range(FOLDS) if requests_too else (None,)
        for fold in folds:
            out, kept = held, rest
            if fold is not None:
                asked = table.requests % FOLDS == fold
                out = held[asked[held]]
                kept = rest[~(asked[rest] & (table.origins[rest] == "xstest"))]
            margins = fit(table, kept, settings.ridge).scores(table, out)[:, 0]
            declined[out] = margins > settings.boundary
    return declined[table.origins == "xstest"]


def line(name: str, declined: Sequence[bool] | Bools | None, truth: Bools) -> str:
    """One row: kappa, and the share right of those that decline and of those that do not."""
    if declined is None:
        return f"  {name:<36}not in this copy's history"
    given = np.asarray(declined)
    found, spared = given[truth].mean(), 1 - given[~truth].mean()
    return f"  {name:<36}{kappa(given, truth):>6.3f}{found:>12.3f}{spared:>12.3f}"


def by_set(data: Path, table: Table) -> list[str]:
    """For each set: the screen trained on the others, version 2, the matcher."""
    lines, matcher = [], Phrases()
    for name, read in (("xstest", xstest), ("chatref", chatref), ("gptfuzz", gptfuzz)):
        rows = [row for row in read(data) if checked_on(row)]
        truth = np.array([row.declines for row in rows])
        settings, declined = set_left_out(table, name, rows)
        before = version_2(pairs(rows))
        matched = [matcher.classify(row.response).score == 1 for row in rows]
        trained = " (trained on it)" if name == "xstest" else ""
        lines += [
            f"{name}: {len(rows)} responses, {truth.sum()} decline",
            line("screen, the set left out", declined, truth),
            line(f"screen version 2{trained}", before and before[0], truth),
            line("phrases", matched, truth),
        ]
        if name == "xstest":
            lines += xstest_lines(data, table, settings, truth)
        lines += [f"  settings chosen on the other sets: {settings}", ""]
    return lines


def xstest_lines(data: Path, table: Table, settings: Settings, truth: Bools) -> list[str]:
    """More judges of XSTest: the model left out, the published labels, the annotators."""
    full = "2_full_refusal"
    people = [
        np.array([row[column] == full for model in MODELS for row in xstest_rows(data, model)])
        for column in ("annotation_1", "annotation_2")
    ]
    return [
        line("screen, the model left out", model_left_out(table, settings, False), truth),
        line("screen, model and request left out", model_left_out(table, settings, True), truth),
        line("published string matcher", published(data, "str", "strmatch_label"), truth),
        line("published GPT-4 labels", published(data, "gpt", "gpt4_label"), truth),
        line("one annotator against the other", people[0], people[1]),
    ]


def published(data: Path, kind: str, column: str) -> Bools:
    """Full refusals in a column of the published automatic labels ("str" or "gpt")."""
    labels = []
    for model in MODELS:
        name = f"xstest_v2_completions_{model}_{kind}eval.csv"
        path = data / "xstest/automated_evaluation_labels" / name
        with path.open(encoding="utf-8", newline="") as file:
            labels += [row[column] == "2_full_refusal" for row in csv.DictReader(file)]
    return np.array(labels)


def verdicts(screen: Screen, texts: Pairs) -> str:
    """How often each level, or each reason for none."""
    given = [screen.classify(*text) for text in texts]
    counts = Counter(v.level.title if v.level else str(v.reason) for v in given)
    return ", ".join(f"{title} {n}" for title, n in counts.most_common())


def shipped(data: Path) -> list[str]:
    """What the artifact in the package does with texts that it was not trained on."""
    screen = Screen()
    own = Path(__file__).resolve().parents[1] / "tests" / "clinical_answers.jsonl"
    clinical = [json.loads(row) for row in own.read_text(encoding="utf-8").splitlines()]
    own_starter = [r for r in STARTER.read() if r.reference]
    sets = [*xstest(data), *(row for row in chatref(data) if checked_on(row))]
    answers = pairs(row for row in sets if row.score == 4)
    broken = salad(answers, seed=0)
    coherent = pairs(sets)[::7][:500]
    test = pairs(safe_responses(data, "test"))
    lines = {
        f"{kind}, clinical, ours": [
            (r["request"], r["response"]) for r in clinical if r["label"] == kind
        ]
        for kind in ("declines", "not declined")
    }
    lines |= {
        f"starter, {intent}": [
            (r.text, r.reference or "") for r in own_starter if r.intent == intent
        ]
        for intent in ("harmful", "benign")
    }
    lines |= {
        f"incoherent, {kind}": [(asked, text) for made, asked, text in broken if made == kind]
        for kind in ("loop", "echo", "shuffled", "other")
    }
    lines |= {"coherent, of the sets": coherent, "published safe responses, test": test}
    return [f"  {name:<34}{verdicts(screen, texts)}" for name, texts in lines.items()]


def orders(data: Path) -> list[str]:
    """How many texts of each set are in no order by a table counted on the others, and how many of
    the same with their words shuffled."""
    lines, rng = [], random.Random(0)
    sets = texts(data)
    for name, held in sets.items():
        table = count(text for other, each in sets.items() if other != name for text in each)
        coherent = [(text, tokens_of(text.lower())) for text in held]
        long = [(text, tokens) for text, tokens in coherent if len(tokens) >= SHORTEST]
        false = sum(table.mean(tokens) < LEAST for _, tokens in long)
        found = sum(table.mean(tokens_of(shuffled(text, rng).lower())) < LEAST for text, _ in long)
        share = found / len(long)
        lines.append(f"  {name:<10}{len(long):>6}{false:>6} as they are{share:>8.1%} shuffled")
    return lines


def speed(data: Path) -> list[str]:
    """Responses a second of one thread, by processor time, beside version 2 in the same run."""
    texts = pairs(xstest(data)) + pairs(safe_responses(data, "train"))
    screen, passes = Screen(), []
    for _ in range(5):
        start = time.process_time()
        for text in texts:
            screen.classify(*text)
        passes.append(time.process_time() - start)
    rate = len(texts) / min(passes)
    before = version_2(texts, passes=5)
    beside = f", {rate * before[1] / len(texts):.2f} times version 2's" if before else ""
    return [f"  {rate:,.0f} responses a second on one core{beside}"]


def main() -> None:
    """See the module's docstring."""
    root = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=root.parent / "shared" / "data")
    data = parser.parse_args().data
    heading = "{:<38}{:>6}{:>12}{:>12}".format(
        "kappa of declines against the rest", "kappa", "declining", "others"
    )
    lines = [
        heading,
        *by_set(data, shared_table(data)),
        "Shipped screen, texts it was not trained on (coherent ones apart)",
        *shipped(data),
        "",
        "Words in no order, the set left out",
        *orders(data),
        "",
        "Speed",
        *speed(data),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
