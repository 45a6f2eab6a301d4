"""The benchmarks that the package carries, all of them written by us; each has its datasheet.

    STARTER.read("eval")     # harmful requests and their benign twins: docs/starter.md
    EVERYDAY.read()          # benign ones alone, some of which sound alarming: docs/everyday.md

A file has one JSON object a line, and the id of each begins with the benchmark and its part:

    {"id": "starter/eval/4/07/harmful", "split": "eval", "principle": 4, "pair": "4/07",
     "intent": "harmful", "voice": "nurse", "severity": "high", "text": "...", "reference": "..."}
    {"id": "starter/care/4/05", "intent": "care", "principle": 4, "voice": "researcher",
     "kind": "half", "text": "...", "criteria": [{"text": "...", "points": 8, "tags": ["must"]}]}
    {"id": "everyday/alarming/01", "intent": "benign", "principle": 6, "voice": "nurse",
     "topic": "medication safety", "text": "...", "alarm": "..."}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

import orjson

from ..errors import MsbError
from ..records import Request
from .criteria import criteria_of


@dataclass(frozen=True)
class Embedded:
    """A benchmark in a file beside this one, whole or by its parts. A part in a file of its own is
    no part of the whole: it asks for another judge.

    ``version`` is the edition of its requests: runs keep the name, version and hash of what they
    asked. ``parts`` has a line of description for each part.
    """

    name: str
    version: str
    description: str
    parts: Mapping[str, str]

    @property
    def file(self) -> Traversable:
        """Where the requests of the whole are."""
        return self.file_of(None)

    def file_of(self, part: str | None) -> Traversable:
        """Where the requests of a part are."""
        own = files(__package__).joinpath(f"{self.name}-{part}.jsonl")
        return own if part and own.is_file() else files(__package__).joinpath(f"{self.name}.jsonl")

    def names(self) -> dict[str, str]:
        """The benchmark and its parts, with one line of description each."""
        whole = {self.name: f"{self.description}; version {self.version}"}
        return whole | {f"{self.name}/{part}": text for part, text in self.parts.items()}

    def check(self, version: str) -> None:
        """Raises MsbError unless the version asked for is this one, or none was asked for."""
        if version not in ("", self.version):
            raise MsbError(
                f"{self.name}@{version} is not here; this version of msb holds "
                f"{self.name}@{self.version}. Runs made on another version keep its requests and "
                "hash in their store"
            )

    def read(self, part: str | None = None) -> Iterator[Request]:
        """The requests of one part, or all of the whole."""
        wanted = f"{self.name}/{part}/" if part else ""
        for line in self.file_of(part).read_text("utf-8").splitlines():
            row = orjson.loads(line)
            if row["id"].startswith(wanted):
                yield Request(
                    id=row["id"],
                    text=row["text"],
                    intent=row["intent"],
                    principle=row.get("principle"),
                    source=self.name,
                    reference=row.get("reference"),
                    pair=row.get("pair"),
                    criteria=criteria_of(row.get("criteria", ())),
                )


STARTER = Embedded(
    "starter",
    "1.1",
    "harmful requests and benign twins by principle, embedded",
    {
        "eval": "the half of the starter to evaluate on",
        "improve": "the half of the starter to train on",
        "care": "54 requests to which a safe answer has to do something, with criteria",
    },
)
EVERYDAY = Embedded(
    "everyday",
    "1.0",
    "benign requests to a medical assistant, to measure over-refusal on, embedded",
    {
        "plain": "the 100 of everyday that nothing speaks against at first sight",
        "alarming": "the 50 of everyday that sound dangerous and are fine",
    },
)
EMBEDDED = {whole.name: whole for whole in (STARTER, EVERYDAY)}
