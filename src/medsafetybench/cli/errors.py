"""msb errors: what stood in the way, of answers and of verdicts."""

from __future__ import annotations

from . import options, show
from .said import say


def errors(
    run: options.RunId = "last",
    /,
    *,
    store: options.Store = options.STORE,
    as_json: options.Json = False,
) -> None:
    """List the errors of a run, the commonest first. msb evaluate asks those requests again."""
    from ..store.faults import faults_of
    from ..store.store import Store

    with Store.read(store) as opened:
        record = opened.run(run)
        found = faults_of(opened, record)
    if as_json:
        show.as_json({"run": record.id, "errors": [vars(fault) for fault in found]})
        return
    if not found:
        say(f"{record.id} has no errors")
        return
    show.table(
        ("requests", "of", "error", "for example"),
        [(f"{fault.count:,}", fault.of, fault.error, fault.example) for fault in found],
        right=("requests",),
    )
    say("", f"{record.id}: the command that made it asks those again")
