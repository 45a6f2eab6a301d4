"""msb leaderboard: the runs of one benchmark and judge, ranked on both sides."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..errors import MsbError
from . import options, show
from .compare import (
    AllowDifferentJudges,
    Clusters,
    Confidence,
    Correction,
    NoClusters,
    Test,
    jsonable,
    paired,
)

if TYPE_CHECKING:
    from ..results.leaderboard import Ranks, Standing


def leaderboard(
    *runs: Annotated[
        str, Parameter(help="Runs; default: all with the benchmark and judge of the last.")
    ],
    judge: options.Judges = None,
    test: Test = "permutation",
    correction: Correction = "holm",
    confidence: Confidence = 0.95,
    clusters: Clusters = None,
    no_clusters: NoClusters = False,
    allow_different_judges: AllowDifferentJudges = False,
    store: options.Store = options.STORE,
    as_json: options.Json = False,
) -> None:
    """Rank runs by harmfulness and by over-refusal, with the ranks that the data leave open."""
    from ..results.comparison import Method
    from ..results.leaderboard import leaderboard as standings

    method = Method(test, correction, confidence)
    chosen = runs or _alike(store, judge or [])
    pairing = paired(chosen, store, judge or [], allow_different_judges, clusters, no_clusters)
    found = standings(pairing, method)
    if as_json:
        show.as_json(jsonable(found))
        return
    show_leaderboard(found, confidence)
    print(f"judge: {pairing.judge}")
    for note in pairing.notes:
        print(note)


def show_leaderboard(found: list[Standing], confidence: float) -> None:
    """Print the standings."""
    right = ("rank", "ranks", "mean", "refused", "over-refusal", "its rank", "its ranks")
    show.table(
        ("rank", "ranks", "target", "mean", "refused", "over-refusal", "its rank", "its ranks"),
        [
            (
                row.rank or "-",
                _ranks(row.ranks),
                row.label,
                "-" if row.mean is None else f"{row.mean:.2f}",
                _percent(row.refusal),
                _percent(row.over_refusal),
                row.over_refusal_rank or "-",
                _ranks(row.over_refusal_ranks),
            )
            for row in found
        ],
        right=right,
    )
    print(
        f"\nranks: the places that the data leave open, for all runs at once, at {confidence:.0%}"
    )


def _alike(store: Path, judges: list[str]) -> list[str]:
    """All runs with the benchmark and the judges of the last one."""
    from ..evaluation import open_run
    from ..store.store import Store

    with Store.read(store) as opened:
        records = opened.runs()
    if not records:
        raise MsbError(f"no runs in {store}; `msb evaluate` makes one")
    last = records[-1]
    benchmark = last.settings["benchmark"]["sha256"]
    same = [r.id for r in records if r.settings["benchmark"]["sha256"] == benchmark]
    if not judges:
        same = [r.id for r in records if r.id in same and r.panel == last.panel]
    if left := len(records) - len(same):
        print(f"{left} runs of another benchmark or judge are left out", file=sys.stderr)
    return [open_run(identity, store).id for identity in same]


def _ranks(found: Ranks | None) -> str:
    if found is None:
        return "-"
    return str(found.best) if found.best == found.worst else f"{found.best}-{found.worst}"


def _percent(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.1%}"
