"""Who carries out a batch: its protocol, and opening one by name.

    executor = open_executor("openai", Server("https://api.openai.com/v1", key))

openai         OpenAI's files and batches, and whatever else speaks them at the model's address
anthropic      Anthropic's message batches, at the model's address
file           .jsonl files in a folder, for whoever works them off (file:FOLDER)
ray            a Ray cluster: hf: models as its workers, or vLLM on its GPUs (ray:vllm)
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from ..errors import MsbError, StopRun, UnknownName
from .batch import Batch, Limits, Result

EXECUTORS: Mapping[str, str] = {
    "openai": "medsafetybench.batches.openai:OpenAIBatches",
    "anthropic": "medsafetybench.batches.anthropic:AnthropicBatches",
    "file": "medsafetybench.batches.file:Files",
    "ray": "medsafetybench.batches.ray:RayCluster",
}
"""The class behind each name, loaded when it is first asked for."""
CALL_NOBODY = ("file", "ray:vllm")
"""Executors for which nobody calls the model's server."""
BEHIND = {"file": "a folder", "ray": "vllm"}
"""What may stand behind a name and a colon."""


@dataclass(frozen=True)
class Server:
    """Where the model of a batch is, and the key for there; ``folder`` is where files go,
    ``cluster`` the address of a Ray cluster."""

    url: str
    key: str | None = field(default=None, repr=False)
    folder: Path = Path()
    cluster: str | None = None


@dataclass(frozen=True)
class Look:
    """What an executor says of a batch: its word, if it has ended, and how many lines of it were
    answered (200), where it knows. ``partly``: there may be results before the end."""

    word: str
    ended: bool = False
    answered: int | None = None
    partly: bool = False


class Unsure(Exception):
    """A batch may be at its executor under an id that cannot be told yet: wait and look again."""


class Unreached(StopRun):
    """A server did not answer, however often it was asked."""


class Executor(Protocol):
    """Carries out batches for one server.

    ``schemes`` of the models whose calls it can carry; ``limits`` of one batch; ``price_share`` of
    the live price; ``alone`` is False where a person has to do something before results can come.
    ``longest_pause`` is how many seconds may pass between two looks.
    """

    schemes: tuple[str, ...]
    limits: Limits
    price_share: float
    alone: bool
    longest_pause: float

    async def find(
        self, batch: Batch, has: Callable[[str], bool], known: Collection[str]
    ) -> str | None:
        """The id of a batch that a process may have submitted before it was killed; None if it is
        not there. ``has`` tells if a custom id is of this batch; ``known`` are the ids of others.
        Raises Unsure."""

    async def submit(self, batch: Batch, lines: Iterable[bytes]) -> str:
        """Hand a batch over; its id. Raises Transient where it is not known if that worked."""

    def told(self, batch: Batch) -> str:
        """What a person is told of a batch that was handed over, in a line or more."""

    async def look(self, batch: Batch) -> Look:
        """How far it is."""

    def results(self, batch: Batch) -> AsyncIterator[Result | None]:
        """What has come back, in any order; None for a line that cannot be read."""

    async def cancel(self, batch: Batch) -> None:
        """Ask for no more of it; what was carried out by then still comes back."""

    async def close(self) -> None:
        """Let go of connections."""


def open_executor(name: str, server: Server) -> Executor:
    """The executor with this name, for a server. Raises MsbError for an unknown one."""
    rest = name.partition(":")[2]
    kind: Any = executor_class(name)
    executor: Executor = kind(server, rest) if rest else kind(server)
    return executor


def calls_nobody(name: str | None) -> bool:
    """True if a model whose calls this executor carries needs no key. None carries nothing."""
    return name is not None and (name in CALL_NOBODY or name.partition(":")[0] in CALL_NOBODY)


def executor_class(name: str) -> type[Executor]:
    """The class behind a name. Raises MsbError for an unknown one."""
    scheme, colon, rest = name.partition(":")
    if scheme not in EXECUTORS:
        raise UnknownName("executor", scheme, EXECUTORS)
    if colon and (not rest or scheme not in BEHIND):
        behind = BEHIND.get(scheme, "nothing")
        raise MsbError(f"--batch {name!r}; expected {scheme} and {behind} behind it")
    module, _, kind = EXECUTORS[scheme].partition(":")
    found: type[Executor] = getattr(import_module(module), kind)
    return found


def field_of(found: Mapping[str, Any], name: str) -> str:
    """A text that a server's answer has to hold. Raises StopRun."""
    value = found.get(name)
    if not isinstance(value, str) or not value:
        raise StopRun(f"a server of batches answered without {name!r}; is it this executor's?")
    return value


def mapping_of(value: Any) -> Mapping[str, Any]:
    """A server's object; an empty one where it sent none."""
    return value if isinstance(value, Mapping) else {}


def rows_of(value: Any) -> list[dict[str, Any]]:
    """A server's list of objects, without whatever else is in it."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
