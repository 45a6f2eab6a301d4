"""What is taken from a server that nobody vouches for: so much, and no more.

    content = await body_of(reply)      # Oversized beyond 16 MiB, packed or unpacked

A server may send without end, or a few bytes that unpack to gigabytes. aiohttp unpacks in pieces as
they are asked for, so that whoever stops asking holds no more than what was read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import aiohttp

LARGEST = 16 << 20
"""Bytes of one reply: a response of a hundred thousand tokens, with its thought, is one."""


class Oversized(Exception):
    """A reply larger than ``LARGEST``."""

    def __init__(self) -> None:
        super().__init__(f"the reply is larger than {LARGEST >> 20} MiB")


async def body_of(reply: aiohttp.ClientResponse) -> bytes:
    """The body, unpacked. Raises Oversized, and whatever aiohttp does where it breaks off."""
    if (reply.content_length or 0) > LARGEST:
        raise Oversized
    body = bytearray()
    async for piece in reply.content.iter_any():
        body += piece
        if len(body) > LARGEST:
            raise Oversized
    return bytes(body)
