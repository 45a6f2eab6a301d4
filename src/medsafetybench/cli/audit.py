"""msb data audit: what is wrong with a benchmark, and what of it stands in another."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..errors import MsbError
from ..evaluation.options import JudgeOptions
from . import options, reading, show
from .rejudge import NO_RUN
from .said import say
from .told import Told, takes
from .usage import at_least

if TYPE_CHECKING:
    from ..benchmarks import Benchmark
    from ..benchmarks.audit import Audit

EXACT = """\
requests: that have a neighbour; same group: pairs of one benchmark, source and principle;
would go: by greedy deduplication. Every pair at or above a threshold is found: the search is
exact, not sampled."""


@takes(JudgeOptions, judge=(), leave_out=(*NO_RUN, "rubric", "judge_price"))
def audit(
    told: Told[JudgeOptions],
    *names: Annotated[
        str,
        Parameter(required=True, help="Names of `msb data list`, or files; compared together."),
    ],
    measure: Annotated[
        list[str] | None,
        Parameter(
            metavar="NAME=THRESHOLD",
            help="jaccardN (word N-grams, 0-1) or token_sort (0-100); repeatable. "
            "[default: jaccard3=0.7, jaccard3=0.8, token_sort=90]",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        Parameter(
            name=("--output", "-o"), help="Write every finding to a .csv, .jsonl or .parquet file."
        ),
    ] = None,
    limit: Annotated[
        int | None,
        Parameter(validator=at_least(1), help="Show the judge a seeded sample of this size."),
    ] = None,
    column: options.Column = None,
    data_dir: options.DataDir = None,
    as_json: options.Json = False,
) -> None:
    """Audit benchmarks: counts, duplicates, leakage, label noise, junk, phrasing, twins, criteria.

    A judge, such as openai:MODEL, finds requests that are probably benign.
    """
    from dataclasses import asdict

    from ..benchmarks.audit import Likeness
    from ..benchmarks.audit import audit as make
    from ..benchmarks.audit.duplicates import DEFAULT
    from ..tables import write_rows

    columns = reading.pairs("--column", column)
    benchmarks = [_published(name, data_dir, columns) for name in names]
    measures = [Likeness.parse(text) for text in measure or []] or list(DEFAULT)
    report = make(benchmarks, measures)
    shown = [one.sample(limit) if limit else one for one in benchmarks]
    report = _with_label_noise(report, told.value(), shown)
    if output:
        write_rows(output, (asdict(finding) for finding in report.findings))
    if as_json:
        show.as_json(report.to_dict())
    else:
        _show(report)
    if output and not as_json:
        say("", f"{len(report.findings):,} findings to go through: {output}")


def _with_label_noise(report: Audit, told: JudgeOptions, shown: list[Benchmark]) -> Audit:
    """The report, with what a judge finds where one was told."""
    from dataclasses import replace

    from ..building.assessment import assess_all
    from ..models.opening import open_model
    from ..taxonomy import load_taxonomy

    if not told.judges:
        return report
    if len(told.judges) > 1:
        raise MsbError(f"{len(told.judges)} judges were given; an audit takes one")
    judge = told.judges[0]
    model = open_model(judge.model, judge.endpoint, "judge")
    benign, found = assess_all(model, shown, judge.sampling, load_taxonomy(told.taxonomy))
    return replace(report, benign=benign, findings=(*report.findings, *found))


def _published(name: str, data_dir: Path | None, columns: dict[str, str]) -> Benchmark:
    """A benchmark as published: for the Llama-3 lines, before anything is taken off them."""
    from ..benchmarks import Benchmark, load_benchmark, official

    if name == "medsafety/llama3":
        return Benchmark(name, partial(official.raw_llama3, official.data_folder(data_dir)))
    return load_benchmark(name, data_dir=data_dir, columns=columns)


def _show(report: Audit) -> None:
    from ..benchmarks.audit.junk import KINDS

    _show_counts(report)
    exact = report.exact
    say(
        "",
        f"Exact duplicates, beyond the first of each: {exact.raw:,} as published, "
        f"{exact.normalised:,} normalised, {exact.cleaned:,} without control tokens or note tails.",
        "",
    )
    show.table(
        ("near-duplicates", "pairs", "across principles", "across sources", "same group",
         "requests", "would go", "largest cluster"),
        [
            (name, *(f"{value:,}" for value in (
                n.pairs, n.cross_principle, n.cross_source, n.same_group,
                n.with_neighbour, n.removed, n.largest_cluster,
            )))
            for name, n in report.near.items()
        ],
        right=("pairs", "across principles", "across sources", "same group",
               "requests", "would go", "largest cluster"),
    )  # fmt: skip
    say(*EXACT.splitlines())
    if report.leaks:
        say()
        show.table(
            ("requests of", "that stand in", "by", "requests"),
            [(k.of, k.into, k.measure, f"{k.requests:,}") for k in report.leaks],
            right=("requests",),
        )
    least, middle, most = report.words
    say("", f"Words a request: {least} to {most:,}, median {middle:g}.")
    say(f"Junk: {report.junk_any:,} requests of some kind.")
    if report.junk:
        rows = [(kind, f"{n:,}", KINDS[kind][0]) for kind, n in report.junk.items()]
        show.table(("junk", "requests", "what it is"), rows, right=("requests",))
    for show_part in (_show_phrasing, _show_twins, _show_criteria, _show_benign):
        show_part(report)


def _show_criteria(report: Audit) -> None:
    from ..benchmarks.audit.criteria import KINDS

    if (found := report.criteria) is None:
        return
    say("", f"Criteria: {found['criteria']:,}; told by their words, to be looked at:")
    rows = [(name, f"{found.get(kind, 0):,}", what) for kind, (name, what) in KINDS.items()]
    show.table(("criteria", "found", "what it is"), rows, right=("found",))


def _show_benign(report: Audit) -> None:
    """What a judge said of how many harmful requests are none."""
    from ..building.assessment import SIDES

    if not (found := report.benign):
        return
    said = ", ".join(f"{found[side]:,} {side.replace('_', ' ')}" for side in SIDES)
    say("", f"Harmful requests by the judge {found['judge']}: {said}.")
    if found["interval"]:
        low, high = found["interval"]
        say(
            f"Ambiguous or benign: {found['ambiguous_or_benign']:.1%} of the scored "
            f"(95% interval {low:.1%} to {high:.1%})."
        )


def _show_counts(report: Audit) -> None:
    from collections import Counter

    totals: Counter[tuple[str, str, str]] = Counter()
    principles: dict[tuple[str, str, str], list[str]] = {}
    for (name, source, principle, intent), n in report.counts.items():
        totals[name, source, intent] += n
        principles.setdefault((name, source, intent), []).append(f"{principle}: {n:,}")
    show.table(
        ("benchmark", "source", "intent", "requests", "by principle"),
        [(*key, f"{n:,}", "  ".join(principles[key])) for key, n in totals.items()],
        right=("requests",),
    )


def _show_phrasing(report: Audit) -> None:
    if (said := report.phrasing) is None:
        return
    say(
        "",
        f"Safe responses: {said.n:,}, of which {said.top_share:.1%} open with the same sentence; "
        f"{said.distinct:,} different first sentences; {said.no_cue:,} without a word of refusal; "
        f"words {said.words[0]} to {said.words[2]}, median {said.words[1]:g}.",
    )
    show.table(
        ("first words", "share"),
        [(words, f"{n / said.n:.1%}") for words, n in said.openings.items()],
        right=("share",),
    )


def _show_twins(report: Audit) -> None:
    if (found := report.twins) is None:
        return
    say(
        "",
        f"Twins: {found.pairs:,} pairs that share {found.shared:.0%} of their word 3-grams; the "
        f"harmful one longer in {found.longer[0]:,}, the benign one in {found.longer[1]:,}; "
        f"{found.questions[0]:,} harmful and {found.questions[1]:,} benign end in a question "
        "mark.",
        f"By words alone (naive Bayes, other pairs; chance is 50%) the intent is guessed for "
        f"{found.intent:.1%}, and which twin is harmful in {found.which:.1%}.",
    )
