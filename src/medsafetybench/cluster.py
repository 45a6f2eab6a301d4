"""A Ray cluster: connecting to one, or beginning one on this machine; its workers.

    with connected("local"):            # or HOST:PORT
        n, threads, gpu = workers()

What Ray starts on this machine ends with the thread that started it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from queue import SimpleQueue
from typing import Any, TypeVar

from .errors import MissingExtra, StopRun, one_line

T = TypeVar("T")
R = TypeVar("R")

ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_AUTO_CONNECT": "0",  # a call after the end would begin another
}
HOST_PORT = re.compile(r"(?:ray://)?([^/]+):(\d+)")
CONNECT_SECONDS = 10.0
STOPPING_SECONDS = 5.0
LOOK_SECONDS = 1.0


def require(feature: str) -> None:
    """Raise MissingExtra where Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise MissingExtra(feature, "ray")


def connect(address: str | None) -> bool:
    """Connect to a cluster, or begin one on this machine; False where this process was connected.

    Raises StopRun where none answers.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray

    if ray.is_initialized():
        return False
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    own = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    try:
        if found := HOST_PORT.fullmatch(address):
            # Ray itself waits for minutes.
            socket.create_connection((found[1], int(found[2])), CONNECT_SECONDS).close()
        ray.init(address, **quiet, **(own if address == "local" else {}))
    except (OSError, RuntimeError, ValueError) as fault:
        raise StopRun(
            f"no Ray cluster answers at {address} ({one_line(str(fault))}); --ray-address names "
            "another as HOST:PORT, or local for this machine"
        ) from None
    return True


@contextlib.contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Connected meanwhile; whoever was connected before stays so. Raises StopRun as ``connect``."""
    ours = connect(address)
    try:
        yield
    finally:
        if ours:
            _disconnect()


def _disconnect() -> None:
    import ray

    with contextlib.suppress(Exception):  # it may be gone already
        ray.shutdown()


def workers() -> tuple[int, int, bool]:
    """How many workers the cluster takes, the threads of each, and if each has a GPU.

    One for each GPU. Without any, as many as there is room for with OMP_NUM_THREADS threads each;
    one a node where that is not set.
    """
    import ray

    if gpus := int(ray.cluster_resources().get("GPU", 0)):
        return gpus, 1, True
    nodes = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
    cores = [n for n in nodes if n] or [1]
    threads = min(int(os.environ.get("OMP_NUM_THREADS") or cores[0]), *cores)
    return sum(n // threads for n in cores), threads, False


def by_workers(
    work: Callable[[T], R], tasks: Sequence[T]
) -> Iterator[tuple[T, R | Exception] | None]:
    """What came of each task as a worker ends it, a fault as the exception it was; None now and
    then, while nothing is new.

    A worker has one task at a time. That of a worker that is lost goes to another, three times at
    most. What is not done when nobody asks any more is dropped.
    """
    import ray

    _, threads, gpu = workers()
    there = ray.remote(num_cpus=threads, num_gpus=int(gpu))(work)
    given = {there.remote(task): task for task in tasks}
    waiting = list(given)
    try:
        while waiting:
            ended, waiting = ray.wait(waiting, timeout=LOOK_SECONDS)
            yield from ((given[one], _result(one)) for one in ended)
            if not ended:
                yield None
    finally:
        for one in waiting:
            ray.cancel(one, force=True)


def _result(ended: Any) -> Any:
    import ray.exceptions

    try:
        return ray.get(ended)
    except ray.exceptions.RayTaskError as fault:
        return fault.cause
    except ray.exceptions.RayError as fault:
        return fault


class Cluster:
    """The cluster at an address, or this machine as one; connected to when it is first needed.

    All that is done there is done by one thread, one batch after the other: what Ray starts on this
    machine ends with the thread that started it.
    """

    def __init__(self, address: str | None) -> None:
        self._address = address
        self._ours = False
        self._connecting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._waiting: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self.users = 0

    def do(self, work: Callable[[], None]) -> None:
        """Have something done, once all before it is."""
        if self._thread is None:
            self._waiting = SimpleQueue()
            self._thread = threading.Thread(target=self._serve, args=[self._waiting], daemon=True)
            self._thread.start()
        self._waiting.put(work)

    def _serve(self, waiting: SimpleQueue[Callable[[], None] | None]) -> None:
        while work := waiting.get():
            work()
        self._disconnect()

    def join(self) -> None:
        """Connect, from what is done. Raises StopRun where none answers."""
        with self._connecting:
            self._ours |= connect(self._address)

    def leave(self) -> None:
        """Disconnect with the last user, unless whoever runs us had connected; what is being done
        there ends with an error."""
        self.users -= 1
        if self.users or self._thread is None:
            return
        self._waiting.put(None)
        self._disconnect()
        self._thread.join(STOPPING_SECONDS)
        self._thread = None

    def _disconnect(self) -> None:
        with self._connecting:  # Ray cannot be stopped while it begins
            if self._ours:
                _disconnect()
            self._ours = False


@cache
def cluster_at(address: str | None) -> Cluster:
    """The one connection of this process."""
    return Cluster(address)
