"""Batches by Anthropic's message batches (24 hours, half the price).

What is asked and what comes back are turned from and into OpenAI's form here, so that nothing else
knows of another: the system prompt apart from the turns, thinking as parts of the content. A target
that is asked live at Anthropic's OpenAI-compatible address is the same target in these batches.

A message batch carries no name of ours. One whose submission was not answered is known by its
results alone: until those of a batch that may be it are there, nothing is submitted in its place.
"""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
)
from contextlib import aclosing
from datetime import datetime
from typing import Any

import orjson

from ..errors import StopRun
from ..models.completion import read_body
from .batch import Batch, Limits, Result
from .executor import Look, Server, Unsure, field_of, mapping_of, rows_of
from .http import Client, spooled
from .lines import dumped, each_line

VERSION = "2023-06-01"
SLACK_SECONDS = 3600
"""How much earlier than by our clock a server's may say that a batch was made."""

STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "api_error": 500,
    "overloaded_error": 529,
}
"""The status that a live call has with each type of error, by their documents."""

FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}
"""Why a message ended, in OpenAI's words."""


class AnthropicBatches:
    """See the module's docstring."""

    schemes = ("openai",)
    limits = Limits(100_000, 240_000_000)
    price_share = 0.5
    alone = True
    longest_pause = 60.0

    def __init__(self, server: Server) -> None:
        key = {"x-api-key": server.key} if server.key else {}
        self._http = Client(server, {"anthropic-version": VERSION, **key})

    async def find(
        self, batch: Batch, has: Callable[[str], bool], known: Collection[str]
    ) -> str | None:
        """The one of those that may be it whose results are ours."""
        oldest = datetime.fromisoformat(batch.created).timestamp() - SLACK_SECONDS
        perhaps = None
        async for one in self._listed(oldest):
            name = str(one.get("id"))
            if name in known or _total(one) != batch.lines:
                continue
            if one.get("processing_status") != "ended":
                perhaps = name
            elif await self._is_ours(one, has):
                return name
        if perhaps:
            raise Unsure(f"may be there as {perhaps}, which is known once that has ended")
        return None

    async def _listed(self, oldest: float) -> AsyncIterator[dict[str, Any]]:
        query = {"limit": "100"}
        while True:
            page = await self._http.get("messages/batches", **query)
            for one in rows_of(page.get("data")):
                if _made(one) < oldest:
                    return
                yield one
            if not page.get("has_more") or not page.get("last_id"):
                return
            query["after_id"] = str(page["last_id"])

    async def _is_ours(self, one: dict[str, Any], has: Callable[[str], bool]) -> bool:
        async with aclosing(self._results_at(one)) as results:
            async for result in results:
                if result is not None:
                    return has(result.custom_id)
        return False

    async def submit(self, batch: Batch, lines: Iterable[bytes]) -> str:
        """Make a message batch. Raises Transient, and StopRun for what is no conversation."""
        if batch.path != "chat/completions":
            raise StopRun("message batches take conversations, and this is a raw text to continue")
        with spooled("batch.json", _as_one(lines)) as path:
            made = await self._http.post_large("messages/batches", path)
        return field_of(made, "id")

    def told(self, batch: Batch) -> str:
        """Where it is."""
        return f"{batch.reference} at {batch.url}"

    async def look(self, batch: Batch) -> Look:
        """How many have ended, and as what."""
        found = await self._http.get(f"messages/batches/{batch.reference}")
        counts = _counts(found)
        done = sum(number for name, number in counts.items() if name != "processing")
        if found.get("processing_status") != "ended":
            word = field_of(found, "processing_status")
            return Look(f"{word}, {done:,} of {batch.lines:,}")
        word = next((w for name, w in ENDS.items() if counts.get(name)), "completed")
        return Look(word, ended=True, answered=counts.get("succeeded"))

    async def results(self, batch: Batch) -> AsyncIterator[Result | None]:
        """The lines of its results."""
        found = await self._http.get(f"messages/batches/{batch.reference}")
        async for result in self._results_at(found):
            yield result

    async def _results_at(self, found: dict[str, Any]) -> AsyncGenerator[Result | None]:
        if not found.get("results_url"):
            return
        async with self._http.download(str(found["results_url"])) as file:
            for line in each_line(file):
                yield read_message(line)

    async def cancel(self, batch: Batch) -> None:
        """Cancel it; it ends a while after."""
        await self._http.post(f"messages/batches/{batch.reference}/cancel")

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()


ENDS = {"canceled": "cancelled", "expired": "expired"}


def _counts(found: dict[str, Any]) -> dict[str, int]:
    counts = mapping_of(found.get("request_counts"))
    return {name: number for name, number in counts.items() if isinstance(number, int)}


def _total(found: dict[str, Any]) -> int:
    return sum(_counts(found).values())


def _made(found: dict[str, Any]) -> float:
    try:
        return datetime.fromisoformat(str(found.get("created_at"))).timestamp()
    except ValueError:
        return float("inf")


def _as_one(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines as the one document that a message batch is."""
    yield b'{"requests":['
    for place, line in enumerate(lines):
        yield (b",\n" if place else b"\n") + request_of(line)
    yield b"]}"


def request_of(line: bytes) -> bytes:
    """One of our lines as a request of a message batch."""
    row = orjson.loads(line)
    said = row["body"]
    turns = said.pop("messages")
    system = "\n\n".join(turn["content"] for turn in turns if turn["role"] == "system")
    told = [{"role": t["role"], "content": t["content"]} for t in turns if t["role"] != "system"]
    params = {**said, "messages": told, **({"system": system} if system else {})}
    return orjson.dumps({"custom_id": row["custom_id"], "params": params})


def read_message(line: bytes) -> Result | None:
    """One line of results; None for what is none."""
    row = read_body(line)
    found = row.get("result") if isinstance(row, dict) else None
    if not isinstance(found, Mapping) or not isinstance(row.get("custom_id"), str):
        return None
    kind = found.get("type")
    if kind == "succeeded" and isinstance(found.get("message"), Mapping):
        return Result(row["custom_id"], 200, dumped(completion_of(found["message"])))
    if kind in ("canceled", "expired"):
        undone = {"message": f"it was {kind}", "type": kind}
        return Result(row["custom_id"], 408, dumped({"error": undone}))
    if kind != "errored":
        return None
    error = found.get("error")
    inner = error.get("error", error) if isinstance(error, Mapping) else None
    named: Mapping[str, Any] = inner if isinstance(inner, Mapping) else {"message": str(error)}
    status = STATUS.get(str(named.get("type")), 500)
    return Result(row["custom_id"], status, dumped({"error": named}))


def completion_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message as the chat completion that says the same."""
    usage = mapping_of(message.get("usage"))
    into = [usage.get(name) for name in INPUT]
    reason = message.get("stop_reason")
    return {
        "model": message.get("model"),
        "choices": [
            {
                "message": {"role": "assistant", "content": message.get("content")},
                "finish_reason": FINISH.get(str(reason), reason),
            }
        ],
        "usage": {
            "prompt_tokens": sum(n for n in into if isinstance(n, int)),
            "completion_tokens": usage.get("output_tokens"),
        },
    }


INPUT = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
"""What a message's usage counts of what was sent, apart from each other."""
