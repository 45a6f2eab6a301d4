"""Batches by OpenAI's files and batches, and whatever else speaks them (24 hours, half the price).

POST /files, POST /batches, GET /batches/ID, then the file of outputs and the file of errors. A
batch carries our name for it in its metadata: one whose submission was not answered is found by
it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable
from datetime import datetime
from typing import Any

from .batch import Batch, Limits, Result
from .executor import Look, Server, field_of, mapping_of, rows_of
from .http import Client, spooled
from .lines import each_line, read_result

ENDED = ("completed", "failed", "expired", "cancelled")
OUR_NAME = "medsafetybench"
"""The key in a batch's metadata."""
SLACK_SECONDS = 86_400
"""How much earlier than by our clock a server's may say that a batch was made."""


class OpenAIBatches:
    """See the module's docstring."""

    schemes = ("openai",)
    limits = Limits(50_000, 200_000_000)
    price_share = 0.5
    alone = True
    longest_pause = 60.0

    def __init__(self, server: Server) -> None:
        headers = {"Authorization": f"Bearer {server.key}"} if server.key else {}
        self._http = Client(server, headers)

    async def find(
        self, batch: Batch, has: Callable[[str], bool], known: Collection[str]
    ) -> str | None:
        """The batch of ours that carries this name."""
        oldest = datetime.fromisoformat(batch.created).timestamp() - SLACK_SECONDS
        query = {"limit": "100"}
        while True:
            page = await self._http.get("batches", **query)
            listed = rows_of(page.get("data"))
            for one in listed:
                if mapping_of(one.get("metadata")).get(OUR_NAME) == batch.name:
                    return field_of(one, "id")
            last = listed[-1] if listed else {}
            made = last.get("created_at")
            if not page.get("has_more") or not last or _is_before(made, oldest):
                return None
            query["after"] = field_of(last, "id")

    async def submit(self, batch: Batch, lines: Iterable[bytes]) -> str:
        """Upload the lines, then make a batch of them. Raises Transient and StopRun."""
        with spooled(f"{batch.name}.jsonl", lines) as path:
            uploaded = await self._http.post_file("files", path, purpose="batch")
        made = await self._http.post(
            "batches",
            {
                "input_file_id": field_of(uploaded, "id"),
                "endpoint": f"/v1/{batch.path}",
                "completion_window": "24h",
                "metadata": {OUR_NAME: batch.name},
            },
        )
        return field_of(made, "id")

    def told(self, batch: Batch) -> str:
        """Where it is."""
        return f"{batch.reference} at {batch.url}"

    async def look(self, batch: Batch) -> Look:
        """Its status, with how many lines were answered."""
        found = await self._http.get(f"batches/{batch.reference}")
        word, counts = field_of(found, "status"), mapping_of(found.get("request_counts"))
        completed = counts.get("completed")
        completed = completed if isinstance(completed, int) else None
        if word == "failed":
            word = f"failed: {_errors(found)}"
        ended = found.get("status") in ENDED
        shown = word if ended else f"{word}, {completed or 0:,} of {batch.lines:,}"
        return Look(shown, ended, completed)

    async def results(self, batch: Batch) -> AsyncIterator[Result | None]:
        """The lines of both files."""
        found = await self._http.get(f"batches/{batch.reference}")
        for name in ("output_file_id", "error_file_id"):
            if not found.get(name):
                continue
            async with self._http.download(f"files/{found[name]}/content") as file:
                for line in each_line(file):
                    yield read_result(line)

    async def cancel(self, batch: Batch) -> None:
        """Cancel it; it ends a while after."""
        await self._http.post(f"batches/{batch.reference}/cancel")

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()


def _is_before(made: Any, oldest: float) -> bool:
    return isinstance(made, int | float) and made < oldest


def _errors(found: dict[str, Any]) -> str:
    listed = rows_of(mapping_of(found.get("errors")).get("data"))
    said = [str(one.get("message")) for one in listed]
    return "; ".join(said[:3]) or "the server does not say why"
