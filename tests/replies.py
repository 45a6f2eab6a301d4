"""A server on a real socket that gives scripted replies, and a model that is asked behind it.

server, said = ask(Reply(500), Reply())     # the second try is answered
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat

from medsafetybench.errors import MsbError, StopRun
from medsafetybench.models.openai import OpenAIModel
from medsafetybench.records import Response, Sampling
from server import completion

ASKED = [{"role": "user", "content": "How?"}]
KEY = "sk-very-secret-0123456789"
GOOD = json.dumps(completion("model", "Fine.", raw=False)).encode()


@dataclass(frozen=True)
class Reply:
    """What the server below says to one call. ``status`` None hangs up without a word."""

    status: int | None = 200
    body: bytes = GOOD
    headers: tuple[str, ...] = ()
    echo: int | None = None
    """Repeat what was asked, credentials and all, in an error message after so many letters."""
    after: float = 0.0
    """Seconds."""


@dataclass
class Asked:
    """What a server was sent: when (seconds), the head, and the body."""

    at: float
    head: str
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.body)
        return found


@dataclass
class Scripted:
    """A server that gives these replies in turn, the last again and again."""

    replies: Sequence[Reply]
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    async def __aenter__(self) -> Scripted:
        self._coming: Iterator[Reply] = chain(self.replies, repeat(self.replies[-1]))
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.lower().partition("content-length: ")[2].partition("\r")[0] or 0)
        self.asked.append(Asked(time.monotonic(), head, await reader.readexactly(length)))
        reply = next(self._coming)
        await asyncio.sleep(reply.after)
        if reply.status is not None:
            writer.write(self._written(reply, head))
        writer.close()

    def _written(self, reply: Reply, head: str) -> bytes:
        body, headers = reply.body, list(reply.headers)
        if reply.echo is not None:
            token = head.partition("Bearer ")[2].partition("\r")[0]
            said = f"{'x' * reply.echo} Authorization: Bearer {token}"
            body = json.dumps({"error": {"message": said, "code": "bad"}}).encode()
            headers.append(f"location: http://127.0.0.1:9/?key={token}")
        lines = [f"HTTP/1.1 {reply.status} X", f"content-length: {len(body)}", "connection: close"]
        return "\r\n".join([*lines, *headers, "", ""]).encode() + body


def with_server(
    replies: Sequence[Reply], work: Callable[[OpenAIModel], Awaitable[Response]], **settings: object
) -> tuple[Scripted, Response | Exception]:
    """Do the work on a model behind a scripted server; what it returned, or raised."""

    async def run() -> tuple[Scripted, Response | Exception]:
        async with Scripted(replies) as server:
            model = OpenAIModel("model", server.url, **settings)  # type: ignore[arg-type]
            try:
                return server, await work(model)
            except MsbError as error:
                return server, error
            finally:
                await model.close()

    return asyncio.run(run())


def ask(*replies: Reply, **settings: object) -> tuple[Scripted, Response | Exception]:
    """Ask a model behind a scripted server once."""
    return with_server(replies, lambda model: model.complete(ASKED, Sampling()), **settings)


def failed(message: str, code: str | None = None) -> bytes:
    return json.dumps({"error": {"message": message, "code": code}}).encode()


def one_line(error: object) -> str:
    assert isinstance(error, StopRun)
    assert "\n" not in str(error)
    return str(error)


def choice(message: object, **other: object) -> bytes:
    return json.dumps({"choices": [{"message": message, **other}]}).encode()


async def once(model: OpenAIModel) -> Response:
    """One call, and the model closed."""
    try:
        return await model.complete(ASKED, Sampling())
    finally:
        await model.close()


async def at_once(model: OpenAIModel, calls: int) -> list[Response | BaseException]:
    """So many calls under way together, and the model closed."""
    try:
        asked = (model.complete(ASKED, Sampling()) for _ in range(calls))
        return await asyncio.gather(*asked, return_exceptions=True)
    finally:
        await model.close()
