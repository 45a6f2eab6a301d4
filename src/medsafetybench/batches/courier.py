"""Carries a run's calls in batches: what has come back is handed out, the rest goes on its way.

    courier = Courier(store, run, "openai", note)       # None: take in what is out, submit nothing
    with carried_by(courier):
        ...                            # the work; calls without a reply are put down
        await courier.turn(...)        # submit them, wait, take in what came back; True: work again

Which batches are waited for is what the work came upon, not what an earlier process meant to do: so
two runs that share calls wait for the same batch, and one that was killed is gone on with.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import BudgetSpent, StopRun
from ..models.carrying import Call, Carried, Parked
from ..models.retry import Transient, wait
from ..store.store import RunRecord, Store
from .batch import OPEN, Batch, Result
from .calls import Calls
from .executor import Executor, Look, Server, Unreached, Unsure, executor_class, open_executor
from .ledger import UNKNOWN, Ledger

SUBMIT_ATTEMPTS = 6
FIRST_POLL_SECONDS = 0.5
UNREACHED_LOOKS = 120
"""How often in a row a server that was reached may not answer: two hours of a night."""
HEAR_SECONDS = 0.2
"""How soon Ctrl-C is heard."""
CHUNK = 1000
READ_AGAIN = 3
"""How often results are fetched of which there are fewer than the executor says."""


class Courier:
    """See the module's docstring. Belongs to one event loop and to the store's thread.

    ``note`` is told what happens, in lines. ``budget_spent``: calls were left out as too many;
    ``cancelled``: somebody cancelled a batch of this work; ``doing``: what is waited for.
    """

    def __init__(
        self,
        store: Store,
        run: RunRecord,
        executor: str | None,
        note: Callable[[str], None],
        cluster: str | None = None,
    ) -> None:
        self._calls = Calls(store, run)
        self.ledger = Ledger(store)
        self.secret = self._calls.secret
        self.budget_spent = False
        self.cancelled = False
        self.doing = ""
        self._run = run
        self._name = executor
        self._cluster = cluster
        names = [executor] if executor else [one.executor for one in self.ledger.out(run.id)]
        self.takes_local = any("hf" in executor_class(name).schemes for name in names)
        self._note = note
        self._path = store.path
        self._executors: dict[tuple[str, str], Executor] = {}
        self._keys: dict[str, str | None] = {}
        self._awaited: set[int] = set()

    # What the work asks

    def begin(self) -> None:
        """Before the work is done, and done again: what is waited for comes up anew."""
        self._awaited = set()
        self._calls.forget_loose()
        for batch in self.ledger.batches():
            # A process that was killed had stored every answer; the work comes upon none of it.
            if batch.state == "submitted" and not self.ledger.outstanding(batch):
                self.ledger.close(batch, batch.said or "completed")

    def keep(self, parked: Parked) -> None:
        """Remember a call that was put down, where nobody else does."""
        if parked.keep:
            with self.ledger.store.transaction():
                parked.keep()

    def done(self) -> None:
        """All that was asked for is stored: the calls are not needed any more."""
        self._calls.forget_done()

    def refused(self) -> None:
        """The run has stopped at what a server says to every call: the next one asks it again."""
        self._calls.forget_refused()

    def reply(self, call: Call) -> Carried:
        """See ``Carrier``. A call whose fault came back too often is answered with that."""
        self._keys[call.to.url] = call.to.key
        known = self._calls.find(call)
        if known is None:
            try:
                call.spend()
            except BudgetSpent:
                self.budget_spent = True
                raise Parked from None
            raise Parked(lambda: self._calls.keep(call))
        if known.status is not None and known.reply is not None:
            given_up = known.batch is None and known.tries > call.to.retries
            if given_up or not known.failed:
                return Carried(known.status, known.reply, known.tries, known.others)
        if known.batch is None:
            raise Parked(lambda: self._calls.keep(call))
        self._awaited.add(known.batch)
        raise Parked

    # What is done between

    async def turn(self, waits: bool | None, stopped: Callable[[], bool]) -> bool:
        """Submit what was put down, and take in what came back; True if anything did.

        ``waits`` None waits for executors that work by themselves. Raises StopRun where going on
        makes no sense.
        """
        if self._name:
            made = self.ledger.prepare(self._run, self._name, executor_class(self._name).limits)
            self._awaited |= {batch.number for batch in made}
        pause, unreached = FIRST_POLL_SECONDS, UNREACHED_LOOKS  # patient once it was reached
        while True:
            if self._name:
                await self._submit_all()
            try:
                if await self._look():
                    return True
                unreached = 0
                self.doing = self.waiting()
            except Unreached as fault:
                unreached += 1
                if unreached > UNREACHED_LOOKS:
                    raise
                self.doing = str(fault)
            # What was never submitted waits for the command that submits it.
            out = [one for one in self._out() if self._name or one.state == "submitted"]
            alone = all(self._executor(batch).alone for batch in out)
            if not out or not (alone if waits is None else waits):
                return False
            await _sleep(pause, stopped)
            if stopped():
                return False
            pause = min(2 * pause, *(self._executor(batch).longest_pause for batch in out))

    def _out(self) -> list[Batch]:
        """The batches that this work waits for and that have not ended."""
        found = self.ledger.batches()
        return [one for one in found if one.number in self._awaited and one.state in OPEN]

    def waiting(self) -> str:
        """What is waited for, in a few words."""
        return "; ".join(f"batch {one.number}: {one.said or one.state}" for one in self._out())

    def name_strangers(self) -> None:
        """Say which batches of this run are out that the work came upon no call of."""
        for one in self.ledger.out(self._run.id):
            if one.number not in self._awaited:
                self._note(
                    f"batch {one.number} is out, of calls that this command does not make; the one "
                    f"that made it takes it in, msb batch cancel {one.number} gives it up"
                )

    async def _submit_all(self) -> None:
        if not any(batch.state == "prepared" for batch in self._out()):
            return
        async with _alone(Path(f"{self._path}.batches.lock")):
            for batch in self._out():  # as it is now: another process may have been first
                if batch.state == "prepared":
                    await self._submit(batch)

    async def _submit(self, batch: Batch) -> None:
        """Hand a batch over, unless it is there already; an answer that is lost tells neither."""
        executor = self._executor(batch)
        for attempt in range(SUBMIT_ATTEMPTS):
            try:
                reference = await self._found(executor, batch)
                if reference is None:
                    self.ledger.attempt(batch)
                    reference = await executor.submit(batch, self.ledger.lines(batch))
                batch = self.ledger.submitted(batch, reference)
                told = f"batch {batch.number}, {batch.lines:,} calls: {executor.told(batch)}"
                for line in told.split("\n"):
                    self._note(line)
                return
            except Unsure as why:
                self.ledger.said(batch, str(why))
                return
            except Transient as fault:
                failed = fault
                batch = replace(batch, attempted=True)
                await asyncio.sleep(wait(attempt, fault.retry_after))
        raise StopRun(
            f"batch {batch.number} could not be submitted: {failed} ({SUBMIT_ATTEMPTS} tries); the "
            "same command tries again, and looks first whether it is there"
        )

    async def _found(self, executor: Executor, batch: Batch) -> str | None:
        if not batch.attempted:
            return None
        known = [one.reference for one in self.ledger.batches() if one.reference]
        return await executor.find(batch, lambda name: self.ledger.has(batch, name), known)

    async def _look(self) -> bool:
        """Take in what came back; True if anything did, here or in another process."""
        before = set(self._awaited)
        news = len(self._out()) < len(before)
        for batch in self._out():
            if batch.state != "submitted":
                continue
            executor = self._executor(batch)
            look = await executor.look(batch)
            self.ledger.said(batch, look.word)
            if look.ended or look.partly:
                news |= await self._take(batch, executor, look)
        return news

    async def _take(self, batch: Batch, executor: Executor, look: Look) -> bool:
        """What came back for a batch, stored; True if anything is new or the batch has ended."""
        for _ in range(READ_AGAIN):
            taken = await self._read(batch, executor)
            if look.answered is None or taken[OK] >= look.answered:
                break
        wrong = [f"{taken[kind]:,} {kind}" for kind in WRONG if taken[kind]]
        if wrong:
            self._note(f"batch {batch.number}: lines that were not stored: {', '.join(wrong)}")
        ended = look.ended or not self.ledger.outstanding(batch)
        if ended:
            self._end(batch, look)
        return ended or taken["answered"] > 0

    async def _read(self, batch: Batch, executor: Executor) -> Counter[str]:
        counted: Counter[str] = Counter()
        chunk: list[Result] = []
        async for result in executor.results(batch):
            if result is None:
                counted[UNREADABLE] += 1
                continue
            counted[OK] += result.status == 200
            chunk.append(result)
            if len(chunk) == CHUNK:
                counted += self.ledger.take(batch, chunk)
                chunk = []
        return counted + self.ledger.take(batch, chunk)

    def _end(self, batch: Batch, look: Look) -> None:
        words = self.ledger.faults(batch)
        self.ledger.close(batch, look.word)
        batch = self.ledger.batch(batch.number)
        missing = batch.lines - batch.answered
        why = "; ".join([look.word, *words])
        if look.word.startswith("cancel"):
            self.cancelled = True
        elif not batch.answered:
            raise StopRun(
                f"batch {batch.number} came back without an answer to any of its {batch.lines:,} "
                f"calls ({why}); they are missing again, and the same command asks them again"
            )
        if missing:
            self._note(f"batch {batch.number}: {missing:,} calls are missing again ({why})")

    async def cancel(self, batch: Batch, key: str | None) -> str:
        """Ask for no more of a batch, at its server with this key; what became of it, in words.

        What was carried out by then still comes back.
        """
        self._keys[batch.url] = key
        executor = self._executor(batch)
        reference = batch.reference
        if batch.state == "prepared":
            reference = await self._found(executor, batch)
            if reference is None:
                self.ledger.close(batch, "cancelled")
                return "was not submitted yet; its calls are missing again"
            batch = self.ledger.submitted(batch, reference)
        await executor.cancel(batch)
        if executor.alone:
            self.ledger.said(batch, "cancelling")
            return "is being cancelled; what was carried out by then comes back"
        await self._read(batch, executor)
        self.ledger.close(batch, "cancelled")
        answered = self.ledger.batch(batch.number).answered
        return f"is given up; {answered:,} of its {batch.lines:,} calls had come back"

    def _executor(self, batch: Batch) -> Executor:
        at = batch.executor, batch.url
        if self._name and ":" in batch.executor and batch.executor != self._name:
            raise StopRun(
                f"batch {batch.number} is out as {batch.executor}; give --batch {batch.executor}, "
                f"or give it up: msb batch cancel {batch.number}"
            )
        if at not in self._executors:
            folder = Path(f"{self._path}.batches")
            server = Server(batch.url, self._keys.get(batch.url), folder, self._cluster)
            self._executors[at] = open_executor(batch.executor, server)
        return self._executors[at]

    async def close(self) -> None:
        """Close the connections."""
        for executor in self._executors.values():
            await executor.close()


OK, UNREADABLE = "200", "unreadable"
WRONG = UNREADABLE, UNKNOWN


async def _sleep(seconds: float, stopped: Callable[[], bool]) -> None:
    """Sleep, but not past the wish to stop."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while not stopped() and (left := until - loop.time()) > 0:
        await asyncio.sleep(min(left, HEAR_SECONDS))


@asynccontextmanager
async def _alone(path: Path) -> AsyncIterator[None]:
    """One process at a time submits: what another has just submitted is not submitted again."""
    lock = FileLock(path)
    while True:
        try:
            lock.acquire(timeout=0)
            break
        except Timeout:
            await asyncio.sleep(HEAR_SECONDS)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        lock.release()
