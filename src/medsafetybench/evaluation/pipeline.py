"""The run loop: requests are answered and responses judged at the same time, and all is stored.

    unanswered -> [target workers] -> store -> queue -> [workers of each judge] -> store

Target and judges have their own concurrency. Queues are bounded, so a slow judge slows the target
down instead of filling the memory. A worker takes its next item only when the last is on disk. A
pass that stops, for whatever reason, takes on nothing new and finishes what is in flight.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from ..errors import BudgetSpent
from ..judges import Judge
from ..judges.judge import verdicts_of
from ..models import Meter
from ..models.carrying import Parked
from ..records import Request, Response, Verdict
from ..store.faults import alike
from ..store.grades import left_to_grade
from ..store.store import Item, JudgeRecord, RunRecord, Store
from ..targets import Target
from .early_stop import EarlyStop
from .writer import Writer

T = TypeVar("T")

DECIDED = "decided"
OFFLINE_WORKERS = 128
"""Workers of a judge that computes here: many of its verdicts go into one commit of the store."""


@dataclass
class Progress:
    """How far a run is: verdicts ``done`` of ``total``, as they happen."""

    total: int = 0
    done: int = 0
    errors: int = 0
    unscored: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    """How often each error came about, in its own words but for numbers."""
    parked: int = 0
    """Calls that wait for their batch."""
    doing: str | None = None
    """What is waited for meanwhile."""
    stopped: str | None = None
    """Why the run stopped before its end: ``interrupted``, ``budget``, ``failed`` or, as its gate's
    answer was known, ``decided``; with calls that are out in batches ``batched``."""


@dataclass
class Work:
    """What is left to do in a run."""

    unanswered: list[int]
    unjudged: list[list[int]]
    """For each judge, the positions that were answered before."""
    samples: list[frozenset[int] | None]
    """For each judge, the only positions it judges; None: all of them."""

    @classmethod
    def left(
        cls,
        store: Store,
        run: RunRecord,
        judges: Sequence[JudgeRecord],
        samples: Sequence[frozenset[int] | None] | None = None,
    ) -> Work:
        """Ask the store what is left."""
        samples = list(samples or [None] * len(judges))
        unjudged = [
            [p for p in store.unjudged(run, judge) if sample is None or p in sample]
            for judge, sample in zip(judges, samples, strict=True)
        ]
        return cls(store.unanswered(run), unjudged, samples)

    def to_judge(self, judge: int) -> list[int]:
        """Positions that a judge has left, answered or not, in order."""
        sample = self.samples[judge]
        coming = [p for p in self.unanswered if sample is None or p in sample]
        return sorted(coming + self.unjudged[judge])

    @property
    def verdicts(self) -> int:
        """How many verdicts are left to be made."""
        return sum(len(self.to_judge(judge)) for judge in range(len(self.samples)))


@dataclass
class _Lane:
    """One judge with its queue of answered items, and the sample it is limited to, if it is.

    A judge that is not paid computes here: its workers take turns, so that the loop is never kept
    from others for longer than one verdict takes.
    """

    judge: Judge
    record: JudgeRecord
    sample: frozenset[int] | None = None
    queue: asyncio.Queue[Item | None] = field(init=False)
    turn: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self.queue = asyncio.Queue(maxsize=2 * self.workers)
        self.turn = asyncio.Semaphore(self.judge.concurrency)

    @property
    def workers(self) -> int:
        """How many verdicts are being made or stored at once."""
        return self.judge.concurrency if self.judge.paid else OFFLINE_WORKERS

    def wants(self, item: Item) -> bool:
        """True if this judge is to judge the item."""
        return self.sample is None or item.position in self.sample

    async def verdicts(
        self, request: Request, response: Response
    ) -> AsyncGenerator[Mapping[str, Verdict]]:
        """The judge's verdicts on a response, as they come. It is a worker's turn while it judges,
        and the next one's while what it found is stored: many are stored at once."""
        async with aclosing(verdicts_of(self.judge, request, response)) as coming:
            while True:
                async with self.turn:
                    some = await anext(coming, None)
                if some is None:
                    return
                yield some


class Pipeline:
    """One pass over the work that is left. ``stop()`` ends it early, in good order. ``carried``:
    its calls are made by others."""

    def __init__(
        self,
        store: Store,
        run: RunRecord,
        target: Target | None,
        judges: Sequence[tuple[Judge, JudgeRecord]],
    ) -> None:
        self.progress = Progress()
        self.store = store
        self.run = run
        self.target = target
        self.early_stop: EarlyStop | None = None
        self.carried = False
        self._lanes = [_Lane(judge, record) for judge, record in judges]
        self._fault: Exception | None = None

    @property
    def meters(self) -> list[Meter]:
        """What the target, if there is one, and the judges were asked for so far."""
        of_target = [self.target.meter] if self.target else []
        return of_target + [lane.judge.meter for lane in self._lanes]

    @property
    def names(self) -> list[str]:
        """Of the target, if there is one, and of the judges."""
        of_target = [self.target.name] if self.target else []
        return of_target + [lane.judge.name for lane in self._lanes]

    async def close(self) -> None:
        """Close the target and the judges."""
        if self.target:
            await self.target.close()
        for lane in self._lanes:
            await lane.judge.close()

    def stop(self, why: str) -> None:
        """Take on nothing new; what is in flight is finished and stored."""
        self.progress.stopped = self.progress.stopped or why
        for meter in self.meters:
            meter.ending = self.progress.stopped in ("interrupted", "failed")

    def _one_more(self, verdicts: int = 1) -> None:
        """So many verdicts more are in, or will not come; is that enough?"""
        self.progress.done += verdicts
        looking = None if self.progress.stopped else self.early_stop
        if looking and looking.decided(self.progress.done, self.progress.total):
            self.stop(DECIDED)

    def _fail(self, fault: Exception) -> None:
        """Stop because of a fault, which is raised once what is in flight is stored."""
        self._fault = self._fault or fault
        self.stop("failed")

    async def do(self, work: Work) -> Progress:
        """Do the work. Raises StopRun where going on makes no sense; what is paid is stored."""
        self.progress.total = work.verdicts
        if self.target:
            self.target.meter.answered_before = self.store.has_answers(self.run)
        for lane, sample in zip(self._lanes, work.samples, strict=True):
            lane.sample = sample
            if self.early_stop:
                lane.queue = asyncio.Queue(maxsize=1)  # what waits there may have been enough
            lane.judge.meter.answered_before = self.store.has_verdicts(self.run, lane.record)
        self._writer = Writer(self.store)
        try:
            async with asyncio.TaskGroup() as tasks:
                answering = tasks.create_task(self._answer_all(work.unanswered))
                for lane, unjudged in zip(self._lanes, work.unjudged, strict=True):
                    tasks.create_task(self._judge_all(lane, unjudged, answering))
        finally:
            await self._writer.close()
        if self._fault:
            raise self._fault
        return self.progress

    async def _answer_all(self, positions: Sequence[int]) -> None:
        if self.target is None:
            return  # judging again: what was not answered then is not answered now
        items = self.store.items(self.run, positions)
        async with asyncio.TaskGroup() as workers:
            for _ in range(min(self.target.concurrency, len(positions))):
                workers.create_task(self._answer_some(self.target, items))

    async def _answer_some(self, target: Target, items: Iterator[Item]) -> None:
        """One worker: all workers draw on the same iterator."""
        try:
            for item in items:
                if self.progress.stopped:
                    return
                response = await self._unless_parked(self._answer(target, item))
                if response is not None:
                    await self._pass_on(item, response)
        except BudgetSpent:
            self.stop("budget")
        except Exception as fault:
            self._fail(fault)

    async def _unless_parked(self, result: Awaitable[T]) -> T | None:
        """The result; None for a call that is put down until its batch has come back."""
        try:
            return await result
        except Parked as parked:
            if parked.keep:
                await self._writer.put(parked.keep)
            self.progress.parked += 1
            return None

    async def _answer(self, target: Target, item: Item) -> Response:
        if item.response and not item.response.error:
            return item.response  # another process was here first
        response = await target.respond(item.request)
        return await self._writer.put(lambda: self.store.put_response(item.key, response))

    async def _pass_on(self, item: Item, response: Response) -> None:
        """To every judge that is to judge it, unless there is nothing but an error."""
        lanes = [lane for lane in self._lanes if lane.wants(item)]
        if response.error:
            self.progress.errors += 1
            self.progress.faults[alike(response.error)] += 1
            self._one_more(len(lanes))
            return
        answered = replace(item, response=response)
        for lane in lanes:
            await lane.queue.put(answered)

    async def _judge_all(
        self, lane: _Lane, unjudged: Sequence[int], answering: asyncio.Task[None]
    ) -> None:
        """Judge what was answered before, and what is being answered now."""
        async with asyncio.TaskGroup() as workers:
            for _ in range(lane.workers):
                workers.create_task(self._judge_some(lane))
            try:
                for item in self.store.items(self.run, unjudged):
                    if self.progress.stopped:
                        break
                    await lane.queue.put(item)
            except Exception as fault:
                self._fail(fault)
            await asyncio.wait([answering])
            for _ in range(lane.workers):
                await lane.queue.put(None)

    async def _judge_some(self, lane: _Lane) -> None:
        while (item := await lane.queue.get()) is not None:
            # Once stopped, the queue is emptied unjudged, so that nobody waits to put into it; but
            # where that is enough, what was asked is a whole part of the order, judged to its end.
            if self.progress.stopped not in (None, DECIDED):
                continue
            try:
                given = await self._unless_parked(self._judge(lane, item))
                if given is None:
                    continue
                self._count(given)
                self._one_more()
            except BudgetSpent:
                self.stop("budget")
            except Exception as fault:
                self._fail(fault)

    def _count(self, verdicts: Sequence[Verdict]) -> None:
        """What came of one response, by all verdicts on it."""
        failed = [verdict for verdict in verdicts if verdict.error]
        self.progress.errors += bool(failed)
        for reason in {alike(verdict.reason or "") for verdict in failed}:
            self.progress.faults[reason] += 1
        unread = any(verdict.level is None for verdict in verdicts) or not verdicts
        self.progress.unscored += unread and not failed

    async def _judge(self, lane: _Lane, item: Item) -> list[Verdict]:
        """A judge's verdicts on an item, each stored as it comes."""
        assert item.response is not None, "only answered items are queued"
        request, response, given = item.request, item.response, list[Verdict]()
        if lane.record.scale.parts:
            request = left_to_grade(self.store, lane.record, item)
        async with aclosing(lane.verdicts(request, response)) as coming:
            async for some in coming:
                put = partial(self._put, lane.record, item.key, some)
                given += await self._writer.put(put)
                if self.progress.stopped not in (None, DECIDED):
                    break  # what was asked is stored; the rest is for when it is resumed
        return given

    def _put(self, judge: JudgeRecord, key: bytes, some: Mapping[str, Verdict]) -> list[Verdict]:
        return [
            self.store.put_verdict(judge, key, asked, verdict) for asked, verdict in some.items()
        ]
