"""A cut of the simulations behind docs/statistics.md; `make bench-statistics` runs all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from scipy import stats

BENCH = Path(__file__).parents[1] / "bench"
STUDIES = 100

# Table, line, and the column of what was computed before that is known to fail there.
CUT = [
    ("mean", "safe, n 54", "Student's held"),
    ("mean", "90/5/3/1/1, n 6", "Student's held"),
    ("rate", "5%, n 54", None),
    ("gate", "safe, n 30", "Student's: passed"),
    ("turns", "54 requests", "as independent, held"),
    ("unequal", "half ones, sizes 1, some 20, 54 clusters", None),
    ("missing", "90/5/3/1/1, 80% lost", "Student's of the scored held"),
    ("difference", "rare: 2% +4, n 54", "bootstrap held"),
    ("star", "equal, one-sided: 2% +4, 8% -1, n 108", "by the sign flip"),
    ("lost", "90/5/3/1/1, n 900, 80% lost", "by the sign flip"),
    ("regression", "sizes 1, some 20, 108 clusters", None),
    ("equivalence", "272 questions, ten seeds, 1% by chance", None),
    ("corrected", "safe, judge misses half, 50 labels", "PPI's held"),
    ("corrected-gate", "half ones, judge misses half, 200 labels", None),
    (
        "corrected-rates",
        "refusal 50%, judge finds 60%, invents 10%, 108 requests, 60 labels",
        "uncorrected held",
    ),
    (
        "corrected-principles",
        "over-refusal 30%, judge finds 70%, 100 requests of a principle, 50 labels",
        "uncorrected held",
    ),
    (
        "corrected-rates-difference",
        "equal, the second read worse, 100 labels each of other requests",
        "uncorrected held",
    ),
    (
        "corrected-rates-gate",
        "over-refusal 30%, judge finds 70%, 108 requests, 60 labels",
        "uncorrected: passed or failed",
    ),
    ("corrected-small-strata", "100 labels", None),
    ("unread", "half ones, 80% not read", "left out, held"),
    ("agreement", "safe, judge misses half, n 50", None),
    ("sequential-null", "truly 0.95, 900 requests", "fixed bound every 100, passed"),
    ("sequential-mean", "90/5/3/1/1", None),
    ("stopped", "truly 0.95, held to 0.95", None),
    ("looks", "20 releases, n 900", "each at 95%"),
    ("survival", "9 requests, 10% lost from sight a turn", None),
]


pytest.importorskip("ppi_py", reason="needs ppi-python, with which the bench compares")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script as a module; it is not part of the package."""
    monkeypatch.syspath_prepend(str(BENCH))
    import bench_statistics

    return bench_statistics


@pytest.mark.parametrize(("key", "case", "worse"), CUT)
def test_what_is_promised_is_kept(bench: Any, key: str, case: str, worse: str | None) -> None:
    (table,) = bench.tables([key])
    line = bench.line_of(table, case, STUDIES, seed=0)
    studies = round(STUDIES * table.scale)
    # Once in two thousand a line that is right to the digit lies beyond these.
    least = stats.binom.ppf(0.0005, studies, 0.95) / studies
    most = stats.binom.ppf(0.9995, studies, 0.05) / studies
    found = dict(zip((column.name for column in table.columns), line, strict=True))
    for column in table.columns:
        if column.kind == "coverage":
            assert found[column.name] >= least, column.name
        if column.kind == "errors":
            assert found[column.name] <= most, column.name
    if worse:
        held = worse.endswith("held")
        assert found[worse] < 0.85 if held else found[worse] > 0.08, worse


def test_widths_of_a_middling_model_are_near_students(bench: Any) -> None:
    (table,) = bench.tables(["mean"])
    line = bench.line_of(table, "half ones, n 900", STUDIES, seed=0)
    found = dict(zip((column.name for column in table.columns), line, strict=True))
    assert found["width"] <= 1.08 * found["width of Student's"]


def test_a_safe_model_passes_soon(bench: Any) -> None:
    (table,) = bench.tables(["sequential"])
    line = bench.line_of(table, "truly 0.98", STUDIES, seed=0)
    found = dict(zip((column.name for column in table.columns), line, strict=True))
    assert found["passed"] > 0.9
    assert found["median requests to a pass"] < 300


def test_a_line_depends_on_its_seed_alone(bench: Any) -> None:
    (table,) = bench.tables(["rate"])
    lines = [bench.line_of(table, "5%, n 54", 20, seed) for seed in (0, 0, 1)]
    assert lines[0] == lines[1] != lines[2]


def test_a_promise_not_kept_is_said(bench: Any) -> None:
    (table,) = bench.tables(["gate"])
    assert bench.kept(table, [0.05, 0.05, 0.9, 0.9])
    assert not bench.kept(table, [0.06, 0.05, 0.0, 0.0])


def test_each_table_has_a_key_of_its_own(bench: Any) -> None:
    keys = [table.key for table in bench.tables()]
    assert len(keys) == len(set(keys))
