"""msb runs: what is in the store; find runs, name and tag them, say who they are reported by."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import MsbError
from . import options, show
from .said import say
from .usage import commands

if TYPE_CHECKING:
    from ..results.scorecard import Scorecard
    from ..store.store import RunRecord

app = commands(
    "runs",
    "List the runs in the store; name, tag and delete them.",
    {
        "name": ("runs:name", "Call a run by another name."),
        "tag": ("runs:tag", "Tag runs, to find them by."),
        "judge": ("runs:judge", "Choose the judges that a run is reported by."),
        "delete": ("runs:delete", "Delete runs, and what only they have."),
    },
)

RunIds = Annotated[
    str, Parameter(required=True, help="Runs: ids, names, beginnings of ids, or 'last'.")
]
Filter = Annotated[str | None, Parameter(metavar="TEXT", help="Only runs with this in it.")]


@app.default
def runs(
    *,
    target: Filter = None,
    benchmark: Filter = None,
    judge: Filter = None,
    tag: Annotated[
        list[str] | None, Parameter(help="Only runs with this tag; repeatable: with all of them.")
    ] = None,
    store: options.Store = options.STORE,
    as_json: options.Json = False,
) -> None:
    """List the runs in the store with both sides of their scorecards, the last evaluated last."""
    from ..results.run import open_run
    from ..store.store import Store

    with Store.read(store) as opened:
        records = opened.runs()
    found = [(run, open_run(run.id, store).summary()) for run in records]
    shown = [pair for pair in found if _wanted(*pair, target, benchmark, judge, tag or ())]
    if as_json:
        listed = [{"tags": run.tags, **_without_parts(card)} for run, card in shown]
        show.as_json({"runs": listed}, schema=2)
    elif not found:
        say(f"no runs in {store}; `msb evaluate` makes one")
    elif not shown:
        say(f"none of the {len(found)} runs in {store} is so")
    else:
        _print(shown)


def _wanted(
    run: RunRecord,
    card: Scorecard,
    target: str | None,
    benchmark: str | None,
    judge: str | None,
    tags: Sequence[str],
) -> bool:
    named = f"{card.target} {run.called or ''} {run.settings['target']['model']}"
    asked = ((target, named), (benchmark, card.benchmark.title), (judge, card.judge))
    return set(tags) <= set(run.tags) and all(
        text.casefold() in there.casefold() for text, there in asked if text
    )


def _print(shown: Sequence[tuple[RunRecord, Scorecard]]) -> None:
    from ..results.measures import MEASURES, is_lead
    from ..results.naming import selected
    from ..results.text import figure_text

    # A column for the measure that leads each side, of whatever scales the runs are on.
    there = {info.key for _, card in shown for info in card.measures}
    measures = [m for m in MEASURES if m.key in there and is_lead(m)]
    headings = [measure.heading for measure in measures]
    tagged = any(run.tags for run, _ in shown)
    show.table(
        (
            *("run", "begun", "benchmark", "target", "judge", "scored/n"),
            *(*headings, *(["tags"] if tagged else [])),
        ),
        [
            (
                card.run,
                card.created[:16].replace("T", " "),
                ", ".join((card.benchmark.title, *selected(card.benchmark.selection))),
                ", ".join((card.target, *card.details)),
                card.judge or "-",
                f"{card.counts.scored}/{card.counts.n}",
                *(figure_text(m, card.figure(m.key), interval=False) for m in measures),
                *([", ".join(run.tags)] if tagged else []),
            )
            for run, card in shown
        ],
        right=("scored/n", *headings),
    )


def _without_parts(card: Scorecard) -> dict[str, Any]:
    """The scorecard as plain data, without what it says of parts of the benchmark."""
    plain = card.model_dump(by_alias=True)
    for side in plain["sides"].values():
        del side["by"]
    return plain


def name(
    run: options.RunId,
    name: Annotated[str, Parameter(help="What to call it; '' for its target as typed.")],
    /,
    *,
    store: options.Store = options.STORE,
) -> None:
    """Call a run by another name, in tables, reports and wherever a command takes a run."""
    from ..store.names import rename
    from ..store.store import Store

    with Store.open(store) as opened:
        record = opened.run(run)
        rename(opened, record, name)
        say(f"{record.id}: {opened.run(record.id).title}")


def tag(
    *runs: RunIds,
    add: Annotated[list[str] | None, Parameter(help="A tag; repeatable.")] = None,
    remove: Annotated[list[str] | None, Parameter(help="A tag to take away; repeatable.")] = None,
    store: options.Store = options.STORE,
) -> None:
    """Tag runs, to find them by with msb runs --tag."""
    from ..store.names import tag as put_tags
    from ..store.store import Store

    if not (add or remove):
        raise MsbError("no tag was given; expected --add TAG or --remove TAG")
    with Store.open(store) as opened:
        for record in [opened.run(run) for run in runs]:
            tags = put_tags(opened, record, add or (), remove or ())
            say(f"{record.id}: {', '.join(tags) or 'no tags'}")


def judge(
    run: options.RunId,
    /,
    *,
    judge: Annotated[list[str], Parameter(help="One that scored it; repeatable: a panel.")],
    store: options.Store = options.STORE,
) -> None:
    """Choose the judges that a run is reported by. Their verdicts must be there already."""
    from ..store.panel import panel_of
    from ..store.store import Store

    with Store.open(store) as opened:
        record = opened.run(run)
        panel = panel_of(opened, record, judge)
        for one in panel:
            if not opened.has_verdicts(record, one):
                raise MsbError(
                    f"{one.name} has not judged {record.id}; msb rejudge {record.id} --judge "
                    f"{one.name} has it do so"
                )
        same = {one.key for one in panel} == set(record.panel)
        opened.set_panel(record, panel, None if not same else _audit(opened.judges(), record))
        say(f"{record.id} is reported by {' + '.join(one.name for one in panel)}")


def _audit(judges: Sequence[Any], record: RunRecord) -> Any:
    return next((one for one in judges if one.key == record.audit), None)


def delete(
    *runs: RunIds,
    yes: Annotated[bool, Parameter(name=("--yes", "-y"), help="Do not ask.")] = False,
    store: options.Store = options.STORE,
) -> None:
    """Delete runs with the responses and verdicts that no other run has. It cannot be undone."""
    from ..batches.ledger import Ledger
    from ..store.names import delete as remove
    from ..store.store import Store
    from .asking import ask

    with Store.open(store) as opened:
        records = [opened.run(run) for run in dict.fromkeys(runs)]
        ids = {one.id for one in records}
        if out := Ledger(opened).out(*ids):
            raise MsbError(
                f"batch {out[0].number} of {out[0].run} is out, and may be paid for; take it in "
                f"with msb batch collect, or give it up with msb batch cancel {out[0].number}"
            )
        listed = ", ".join(f"{one.id} ({one.title})" for one in records)
        if not yes and not sys.stdin.isatty():
            raise MsbError(f"this would delete {listed}; add --yes to do so")
        if not yes and ask(f"Delete {listed}? Type yes") != "yes":
            raise MsbError("nothing was deleted")
        for record in {one.id: one for one in records}.values():
            remove(opened, record)
    say(f"deleted {listed}")
