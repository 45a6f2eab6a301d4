"""msb leaderboard: the runs of one benchmark and judge, ranked on both sides."""

from __future__ import annotations

from collections.abc import Sequence
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
    paired,
)
from .said import say

if TYPE_CHECKING:
    from ..results.leaderboard import Ranks, Standing
    from ..results.measures import Measure


def leaderboard(
    *runs: Annotated[
        str, Parameter(help="Runs; default: all with the benchmark and judge of the last.")
    ],
    judge: options.Judges = None,
    test: Test = "bounds",
    correction: Correction = "holm",
    confidence: Confidence = 0.95,
    clusters: Clusters = None,
    no_clusters: NoClusters = False,
    allow_different_judges: AllowDifferentJudges = False,
    store: options.Store = options.STORE,
    as_json: options.Json = False,
) -> None:
    """Rank runs on both sides, with the ranks that the data leave open."""
    from ..results.comparison import Method
    from ..results.interval_notes import of_ranks
    from ..results.leaderboard import leaderboard as standings

    method = Method(test, correction, confidence)
    chosen = runs or _alike(store, judge or [])
    pairing = paired(chosen, store, judge or [], allow_different_judges, clusters, no_clusters)
    if not pairing.measures:
        raise MsbError(
            f"{pairing.judge} measures nothing of {', '.join(chosen)}; name runs that it scored "
            "(msb runs shows them), or have it score these with `msb rejudge`"
        )
    found = standings(pairing, method)
    if as_json:
        document = {"judge": pairing.judge, "notes": pairing.notes, "standings": found}
        document["intervals"] = of_ranks()
        show.as_json(document, schema=2)
        return
    show_leaderboard(found, pairing.measures, confidence)
    say(f"judge: {pairing.judge}")
    for note in pairing.notes:
        say(note)


def show_leaderboard(
    found: Sequence[Standing], measures: Sequence[Measure], confidence: float
) -> None:
    """Print the standings: every measure, and ranks on the one that leads each side."""
    from ..results.interval_notes import of_ranks
    from ..results.measures import form_of

    ranked = [next((m for m in measures if m.side == side), None) for side in ("harmful", "benign")]
    header, rows = ["target"], [[row.label] for row in found]
    for measure in measures:
        header.append(measure.heading)
        for cells, row in zip(rows, found, strict=True):
            value = row.places[measure.key].value
            cells.append("-" if value is None else form_of(measure.unit).format(value))
        if measure in ranked:
            header += ["rank", "ranks"]
            for cells, row in zip(rows, found, strict=True):
                place = row.places[measure.key]
                cells += [str(place.rank or "-"), _ranks(place.ranks)]
    show.table(header, rows, right=header[1:])
    say(
        "",
        f"ranks: the places that the data leave open, for all runs at once, at {confidence:.0%}, "
        f"{of_ranks()}",
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
        say(f"{left} runs of another benchmark or judge are left out", error=True)
    return [open_run(identity, store).id for identity in same]


def _ranks(found: Ranks | None) -> str:
    if found is None:
        return "-"
    return str(found.best) if found.best == found.worst else f"{found.best}-{found.worst}"
