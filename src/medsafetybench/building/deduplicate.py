"""Deduplicate: exact, then near, against what is named and within the set. The earliest stays.

    deduplicate(project, against=[load_benchmark("medsafety/eval")], measures=DEFAULT)

Made anew each time, since one new request can be near any other: the file appears once it is whole.
Holds the words of all requests as numbers, some 300 bytes a request, and no pair that is not near.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from ..benchmarks import Benchmark
from ..benchmarks.audit.duplicates import Likeness, comparable, greedy, near_pairs
from ..tables import write_rows
from .project import Project, Row
from .stage import Account, account

DEFAULT = (Likeness("jaccard3", 0.7), Likeness("token_sort", 90))


def deduplicate(
    project: Project,
    against: Sequence[Benchmark] = (),
    measures: Sequence[Likeness] = DEFAULT,
    limit: int | None = None,
) -> Account:
    """Write the decisions of the stage for the first ``limit`` rows, and give account of it.

    Raises MsbError if nothing was extracted, or a measure cannot be exact in reasonable time.
    """
    settings = {
        "measures": [str(measure) for measure in measures],
        "against": {benchmark.name: benchmark.sha256 for benchmark in against},
    }
    with project.writing("deduplicate", settings) as writer:
        made = writer.made
    known = [request for benchmark in against for request in benchmark]
    dropped = _dropped([request.text for request in known], _texts(project, limit), measures)
    names = [request.id for request in known]
    rows = _rows(project, names, dropped, made, limit)
    count = write_rows(project.path("deduplicate"), rows)
    return replace(account(project, "deduplicate"), now=count)


def _texts(project: Project, limit: int | None) -> list[str]:
    return [row["text"] for row in islice(project.kept("extract"), limit)]


def _dropped(
    known: list[str], texts: list[str], measures: Sequence[Likeness]
) -> dict[int, tuple[int, str, float]]:
    """Which positions of [known, texts] go, each with the position it repeats, how, how much."""
    together = comparable([*known, *texts])
    dropped: dict[int, tuple[int, str, float]] = {}
    first: dict[str, int] = {}
    for position, text in enumerate(together):
        if (before := first.setdefault(text, position)) != position and position >= len(known):
            dropped[position] = (before, "exact", 1.0)
    left = [p for p in range(len(together)) if p not in dropped]
    for measure in measures:
        pairs = near_pairs([together[p] for p in left], measure, known=len(known))
        for position, (of, score) in greedy(len(left), pairs).items():
            dropped[left[position]] = (left[of], str(measure), round(score, 4))
        left = [p for p in left if p not in dropped]
    return dropped


def _rows(
    project: Project,
    names: list[str],
    dropped: dict[int, tuple[int, str, float]],
    made: str,
    limit: int | None,
) -> Iterator[dict[str, Any]]:
    ids = [*names, *(row["id"] for row in islice(project.kept("extract"), limit))]
    for position, row in enumerate(islice(project.kept("extract"), limit), len(names)):
        decision: dict[str, Any] = {"key": row["id"], "kept": [row], "aside": [], "made": made}
        if position in dropped:
            of, measure, score = dropped[position]
            reason = "duplicate" if measure == "exact" else "near_duplicate"
            place = "published" if of < len(names) else "within"
            told: Row = {**row, "reason": f"{reason}_{place}", "of": ids[of],
                         "measure": measure, "score": score}  # fmt: skip
            decision |= {"kept": [], "aside": [told]}
        yield decision
