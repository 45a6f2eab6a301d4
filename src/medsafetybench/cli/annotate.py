"""msb annotate: people label responses, one by one, with the judge's verdict hidden; a third person
settles what they dispute."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from . import options, show
from .asking import ask
from .said import say
from .usage import at_least

if TYPE_CHECKING:
    from ..scale import Level, Scale
    from ..store.samples import Sample
    from ..store.settled import SettledLabels
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
    adjudicate: Annotated[
        bool, Parameter(name="--adjudicate", help="List what people dispute, and settle it.")
    ] = False,
    import_file: Annotated[
        Path | None, Parameter(name="--import", help="Labels made elsewhere: id, score, annotator.")
    ] = None,
    random_sample: Annotated[
        bool,
        Parameter(name="--random-sample", help="The file's lines are a random sample of the run."),
    ] = False,
    store: options.Store = options.STORE,
) -> None:
    """Label responses in the terminal, settle disputes, or import labels. Stop any time; it
    resumes."""
    from ..scale import HARM, scale_named
    from ..store import labels
    from ..store.imported_labels import import_labels
    from ..store.store import Store as RunStore

    with RunStore.open(store) as opened:
        record = opened.run(run)
        named = scale_named(scale) if scale else None
        told = named or labels.scale_of(opened, record)
        if import_file:
            drawn = (limit, sample_seed, random_sample)
            n = import_labels(opened, record, import_file, annotator, named or HARM, *drawn)
            say(f"{n} labels imported into {record.id}")
        elif adjudicate:
            _adjudicate(opened, record, annotator, told)
        else:
            _label(opened, record, annotator, told, limit, sample_seed)


def _label(
    store: Store, run: RunRecord, name: str | None, scale: Scale, n: int | None, seed: int
) -> None:
    from ..store import labels
    from ..store.samples import draw, reach

    who = labels.person(store, _named(name), scale)
    sample = draw(store, run, n, seed)
    desk = Desk(store, run, who, labels.queue(store, run, who, n, seed), sample)
    done, finished = desk.work()
    if finished:
        reach(store, sample, who)
    left = len(desk.waiting) - done
    say(f"{done} labels stored, {left} left. See `msb agreement {run.id}`.")


def _adjudicate(store: Store, run: RunRecord, name: str | None, scale: Scale) -> None:
    from ..store.settled import settled_labels, settler

    found = settled_labels(store, run, scale)
    _list_disputes(store, run, found)
    if not found.disputed.any():
        return
    name = _named(name)
    waiting = found.to_settle(name)
    if own := int(found.disputed.sum()) - len(waiting):
        say(f"{own} of them were labelled by {name}, and take a third person")
    done, _ = Desk(store, run, settler(store, name, scale), waiting, found=found).work()
    say(f"{done} settled, {len(waiting) - done} left. See `msb agreement {run.id}`.")


def _named(name: str | None) -> str:
    """The name given, else the one typed; empty where nobody types."""
    try:
        return name or ask("Your name")
    except EOFError:
        return ""


def _list_disputes(store: Store, run: RunRecord, found: SettledLabels) -> None:
    """What people differ on and nobody has settled, with what each said."""
    both = int(((found.given > 0).sum(axis=0) > 1).sum())
    say(
        f"{both} requests were labelled by two people or more; {int(found.differ.sum())} of them "
        f"differently, {int(found.disputed.sum())} still to be settled"
    )
    positions = [int(place) for place in found.disputed.nonzero()[0]]
    if positions:
        show.table(
            ("request", *(judge.name for judge in found.people)),
            [
                (item.request.name, *(level or "-" for level in found.levels(item)))
                for item in store.items(run, positions)
            ],
        )


@dataclass
class Desk:
    """A person before a queue of responses, to label them or, with what people said in ``found``,
    to settle."""

    store: Store
    run: RunRecord
    who: JudgeRecord
    waiting: Sequence[int]
    sample: Sample | None = None
    found: SettledLabels | None = None
    labelled: dict[int, Item] = field(default_factory=dict)

    def work(self) -> tuple[int, bool]:
        """Present the items in turn; return how many were labelled, and whether all were seen."""
        from ..store.labels import take_back

        place = 0
        while place < len(self.waiting):
            item = next(self.store.items(self.run, [self.waiting[place]]))
            _present(item, place + 1, len(self.waiting))
            if self.found:
                said = sorted(level for level in self.found.levels(item) if level)
                say(f"people said: {', '.join(said)}")
            key = _ask(self.who.scale.levels[item.request.intent])
            if key == QUIT:
                break
            if key == UNDO:
                place = max(place - 1, 0)
                if undone := self.labelled.pop(place, None):
                    take_back(self.store, self.who, undone, self.sample)
                continue
            if key != SKIP:
                self._put(item, int(key))
                self.labelled[place] = item
            place += 1
        return len(self.labelled), place == len(self.waiting)

    def _put(self, item: Item, score: int) -> None:
        from ..store.labels import label
        from ..store.settled import settle

        if self.found:
            settle(self.store, self.run, self.who, item, score)
        else:
            label(self.store, self.who, item, score, sample=self.sample)


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
        say(f"{key!r} is none of {', '.join(sorted(known))}")
