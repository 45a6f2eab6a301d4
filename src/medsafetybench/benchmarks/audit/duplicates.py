"""Duplicates: exact, and near by a named measure and threshold; exact search, no sampling.

    measure = Likeness("jaccard3", 0.7)
    pairs = near_pairs(texts, measure)        # Pairs(first, second, score), first < second
    clusters(len(texts), pairs)               # a cluster number for each text
    leaked_ids(eval_benchmark, train_benchmark, measure)

``jaccardN`` is the share of word n-grams that two texts have in common, 0 to 1; ``token_sort`` is
rapidfuzz's ratio of the sorted words, 0 to 100. The first is found by prefix filtering, the second
by comparing all texts whose lengths allow the threshold. Neither misses a pair.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import MsbError
from .text import clean, ngram_matrix, normalise

if TYPE_CHECKING:
    from .. import Benchmark

BLOCK = 500
MOST_COMPARISONS = 10**11
"""Comparisons of two texts beyond which token_sort takes an hour or more; it is then refused."""

LETTERS = 64
"""Columns that characters are counted in; ``ord % 64`` keeps the letters a-z apart."""

TOLERANCE = 1e-9
"""So that 7/10 counts as at least .7 in binary floating point."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """A measure of likeness with the threshold from which two texts are near-duplicates."""

    name: str = "jaccard3"
    threshold: float = 0.7

    def __post_init__(self) -> None:
        highest = 100 if self.name == "token_sort" else 1
        if self.name != "token_sort" and not re.fullmatch(r"jaccard[1-9]", self.name):
            raise MsbError(f"measure {self.name!r}; expected jaccard1 to jaccard9, or token_sort")
        if not 0 < self.threshold <= highest:
            raise MsbError(
                f"{self.name} with threshold {self.threshold:g}; expected above 0, at most "
                f"{highest}"
            )

    @classmethod
    def parse(cls, text: str) -> Likeness:
        """From ``NAME=THRESHOLD``, such as ``jaccard3=0.7``. Raises MsbError otherwise."""
        name, _, threshold = text.partition("=")
        try:
            return cls(name.strip(), float(threshold))
        except ValueError:
            raise MsbError(f"measure {text!r}; expected NAME=THRESHOLD, as jaccard3=0.7") from None

    def __str__(self) -> str:
        return f"{self.name} >= {self.threshold:g}"


DEFAULT = (Likeness("jaccard3", 0.7), Likeness("jaccard3", 0.8), Likeness("token_sort", 90))


class Pairs(NamedTuple):
    """Pairs of positions with ``first < second``, and how alike the two texts are."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    score: NDArray[np.float64]

    def __len__(self) -> int:  # the number of pairs, not of fields
        return len(self.first)

    def where(self, chosen: NDArray[np.bool_]) -> Pairs:
        """The pairs that a mask chooses."""
        return Pairs(self.first[chosen], self.second[chosen], self.score[chosen])


def comparable(texts: Iterable[str]) -> list[str]:
    """Texts as they are compared: cleaned of control tokens and note tails, then normalised."""
    return [normalise(clean(text)) for text in texts]


def near_pairs(normalised: Sequence[str], measure: Likeness, known: int = 0) -> Pairs:
    """All pairs of texts at or above the measure's threshold, ordered by position.

    The first ``known`` texts are not compared with each other, only with the rest. Raises MsbError
    where the measure compares every two texts and there are too many for that.
    """
    if measure.name == "token_sort":
        found = _token_sort(normalised, measure.threshold, known)
    else:
        matrix = ngram_matrix(normalised, int(measure.name[-1]))
        found = _jaccard(matrix, measure.threshold, known)
    parts = list(found)
    if not parts:
        return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    first, second, score = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((second, first))
    return Pairs(first[order], second[order], score[order])


def clusters(size: int, pairs: Pairs) -> NDArray[np.int32]:
    """A cluster number for each of ``size`` texts: those linked by a chain of pairs share one."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    links = coo_matrix((np.ones(len(pairs)), (pairs.first, pairs.second)), shape=(size, size))
    labels: NDArray[np.int32] = connected_components(links, directed=False)[1]
    return labels


def greedy(size: int, pairs: Pairs) -> dict[int, tuple[int, float]]:
    """Which texts go when each is dropped that is near one kept before it: ``{text: (of, score)}``.

    Depends on the order of the texts alone: the earliest stays.
    """
    earlier: dict[int, list[tuple[int, float]]] = {}
    for first, second, score in zip(*map(np.ndarray.tolist, pairs), strict=True):
        earlier.setdefault(second, []).append((first, score))
    dropped: dict[int, tuple[int, float]] = {}
    for text in sorted(earlier):
        for near in earlier[text]:
            if near[0] not in dropped:
                dropped[text] = near
                break
    return dropped


def leaked_ids(
    evaluated: Benchmark,
    trained_on: Benchmark,
    measure: str = "jaccard3",
    threshold: float = 0.7,
) -> set[str]:
    """Ids of the requests to evaluate on that have a (near-)duplicate in what was trained on.

    The same normalised text always counts, whatever the measure. Raises MsbError for an unknown
    measure or a threshold off its scale.
    """
    known = comparable(request.text for request in trained_on)
    ids = [request.id for request in evaluated]
    texts = comparable(request.text for request in evaluated)
    pairs = near_pairs([*known, *texts], Likeness(measure, threshold), known=len(known))
    crossing = pairs.second[pairs.first < len(known)] - len(known)
    same = set(known)
    exact = {identity for identity, text in zip(ids, texts, strict=True) if text in same}
    return exact | {ids[position] for position in crossing.tolist()}


def _jaccard(matrix: Any, threshold: float, known: int) -> Iterator[tuple[Any, Any, Any]]:
    """Prefix filtering (Chaudhuri et al. 2006; Bayardo et al. 2007).

    Order the n-grams by how rare they are. Two sets with Jaccard >= t share an n-gram among the
    first |x| - ceil(t |x|) + 1 of each: so a product of these short prefixes finds all candidates,
    and only candidates are compared in full.
    """
    sizes = np.diff(matrix.indptr)
    prefixes = _prefixes(matrix, sizes, threshold)
    columns = prefixes.T.tocsr()
    total = matrix.shape[0]
    for start in range(0, total, BLOCK):
        candidates = (prefixes[start : start + BLOCK] @ columns).tocoo()
        first, second = candidates.row.astype(np.int64) + start, candidates.col.astype(np.int64)
        possible = (second > first) & (second >= known)
        smaller = np.minimum(sizes[first], sizes[second])
        larger = np.maximum(sizes[first], sizes[second])
        possible &= smaller >= threshold * larger - TOLERANCE
        yield from _verified(matrix, sizes, first[possible], second[possible], threshold)


def _prefixes(matrix: Any, sizes: NDArray[Any], threshold: float) -> Any:
    from scipy.sparse import csr_matrix

    rarity = np.bincount(matrix.indices, minlength=matrix.shape[1])
    rank = np.empty(matrix.shape[1], np.int64)
    rank[np.argsort(rarity, kind="stable")] = np.arange(matrix.shape[1])
    row = np.repeat(np.arange(matrix.shape[0]), sizes)
    order = np.lexsort((rank[matrix.indices], row))
    place = np.arange(len(row)) - matrix.indptr[row]
    length = sizes - np.ceil(threshold * sizes - TOLERANCE).astype(np.int64) + 1
    kept = place < length[row]
    entries = (row[kept], matrix.indices[order][kept])
    return csr_matrix((np.ones(int(kept.sum()), np.int32), entries), shape=matrix.shape)


def _verified(
    matrix: Any, sizes: NDArray[Any], first: NDArray[Any], second: NDArray[Any], threshold: float
) -> Iterator[tuple[Any, Any, Any]]:
    for start in range(0, len(first), 100 * BLOCK):
        a, b = first[start : start + 100 * BLOCK], second[start : start + 100 * BLOCK]
        shared = np.asarray(matrix[a].multiply(matrix[b]).sum(axis=1)).ravel()
        score = shared / (sizes[a] + sizes[b] - shared)
        near = score >= threshold - TOLERANCE
        yield a[near], b[near], score[near]


def _token_sort(
    normalised: Sequence[str], threshold: float, known: int
) -> Iterator[tuple[Any, Any, Any]]:
    """All comparisons that the lengths allow: a ratio of r needs min >= r / (200 - r) max."""
    total = len(normalised)
    if (comparisons := (total - known) * (total + known) / 2) > MOST_COMPARISONS:
        raise MsbError(
            f"token_sort compares every two texts: {comparisons:.1e} comparisons for {total:,} "
            "texts takes an hour or more; use --measure jaccard3=0.7 alone, or fewer texts"
        )
    words = np.array([" ".join(sorted(text.split())) for text in normalised], dtype=object)
    lengths = np.array([len(text) for text in words], np.int64)
    order = np.argsort(lengths, kind="stable")
    old, fresh = order[order < known], order[order >= known]
    shortest = threshold / (200 - threshold)
    for start in range(0, len(fresh), BLOCK):
        block = fresh[start : start + BLOCK]
        low, high = lengths[block[0]] * shortest, lengths[block[-1]] / shortest
        within = fresh[start : int(np.searchsorted(lengths[fresh], high + TOLERANCE, "right"))]
        row, column, score = _ratios(words[block], words[within], threshold)
        once = column > row  # a block meets itself first: in both orders, and each text itself
        yield _ordered(block[row[once]], within[column[once]], score[once])
        near = (lengths[old] >= low - TOLERANCE) & (lengths[old] <= high + TOLERANCE)
        row, column, score = _ratios(words[block], words[old[near]], threshold)
        yield _ordered(block[row], old[near][column], score)


def _ratios(left: Any, right: Any, threshold: float) -> tuple[Any, Any, Any]:
    """Where two lists of texts are alike: row, column, ratio from 0 to 100.

    The ratio is 200 LCS / (|a| + |b|), and no common subsequence is longer than the letters that
    two texts have in common in any order. That bound costs one matrix product, and leaves few
    comparisons to make.
    """
    from rapidfuzz import fuzz, process

    if not len(left) or not len(right):
        return np.empty(0, int), np.empty(0, int), np.empty(0)
    counts = letter_counts([*left, *right])
    a, b = counts[: len(left)], counts[len(left) :]
    levels = [np.arange(1, top + 1) for top in np.minimum(a.max(axis=0), b.max(axis=0))]
    shared = _at_least(a, levels) @ _at_least(b, levels).T
    total = a.sum(axis=1, keepdims=True) + b.sum(axis=1)
    row, column = np.nonzero(200 * shared >= threshold * total)
    score = process.cpdist(
        left[row], right[column], scorer=fuzz.ratio, score_cutoff=threshold, dtype=np.float32
    )
    near = score > 0  # below the cut-off it is 0
    return row[near], column[near], score[near].astype(np.float64)


def letter_counts(texts: Sequence[str]) -> NDArray[np.int64]:
    """How often each letter occurs in each text: texts x 64; rare characters share columns."""
    encoded = [np.frombuffer(text.encode("utf-32-le"), np.uint32) for text in texts]
    lengths = np.array([len(text) for text in encoded], np.int64)
    places = np.concatenate(encoded) % LETTERS + LETTERS * np.repeat(np.arange(len(texts)), lengths)
    return np.bincount(places, minlength=LETTERS * len(texts)).reshape(-1, LETTERS)


def _at_least(counts: NDArray[np.int64], levels: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
    """Ones where a count reaches a level: products of two such rows sum the smaller counts."""
    columns = [counts[:, [letter]] >= level for letter, level in enumerate(levels)]
    return np.concatenate(columns, axis=1).astype(np.float32)


def _ordered(a: Any, b: Any, score: Any) -> tuple[Any, Any, Any]:
    return np.minimum(a, b), np.maximum(a, b), score
