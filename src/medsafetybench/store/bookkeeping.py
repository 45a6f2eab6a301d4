"""What a store keeps beside runs, on its way into another one: samples, looks, cards, capability;
and what stays, since only its own store can go on with it: batches.

add_bookkeeping(store, source, runs, judges, muddled)   # lines on what did not go together
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from ..errors import MsbError
from .database import Database
from .uniting import Rows, unite

SAMPLE = "design, seed, n, intents, positions"
CAPABILITY = (
    Rows("capability_targets", ("key",), ("name", "settings")),
    Rows("capability_tasks", ("key",), ("name", "version", "questions")),
    Rows(
        *("capability_results", ("target", "task", "shots", "seed")),
        ("n", "correct", "accuracy", "stderr", "harness", "created"),
    ),
)
CARDS = Rows("judge_cards", ("judge", "name", "part", "n"), ("created", "card"))


def add_bookkeeping(
    store: Database,
    source: Database,
    runs: Mapping[int, int],
    judges: Mapping[int, int],
    muddled: Collection[int],
) -> list[str]:
    """Bring it over, in a transaction of the caller's; lines on what did not go together.

    ``runs`` and ``judges`` give the store's numbers for the source's. How far somebody came in a
    sample of a ``muddled`` run (the source's number) is left out: some of what was labelled there
    was another response. Raises MsbError for a series that was begun with other settings.
    """
    _add_samples(store, source, runs, judges, muddled)
    _add_looks(store, source)
    unite(source, store, CARDS, better=lambda there, came: there[0] < came[0])
    differ = [unite(source, store, rows, alike=_same_answers) for rows in CAPABILITY][-1].differ
    said = [
        f"{len(differ)} results of capability differ from those in {store.path}, which stand"
    ] * bool(differ)
    # A batch is known by a secret of its store (batch_secret), so none of batch_calls can move.
    out = "SELECT COUNT(*) FROM batches WHERE state IN ('prepared', 'submitted')"
    if waiting := next(source.select(out))[0]:
        said.append(
            f"batches that are out, not collected yet: {waiting}; run their evaluation again with "
            f"--store {source.path}, and then merge it again"
        )
    if muddled:
        said.append("who labelled how much of a sample of those responses was left out")
    return said


def _same_answers(there: Sequence[Any], came: Sequence[Any]) -> bool:
    return there[:2] == came[:2]


def _add_samples(
    store: Database,
    source: Database,
    runs: Mapping[int, int],
    judges: Mapping[int, int],
    muddled: Collection[int],
) -> None:
    found = source.select(f"SELECT number, run, created, {SAMPLE} FROM samples ORDER BY number")  # nosec B608 # names of ours
    for number, run, created, *drawn in found:
        same = " AND ".join(f"{name} IS ?" for name in SAMPLE.split(", "))
        query = f"SELECT number FROM samples WHERE run = ? AND {same}"  # nosec B608 # names of ours
        there = next(store.select(query, runs[run], *drawn), None)
        kept = (
            there[0]
            if there
            else store.write(
                f"INSERT INTO samples (run, created, {SAMPLE}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # nosec B608 # names of ours
                *(runs[run], created, *drawn),
            )
        )
        if run in muddled:
            continue
        readers = "SELECT judge, reached FROM sample_readers WHERE sample = ?"
        for judge, reached in source.select(readers, number):
            store.write(
                """INSERT INTO sample_readers (sample, judge, reached) VALUES (?, ?, ?)
                ON CONFLICT DO UPDATE SET reached = MAX(reached, excluded.reached)""",
                *(kept, judges[judge], reached),
            )


def _add_looks(store: Database, source: Database) -> None:
    """Series with their looks: each look counts once, after those that are there."""
    for name, looks, settings, created in source.select("SELECT * FROM series"):
        begun = next(store.select("SELECT looks, settings FROM series WHERE name = ?", name), None)
        if begun not in (None, (looks, settings)):
            raise MsbError(
                f"{source.path} holds a series {name!r} that was begun with other settings than "
                f"that in {store.path}; one promise cannot be both: merge it into another store"
            )
        store.write(
            "INSERT OR IGNORE INTO series (name, looks, settings, created) VALUES (?, ?, ?, ?)",
            *(name, looks, settings, created),
        )
        for taken in _looks(source, name):
            store.write(
                """INSERT INTO looks (series, number, run, judges, verdict, created)
                SELECT ?1, 1 + COUNT(*), ?2, ?3, ?4, ?5 FROM looks WHERE series = ?1
                ON CONFLICT (series, run, judges) DO UPDATE SET verdict = excluded.verdict
                WHERE verdict = 'undecided'""",
                *(name, *taken),
            )


def _looks(source: Database, series: str) -> Iterator[tuple[Any, ...]]:
    return source.select(
        "SELECT run, judges, verdict, created FROM looks WHERE series = ? ORDER BY number", series
    )
