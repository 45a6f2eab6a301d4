"""The audit of one or several benchmarks: a report, and a list that a person can go through.

    report = audit([load_benchmark("medsafety/improve"), load_benchmark("medsafety/eval")])
    report.near["jaccard3 >= 0.7"].pairs      # 39
    report.findings                           # Finding("near_duplicate", id, other, score, ...)

Benchmarks that are audited together are compared with each other: what stands in two of them has
leaked. Requests are compared without control tokens and note tails; junk is counted before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ...records import Request
from .. import Benchmark
from .criteria import Wrong, wrong_with_criteria
from .duplicates import DEFAULT, Likeness, Pairs, clusters, comparable, greedy, near_pairs
from .junk import junk
from .phrasing import Phrasing, phrasing
from .text import normalise
from .twins import Twins, twins


@dataclass(frozen=True, slots=True)
class Exact:
    """Requests beyond the first of each text: ``raw`` as published, ``normalised``, and
    ``cleaned`` of control tokens and note tails before that."""

    raw: int
    normalised: int
    cleaned: int


@dataclass(frozen=True, slots=True)
class Near:
    """Near-duplicates by one measure, over all benchmarks together.

    ``with_neighbour`` counts requests; ``removed`` what greedy deduplication would drop;
    ``cross_principle`` pairs are label noise; ``same_group`` pairs share benchmark, source and
    principle.
    """

    pairs: int
    cross_principle: int
    cross_source: int
    same_group: int
    with_neighbour: int
    removed: int
    largest_cluster: int


@dataclass(frozen=True, slots=True)
class Leak:
    """Requests of ``of`` that stand in ``into`` too, by a measure (or exactly, once cleaned)."""

    of: str
    into: str
    measure: str
    requests: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing for a person to look at."""

    kind: str
    id: str
    text: str
    principle: int | None = None
    measure: str | None = None
    score: float | None = None
    other: str | None = None
    other_text: str | None = None
    other_principle: int | None = None


@dataclass(frozen=True, slots=True)
class Audit:
    """The report. ``counts`` are requests by (benchmark, source, principle, intent); ``criteria``
    how many criteria there are, if any, and what is wrong with them by kind."""

    requests: int
    counts: dict[tuple[str, str, str, str], int]
    exact: Exact
    near: dict[str, Near]
    leaks: tuple[Leak, ...]
    junk: dict[str, int]
    junk_any: int
    words: tuple[int, float, int]
    phrasing: Phrasing | None
    twins: Twins | None = None
    benign: dict[str, Any] | None = None
    criteria: dict[str, int] | None = None
    findings: tuple[Finding, ...] = field(default=(), repr=False)

    def to_dict(self) -> dict[str, Any]:
        """JSON-like data, without the findings."""
        plain = asdict(self)
        del plain["findings"]
        names = ("benchmark", "source", "principle", "intent")
        plain["counts"] = [
            {**dict(zip(names, key, strict=True)), "requests": n} for key, n in self.counts.items()
        ]
        return plain


def audit(benchmarks: Sequence[Benchmark], measures: Sequence[Likeness] = DEFAULT) -> Audit:
    """Audit benchmarks, one by one and against each other.

    Pass raw lines where there are some (``official.raw_llama3``): junk is counted in what is
    passed. Holds all texts in memory: about 1 kB a request. Raises MsbError where a measure cannot
    be exact in reasonable time.
    """
    named = [(benchmark.name, request) for benchmark in benchmarks for request in benchmark]
    names = np.array([name for name, _ in named])
    requests = [request for _, request in named]
    texts = comparable(request.text for request in requests)
    found = {str(measure): near_pairs(texts, measure) for measure in measures}
    kinds = [junk(request.text) for request in requests]
    lengths = [len(request.text.split()) for request in requests]
    wrong = list(wrong_with_criteria(requests))
    criteria = sum(len(request.criteria) for request in requests)
    counted = {"criteria": criteria, **Counter(one.kind for one in wrong)}
    return Audit(
        requests=len(requests),
        counts=_counts(named),
        exact=Exact(
            _excess([request.text for request in requests]),
            _excess([normalise(request.text) for request in requests]),
            _excess(texts),
        ),
        near={name: _near(requests, names, pairs) for name, pairs in found.items()},
        leaks=(*_exact_leaks(texts, names), *_near_leaks(found, names)),
        junk=dict(Counter(kind for own in kinds for kind in own).most_common()),
        junk_any=sum(map(bool, kinds)),
        words=(min(lengths, default=0), float(np.median(lengths or [0])), max(lengths, default=0)),
        phrasing=phrasing(r.reference for r in requests if r.reference and r.intent == "harmful"),
        twins=twins(named),
        criteria=counted if criteria else None,
        findings=(
            *_same(requests, texts),
            *_alike(requests, found),
            *_junk(requests, kinds),
            *map(_wrong, wrong),
        ),
    )


def _counts(named: Sequence[tuple[str, Request]]) -> dict[tuple[str, str, str, str], int]:
    counts = Counter(
        (name, request.source or "-", str(request.principle or "-"), request.intent)
        for name, request in named
    )
    return dict(sorted(counts.items()))


def _excess(texts: Collection[str]) -> int:
    return len(texts) - len(set(texts))


def _near(requests: Sequence[Request], names: Any, pairs: Pairs) -> Near:
    principle = np.array([request.principle or 0 for request in requests])
    source = np.array([request.source or "" for request in requests])
    a, b = pairs.first, pairs.second
    same_principle, same_source = principle[a] == principle[b], source[a] == source[b]
    sizes = np.bincount(clusters(len(requests), pairs)) if len(pairs) else np.zeros(1, int)
    return Near(
        pairs=len(pairs),
        cross_principle=int(np.sum(~same_principle)),
        cross_source=int(np.sum(~same_source)),
        same_group=int(np.sum(same_principle & same_source & (names[a] == names[b]))),
        with_neighbour=len(np.union1d(a, b)),
        removed=len(greedy(len(requests), pairs)),
        largest_cluster=int(sizes.max()),
    )


def _exact_leaks(texts: Sequence[str], names: Any) -> Iterator[Leak]:
    by_name: dict[str, list[str]] = {}
    for text, name in zip(texts, names.tolist(), strict=True):
        by_name.setdefault(name, []).append(text)
    for name, own in by_name.items():
        for other, others in by_name.items():
            if other != name:
                there = set(others)
                yield Leak(name, other, "exact", sum(text in there for text in own))


def _near_leaks(found: dict[str, Pairs], names: Any) -> Iterator[Leak]:
    benchmarks = list(dict.fromkeys(names.tolist()))
    for measure, pairs in found.items():
        both = np.concatenate([pairs.first, pairs.second])
        others = np.concatenate([pairs.second, pairs.first])
        for of in benchmarks:
            for into in benchmarks:
                if of != into:
                    leaked = (names[both] == of) & (names[others] == into)
                    yield Leak(of, into, measure, len(np.unique(both[leaked])))


def _same(requests: Sequence[Request], texts: Sequence[str]) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for position, text in enumerate(texts):
        if (before := first.setdefault(text, position)) != position:
            yield _pair("duplicate", requests[position], requests[before], "exact", 1.0)


def _alike(requests: Sequence[Request], found: dict[str, Pairs]) -> Iterator[Finding]:
    """Each pair once, under the first measure that finds it."""
    told: set[tuple[int, int]] = set()
    for measure, pairs in found.items():
        for a, b, score in zip(*map(np.ndarray.tolist, pairs), strict=True):
            if (a, b) not in told:
                told.add((a, b))
                yield _pair("near_duplicate", requests[b], requests[a], measure, round(score, 4))


def _pair(kind: str, request: Request, other: Request, measure: str, score: float) -> Finding:
    """A pair of one principle as it is; of two principles, as label noise."""
    if None not in (request.principle, other.principle) and request.principle != other.principle:
        kind = f"{kind}_across_principles"
    return Finding(
        kind,
        request.id,
        request.text,
        request.principle,
        measure,
        score,
        other.id,
        other.text,
        other.principle,
    )


def _junk(requests: Sequence[Request], kinds: Sequence[Sequence[str]]) -> Iterator[Finding]:
    for request, own in zip(requests, kinds, strict=True):
        for kind in own:
            yield Finding(f"junk_{kind}", request.id, request.text, request.principle)


def _wrong(one: Wrong) -> Finding:
    """What is wrong with a criterion: its text in place of the request's, where it is of one."""
    text = one.criterion or one.request.text
    return Finding(one.kind, one.request.id, text, one.request.principle, other_text=one.other)
