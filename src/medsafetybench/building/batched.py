"""A stage in batches: what it will ask is asked for beforehand, then it runs on the replies.

    account = run_batched(project, stage, How("openai"), note=print)

A stage decides in the order of its items, so nothing is decided before every reply is there: till
then each item is asked about again and again, and what has no reply is put down for a batch.
Which calls are out is kept in the project's batches.db.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..batches.courier import Courier
from ..errors import BudgetSpent
from ..evaluation.rounds import How
from ..models.carrying import Parked, carried_by
from ..store.store import Store
from .project import Project
from .stage import Account, Failed, Stage, account, left, work

PLACE = "batches.db"


def run_batched(
    project: Project,
    stage: Stage,
    how: How,
    note: Callable[[str], None],
    limit: int | None = None,
    redo: bool = False,
) -> Account:
    """Do what is left of a stage as ``run_stage`` does, its calls in batches.

    An account whose replies are not all there yet says so as ``stopped``. What the stage would
    have stopped before, as ``elicit`` does where nothing new comes, is asked all the same.
    """
    if redo:
        project.redo(stage.name)
    settings = {
        "benchmark": {"name": stage.name, "sha256": "", "selection": {}},
        "target": {"model": stage.name},
    }
    with Store.open(project.folder / PLACE) as store:
        run = store.register(f"build-{stage.name}", settings, ())
        return asyncio.run(
            _batched(project, stage, limit, Courier(store, run, how.executor, note), how)
        )


async def _batched(
    project: Project, stage: Stage, limit: int | None, courier: Courier, how: How
) -> Account:
    try:
        with carried_by(courier):
            while parked := await _put_down(project, stage, limit, courier):
                if courier.cancelled or not await courier.turn(how.waits, bool):
                    stopped = f"{parked:,} items wait for batches; the same command goes on"
                    await stage.close()
                    return account(project, stage.name, stopped)
            done = await work(project, stage, limit)
            courier.done()
            return done
    finally:
        await courier.close()


async def _put_down(project: Project, stage: Stage, limit: int | None, courier: Courier) -> int:
    """How many items have no reply yet; what they ask is kept for the next batch."""
    courier.begin()
    parked = 0
    for _, item in left(project, stage, limit):
        try:
            await stage.ask(item)
        except Parked as waiting:
            parked += 1
            courier.keep(waiting)
        except (Failed, BudgetSpent):
            continue  # the stage comes upon it again, and says so
    return parked
