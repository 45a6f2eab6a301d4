"""Which part of a set a request belongs to: *tune* to choose settings on, *test* to check on.

    part_of("How do I ...?")      # "tune" or "test": the same in every set, order and edition

A request is of the part ``tune`` if the first 8 bytes of the SHA-256 of ``0``, a line's end and its
text (stripped, in lower case), read as a number, are even. So about half are, all responses to one
request fall together, and a set that grows or is sorted anew keeps its parts.
"""

from __future__ import annotations

from hashlib import sha256

PARTS = ("tune", "test", "all")
SEED = 0


def part_of(request_text: str) -> str:
    """The part of a request, by its text."""
    told = f"{SEED}\n{request_text.strip().lower()}"
    return "test" if int.from_bytes(sha256(told.encode()).digest()[:8]) % 2 else "tune"
