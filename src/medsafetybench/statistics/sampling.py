"""Seeded, stratified samples: of a benchmark, for an audit, for people to label.

stratified_sample(ids, principles, n=200, seed=0)
grouped_sample(ids, principles, pairs, n=200, seed=0)      # twins together
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence

from ..errors import MsbError


def stratified_sample(
    ids: Sequence[str], strata: Sequence[Hashable], n: int, seed: int = 0
) -> list[str]:
    """``n`` of the ids, drawn without replacement and in proportion to their strata.

    Sizes are rounded by largest remainder, and each stratum keeps two (or all it has) where n
    allows. Of fewer requests than strata, those that get one lie evenly among the strata in the
    order of their names, from one drawn at random: so of ("benign", 1) to ("harmful", 9) each
    intent has its share. The sample depends on the ids and the seed, not on their order, and comes
    in random order: whoever stops half-way has labelled a random part. Raises MsbError for n below
    1 or above the number of ids.
    """
    if len(ids) != len(strata):
        raise MsbError(f"{len(ids)} ids came with {len(strata)} strata; expected one each")
    if len(set(ids)) != len(ids):
        raise MsbError("an id occurs twice among those to sample from; expected distinct ids")
    if not 1 <= n <= len(ids):
        raise MsbError(f"a sample of {n} requests was asked for; expected from 1 to {len(ids)}")
    members: defaultdict[str, list[str]] = defaultdict(list)
    for name, stratum in sorted(zip(ids, map(str, strata), strict=True)):
        members[stratum].append(name)
    rng = random.Random(seed)
    sizes = {stratum: len(names) for stratum, names in sorted(members.items())}
    quotas = _quotas(sizes, n) if n >= len(sizes) else _spread(sizes, n, rng.randrange(len(ids)))
    chosen: list[str] = []
    for stratum_name, quota in quotas.items():
        chosen += rng.sample(members[stratum_name], quota)
    rng.shuffle(chosen)
    return chosen


def grouped_sample(
    ids: Sequence[str],
    strata: Sequence[Hashable],
    groups: Sequence[Hashable],
    n: int,
    seed: int = 0,
) -> list[str]:
    """``n`` of the ids in whole groups, in proportion to the groups' strata.

    A group's stratum is that of its members together, so a harmful request and its benign twin come
    as one. Each stratum's groups are shuffled and spread evenly over one row, which is taken from
    its beginning: so of each stratum there is a fair share, and the sample of a larger n holds that
    of a smaller one. What is too little for a whole group goes to one of its members. Depends on
    ids and seed, not on their order. Raises MsbError for n below 1 or above the number of ids.
    """
    if not 1 <= n <= len(ids):
        raise MsbError(f"a sample of {n} requests was asked for; expected from 1 to {len(ids)}")
    members: defaultdict[str, list[str]] = defaultdict(list)
    kinds: defaultdict[str, list[str]] = defaultdict(list)
    for name, stratum, group in sorted(zip(ids, map(str, strata), map(str, groups), strict=True)):
        members[group].append(name)
        kinds[group].append(stratum)
    chosen: list[str] = []
    left_over: list[list[str]] = []
    for group in _in_a_row(kinds, random.Random(seed)):
        own = members[group]
        if len(own) <= n - len(chosen):
            chosen += own
        else:
            left_over.append(own)
    for own in left_over:
        chosen += own[: n - len(chosen)]
    return chosen


def _in_a_row(kinds: Mapping[str, Sequence[str]], rng: random.Random) -> list[str]:
    """The groups, those of each kind shuffled and spread evenly over the whole row."""
    strata: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for group, kind in kinds.items():
        strata[tuple(sorted(kind))].append(group)
    starts = rng.sample(range(len(strata)), len(strata))
    placed: list[tuple[float, int, str]] = []
    for start, (_, own) in zip(starts, sorted(strata.items()), strict=True):
        shuffled = rng.sample(sorted(own), len(own))
        placed += [
            ((place + (start + 0.5) / len(strata)) / len(own), start, group)
            for place, group in enumerate(shuffled)
        ]
    return [group for _, _, group in sorted(placed)]


def _quotas(sizes: dict[str, int], n: int) -> dict[str, int]:
    """How many of ``n`` each stratum gives: proportional, at least two where that is possible."""
    total = sum(sizes.values())
    quotas = {stratum: n * size // total for stratum, size in sizes.items()}
    by_remainder = sorted(sizes, key=lambda s: (-(n * sizes[s] % total), s))
    for stratum in by_remainder[: n - sum(quotas.values())]:
        quotas[stratum] += 1
    floor = {stratum: min(2, size) for stratum, size in sizes.items()}
    if sum(floor.values()) <= n:
        for stratum in sizes:
            while quotas[stratum] < floor[stratum]:
                richest = max(quotas, key=lambda s: quotas[s] - floor[s])
                quotas[stratum] += 1
                quotas[richest] -= 1
    return quotas


def _spread(sizes: dict[str, int], n: int, start: int) -> dict[str, int]:
    """How many of ``n`` each stratum gives, where they are too few for all.

    Systematic: with all ids in a row, those are counted at which another n-th part of the row ends,
    from ``start`` (W. Cochran, Sampling Techniques, 3rd edition 1977, chapter 8).
    """
    total = sum(sizes.values())
    quotas, passed = {}, 0
    for stratum, size in sizes.items():
        quotas[stratum] = (n * (passed + size) + start) // total - (n * passed + start) // total
        passed += size
    return quotas
