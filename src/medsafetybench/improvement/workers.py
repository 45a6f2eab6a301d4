"""Adapters trained by the workers of a Ray cluster, one a worker at a time.

    failed = train_on("HOST:6379", trainings, watcher)     # why, by the folder of each that failed

What is learned is decided here and goes along. A worker reads the base itself, and writes where
all see it: before the first step it makes sure that it sees the same. What a lost worker was at is
gone on with by another, from its last checkpoint.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..cluster import by_workers, connected, workers
from ..cluster import require as require_ray
from ..errors import MsbError, StopRun, one_line
from ..models.hf_carried import name_anywhere
from ..models.hf_engine import choose_dtype
from ..models.hf_files import resolve, training_of
from . import adapter
from .checkpoints import share_done
from .nodes import differing
from .train import decide, require
from .trainer import run_training, versions
from .training import Decided, Training, Unwatched, Watcher


@dataclass(frozen=True)
class Task:
    """A training for a worker, and what was ``seen`` of it by the process on ``host``."""

    decided: Decided
    threads: int
    host: str
    seen: Mapping[str, Any]

    @property
    def folder(self) -> Path:
        """The adapter's."""
        return self.decided.training.output


def train_on(address: str, trainings: Sequence[Training], watcher: Watcher) -> dict[Path, str]:
    """Train what is not done yet; why that was not to be, by the folder of each that failed.

    A worker has a GPU, or OMP_NUM_THREADS threads. Raises MsbError for wrong input, before
    anything; StopRun where no cluster answers, or a worker does not see what is seen here.
    """
    require_ray("--ray-address")
    with connected(address):
        n, threads, gpu = workers()
        tasks = [task_for(training, threads, gpu, watcher) for training in trainings]
        left = [task for task in tasks if not adapter.claimed(task.folder, task.decided.settings)]
        for task in left:
            adapter.begin(task.folder, task.decided.settings)
        watcher.note(f"{len(left)} of {len(tasks)} adapters to train, {min(n, len(left))} at once")
        return _trained(left, len(tasks), watcher)


def task_for(training: Training, threads: int, gpu: bool, watcher: Watcher) -> Task:
    """What a worker is told: folders by their whole names; device and dtype are the workers'."""
    device = "cuda" if gpu else "cpu"
    dtype = choose_dtype(training.dtype, device)
    decided = decide(replace(training, dtype=dtype), watcher)
    base, output = name_anywhere(training.base), training.output.absolute()
    anywhere = replace(decided.training, base=base, output=output, device=device)
    seen = _seen(output, decided.settings["base"]["sha256"], there=True)
    return Task(replace(decided, training=anywhere), threads, socket.gethostname(), seen)


def _seen(folder: Path, base: str, there: bool) -> Mapping[str, Any]:
    """What has to be the same for all: the folder on one disk, the base, what trains."""
    plain = {name: version.partition("+")[0] for name, version in versions().items()}
    return {
        "folder": str(folder) if there else None,
        "base": base,
        **{f"version of {name}": version for name, version in plain.items()},
    }


def _trained(left: Sequence[Task], total: int, watcher: Watcher) -> dict[Path, str]:
    failed: dict[Path, str] = {}
    told = -1.0
    under_way = {task.folder for task in left}
    for ended in by_workers(train_here, left):
        if ended:
            folder = ended[0].folder
            under_way.discard(folder)
            if why := _why_failed(folder, ended[1]):
                failed[folder] = why
                watcher.note(f"{folder.name} failed: {why}")
        parts = sum(share_done(folder / adapter.CHECKPOINTS) for folder in under_way)
        done = total - len(under_way) - len(failed) + parts
        if done != told:
            told = done
            watcher.trained(done, total)
    return failed


def _why_failed(folder: Path, result: str | Exception | None) -> str | None:
    """Raises StopRun for what would befall every other, too."""
    if isinstance(result, StopRun):
        raise result
    if isinstance(result, Exception):
        return f"{type(result).__name__}: {one_line(str(result))}"
    if result is None and training_of(folder) is None:
        raise StopRun(
            f"a worker has trained {folder.name}, and {folder} has no adapter; give an -o on a "
            "disk that all nodes share"
        )
    return result


def train_here(task: Task) -> str | None:
    """What a worker does; why the adapter cannot be trained, if that is its own affair.

    Raises StopRun where this machine does not see what is to be seen.
    """
    import torch

    torch.set_num_threads(task.threads)
    training, here = task.decided.training, socket.gethostname()
    try:
        require()
        files = resolve(training.base, training.revision, training.remote_code)
        if adapter.claimed(training.output, task.decided.settings):
            return None  # by a worker that was lost before it could say so
        seen = _seen(training.output, files.base_identity, adapter.begun(training.output))
    except MsbError as fault:
        raise StopRun(f"{here}: {fault}") from None
    if said := differing([(task.host, task.seen), (here, seen)]):
        raise StopRun(said)
    try:
        run_training(replace(task.decided, files=files), Unwatched())
    except MsbError as fault:
        return f"{here}: {fault}"
    return None
