"""What a study found: for each benchmark, the standings and the comparison of its targets.

for part in report(study, store):
    part.benchmark, part.leaderboard, part.comparison
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..errors import MsbError
from ..results.comparison import Comparison, Method, compare
from ..results.leaderboard import Standing, leaderboard
from ..results.pairing import Pairing, pair_runs
from ..results.run import Run, open_run
from ..store.store import Store
from .running import Planned, evaluations, prepared
from .study import Study


@dataclass(frozen=True)
class Part:
    """One benchmark of a study. The last three are None below two targets with results."""

    benchmark: str
    runs: list[str]
    missing: list[str] = field(default_factory=list)
    pairing: Pairing | None = None
    leaderboard: list[Standing] | None = None
    comparison: Comparison | None = None


def report(
    study: Study, store: Path, data_dir: Path | None = None, method: Method | None = None
) -> Iterator[Part]:
    """Each benchmark in turn, as far as the study has come. Raises MsbError without a store."""
    with Store.read(store) as opened:
        known = {run.id for run in opened.runs()}
    by_benchmark: dict[int, list[Planned]] = {}
    for i, planned in enumerate(evaluations(study)):
        by_benchmark.setdefault(i % len(study.benchmarks), []).append(planned)
    for planned_here in by_benchmark.values():
        yield _part(planned_here, store, data_dir, known, method or Method())


def _part(
    planned: list[Planned],
    store: Path,
    data_dir: Path | None,
    known: set[str],
    method: Method,
) -> Part:
    name = planned[0].benchmark.name
    there: list[tuple[Planned, Run]] = []
    missing = []
    for one in planned:
        run, judges = _run(one, store, data_dir)
        if run in known:
            there.append((one, replace(open_run(run, store), judges=judges)))
        else:
            missing.append(one.target.name)
    ids = [run.id for _, run in there]
    if len(there) < 2:
        return Part(name, ids, missing)
    pairing = pair_runs([run for _, run in there])
    groups: dict[str, list[str]] = {}
    for (one, _), label in zip(there, pairing.labels, strict=True):
        for tag in one.target.tags:
            groups.setdefault(tag, []).append(label)
    found = compare(pairing, method, groups if len(groups) > 1 else None)
    return Part(name, ids, missing, pairing, leaderboard(pairing, method), found)


def _run(planned: Planned, store: Path, data_dir: Path | None) -> tuple[str, tuple[str, ...]]:
    """The id that the evaluation's run has, or would have, and the keys of the study's judges;
    empty if it cannot be opened here."""
    try:
        with prepared(planned, store, data_dir) as opened, opened.store.rehearsal():
            run, judges = opened.register()
            return run.id, tuple(judge.key for judge in judges[: len(opened.panel)])
    except MsbError:
        return "", ()
