"""msb judge: how far judges agree with people, and with what they said before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..errors import MsbError
from ..evaluation.options import JudgeOptions
from . import judge_shown, options, reading, show
from .rejudge import NO_RUN
from .said import say
from .told import Told, takes
from .usage import at_least, commands

if TYPE_CHECKING:
    from ..judges import Judge

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
    judge_shown.cards(found.cards, as_json)
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
    judge_shown.cards(sorted(asked, key=lambda card: (card.set, card.part, card.judge)), as_json)


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
    say("", "`msb data fetch NAME` downloads one. use: training too, or checking alone.")


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
        judge_shown.drift(found)
    finish(progress, reporter)
