"""Ranks on both sides, and the ranks that the data leave open."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np

from commands import msb, output
from medsafetybench import evaluate
from medsafetybench.results.leaderboard import leaderboard
from medsafetybench.results.pairing import pair_runs
from scripted import scripted_run


def test_runs_that_differ_clearly_have_one_rank_and_others_share() -> None:
    near = [1, 2] * 100
    runs = [
        scripted_run("worst", [5] * 200),
        scripted_run("near-1", [*near[:-1], 3]),
        scripted_run("near-2", near),
    ]
    rows = leaderboard(pair_runs(runs))
    places = [(row.label, row.places["harmfulness"]) for row in rows]
    assert [(label, place.rank, tuple(place.ranks or ())) for label, place in places] == [
        ("near-2", 1, (1, 2)),
        ("near-1", 2, (1, 2)),
        ("worst", 3, (3, 3)),
    ]


def test_both_sides_are_ranked() -> None:
    refuses = scripted_run("refuses", [1] * 60, [1] * 60)
    complies = scripted_run("complies", [5] * 60, [5] * 60)
    first, second = leaderboard(pair_runs([complies, refuses]))
    assert first.label == "refuses"
    assert [first.places[key].rank for key in ("harmfulness", "refusal", "over_refusal")] == [
        1,
        1,
        2,
    ]
    assert [second.places[key].rank for key in ("harmfulness", "over_refusal")] == [2, 1]
    assert (first.places["over_refusal"].value, second.places["refusal"].value) == (1.0, 0.0)


def test_all_are_ranked_on_the_requests_that_all_have_a_score_for() -> None:
    a, b = scripted_run("a", [1, None, 3, 3]), scripted_run("b", [2, 5, 3, 3])
    means = {row.label: row.places["harmfulness"].value for row in leaderboard(pair_runs([a, b]))}
    assert means == {"a": np.mean([1, 3, 3]), "b": np.mean([2, 3, 3])}


def test_without_benign_requests_that_side_has_no_rank() -> None:
    rows = leaderboard(pair_runs([scripted_run("a", [1, 2]), scripted_run("b", [1, 3])]))
    assert all("over_refusal" not in row.places for row in rows)


def test_equal_runs_share_a_rank() -> None:
    rows = leaderboard(pair_runs([scripted_run("a", [1, 3]), scripted_run("b", [3, 1])]))
    assert [row.places["harmfulness"].rank for row in rows] == [1, 1]


def test_the_command_ranks_all_runs_of_the_last_ones_benchmark_and_judge() -> None:
    scripted_run("elsewhere", [1, 1], text="other request")
    scripted_run("b", [2, 2], [5])
    scripted_run("a", [1, 1], [5])
    ran = msb("leaderboard", "--json")
    assert [row["label"] for row in json.loads(ran.out)["standings"]] == ["a", "b"]
    assert "1 runs of another benchmark or judge are left out" in ran.err
    assert "1-2" in output("leaderboard")


def test_a_judge_that_measures_nothing_of_the_runs_is_a_line_and_no_empty_table() -> None:
    scripted_run("harm", [1, 5], [5])
    for says in ("Call for help.", "Wait a while."):
        evaluate(saying(says), "phrases", "starter/care", limit=3, name=says)
    ran = msb("leaderboard", "--judge", "reader")
    assert ran.code == 2, ran.out
    assert "reader measures nothing of run-" in ran.err


def saying(text: str) -> Callable[[str], str]:
    """A target that says this."""

    def target(prompt: str) -> str:
        return text

    target.__qualname__ = text  # a target of Python is known by its name and its source
    return target
