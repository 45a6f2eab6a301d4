"""msb runs: what is in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import options, show

if TYPE_CHECKING:
    from ..results.scorecard import Scorecard


def runs(*, store: options.Store = options.STORE, as_json: options.Json = False) -> None:
    """List the runs in the store with both sides of their scorecards."""
    from ..results.measures import MEASURES, is_lead
    from ..results.run import open_run
    from ..results.text import figure_text
    from ..store.store import Store

    with Store.read(store) as opened:
        ids = [run.id for run in opened.runs()]
    cards = [open_run(identity, store).summary() for identity in ids]
    if as_json:
        show.as_json({"runs": [_without_parts(card) for card in cards]}, schema=2)
        return
    if not cards:
        print(f"no runs in {store}; `msb evaluate` makes one")
        return
    # A column for the measure that leads each side, of whatever scales the runs are on.
    there = {info.key for card in cards for info in card.measures}
    measures = [m for m in MEASURES if m.key in there and is_lead(m)]
    headings = [measure.heading for measure in measures]
    show.table(
        ("run", "begun", "benchmark", "target", "judge", "scored/n", *headings),
        [
            (
                card.run,
                card.created[:16].replace("T", " "),
                card.benchmark.title,
                card.target,
                card.judge or "-",
                f"{card.counts.scored}/{card.counts.n}",
                *(figure_text(m, card.figure(m.key), interval=False) for m in measures),
            )
            for card in cards
        ],
        right=("scored/n", *headings),
    )


def _without_parts(card: Scorecard) -> dict[str, Any]:
    """The scorecard as plain data, without what it says of parts of the benchmark."""
    plain = card.model_dump(by_alias=True)
    for side in plain["sides"].values():
        del side["by"]
    return plain
