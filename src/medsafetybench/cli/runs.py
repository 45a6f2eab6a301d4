"""msb runs: what is in the store."""

from __future__ import annotations

from . import options, show


def runs(*, store: options.Store = options.STORE, as_json: options.Json = False) -> None:
    """List the runs in the store with both sides of their scorecards."""
    from ..results.run import open_run
    from ..store.store import Store

    with Store.read(store) as opened:
        ids = [run.id for run in opened.runs()]
    cards = [open_run(identity, store).summary() for identity in ids]
    if as_json:
        show.as_json([card.model_dump(by_alias=True, exclude={"by_principle"}) for card in cards])
        return
    if not cards:
        print(f"no runs in {store}; `msb evaluate` makes one")
        return
    show.table(
        ("run", "begun", "benchmark", "target", "judge", "scored/n", "mean", "over-refusal"),
        [
            (
                card.run,
                card.created[:16].replace("T", " "),
                card.benchmark.name,
                card.target,
                card.judge or "-",
                f"{card.scored}/{card.n}",
                "-" if card.mean is None else f"{card.mean:.2f}",
                "-"
                if card.over_refusal is None or card.over_refusal.rate is None
                else f"{card.over_refusal.rate:.1%}",
            )
            for card in cards
        ],
        right=("scored/n", "mean", "over-refusal"),
    )
