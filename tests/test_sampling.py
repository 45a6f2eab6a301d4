"""Samples are proportional, seeded, and every request is as likely to be drawn."""

from __future__ import annotations

from collections import Counter

import pytest

from medsafetybench.errors import MsbError
from medsafetybench.statistics.sampling import stratified_sample


def requests(sizes: dict[str, int]) -> tuple[list[str], list[str]]:
    strata = [stratum for stratum, size in sizes.items() for _ in range(size)]
    return [f"request-{i:03d}" for i in range(len(strata))], strata


def test_a_sample_is_proportional_to_the_strata() -> None:
    ids, strata = requests({"a": 50, "b": 30, "c": 20})
    chosen = stratified_sample(ids, strata, n=20, seed=1)
    found = Counter(strata[ids.index(name)] for name in chosen)
    assert found == {"a": 10, "b": 6, "c": 4}
    assert len(set(chosen)) == 20


def test_a_sample_has_exactly_n_and_two_of_each_stratum() -> None:
    ids, strata = requests({"a": 200, "b": 61, "c": 7, "d": 2, "e": 1})
    for n in (9, 10, 37, 200, len(ids)):
        chosen = stratified_sample(ids, strata, n)
        found = Counter(strata[ids.index(name)] for name in chosen)
        assert len(set(chosen)) == n
        assert all(found[s] >= 2 for s in "abcd")
        assert found["e"] == 1


def test_a_sample_depends_on_the_seed_and_not_on_the_order() -> None:
    ids, strata = requests({"a": 50, "b": 30})
    assert stratified_sample(ids, strata, 10) == stratified_sample(ids[::-1], strata[::-1], 10)
    assert stratified_sample(ids, strata, 10) != stratified_sample(ids, strata, 10, seed=1)


def test_every_request_is_as_likely_to_be_drawn() -> None:
    ids, strata = requests({"a": 10, "b": 10})
    found = Counter(name for seed in range(500) for name in stratified_sample(ids, strata, 8, seed))
    assert len(found) == 20
    assert all(150 < count < 250 for count in found.values())  # 200 expected, sd 11


@pytest.mark.parametrize("n", [0, 81, -1])
def test_an_impossible_sample_is_refused(n: int) -> None:
    ids, strata = requests({"a": 50, "b": 30})
    with pytest.raises(MsbError, match=f"{n} requests.*from 1 to 80"):
        stratified_sample(ids, strata, n)


def test_a_sample_of_ids_that_repeat_or_lack_a_stratum_is_refused() -> None:
    with pytest.raises(MsbError, match="twice"):
        stratified_sample(["a", "a", "b"], [1, 1, 2], 2)
    with pytest.raises(MsbError, match="3 ids came with 2 strata"):
        stratified_sample(["a", "b", "c"], [1, 2], 2)


def test_a_small_sample_has_both_intents_and_favours_none() -> None:
    strata = [(intent, p) for intent in ("benign", "harmful") for p in range(1, 10)]
    ids = [f"{intent}-{p}-{i}" for intent, p in strata for i in range(3)]
    each = [stratum for stratum in strata for _ in range(3)]
    harmful = [
        sum(name.startswith("harmful") for name in stratified_sample(ids, each, 9, seed))
        for seed in range(100)
    ]
    assert set(harmful) == {4, 5}
    assert 30 < harmful.count(5) < 70
