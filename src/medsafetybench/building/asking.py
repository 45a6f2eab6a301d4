"""Asking a model, and never the same thing twice: every reply is kept, by the hash of its question.

    async with Asker(project, model, Sampling(temperature=1.0)) as asker:
        response = await asker.ask([{"role": "user", "content": "..."}])

A reply is in the project's replies.jsonl before anything is made of it. So a process that is killed
loses only the calls in flight.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import orjson

from ..models import Model
from ..records import Conversation, Response, Sampling, digest
from .project import append

LONGEST_REPLY = 200_000
"""Characters of a reply that are kept; no list of requests is longer, but a loop can be."""

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Replies:
    """The replies in a file, found by key. Holds keys and places in memory, not texts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._places: dict[bytes, int] | None = None

    def _open(self) -> dict[bytes, int]:
        """The places of all replies; the file is opened, and read through, when first needed."""
        if self._places is not None:
            return self._places
        path, self._places = self._path, {}
        self._appending = append(path)
        self._file: BinaryIO = self._appending.__enter__()
        with path.open("rb") as file:
            place = 0
            for line in file:
                self._places[bytes.fromhex(orjson.loads(line)["key"])] = place
                place += len(line)
        self._end = place
        self._reading = path.open("rb")
        return self._places

    def get(self, key: str) -> Response | None:
        """The reply under a key, or None."""
        place = self._open().get(bytes.fromhex(key))
        if place is None:
            return None
        self._reading.seek(place)
        row = orjson.loads(self._reading.readline())
        return Response(**row["response"])

    def put(self, key: str, response: Response) -> None:
        """Keep a reply."""
        line = orjson.dumps({"key": key, "response": asdict(response)}) + b"\n"
        places = self._open()
        self._file.write(line)
        places[bytes.fromhex(key)] = self._end
        self._end += len(line)

    def close(self) -> None:
        """Close the file; it is opened again when needed."""
        if self._places is not None:
            self._reading.close()
            self._appending.__exit__(None, None, None)
            self._places = None


class Asker:
    """A model, a sampling, and the replies there are. An error is returned and not kept.

    Two models at work in one stage share the replies: the second is made with ``sharing``.
    """

    def __init__(
        self, folder: Path, model: Model, sampling: Sampling, sharing: Asker | None = None
    ) -> None:
        self.model = model
        self.sampling = sampling
        self._replies: Replies = sharing._replies if sharing else Replies(folder / "replies.jsonl")

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the replies, for the record."""
        return {**self.model.fingerprint, "sampling": asdict(self.sampling)}

    def key(self, conversation: Conversation) -> str:
        """The hash of model, sampling and conversation."""
        return digest([self.settings, list(conversation)])

    async def ask(self, conversation: Conversation) -> Response:
        """The model's reply, asked for if it is not there. Raises StopRun and BudgetSpent."""
        key = self.key(conversation)
        if (known := self._replies.get(key)) is not None:
            return known
        response = await self.model.complete(conversation, self.sampling)
        if response.error is None:
            if len(response.text) > LONGEST_REPLY:
                text = response.text[:LONGEST_REPLY]
                response = replace(response, text=text, finish_reason="too_long")
            self._replies.put(key, response)
        return response

    async def close(self) -> None:
        """Close the model and the file."""
        await self.model.close()
        self._replies.close()


async def in_order(
    items: Iterable[Item], ask: Callable[[Item], Awaitable[Answer]], concurrency: int
) -> AsyncGenerator[tuple[Item, Answer], None]:
    """Each item with its answer, in the order of the items, ``concurrency`` of them at work at
    once. An exception of one ends it, once those before it have come out; what is at work then is
    finished, so that no reply that was paid for is lost."""
    import asyncio

    at_work: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
    try:
        for item in items:
            at_work.append((item, asyncio.ensure_future(ask(item))))
            if len(at_work) >= concurrency:
                done, answer = at_work.popleft()
                yield done, await answer
        while at_work:
            done, answer = at_work.popleft()
            yield done, await answer
    except asyncio.CancelledError:
        for _, left in at_work:
            left.cancel()
        raise
    finally:
        await asyncio.gather(*(left for _, left in at_work), return_exceptions=True)
