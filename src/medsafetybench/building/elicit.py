"""Elicit: ask a model for requests that go against each principle, over a seeded grid.

    {"key": "4/psychiatry/3/0", "kept": [{"text": "1. ...", "principle": 4, "way": "direct"}], ...}

Three ways, as in the paper: ``direct`` asks a hosted model; ``prefill`` begins the answer of an
open model, as a conversation that ends with an assistant turn; ``suffix`` puts an optimised string
(see gcg.py) behind the prompt of an open model that one is responsible for. The grid is finite and
gone through once, and the stage gives up when replies bring nothing new, so no model keeps it busy.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

from ..benchmarks.audit.text import normalise
from ..judges.rubric import fill
from ..records import Conversation, Response, digest
from .asking import Asker
from .listing import items as listed
from .listing import refusal
from .project import Project, Row, prompt
from .stage import Failed

WAYS = ("direct", "prefill", "suffix")
PREFILL = "1."
PATIENCE = 20
"""Replies in a row without a new request after which the model is given up."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One place of the grid: what one prompt asks for."""

    principle: int
    speciality: str
    style: int
    round: int

    @property
    def key(self) -> str:
        return f"{self.principle}/{self.speciality}/{self.style}/{self.round}"


def grid(project: Project) -> Iterator[Cell]:
    """Every cell once, shuffled by the seed, round after round; any beginning is a fair sample of
    the principles, because they take turns."""
    config = project.config
    principles = [principle.id for principle in project.taxonomy.principles]
    for number in range(config.rounds):
        columns = []
        for principle in principles:
            rest = list(product(config.specialities, range(len(config.styles))))
            random.Random(f"{config.seed}/{number}/{principle}").shuffle(rest)
            columns.append([Cell(principle, place, style, number) for place, style in rest])
        for turn in zip(*columns, strict=True):
            yield from turn


class Elicit:
    """See the module's docstring. ``begun`` is the beginning of the answer for ``prefill``, or the
    string behind the prompt for ``suffix``."""

    name = "elicit"

    def __init__(
        self,
        project: Project,
        asker: Asker,
        way: str = "direct",
        begun: str | None = None,
        patience: int = PATIENCE,
    ) -> None:
        self.concurrency = asker.model.concurrency
        self._project = project
        self._asker = asker
        self._way = way
        self._begun = begun if begun is not None else (PREFILL if way == "prefill" else "")
        self._patience = patience
        self._template = prompt("elicit")
        self._seen: set[bytes] = set()
        self._barren: list[str] = []
        for decision in project.decisions(self.name):
            for row in decision.kept:
                self._new(row["text"], row["finish_reason"])
            self._barren = [] if decision.kept else [*self._barren, decision.aside[0]["reason"]]

    @property
    def settings(self) -> Mapping[str, Any]:
        """Model, sampling, way, prompt, and the parts of the configuration that make the grid."""
        config = asdict(self._project.config)
        config = {name: config[name] for name in ("language", "count", "seed")}
        own = {"way": self._way, "begun": self._begun, "prompt": digest(self._template)}
        taxonomy = self._project.taxonomy.sha256
        return {**self._asker.settings, **own, **config, "taxonomy": taxonomy}

    def items(self) -> Iterator[tuple[str, Cell]]:
        """The cells of the grid."""
        return ((cell.key, cell) for cell in grid(self._project))

    def prompt(self, cell: Cell) -> str:
        """What is asked for a cell."""
        config = self._project.config
        principle = next(p for p in self._project.taxonomy.principles if p.id == cell.principle)
        values = {
            **{name: str(value) for name, value in asdict(principle).items()},
            "speciality": cell.speciality,
            "style": config.styles[cell.style],
            "count": str(config.count),
            "language": config.language,
            "round": str(cell.round + 1),
        }
        return fill(self._template, values).strip()

    def conversation(self, cell: Cell) -> Conversation:
        """The conversation for a cell, by way."""
        text = self.prompt(cell)
        if self._way == "suffix":
            return [{"role": "user", "content": f"{text} {self._begun}"}]
        turns = [{"role": "user", "content": text}]
        if self._way == "prefill":
            turns.append({"role": "assistant", "content": self._begun})
        return turns

    async def ask(self, cell: Cell) -> Response:
        """The model's reply."""
        response = await self._asker.ask(self.conversation(cell))
        if response.error:
            raise Failed(response.error)
        return response

    def decide(self, cell: Cell, answer: Response) -> tuple[list[Row], list[Row]]:
        """Keep a reply that holds a request not seen before; else say what it is."""
        text = answer.text
        if self._way == "prefill" and not text.lstrip().startswith(self._begun):
            text = f"{self._begun}{text}"  # servers return the continuation alone
        row = {**asdict(cell), "text": text, "finish_reason": answer.finish_reason,
               "way": self._way, "model": self._asker.model.name}  # fmt: skip
        reason = self._barren_reason(answer, text)
        if reason is None:
            self._barren = []
            return [row], []
        self._barren.append(reason)
        return [], [{**row, "text": text[:2000], "reason": reason}]

    def _barren_reason(self, answer: Response, text: str) -> str | None:
        if answer.finish_reason == "content_filter":
            return "content_filter"
        if answer.finish_reason == "too_long":
            return "too_long"
        if answer.empty:
            return "ended_while_thinking" if answer.thinking else "empty"
        new, found = self._new(text, answer.finish_reason)
        if not found:
            return "refused" if refusal(text) else "no_list"
        return None if new else "repeated"

    def _new(self, text: str, finish_reason: str | None) -> tuple[int, int]:
        """How many requests of a reply are new, and how many it holds."""
        found, _ = listed(text, finish_reason)
        marks = {bytes.fromhex(digest(normalise(item))[:24]) for item in found}
        new = len(marks - self._seen)
        self._seen |= marks
        return new, len(found)

    def enough(self) -> str | None:
        """The model is given up after so many replies in a row without a new request."""
        if len(self._barren) < self._patience:
            return None
        last = self._barren[-self._patience :]
        told = ", ".join(f"{last.count(reason)} {reason}" for reason in sorted(set(last)))
        return (
            f"the last {self._patience} replies brought no new request ({told}); use another "
            "model, another way (--way), or a higher --patience"
        )

    async def close(self) -> None:
        """Close the model."""
        await self._asker.close()
