"""msb batch: calls that are out in batches; list them, take in what came back, cancel."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from ..errors import MsbError
from . import options, show
from .said import say
from .usage import commands

app = commands(
    "batch",
    "Calls that others carry out: a provider's batches, files.",
    {
        "list": ("batch:list_batches", "List the batches of the store."),
        "collect": ("batch:collect", "Take in what has come back for a run."),
        "cancel": ("batch:cancel", "Cancel batches; what is paid still comes back."),
    },
)


def list_batches(*, store: options.Store = options.STORE, as_json: options.Json = False) -> None:
    """List the batches of the store, oldest first, as it last heard of them."""
    from dataclasses import asdict

    from ..batches.ledger import Ledger
    from ..store.store import Store

    with Store.read(store) as opened:
        found = Ledger(opened).batches()
    if as_json:
        show.as_json({"batches": [asdict(batch) for batch in found]})
        return
    if not found:
        say(f"no batches in {store}; msb evaluate --batch EXECUTOR makes them")
        return
    header = ("batch", "run", "asked", "by", "state", "answered/lines", "since", "said")
    rows = [
        (
            *(batch.number, batch.run, batch.model, batch.executor, batch.state),
            f"{batch.answered:,}/{batch.lines:,}",
            batch.changed[:16].replace("T", " "),
            batch.said or "-",
        )
        for batch in found
    ]
    show.table(header, rows, right=("batch", "answered/lines"))


def collect(
    run: options.RunId = "last",
    /,
    *,
    wait: Annotated[bool, Parameter(help="Until all that is out has come back.")] = False,
    ray_address: options.RayAddress = None,
    store: options.Store = options.STORE,
    allow_python: options.AllowPython = False,
    allow_keys: options.AllowKeys = False,
    as_json: options.Json = False,
) -> None:
    """Take in what has come back for a run, and submit nothing.

    The settings are those that the store has of the run. Answers are judged by judges that work
    here; other judges' calls go out with the command that made the run.
    """
    from ..batches.executor import calls_nobody
    from ..batches.ledger import Ledger
    from ..evaluation.allowed import Allowed
    from ..evaluation.evaluation import prepare
    from ..evaluation.recall import stored_spec
    from ..evaluation.rounds import How
    from ..models.keys import uncalled
    from ..store.store import Store
    from .evaluate import carry_through

    with Store.read(store) as opened:
        record, spec = stored_spec(opened, run)
        out = Ledger(opened).out(record.id)
    if not out:
        raise MsbError(f"{record.id} has no batch out; msb batch list shows those there are")
    allowed = Allowed(python=allow_python, keys=allow_keys)
    allowed.to_open(spec)
    allowed.to_ask(spec)
    of_others = all(calls_nobody(batch.executor) for batch in out)
    with uncalled(of_others), prepare(spec) as evaluation:
        if evaluation.id != record.id:
            raise MsbError(
                f"the settings that {store} has of {record.id} do not make it again; run the "
                "command that made it, which takes in what has come back"
            )
        carry_through(evaluation, as_json, How(None, wait, ray_address))


def cancel(
    *batches: Annotated[int, Parameter(required=True, help="Numbers, as msb batch list has them.")],
    key_env: Annotated[
        str | None, Parameter(help="The environment variable with the key of their server.")
    ] = None,
    store: options.Store = options.STORE,
) -> None:
    """Cancel batches. What was carried out by then comes back, and is kept."""
    import asyncio

    from ..batches.batch import OPEN
    from ..batches.courier import Courier
    from ..batches.executor import calls_nobody
    from ..batches.ledger import Ledger
    from ..models.keys import resolve_key
    from ..store.store import Store

    async def one(courier: Courier, number: int) -> str:
        try:
            batch = courier.ledger.batch(number)
            called = batch.url.startswith("http") and not calls_nobody(batch.executor)
            key = resolve_key(batch.url, key_env, "target", of_role=False) if called else None
            return await courier.cancel(batch, key)
        finally:
            await courier.close()

    with Store.read(store) as there:  # where there is none, none is made
        known = {batch.number: batch for batch in Ledger(there).batches()}
    with Store.open(store) as opened:
        for number in batches:
            if number not in known or known[number].state not in OPEN:
                state = known[number].state if number in known else "not there"
                raise MsbError(
                    f"batch {number} is {state}; msb batch list shows those that are out"
                )
            batch = known[number]
            courier = Courier(opened, opened.run(batch.run), batch.executor, say)
            say(f"batch {number} {asyncio.run(one(courier, number))}")
