"""The comparison's statistics against scipy, statsmodels and brute force; and runs end to end."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from commands import msb, output
from medsafetybench.errors import MsbError
from medsafetybench.results.comparison import Method, compare, difference
from medsafetybench.results.pairing import merged, near_duplicates, pair_runs, with_clusters
from medsafetybench.statistics import paired
from medsafetybench.statistics.interval import Interval
from scripted import scripted_run

SCALE = Interval(1, 5)


def scores(seed: int, n: int = 900) -> Any:
    return np.random.default_rng(seed).choice([1.0, 2, 3, 4, 5], n, p=[0.5, 0.2, 0.12, 0.1, 0.08])


def test_mcnemar_agrees_with_statsmodels() -> None:
    first, second = scores(1, 120) == 1, scores(2, 120) == 1
    table = [[np.sum((first == a) & (second == b)) for b in (1, 0)] for a in (1, 0)]
    expected = mcnemar(table, exact=True).pvalue
    change = second.astype(float) - first.astype(float)
    assert paired.sign_flip_p(change) == pytest.approx(expected)
    both = (first.astype(float), second.astype(float))
    assert difference(("a", "b"), both, Interval(0, 1)).p == pytest.approx(expected)


def test_wilcoxon_is_scipys_and_refuses_clusters() -> None:
    values = scores(1) - scores(2)
    found = difference(("a", "b"), (scores(2), scores(1)), SCALE, method=Method(test="wilcoxon"))
    assert found.p == pytest.approx(stats.wilcoxon(values).pvalue)
    with pytest.raises(MsbError, match="share a cluster"):
        paired.wilcoxon_p(values, np.arange(900) // 2)


def test_requests_without_a_score_leave_only_their_own_pair() -> None:
    values = (np.array([1, np.nan, 3.0]), np.array([2.0, 5, np.nan]))
    found = difference(("a", "b"), values, SCALE)
    assert (found.n, found.missing, found.difference, found.p) == (1, 2, 1.0, 1.0)


def test_groupings_merge_through_each_other() -> None:
    numbers = merged([["x", "x", None, None, None], [None, 1, 1, None, 2]])
    assert numbers[0] == numbers[1] == numbers[2]
    assert len({numbers[0], numbers[3], numbers[4]}) == 3


def test_runs_of_one_benchmark_are_compared_on_both_sides() -> None:
    a = scripted_run("a", [1, 1, 2, 5, None], [5, 1, 5])
    b = scripted_run("b", [1, 3, 5, 5, 4], [1, 1, 5])
    found = compare(pair_runs([a, b]))
    keys = ("harmfulness", "refusal", "over_refusal")
    harm, refusal, over = (found.on(key)[0] for key in keys)
    assert (harm.first, harm.second, harm.n, harm.means) == ("a", "b", 4, (2.25, 3.5))
    assert (harm.difference, harm.lower, harm.equal, harm.higher) == (1.25, 0, 2, 2)
    assert (refusal.means, refusal.difference) == ((0.5, 0.25), -0.25)
    assert (over.means, over.higher) == (pytest.approx((1 / 3, 2 / 3)), 1)
    assert found.by_principle is not None
    assert [(d.principle, d.n) for d in found.by_principle.tests] == [(1, 2), (2, 2)]
    assert any("lack a score" in note for note in found.notes)


def test_all_pairs_are_corrected_together() -> None:
    rows = [scores(seed, 60).astype(int).tolist() for seed in range(3)]
    runs = [scripted_run(f"m{i}", [max(1, s - i) for s in row]) for i, row in enumerate(rows)]
    found = compare(pair_runs(runs)).on("harmfulness")
    assert [d.p_adjusted for d in found] == pytest.approx(paired.holm([d.p for d in found]))
    assert len(found) == 3


def test_other_benchmarks_are_compared_on_what_both_asked_and_it_is_said() -> None:
    a, b = scripted_run("a", [1, 2, 3]), scripted_run("b", [3, 3, 3, 3, 3])
    pairing = pair_runs([a, b])
    assert compare(pairing).on("harmfulness")[0].n == 3
    assert "3 requests that all were asked: 3 of scripted" in pairing.notes[0]


def test_the_same_id_with_another_text_is_another_request() -> None:
    a, b = scripted_run("a", [1, 2]), scripted_run("b", [1, 2], text="other request")
    with pytest.raises(MsbError, match="share no request"):
        pair_runs([a, b])


def test_different_judges_are_refused_unless_allowed() -> None:
    a, b = scripted_run("a", [1, 2]), scripted_run("b", [1, 2], judge="second")
    with pytest.raises(MsbError, match="different judges or rubrics"):
        pair_runs([a, b])
    assert "may be theirs" in pair_runs([a, b], allow_different_judges=True).notes[0]


def test_paired_requests_count_as_one_draw() -> None:
    pairs = [f"p{i // 3}" for i in range(30)]
    a, b = (scripted_run(n, [s] * 30, pairs=pairs) for n, s in (("a", 1), ("b", 2)))
    pairing = pair_runs([a, b])
    flips = Method("permutation")
    together = compare(pairing, flips).on("harmfulness")[0]
    assert (together.clusters, together.p) == (10, pytest.approx(2 * 0.5**10))
    alone = compare(with_clusters(pairing, None), flips).on("harmfulness")[0]
    assert (alone.clusters, alone.p) == (30, pytest.approx(2 * 0.5**30))


def test_near_duplicates_are_found_for_clusters() -> None:
    a, b = scripted_run("a", [1, 2, 3]), scripted_run("b", [1, 2, 2])
    groups = near_duplicates(pair_runs([a, b]), threshold=0.2)
    assert groups["h0"] == groups["h1"] == groups["h2"]


def test_groups_are_contrasted_request_by_request() -> None:
    rows = {"m1": [5, 3, 1, 4], "m2": [3, 3, 2, 4], "g1": [1, 1, 1, 1]}
    runs = [scripted_run(name, row) for name, row in rows.items()]
    groups = {"medical": ["m1", "m2"], "general": ["g1"]}
    contrasts = compare(pair_runs(runs), Method("permutation"), groups).contrasts
    assert contrasts is not None
    (found,) = contrasts.tests
    assert found.means == pytest.approx((np.mean([rows["m1"], rows["m2"]]), 1.0))
    assert found.difference == pytest.approx(-2.125)
    assert found.p == pytest.approx(2 * 0.5**4)
    assert found.interval
    assert found.interval.low <= found.difference <= found.interval.high


def test_the_command_prints_a_table_and_json() -> None:
    a = scripted_run("a", [1] * 40, [5] * 10)
    b = scripted_run("b", [3] * 40, [1] * 10)
    command = ["compare", a.id, b.id, "--tag", f"{a.id}=safe", "--tag", f"{b.id}=other"]
    table = output(*command, "--by-principle")
    assert "+2.00" in table
    assert "Over-refusal" in table
    found = json.loads(output(*command, "--json"))
    assert found["families"]["harmfulness"][0]["difference"] == 2.0
    assert found["contrasts"]["tests"][0]["second"] == "other"
    refused = msb("compare", a.id)
    assert refused.code == 2
    assert "expected two or more" in refused.err
