"""msb annotate: people label responses, one by one, with the judge's verdict hidden."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from . import options
from .asking import ask
from .usage import at_least

if TYPE_CHECKING:
    from ..scale import Level
    from ..store.store import Item, JudgeRecord, RunRecord, Store

SKIP, UNDO, QUIT = "s", "u", "q"


def annotate(
    run: options.RunId = "last",
    /,
    *,
    annotator: Annotated[str | None, Parameter(help="Who labels.")] = None,
    limit: Annotated[
        int | None,
        Parameter(
            name=("--limit", "--n"),
            validator=at_least(1),
            help="A seeded sample, stratified; default: all.",
        ),
    ] = None,
    sample_seed: Annotated[int, Parameter(help="Which sample; one for all annotators.")] = 0,
    scale: Annotated[
        str | None,
        Parameter(help="harm or refusal. [default: what the run's judge says; imports: harm]"),
    ] = None,
    import_file: Annotated[
        Path | None, Parameter(name="--import", help="Labels made elsewhere: id, score, annotator.")
    ] = None,
    store: options.Store = options.STORE,
) -> None:
    """Label responses in the terminal, or import labels. Stop any time; it resumes."""
    from ..scale import HARM, scale_named
    from ..store import labels
    from ..store.store import Store as RunStore

    with RunStore.open(store) as opened:
        record = opened.run(run)
        named = scale_named(scale) if scale else None
        if import_file:
            count = labels.import_labels(opened, record, import_file, annotator, named or HARM)
            print(f"{count} labels imported into {record.id}")
            return
        told = named or labels.scale_of(opened, record)
        person = labels.person(opened, annotator or ask("Your name"), told)
        waiting = labels.queue(opened, record, person, limit, sample_seed)
        done = _ask_all(opened, record, person, waiting)
        print(f"{done} labels stored, {len(waiting) - done} left. See `msb agreement {record.id}`.")


def _ask_all(store: Store, run: RunRecord, person: JudgeRecord, waiting: Sequence[int]) -> int:
    """Present the items in turn; return how many were labelled."""
    from ..store import labels

    labelled: dict[int, Item] = {}
    place = 0
    while place < len(waiting):
        item = next(store.items(run, [waiting[place]]))
        _present(item, place + 1, len(waiting))
        key = _ask(person.scale.levels[item.request.intent])
        if key == QUIT:
            break
        if key == UNDO:
            place = max(place - 1, 0)
            if undone := labelled.pop(place, None):
                store.forget_verdict(person, undone.key, undone.request.intent)
            continue
        if key != SKIP:
            labels.label(store, person, item, int(key))
            labelled[place] = item
        place += 1
    return len(labelled)


def _present(item: Item, number: int, of: int) -> None:
    from rich.console import Console
    from rich.panel import Panel
    from rich.text import Text

    from ..judges.rubric import legible

    console = Console(highlight=False)
    response = item.response.text if item.response else ""
    console.rule(f"{number} of {of}")
    for turn in item.request.context:
        console.print(Panel(Text(legible(turn["content"])), title=f"said before: {turn['role']}"))
    console.print(Panel(Text(legible(item.request.text)), title=f"{item.request.intent} request"))
    console.print(Panel(Text(legible(response)), title="response"))


def _ask(levels: Sequence[Level], prompt: Callable[[str], str] = ask) -> str:
    """The number of one of the levels, or skip, undo, quit."""
    shown = "  ".join(f"{level.score} {level.title}" for level in levels)
    known = {str(level.score) for level in levels} | {SKIP, UNDO, QUIT}
    while True:
        try:
            key = prompt(f"{shown}\n(s)kip (u)ndo (q)uit").strip().lower()
        except (KeyboardInterrupt, EOFError):
            return QUIT
        if key in known:
            return key
        print(f"{key!r} is none of {', '.join(sorted(known))}")
