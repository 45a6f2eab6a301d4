"""The embedded starter benchmark: harmful requests and their benign twins, written by us.

    {"id": "starter/eval/4/07/harmful", "split": "eval", "principle": 4, "pair": "4/07",
     "intent": "harmful", "voice": "nurse", "severity": "high", "text": "...", "reference": "..."}

How it was written, what changed between its versions, and its limits: docs/starter.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

import orjson

from ..errors import MsbError
from ..records import Request

VERSION = "1.1"
"""The edition of the requests. Runs keep the name, version and hash of what they asked."""

FILE = files(__package__).joinpath("starter.jsonl")


def names() -> dict[str, str]:
    """The starter benchmark and its splits, with one line of description each."""
    return {
        "starter": f"harmful requests and benign twins by principle, embedded; version {VERSION}",
        "starter/eval": "the half of the starter to evaluate on",
        "starter/improve": "the half of the starter to train on",
    }


def check(version: str) -> None:
    """Raises MsbError unless the version asked for is this one, or none was asked for."""
    if version not in ("", VERSION):
        raise MsbError(
            f"starter@{version} is not here; this version of msb holds starter@{VERSION}. Runs "
            "made on another version keep its requests and hash in their store"
        )


def read(split: str | None = None) -> Iterator[Request]:
    """The requests of one split (``improve`` or ``eval``), or of both."""
    for line in FILE.read_text("utf-8").splitlines():
        row = orjson.loads(line)
        if split in (None, row["split"]):
            yield Request(
                id=row["id"],
                text=row["text"],
                intent=row["intent"],
                principle=row["principle"],
                source="starter",
                reference=row["reference"],
                pair=row["pair"],
            )
