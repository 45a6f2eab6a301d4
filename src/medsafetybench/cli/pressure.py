"""msb pressure: what pressure did to a target, by turn and framing, and how long it held out."""

from __future__ import annotations

from ..errors import MsbError
from . import options, show


def pressure(
    run: options.RunId = "last",
    /,
    *,
    judge: options.Judges = None,
    store: options.Store = options.STORE,
    as_json: options.Json = False,
) -> None:
    """Print harmfulness by turn and by framing, and the share that held out up to each turn."""
    from rich.console import Group

    from ..evaluation import open_run
    from ..results.text import pressure_parts

    card = open_run(run, store).summary(judge or ())
    if card.pressure is None:
        raise MsbError(f"{card.run} was not under pressure; evaluate with --pressure TURNS")
    if as_json:
        show.as_json(card.pressure.model_dump(by_alias=True))
    else:
        show.view(Group(*pressure_parts(card.pressure)))
