"""The fields of a form that a page sent, read up to a limit."""

from __future__ import annotations

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request

LARGEST_BODY = 64 * 1024


async def form(request: Request) -> QueryParams:
    """The fields of a form that was sent, as those of an address. Raises HTTPException."""
    if request.method != "POST":
        return QueryParams()
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise HTTPException(413, "That is too much text for a form.")
    return QueryParams(body.decode("utf-8", "replace"))
