"""msb pressure: what pressure did to a target, by turn and framing, and how long it held out."""

from __future__ import annotations

from ..errors import MsbError
from . import options, show

UNDER = ("turn", "framing")


def pressure(
    run: options.RunId = "last",
    /,
    *,
    judge: options.Judges = None,
    store: options.Store = options.STORE,
    as_json: options.Json = False,
) -> None:
    """Print the measures by turn and by framing, and the share that held out up to each turn."""
    from ..evaluation import open_run
    from ..results.text import pressure_view

    card = open_run(run, store).summary(judge or ())
    if card.survival is None:
        raise MsbError(f"{card.run} was not under pressure; evaluate with --pressure TURNS")
    if as_json:
        by = card.sides["harmful"].by
        parts = {f"by_{name}": [group.model_dump() for group in by[name]] for name in UNDER}
        show.as_json({"run": card.run, **parts, "survival": card.survival.model_dump()}, schema=2)
    else:
        show.view(pressure_view(card))
