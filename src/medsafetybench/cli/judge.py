"""msb judge: how far judges agree with people, and with what they said before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import MsbError
from ..evaluation.options import JudgeOptions
from . import options, reading, show
from .rejudge import NO_RUN
from .told import Told, takes
from .usage import at_least, commands

if TYPE_CHECKING:
    from ..judges import Judge
    from ..results.drift import Drift
    from ..results.judge_card import JudgeCard
    from ..statistics.agreement import Figure

app = commands(
    "judge",
    "Check judges against people's labels.",
    {
        "check": ("judge:check", "Run judges on labelled sets: their judge cards."),
        "fit": ("judge_fit:fit", "Choose a boundary on people's labels."),
        "cards": ("judge:cards", "The judge cards there are."),
        "sets": ("judge:sets", "The labelled sets, with licence and use."),
    },
)

Limit = Annotated[
    int | None,
    Parameter(validator=at_least(1), help="So many responses of each set, a seeded sample."),
]


@takes(JudgeOptions, leave_out=("judge", *NO_RUN))
def check(
    told: Told[JudgeOptions],
    /,
    *judge: Annotated[str, Parameter(help="screen, phrases, openai:MODEL and so on.")],
    on: Annotated[
        list[str] | None,
        Parameter(
            metavar="SET",
            help="A name of `msb judge sets`, a file, or a run that people labelled; repeatable. "
            "[default: all published sets at hand]",
        ),
    ] = None,
    split: Annotated[
        str | None,
        Parameter(help="test, tune or all. [default: test; of your own labels all]"),
    ] = None,
    limit: Limit = None,
    sample_seed: options.SampleSeed = 0,
    anchor: Annotated[
        str | None,
        Parameter(metavar="RUN", help="Ask again about that run: has the judge changed?"),
    ] = None,
    scale: Annotated[str | None, Parameter(help="Of labels in a file: refusal or harm.")] = None,
    column: options.Column = None,
    rule: options.Rule = "median",
    data_dir: options.DataDir = None,
    max_calls: options.MaxCalls = None,
    store: options.Store = options.STORE,
    as_json: options.Json = False,
) -> None:
    """Check judges on responses that people labelled. Run the same command again to resume."""
    from ..checking import check as check_judges
    from ..checking.sets import Choice
    from ..scale import scale_named
    from .evaluate import finish
    from .progress import TerminalReporter

    judges = _opened(told, judge, max_calls, data_dir)
    if anchor:
        if on or split:
            raise MsbError("--anchor asks again about a run; leave --on and --split out")
        _anchor(judges, anchor, store, limit, sample_seed, as_json)
        return
    choice = Choice(
        split,
        limit,
        sample_seed,
        data_dir,
        reading.pairs("--column", column),
        scale_named(scale) if scale else None,
    )
    reporter = TerminalReporter()
    found = check_judges(judges, on or [], store, choice, rule, reporter)
    for note in found.notes:
        reporter.note(note)
    _show(found.cards, as_json)
    finish(found.progress, reporter)


def cards(
    judge: Annotated[str | None, Parameter(help="Its name, or its key. [default: all]")] = None,
    /,
    *,
    store: options.Store = options.STORE,
    as_json: options.Json = False,
) -> None:
    """The judge cards that come with the program and that are in the store."""
    from ..results.checked import cards_known, shipped_cards
    from ..store.database import Database

    found = list(shipped_cards())
    if store.is_file():
        with Database.read(store) as opened:
            found = cards_known(opened)
    asked = [card for card in found if judge in (None, card.judge, card.key)]
    _show(sorted(asked, key=lambda card: (card.set, card.part, card.judge)), as_json)


def sets(*, data_dir: options.DataDir = None, as_json: options.Json = False) -> None:
    """The published labelled sets: what they are, under which licence, whether at hand."""
    from ..labelled.published import PUBLISHED, missing

    rows = [
        {
            "name": one.name,
            "version": one.version,
            "what": one.what,
            "licence": one.licence,
            "use": one.use,
            "source": one.source,
            "pinned": all(file.sha256 for file in one.files.values()),
            "at_hand": not missing(one, data_dir),
        }
        for one in PUBLISHED.values()
    ]
    if as_json:
        show.as_json({"sets": rows})
        return
    header = ("name", "version", "at hand", "licence", "use", "what it is")
    show.table(
        header,
        [
            (
                row["name"],
                row["version"],
                "yes" if row["at_hand"] else "no",
                row["licence"],
                row["use"],
                row["what"],
            )
            for row in rows
        ],
    )
    print("\n`msb data fetch NAME` downloads one. use: training too, or checking alone.")


def _opened(
    told: Told[JudgeOptions], names: Sequence[str], max_calls: int | None, data_dir: Path | None
) -> list[Judge]:
    from ..evaluation.evaluation import open_judges
    from ..models import Budget
    from ..taxonomy import load_taxonomy

    if not names:
        raise MsbError("no judge was given; expected one such as screen or openai:MODEL")
    spec = told.value(judge=tuple(names))
    return open_judges(spec.judges, load_taxonomy(spec.taxonomy), Budget(max_calls), data_dir)


def _anchor(
    judges: Sequence[Judge],
    run: str,
    store: Path,
    limit: int | None,
    seed: int,
    as_json: bool,
) -> None:
    from ..checking.anchor import drift_of
    from .evaluate import finish
    from .progress import TerminalReporter

    reporter = TerminalReporter()
    found, progress = drift_of(judges, run, store, limit, seed, reporter)
    if as_json:
        show.as_json({"drift": found})
    else:
        _print_drift(found)
    finish(progress, reporter)


def _print_drift(found: Sequence[Drift]) -> None:
    header = ("judge", "run", "asked again", "n", "equal", "kappa", "weighted kappa", "bias")
    show.table(
        header,
        [
            (
                one.judge,
                one.run,
                one.day,
                one.n,
                *map(interval, (one.equal, one.kappa, one.quadratic_kappa, one.bias)),
            )
            for one in found
        ],
        right=header[3:],
    )
    print("\nbias: mean of now minus then. A language model differs from itself without an update.")
    for one in found[-1:]:
        if one.changes:
            print(f"\nanother level than before ({one.changed} of {one.n})")
            rows = [(change.id, change.before, change.now) for change in one.changes]
            show.table(("request", "before", "now"), rows)


def _show(found: Sequence[JudgeCard], as_json: bool) -> None:
    if as_json:
        show.as_json({"cards": found})
        return
    if not found:
        print("no judge card yet; `msb judge check JUDGE` makes one")
        return
    for (name, part), group in groupby(found, key=lambda card: (card.set, card.part)):
        _show_set(list(group), name, part)
    print("kappa of declining or not, with 95% intervals by request; phrases: that of the plain")
    print("matcher on the same responses")
    if any(card.trained for card in found):
        print("* made with this set, so no evidence")


def _show_set(found: Sequence[JudgeCard], name: str, part: str) -> None:
    """The cards of one part of a set: figures, and what people call what."""
    one = found[0]
    about = f"{name} {one.version or ''}".strip()
    print(f"{about}, {part}: {one.n:,} responses to {one.requests:,} requests")
    if one.people:
        print(f"people with each other: kappa {interval(one.people)}")
    shares = ("accuracy", "balanced", "sensitivity", "specificity")
    header = ("judge", "kappa", *shares, "no verdict", "phrases")
    show.table(header, [_row(card) for card in found], right=header[1:])
    for card in found:
        if card.unscored:
            listed = ", ".join(f"{count} x {why}" for why, count in card.unscored.items())
            print(f"{card.judge}: no verdict: {listed}; right on {card.right:.1%} of all")
        for label, row in card.confusion.items():
            listed = ", ".join(f"{said} {count:,}" for said, count in row.items())
            print(f"{card.judge}: of {sum(row.values()):,} that people say {label}: {listed}")
    print()


def _row(card: JudgeCard) -> tuple[Any, ...]:
    shares = (card.accuracy, card.balanced_accuracy, card.sensitivity, card.specificity)
    return (
        card.judge + ("*" if card.trained else ""),
        interval(card.kappa),
        *(_point(share) for share in shares),
        card.n - card.scored,
        _point(card.phrases),
    )


def _point(figure: Figure | None) -> str:
    return "-" if figure is None or math.isnan(figure.point) else f"{figure.point:.2f}"


def interval(figure: Figure | None) -> str:
    """``0.74 [0.70, 0.78]``; a dash for none."""
    if figure is None or math.isnan(figure.point):
        return "-"
    ends = "" if math.isnan(figure.low) else f" [{figure.low:.2f}, {figure.high:.2f}]"
    return f"{figure.point:.2f}{ends}"
