"""The lines of a batch, in the form of OpenAI's batch files, which vLLM and others take as well.

    request_line(key, "chat/completions", body)   # {"custom_id": ..., "method": "POST", ...}
    read_result(line)                             # Result, or None for what is no line of results

Pure. What comes back may be cut off, edited or another's: a line is read whole or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

import orjson

from ..models.completion import read_body
from .batch import Result

LONGEST = 17 << 20
"""Bytes of a line that is read: the largest reply that a live call takes, in its frame."""


def request_line(key: bytes, path: str, body: bytes) -> bytes:
    """One call as a line."""
    return b'{"custom_id":"%s","method":"POST","url":"/v1/%s","body":%s}\n' % (
        key.hex().encode(),
        path.encode(),
        body,
    )


def read_result(line: bytes) -> Result | None:
    """One line of results; None for what is none.

    ``{"custom_id": ..., "response": {"status_code": 200, "body": {...}}, "error": null}``; vLLM
    puts what went wrong into ``error`` and leaves the body out; a line that a provider never worked
    off has an error alone.
    """
    row = read_body(line)
    if not isinstance(row, dict) or not isinstance(row.get("custom_id"), str):
        return None
    response = row.get("response")
    if not isinstance(response, dict):
        error = row.get("error")
        return Result(row["custom_id"], 408, dumped({"error": error})) if error else None
    status, body = response.get("status_code"), response.get("body")
    if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status < 600:
        return None
    if body is None:
        body = {"error": row.get("error") or {"message": "no body"}}
    return Result(row["custom_id"], status, dumped(body))


def each_line(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file that hold anything; one that is too long comes in pieces, which are none
    of results."""
    while line := file.readline(LONGEST):
        if line.strip():
            yield line


def dumped(value: Any) -> bytes:
    """JSON of what was read from JSON, also of what the standard has no place for: numbers of more
    than 64 bits, half characters."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value).encode()
