"""Batches on a Ray cluster: the files that ``file`` writes, worked off by Ray Data while we wait.

    ray            hf: models as workers, one a GPU or a node; openai: models where they are served
    ray:vllm       openai: models by vLLM on the cluster's GPUs

Results come as files beside the lines, a block at a time, and are taken in while the rest is worked
off. A process that goes on after a kill has the lines worked off that have no result yet.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from pathlib import Path
from typing import Any

import orjson
from filelock import FileLock, Timeout

from ..cluster import Cluster, cluster_at, require
from ..errors import MsbError, StopRun, one_line
from ..wholefiles import appearing
from .batch import Batch, Limits, Result
from .executor import Look, Server
from .file import Files
from .lines import read_result
from .ray_work import Work, worked_off


class RayCluster:
    """See the module's docstring."""

    schemes = ("openai", "hf")
    limits = Limits(50_000, 200_000_000)
    price_share = 1.0
    alone = True
    longest_pause = 1.0

    def __init__(self, server: Server, engine: str = "") -> None:
        require("--batch ray")
        if engine not in ("", "vllm"):
            raise MsbError(f"--batch ray:{engine}; expected ray or ray:vllm")
        self._server = server
        self._vllm = engine == "vllm"
        self._files = Files(server)
        self._jobs: dict[int, Job] = {}
        self._cluster = cluster_at(server.cluster)
        self._cluster.users += 1
        self._read: dict[int, set[Path]] = {}
        self._answered: dict[int, int] = {}

    async def find(
        self, batch: Batch, has: Callable[[str], bool], known: Collection[str]
    ) -> str | None:
        """Its file, if that is whole."""
        return await self._files.find(batch, has, known)

    async def submit(self, batch: Batch, lines: Iterable[bytes]) -> str:
        """Write its file; it is worked off by whoever waits for it."""
        return await self._files.submit(batch, lines)

    def told(self, batch: Batch) -> str:
        """Where it is worked off."""
        return f"on the Ray cluster at {self._server.cluster or 'this machine'}"

    async def look(self, batch: Batch) -> Look:
        """How far it is; begins to work off what is missing, unless another process does."""
        if not self._files.asked(batch).is_file():
            self._stop(batch)
            return Look("cancelled", ended=True)
        job = self._jobs.get(batch.number)
        if job is None or job.waits:
            job = self._jobs[batch.number] = self._job(batch)
            job.begin()
        ended, failed = job.ended, job.failed
        if failed:
            raise StopRun(f"batch {batch.number} on the Ray cluster: {failed}")
        new = bool(set(self._files.answers(batch)) - self._read.get(batch.number, set()))
        word = f"{self._answered.get(batch.number, 0):,} of {batch.lines:,} on Ray"
        return Look(word, ended=ended, partly=new)

    def _job(self, batch: Batch) -> Job:
        work = Work(self._server.url, batch.path, self._server.key, self._vllm)
        return Job(self._files, batch, work, self._cluster)

    async def results(self, batch: Batch) -> AsyncIterator[Result | None]:
        """The lines of the files that were not read yet."""
        read = self._read.setdefault(batch.number, set())
        for path in self._files.answers(batch):
            if path in read:
                continue
            for line in path.read_bytes().splitlines():
                result = read_result(line)
                self._answered[batch.number] = self._answered.get(batch.number, 0) + bool(result)
                yield result
            read.add(path)

    async def cancel(self, batch: Batch) -> None:
        """Take its file away, and stop where we work it off."""
        await self._files.cancel(batch)
        self._stop(batch)

    def _stop(self, batch: Batch) -> None:
        if job := self._jobs.pop(batch.number, None):
            job.stop()

    async def close(self) -> None:
        """Stop what is still worked off; what came back by then stays."""
        for job in self._jobs.values():
            job.stop()
        self._jobs.clear()
        self._cluster.leave()


class Job:
    """The lines of a batch that have no result, worked off beside us; by one process at a time."""

    def __init__(self, files: Files, batch: Batch, work: Work, cluster: Cluster) -> None:
        self._files, self._batch, self._work, self._cluster = files, batch, work, cluster
        self._lock = FileLock(f"{files.asked(batch)}.lock", thread_local=False)
        self._stopping, self._done = threading.Event(), threading.Event()
        self.waits = False
        self.failed: str | None = None

    def begin(self) -> None:
        """Begin, unless another process is at it: then we ``wait``."""
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            self.waits = True
            return
        self._cluster.do(self._run)

    @property
    def ended(self) -> bool:
        """True once nothing more comes, all of it being on disk."""
        return self._done.is_set()

    def stop(self) -> None:
        """Work no more off; what is being worked off is dropped."""
        self._stopping.set()

    def _run(self) -> None:
        try:
            if self._stopping.is_set() or not (rows := self._missing()):
                return
            self._cluster.join()
            if self._stopping.is_set():
                return
            for lines in worked_off(rows, self._work):
                self._write(lines)
                if self._stopping.is_set():
                    return
        except MsbError as fault:
            self.failed = str(fault)
        except Exception as fault:  # Ray has a class for each of its faults, and wraps others'
            self.failed = f"{type(fault).__name__}: {one_line(str(fault))}"
        finally:
            self._lock.release()
            self._done.set()

    def _missing(self) -> list[dict[str, str]]:
        """The calls of the batch that no file of results has a line for."""
        done = {
            result.custom_id
            for path in self._files.answers(self._batch)
            for line in path.read_bytes().splitlines()
            if (result := read_result(line))
        }
        rows: list[dict[str, str]] = []
        with self._files.asked(self._batch).open("rb") as file:
            for line in file:
                told: dict[str, Any] = orjson.loads(line)
                if told["custom_id"] not in done:
                    body = orjson.dumps(told["body"]).decode()
                    rows.append({"custom_id": told["custom_id"], "body": body})
        return rows

    def _write(self, lines: Iterable[str]) -> None:
        folder, name = self._files.folder, self._batch.name
        number = len(self._files.answers(self._batch))
        with appearing(folder / f"{name}.part-{number:06d}.jsonl") as part:
            part.write_text("".join(f"{line}\n" for line in lines), "utf-8")
