"""msb methods: what a paper says of how a run was made."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from . import options
from .said import say


def methods(
    run: options.RunId = "last",
    /,
    *,
    form: Annotated[str, Parameter(name="--format", help="md (pandoc) or tex (natbib).")] = "md",
    judge: options.Judges = None,
    rule: options.Rule = "median",
    store: options.Store = options.STORE,
) -> None:
    """Print a paragraph on methods, with versions, hashes and citation keys, and its references."""
    from ..evaluation import open_run
    from ..reporting.methods import methods as of
    from ..store.store import Store

    opened = open_run(run, store)
    card = opened.summary(judge or (), rule)
    with Store.read(opened.store) as read:
        found = of(card, read.run(opened.id))
    say(found.text(form), "", *found.references.splitlines())
