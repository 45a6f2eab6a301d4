"""A run in batches: the work is done as far as it goes, what is missing is sent off, and so on.

    await in_rounds(pipeline, left, Courier(...), How("openai"))

Each round is the same pass over what is left that a live run makes. Calls without a reply are put
down; once replies are in, the next round comes upon them, judges what was answered meanwhile, and
puts down the judges' calls. Where the process ends is no matter: the next one begins with a round.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from ..batches.batch import Batch
from ..batches.courier import Courier
from ..batches.executor import executor_class
from ..batches.ledger import Ledger
from ..errors import MsbError, StopRun
from ..judges.paper import RUBRICS as PAPERS
from ..legible import name as legible
from ..models.carrying import carried_by
from ..models.hf_carried import SCHEME, read_address
from ..models.hf_files import resolve
from ..models.opening import behind
from ..store.store import RunRecord, Store
from .perform import Do, Reporter, at_once
from .pipeline import Pipeline, Progress, Work

BATCHED, CANCELLED = "batched", "cancelled"


@dataclass(frozen=True)
class How:
    """``executor`` carries the batches out; None: what is out is taken in, whoever has it, and
    nothing is submitted. ``waits`` None waits for those that work by themselves. ``cluster`` is
    the address of Ray's."""

    executor: str | None
    waits: bool | None = None
    cluster: str | None = None


def how_told(executor: str | None, specs: Sequence[str], cluster: str | None = None) -> How | None:
    """How calls of these models are made; None: live. Raises MsbError as ``check_batch`` does."""
    if executor is None:
        return None
    check_batch(executor, specs)
    return How(executor, cluster=cluster)


def check_batch(executor: str, specs: Iterable[str]) -> None:
    """Raise MsbError for an unknown executor, and for one that can carry none of these models."""
    schemes = executor_class(executor).schemes
    asked = list(specs)
    if not any(behind(spec).partition(":")[0] in schemes or spec in PAPERS for spec in asked):
        raise MsbError(
            f"--batch {executor} carries calls of {' and '.join(f'{s}: models' for s in schemes)}; "
            f"here are {', '.join(map(legible, asked))}"
        )


def done_by(how: How | None, reporter: Reporter) -> Do:
    """How a pipeline does what is left, for ``perform``; None: live, unless calls of its models are
    out in batches, which raises MsbError: they would be paid for twice."""

    def do(pipeline: Pipeline, left: Callable[[], Work]) -> Awaitable[Progress]:
        store, run = pipeline.store, pipeline.run
        if how is None:
            check_live(store, run, pipeline.names)
            return at_once(pipeline, left)
        courier = Courier(store, run, how.executor, reporter.note, how.cluster)
        return in_rounds(pipeline, left, courier, how)

    return do


def check_live(store: Store, run: RunRecord, names: Iterable[str]) -> None:
    """Raise MsbError if calls of these models are out in batches."""
    asked = {behind(name).partition(":")[2] for name in names}
    for one in Ledger(store).out(run.id):
        if _called(one) in asked:
            raise MsbError(
                f"batch {one.number} of {run.id} is out with {one.lines:,} calls to "
                f"{legible(one.model)}, and live they would be paid for twice; go on with --batch "
                f"{one.executor}, or give it up first: msb batch cancel {one.number}"
            )


def _called(batch: Batch) -> str:
    """What a pipeline calls the model of a batch: a local one by its files, wherever they lie."""
    if batch.url.startswith(SCHEME):
        at, _ = read_address(batch.url)
        with suppress(MsbError):  # they may be gone by now
            return resolve(batch.model, at.revision, at.trust_remote_code).label
    return batch.model


async def in_rounds(
    pipeline: Pipeline, left: Callable[[], Work], courier: Courier, how: How
) -> Progress:
    """Carry out what is left of a run. Raises StopRun where going on makes no sense."""
    done, pipeline.carried = 0, True
    try:
        with carried_by(courier):
            while await _round(pipeline, left, courier, how):
                done += pipeline.progress.done
                pipeline.progress = Progress()
            courier.name_strangers()
    except StopRun:
        courier.refused()
        raise
    finally:
        await courier.close()
    progress = pipeline.progress
    progress.doing = None
    progress.done += done
    progress.total += done
    if not progress.stopped:
        progress.stopped = _why_stopped(progress, courier)
    return progress


async def _round(pipeline: Pipeline, left: Callable[[], Work], courier: Courier, how: How) -> bool:
    """One pass, and what follows from it; True if another is to follow."""
    courier.begin()
    progress = await pipeline.do(left())
    if progress.stopped or courier.cancelled:
        return False
    if not progress.parked:
        courier.done()
        return False

    def stopped() -> bool:
        progress.doing = courier.doing or None
        return bool(progress.stopped)

    return await courier.turn(how.waits, stopped)


def _why_stopped(progress: Progress, courier: Courier) -> str | None:
    if not progress.parked:
        return None
    if courier.cancelled:
        return CANCELLED
    return "budget" if courier.budget_spent and not courier.waiting() else BATCHED
