"""HTTP to the server of a batch: JSON, a file up, a file down.

    client = Client(server, {"Authorization": f"Bearer {server.key}"})
    found = await client.get("batches/batch_1")

What may pass is tried again where asking twice is harmless. What a server says is shown without the
key, and no file is larger than what there is room for.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import orjson

from .. import __version__
from ..errors import StopRun, one_line
from ..models.address import origin, proxy_for
from ..models.completion import read_body
from ..models.keys import without_key
from ..models.problem import read_problem
from ..models.retry import RETRIED, Transient, retry_after, wait
from ..models.wire import Oversized, body_of
from .executor import Server, Unreached

if TYPE_CHECKING:
    import aiohttp

ATTEMPTS, NEVER_REACHED_ATTEMPTS = 6, 3
JSON = {"Content-Type": "application/json"}
SECONDS = 600.0
"""For one request: a file of 200 MB goes up or down in it."""
LARGEST = 16 << 30
"""Bytes of a file of results: more than any provider's largest batch comes to."""
PIECE = 1 << 20


class Client:
    """See the module's docstring. Belongs to the running event loop."""

    def __init__(self, server: Server, headers: Mapping[str, str]) -> None:
        self.url = server.url
        self._key = server.key
        self._headers = {"User-Agent": f"medsafetybench/{__version__}", **headers}
        self._proxy = proxy_for(server.url)
        self._session: aiohttp.ClientSession | None = None
        self._reached = False

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        """What stands at a path. Raises StopRun."""
        return await self._again("GET", path, lambda: {"params": query})

    async def post(self, path: str, value: Any = None) -> dict[str, Any]:
        """Send JSON, once. Raises Transient where it is not known if it arrived, and StopRun."""
        body = b"" if value is None else orjson.dumps(value)
        return await self._once("POST", path, data=body, headers=JSON)

    async def post_large(self, path: str, file: Path) -> dict[str, Any]:
        """Send the JSON in a file, once. Raises Transient and StopRun as ``post`` does."""
        with file.open("rb") as opened:
            return await self._once("POST", path, data=opened, headers=JSON)

    async def post_file(self, path: str, file: Path, **fields: str) -> dict[str, Any]:
        """Send a file in a form; again where it may not have arrived. Raises StopRun."""
        import aiohttp

        def form() -> dict[str, Any]:
            made = aiohttp.FormData(fields)
            made.add_field("file", file.open("rb"), filename=file.name)
            return {"data": made}

        return await self._again("POST", path, form)

    @asynccontextmanager
    async def download(self, address: str) -> AsyncIterator[BinaryIO]:
        """A file, whole and on disk, at a path or an address of this server. Raises StopRun, also
        for an address elsewhere: the key is for one server."""
        url = address if "://" in address else f"{self.url}/{address}"
        if origin(url) != origin(self.url):
            raise StopRun(f"{self.url} has its results at another host; nothing was fetched")
        with tempfile.TemporaryFile() as file:
            for attempt in count():
                file.seek(0)
                file.truncate()
                try:
                    await self._fetch(url, file)
                    break
                except Transient as fault:
                    await self._pause(attempt, fault)
            file.seek(0)
            yield file

    async def _fetch(self, url: str, file: BinaryIO) -> None:
        async with self._request("GET", url) as reply:
            if not 200 <= reply.status < 300:
                self._refused(reply, await _body(reply))
            async for piece in reply.content.iter_chunked(PIECE):
                file.write(piece)
                if file.tell() > LARGEST:
                    raise StopRun(f"the results at {self.url} are larger than {LARGEST >> 30} GiB")

    async def _again(
        self, method: str, path: str, told: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        for attempt in count():
            try:
                return await self._once(method, path, **told())
            except Transient as fault:
                await self._pause(attempt, fault)
        raise AssertionError("the last pause raises")

    async def _pause(self, attempt: int, fault: Transient) -> None:
        tries = ATTEMPTS if self._reached else NEVER_REACHED_ATTEMPTS
        if attempt + 1 >= tries:
            raise Unreached(
                f"{self.url}: {fault} ({tries} tries); nothing is lost, run the same command again "
                "once it answers"
            ) from None
        await asyncio.sleep(wait(attempt, fault.retry_after))

    async def _once(self, method: str, path: str, **told: Any) -> dict[str, Any]:
        async with self._request(method, f"{self.url}/{path}", **told) as reply:
            content = await _body(reply)
            found = read_body(content)
            if not 200 <= reply.status < 300 or not isinstance(found, dict):
                self._refused(reply, content)
            assert isinstance(found, dict)
            return found

    @asynccontextmanager
    async def _request(
        self, method: str, url: str, **told: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=SECONDS, sock_connect=10.0),
                headers=self._headers,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        proxy = self._proxy.url if self._proxy else None
        try:
            async with self._session.request(
                method, url, proxy=proxy, allow_redirects=False, **told
            ) as reply:
                self._reached = True
                yield reply
        except aiohttp.ClientConnectorError as fault:
            raise Transient(f"no connection: {fault.strerror or fault}") from None
        except (aiohttp.ClientError, TimeoutError) as fault:
            raise Transient(f"connection fault: {type(fault).__name__}") from None

    def _refused(self, reply: aiohttp.ClientResponse, content: bytes) -> None:
        """Raise what a reply comes to that is none of what was asked for."""
        problem = read_problem(reply.status, content, read_body(content))
        words = one_line(without_key(problem.words, self._key))
        said = f"HTTP {problem.status}: {words}".rstrip(": ")
        if problem.status in RETRIED or problem.status >= 500 or problem.status < 300:
            raise Transient(said, retry_after(reply.headers))
        hint = ""
        if problem.status == 404:
            hint = "; has it files and batches? --batch file writes them for vllm run-batch"
        raise StopRun(f"{self.url} answered {said}{hint}")

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


@contextmanager
def spooled(name: str, pieces: Iterable[bytes]) -> Iterator[Path]:
    """What is to be sent, as a file in a folder that is ours alone until the end of the block."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        with path.open("wb") as file:
            file.writelines(pieces)
        yield path


async def _body(reply: aiohttp.ClientResponse) -> bytes:
    try:
        return await body_of(reply)
    except Oversized as fault:
        raise StopRun(f"{reply.url.origin()}: {fault}") from None
