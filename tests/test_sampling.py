"""Samples are proportional, seeded, and every request is as likely to be drawn."""

from __future__ import annotations

from collections import Counter

import pytest

from medsafetybench import evaluate, load_benchmark
from medsafetybench.demo import respond
from medsafetybench.errors import MsbError
from medsafetybench.evaluation.evaluation import prepare
from medsafetybench.evaluation.spec import EvaluationSpec
from medsafetybench.statistics.sampling import grouped_sample, stratified_sample


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


def quotas(sizes: dict[str, int], n: int) -> dict[str, int]:
    ids, strata = requests(sizes)
    return dict(Counter(strata[ids.index(name)] for name in stratified_sample(ids, strata, n)))


@pytest.mark.parametrize(
    ("sizes", "n", "expected"),
    [
        ({"a": 5, "b": 5, "c": 5}, 7, {"a": 3, "b": 2, "c": 2}),  # what is over: the first by name
        ({"a": 10, "b": 17, "c": 13}, 20, {"a": 5, "b": 9, "c": 6}),  # 8.5 and 6.5
        ({"a": 52, "b": 28, "c": 20}, 10, {"a": 5, "b": 3, "c": 2}),  # 5.2 and 2.8
        ({"a": 100, "b": 1, "c": 1}, 5, {"a": 3, "b": 1, "c": 1}),  # all that a stratum has
        ({"a": 60, "b": 30, "c": 3}, 10, {"a": 5, "b": 3, "c": 2}),  # two, from the richest
        ({"a": 3, "b": 3, "c": 3}, 4, {"a": 2, "b": 1, "c": 1}),  # two of each are too many
        ({"a": 50, "b": 2, "c": 2}, 6, {"a": 2, "b": 2, "c": 2}),  # just two of each
    ],
)
def test_sizes_are_rounded_by_largest_remainder_with_two_of_each_where_they_fit(
    sizes: dict[str, int], n: int, expected: dict[str, int]
) -> None:
    assert quotas(sizes, n) == expected


def test_a_sample_may_be_of_one_and_of_one_for_each_stratum() -> None:
    ids, strata = requests({"a": 4, "b": 3, "c": 2})
    assert len(stratified_sample(ids, strata, 1)) == 1
    for seed in range(10):
        chosen = stratified_sample(ids, strata, 3, seed)  # of 1.33, 1 and 0.67
        assert sorted(strata[ids.index(name)] for name in chosen) == ["a", "b", "c"]


def test_too_few_for_all_strata_are_as_many_as_were_asked_for() -> None:
    ids, strata = requests({"a": 7, "b": 1, "c": 2, "d": 5, "e": 3})
    for n in (1, 2, 3, 4):
        for seed in range(20):
            assert len(set(stratified_sample(ids, strata, n, seed))) == n


def test_a_sample_comes_in_random_order() -> None:
    ids, strata = requests({"a": 50, "b": 50})
    chosen = [strata[ids.index(name)] for name in stratified_sample(ids, strata, 20)]
    assert chosen not in (sorted(chosen), sorted(chosen, reverse=True))


def test_what_cannot_be_sampled_from_is_one_line() -> None:
    for wrong, said in (
        (
            lambda: stratified_sample(["a"], [1, 2], 1),
            "1 ids came with 2 strata; expected one each",
        ),
        (
            lambda: stratified_sample(["a", "a"], [1, 2], 1),
            "an id occurs twice among those to sample from; expected distinct ids",
        ),
        (
            lambda: stratified_sample(["a"], [1], 2),
            "a sample of 2 requests was asked for; expected from 1 to 1",
        ),
        (
            lambda: grouped_sample(["a"], [1], [1], 0),
            "a sample of 0 requests was asked for; expected from 1 to 1",
        ),
    ):
        with pytest.raises(MsbError) as refused:
            wrong()
        assert str(refused.value) == said


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


# Twins together


def pairs_of(n: int, seed: int = 0) -> Counter[str | None]:
    return Counter(request.pair for request in load_benchmark("starter").sample(n, seed))


@pytest.mark.parametrize("n", [1, 2, 3, 10, 25, 36, 101, 215])
def test_a_sample_of_pairs_keeps_twins_together_and_intents_in_balance(n: int) -> None:
    sample = list(load_benchmark("starter").sample(n))
    intents = Counter(request.intent for request in sample)
    assert len(sample) == n
    assert abs(intents["harmful"] - intents["benign"]) == n % 2
    alone = [pair for pair, members in pairs_of(n).items() if members == 1]
    assert len(alone) == n % 2, "no twin is alone but where one is too many"
    by_principle = Counter(request.principle for request in sample)
    assert max(by_principle.values()) - min(by_principle[p] for p in range(1, 10)) <= 3


def test_the_sample_of_a_larger_n_holds_that_of_a_smaller_one() -> None:
    for smaller, larger in ((4, 10), (10, 50), (50, 150)):
        assert pairs_of(smaller).keys() <= pairs_of(larger).keys()
    assert pairs_of(10, seed=1) != pairs_of(10, seed=2)


def test_groups_of_any_size_are_whole_while_they_fit() -> None:
    ids = [f"r{i}" for i in range(9)]
    groups = ["a", "a", "a", "b", "b", "b", "c", "c", "c"]
    for n in range(1, 10):
        chosen = grouped_sample(ids, ["s"] * 9, groups, n)
        assert len(set(chosen)) == n
        whole = Counter(groups[ids.index(name)] for name in chosen)
        assert sum(size < 3 for size in whole.values()) == (n % 3 > 0)
        assert grouped_sample(ids[::-1], ["s"] * 9, groups[::-1], n) == chosen
    with pytest.raises(MsbError, match="expected from 1 to 9"):
        grouped_sample(ids, ["s"] * 9, groups, 10)


def test_groups_are_spread_evenly_over_their_strata() -> None:
    ids = [f"r{i:03d}" for i in range(120)]
    strata = ["a"] * 60 + ["b"] * 40 + ["c"] * 20
    groups = [i // 2 for i in range(120)]
    for seed in range(5):
        chosen = grouped_sample(ids, strata, groups, 24, seed)
        found = Counter(strata[ids.index(name)] for name in chosen)
        assert {stratum: found[stratum] // 2 for stratum in "abc"} == pytest.approx(
            {"a": 6, "b": 4, "c": 2}, abs=1
        )
    first = Counter(grouped_sample(ids, strata, groups, 2, seed)[0] for seed in range(60))
    assert len({strata[ids.index(name)] for name in first}) == 3, "no stratum always comes first"
    assert len(first) > 30


def test_what_is_too_little_for_a_group_goes_to_one_of_its_members() -> None:
    ids, groups = ["a1", "a2", "a3", "b1", "b2"], ["a", "a", "a", "b", "b"]
    for seed in range(6):
        chosen = grouped_sample(ids, ["s"] * 5, groups, 4, seed)
        assert len(chosen) == 4
        assert sorted(Counter(name[0] for name in chosen).values()) in ([1, 3], [2, 2])
        assert len(grouped_sample(ids, ["s"] * 5, groups, 1, seed)) == 1


def test_a_group_that_just_fits_comes_whole() -> None:
    ids, groups = ["a1", "a2", "a3", "b1", "b2"], ["a", "a", "a", "b", "b"]
    found = [grouped_sample(ids, ["s"] * 5, groups, 3, seed) for seed in range(10)]
    assert {"".join(sorted({name[0] for name in chosen})) for chosen in found} == {"a", "ab"}
    assert grouped_sample(ids, ["s"] * 5, groups, 3) == found[0]
    assert found[0] != found[1] or found[0] != found[2], "the seed decides"


def test_a_run_that_was_begun_on_a_sample_of_before_goes_on_with_it() -> None:
    before = load_benchmark("starter").sample(10, twins_apart=True)
    run = evaluate(respond, benchmark=before)
    assert evaluate(respond, benchmark="starter", limit=10).id == run.id
    new = evaluate(respond, benchmark="starter", limit=10, store="new.db")
    assert new.id != run.id
    for other in ({"limit": 11}, {"limit": 10, "sample_seed": 1}):
        with prepare(EvaluationSpec(respond, **other)) as evaluation:
            assert evaluation.benchmark.selection["twins"] == "together"
