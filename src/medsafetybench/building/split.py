"""Splitting rows into improve and eval: stratified, with what belongs together kept together.

split(rows, share=0.5, seed=0)      # ["improve", "eval", ...], one for each row

Twins, and requests that are near each other by a measure (looser than deduplication's, so that no
near-duplicate can leak), share a split. Within each principle and source the larger clusters are
placed first, each where the most room is left.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..benchmarks.audit.duplicates import Likeness, Pairs, clusters, comparable, near_pairs
from .project import Row

TOGETHER = (Likeness("jaccard3", 0.5), Likeness("token_sort", 80))
SPLITS = ("improve", "eval")


def split(
    rows: Sequence[Row], share: float = 0.5, seed: int = 0, measures: Sequence[Likeness] = TOGETHER
) -> list[str]:
    """The split of each row; ``share`` of them are to be in eval. Depends on seed, ids and texts,
    not on the order of the rows."""
    members: dict[int, list[int]] = defaultdict(list)
    for position, cluster in enumerate(_clusters(rows, measures).tolist()):
        members[cluster].append(position)
    strata: dict[str, list[list[int]]] = defaultdict(list)
    for cluster in members.values():
        first = min(cluster, key=lambda position: str(rows[position]["id"]))
        strata[f"{rows[first]['principle']}/{rows[first].get('source')}"].append(cluster)
    splits = [""] * len(rows)
    left: Counter[str] = Counter()  # rounding in one stratum is made good in the next
    for name in sorted(strata):
        _place(strata[name], rows, share, f"{seed}/{name}", splits, left)
    return splits


def _place(
    members: list[list[int]],
    rows: Sequence[Row],
    share: float,
    seed: str,
    splits: list[str],
    left: Counter[str],
) -> None:
    members.sort(key=lambda cluster: min(str(rows[p]["id"]) for p in cluster))
    random.Random(seed).shuffle(members)
    members.sort(key=len, reverse=True)
    total = sum(map(len, members))
    wanted = {"improve": 1 - share, "eval": share}
    room = {name: wanted[name] * total + left[name] for name in SPLITS}
    for cluster in members:
        chosen = max(SPLITS, key=lambda name: (room[name], name))
        room[chosen] -= len(cluster)
        for position in cluster:
            splits[position] = chosen
    left.update({name: room[name] - left[name] for name in SPLITS})


def _clusters(rows: Sequence[Row], measures: Sequence[Likeness]) -> Any:
    texts = comparable(str(row["text"]) for row in rows)
    found = [near_pairs(texts, measure) for measure in measures]
    by_id = {row["id"]: position for position, row in enumerate(rows)}
    twins = [(by_id[row["pair"]], p) for p, row in enumerate(rows) if row.get("pair") in by_id]
    first = np.concatenate([*(p.first for p in found), np.array([a for a, _ in twins], np.int64)])
    second = np.concatenate([*(p.second for p in found), np.array([b for _, b in twins], np.int64)])
    return clusters(len(rows), Pairs(first, second, np.ones(len(first))))
