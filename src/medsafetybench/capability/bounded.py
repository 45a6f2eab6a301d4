"""What lm-eval's own client takes from a server: so much and no more, without the key, from there.

    with bounded(key):
        ...         # lm-eval asks an endpoint

lm-eval reads a reply whole, however large it unpacks, follows redirects, and repeats an error as it
came. While it asks for us, its client is given responses and a ``post`` that do none of that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

from ..errors import MsbError
from ..models.keys import is_secret, without_key
from ..models.wire import LARGEST, Oversized, body_of

PIECE = 4_096
"""Bytes that are unpacked at a time: a thousand times that is the most they become."""
PATIENCE = 600
"""Seconds without a byte after which an endpoint is given up, where nothing else was told."""


@contextmanager
def bounded(key: str | None) -> Iterator[None]:
    """See the module's docstring. lm-eval looks its client up by name in one module."""
    import aiohttp
    from lm_eval.models import api_models

    redirected = aiohttp.TraceConfig()
    redirected.on_request_redirect.append(_refuse)
    session = partial(
        aiohttp.ClientSession, response_class=_response(key), trace_configs=[redirected]
    )
    before = api_models.ClientSession, api_models.requests
    api_models.ClientSession = session
    api_models.requests = SimpleNamespace(post=partial(post, key))
    try:
        yield
    finally:
        api_models.ClientSession, api_models.requests = before


async def _refuse(*given: Any) -> None:
    raise MsbError("the endpoint sends elsewhere; give the address that it has now")


def _response(key: str | None) -> type[Any]:
    """aiohttp's response, of a bounded length, in which the key does not stand."""
    from aiohttp import ClientResponse

    class Response(ClientResponse):
        async def start(self, connection: Any) -> Any:
            started = await super().start(connection)
            self.reason = without_key(self.reason or "", key)
            return started

        def raise_for_status(self) -> None:
            # aiohttp's own error holds the headers of the request, the key among them.
            if not self.ok:
                raise MsbError(f"it answered with status {self.status} {self.reason}")

        async def read(self) -> bytes:
            if self._body is None:
                try:
                    self._body = _without(await body_of(self), key)
                except Oversized as error:
                    self.close()
                    raise MsbError(error) from None
            return self._body

    return Response


def post(key: str | None, url: str, **told: Any) -> Any:
    """``requests.post`` with a reply of a bounded length, in which the key does not stand."""
    import requests

    patience = told.pop("timeout", None) or PATIENCE
    reply = requests.post(
        url, timeout=patience, **{**told, "stream": True, "allow_redirects": False}
    )
    body = bytearray()
    for piece in reply.iter_content(PIECE):
        body += piece
        if len(body) > LARGEST:
            reply.close()
            raise MsbError(Oversized())
    reply._content = _without(bytes(body), key)
    reply.reason = without_key(str(reply.reason or ""), key)
    if reply.is_redirect:
        raise MsbError("the endpoint sends elsewhere; give the address that it has now")
    return reply


def _without(body: bytes, key: str | None) -> bytes:
    return body.replace(key.encode(), b"[key]") if key and is_secret(key) else body
