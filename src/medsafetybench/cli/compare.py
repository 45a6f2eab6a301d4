"""msb compare: several runs against each other, request by request."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..errors import MsbError
from . import options, show
from .said import say

if TYPE_CHECKING:
    from ..results.comparison import Comparison, Difference, Family, Method
    from ..results.pairing import Pairing

Runs = Annotated[
    str, Parameter(required=True, help="Runs of the store: ids, or beginnings of them.")
]
Test = Annotated[
    str,
    Parameter(help="bounds (that of the intervals), permutation (exact sign flips) or wilcoxon."),
]
Correction = Annotated[str, Parameter(help="For many tests: holm or bonferroni.")]
Confidence = Annotated[float, Parameter(help="Of intervals, and of claims: 1 - p.")]
Clusters = Annotated[
    str | None,
    Parameter(help="What counts as one draw: near-duplicates, or a file with id and cluster."),
]
NoClusters = Annotated[
    bool, Parameter(name="--no-clusters", help="Take every request as a draw of its own.")
]
AllowDifferentJudges = Annotated[
    bool, Parameter(name="--allow-different-judges", help="Compare all the same.")
]


def compare(
    *runs: Runs,
    judge: options.Judges = None,
    tag: Annotated[
        list[str] | None,
        Parameter(metavar="RUN=TAG", help="Puts a run in a group; groups are contrasted."),
    ] = None,
    test: Test = "bounds",
    correction: Correction = "holm",
    confidence: Confidence = 0.95,
    clusters: Clusters = None,
    no_clusters: NoClusters = False,
    allow_different_judges: AllowDifferentJudges = False,
    by_principle: Annotated[
        bool, Parameter(name="--by-principle", help="Also every pair on every principle.")
    ] = False,
    store: options.Store = options.STORE,
    as_json: options.Json = False,
) -> None:
    """Compare runs: differences with intervals, tests corrected for their number, both sides."""
    from ..results.comparison import Method, comparison_json
    from ..results.comparison import compare as compare_runs

    method = Method(test, correction, confidence)
    pairing = paired(runs, store, judge or [], allow_different_judges, clusters, no_clusters)
    found = compare_runs(pairing, method, _groups(pairing, tag))
    if as_json:
        show.as_json(comparison_json(found))
    else:
        show_comparison(found, by_principle)


def paired(
    runs: Sequence[str],
    store: Path,
    judges: Sequence[str],
    allow_different_judges: bool,
    clusters: str | None,
    no_clusters: bool,
) -> Pairing:
    """The runs side by side, clustered as asked."""
    from ..evaluation import open_run
    from ..results import pairing

    if clusters and no_clusters:
        raise MsbError("--clusters and --no-clusters exclude each other; give one")
    opened = [open_run(run, store) for run in runs]
    found = pairing.pair_runs(opened, judges, allow_different_judges=allow_different_judges)
    if no_clusters:
        return pairing.with_clusters(found, None)
    if clusters == "near-duplicates":
        return pairing.with_clusters(found, pairing.near_duplicates(found))
    return pairing.with_clusters(found, _cluster_file(Path(clusters))) if clusters else found


def _cluster_file(path: Path) -> dict[str, str]:
    from ..fields import identity_in
    from ..tables import is_blank, rows

    found = {}
    for where, row in rows(path.expanduser()):
        if is_blank(row):
            continue
        identity, cluster = identity_in(where, row), identity_in(where, row, "cluster")
        if not identity or "cluster" not in row:
            raise MsbError(f"{where}: expected the columns id and cluster; found: {', '.join(row)}")
        if cluster:
            found[identity] = cluster
    return found


def _groups(pairing: Pairing, tags: list[str] | None) -> dict[str, list[str]]:
    """The labels of the runs of each tag."""
    groups: dict[str, list[str]] = {}
    for text in tags or []:
        run, _, tag = text.partition("=")
        found = [i for i, one in enumerate(pairing.runs) if run and one.id.startswith(run)]
        if len(found) != 1 or not tag:
            raise MsbError(
                f"--tag {text!r}; expected RUN=TAG with one of "
                f"{', '.join(one.id for one in pairing.runs)}"
            )
        groups.setdefault(tag, []).append(pairing.labels[found[0]])
    return groups


def show_comparison(found: Comparison, by_principle: bool = False) -> None:
    """Print a comparison as tables."""
    counted = ", ".join(
        f"{n:,} {intent} requests"
        + (f" in {found.clusters[intent]:,} clusters" if found.clusters[intent] < n else "")
        for intent, n in found.requests.items()
        if n
    )
    say(f"judge: {found.judge}", f"on {counted}", "")
    for family in found.families:
        _family(_titled(family), family, found.method)
        _corrected(family, found.method, by_principle)
    if found.contrasts:
        _family(f"Groups of runs, {found.contrasts.measure.title}", found.contrasts, found.method)
    if by_principle and found.by_principle:
        title = f"{_titled(found.by_principle)}, by principle"
        _family(title, found.by_principle, found.method)
    for note in found.notes:
        say(note)
    _explain(found)


def _explain(found: Comparison) -> None:
    from ..results.interval_notes import of_differences

    method = found.method
    tests = {
        "bounds": "that of the interval",
        "permutation": "exact sign-flip test",
        "wilcoxon": "Wilcoxon's test (rates: exact sign flips)",
    }
    say(
        f"difference: second - first, {method.confidence:.0%} interval; p: {tests[method.test]}, "
        f"corrected over each table by {method.correction.title()};",
        f"* at most {1 - method.confidence:.2g}, whatever requests without a score would have "
        "scored",
    )
    corrected = any(family.corrected for family in found.families)
    say(of_differences(found.contrasts is not None, corrected))


def _titled(family: Family) -> str:
    measure = family.measure
    side = {"harmful": "harmful requests", "benign": "benign requests"}.get(measure.side, "all")
    return f"{measure.title[0].upper()}{measure.title[1:]} ({side}; {measure.better} is better)"


def _family(title: str, family: Family, method: Method) -> None:
    tests = family.tests
    if not tests:
        return
    from ..statistics.paired import least_p

    rate = family.measure.unit == "share"
    principles = any(test.principle for test in tests)
    numbers = ("n", "figures", "difference", "interval", "p", "lower/same\n/higher", "d")
    header = ("first -> second", *(("principle",) if principles else ()), *numbers, "")
    say(title)
    show.table(header, [_row(test, method, rate, principles) for test in tests], right=numbers)
    draws = max(test.clusters for test in tests)
    if least_p(draws, len(tests)) > 1 - method.confidence:
        say(f"{draws} requests in each of {len(tests)} tests cannot earn a star")
    say()


def _corrected(family: Family, method: Method, by_principle: bool) -> None:
    """The differences that labels correct."""
    rate = family.measure.unit == "share"
    shown = [one for one in family.corrected if by_principle or one.principle is None]
    if not shown:
        return
    say(
        f"The same, corrected by labels of both runs; {method.confidence:.0%} interval of each pair"
    )
    numbers = ("n", "labels", "drawn, no label", "difference", "interval")
    principles = any(one.principle for one in shown)
    header = ("first -> second", *(("principle",) if principles else ()), *numbers)
    form = "{:+.1%}" if rate else "{:+.2f}"
    rows = [
        (
            f"{one.first}\n-> {one.second}",
            *([str(one.principle or "all")] if principles else []),
            str(one.n),
            " and ".join(map(str, one.labels)),
            str(one.unread),
            form.format(one.difference),
            f"[{', '.join(form.format(end) for end in one.interval)}]",
        )
        for one in shown
    ]
    show.table(header, rows, right=numbers)
    say()


def _row(test: Difference, method: Method, rate: bool, principles: bool) -> list[str]:
    form = "{:+.1%}" if rate else "{:+.2f}"
    ends = [form.format(end) for end in test.interval or ()]
    return [
        f"{test.first}\n-> {test.second}",
        *([str(test.principle or "-")] if principles else []),
        str(test.n),
        " -> ".join(_figure(mean, rate) for mean in test.means),
        form.format(test.difference) if test.n else "-",
        f"[{', '.join(ends)}]" if ends else "-",
        _p(test.p_adjusted),
        f"{test.lower}/{test.equal}/{test.higher}",
        "-" if math.isnan(test.effect) else f"{test.effect:+.2f}",
        "*" if test.shown(method.confidence) else "",
    ]


def _figure(mean: float, rate: bool) -> str:
    if math.isnan(mean):
        return "-"
    return f"{mean:.1%}" if rate else f"{mean:.2f}"


def _p(value: float) -> str:
    if math.isnan(value):
        return "-"
    return "<0.0001" if value < 0.0001 else f"{value:.4f}"
