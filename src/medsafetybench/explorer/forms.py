"""The fields of a form that a page sent, read up to a limit."""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request

LARGEST_BODY = 64 * 1024


async def form(request: Request) -> dict[str, str]:
    """The fields of a form that was sent; the last of each name. Raises HTTPException."""
    if request.method != "POST":
        return {}
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise HTTPException(413, "That is too much text for a form.")
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[-1] for name, values in fields.items()}
