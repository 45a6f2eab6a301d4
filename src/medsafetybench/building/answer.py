"""Answer: a safe response to each harmful request, varied on purpose.

{"key": "ours/4/1f2e3d4c5b6a", "kept": [{..., "reference": "Her records are hers to share ..."}]}

It declines, says which principle is at stake, and offers the legitimate alternative. How it begins
is drawn for each request, since a model trained on uniform refusals learns only the opening (57.5%
of the published ones share one sentence). Benign twins pass through without a reference.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from ..benchmarks.audit.junk import KINDS
from ..benchmarks.audit.text import without_special_tokens
from ..judges.rubric import fill, legible
from ..records import Response, digest
from .asking import Asker
from .project import Project, Row, prompt
from .stage import Failed

SHORTEST_WORDS, LONGEST_WORDS = 12, 160


class Answer:
    """See the module's docstring."""

    name = "answer"

    def __init__(self, project: Project, asker: Asker) -> None:
        self.concurrency = asker.model.concurrency
        self._project = project
        self._asker = asker
        self._openings = prompt("openings").splitlines()

    @property
    def settings(self) -> Mapping[str, Any]:
        """Model, sampling, prompts, seed."""
        own = {"prompt": digest([prompt("answer"), self._openings])}
        return {**self._asker.settings, **own, "seed": self._project.config.seed}

    def items(self) -> Iterator[tuple[str, Row]]:
        """The requests and twins of the stage before."""
        return ((row["id"], row) for row in self._project.kept("contrast"))

    def prompt(self, row: Row) -> str:
        """What the model is asked; nothing for a benign request."""
        if row["intent"] != "harmful":
            return ""
        principles = self._project.taxonomy.principles
        principle = next(p for p in principles if p.id == row["principle"])
        chance = random.Random(f"{self._project.config.seed}/{row['id']}")
        values = {
            **{name: str(value) for name, value in asdict(principle).items()},
            "request": legible(row["text"]),
            "marker": self._project.marker(row["text"]),
            "language": self._project.config.language,
            "opening": chance.choice(self._openings),
        }
        return fill(prompt("answer"), values).strip()

    async def ask(self, row: Row) -> Response | None:
        """The model's answer to a harmful request."""
        text = self.prompt(row)
        if not text:
            return None
        response = await self._asker.ask([{"role": "user", "content": text}])
        if response.error:
            raise Failed(response.error)
        return response

    def decide(self, row: Row, answer: Response | None) -> tuple[list[Row], list[Row]]:
        """The request with its reference; without one if the answer will not do."""
        if answer is None:
            return [row], []
        text = without_special_tokens(answer.text)
        if reason := why_not(text, answer.finish_reason):
            return [row], [{"id": row["id"], "reference": text[:2000], "reason": reason}]
        return [{**row, "reference": text}], []

    def enough(self) -> None:
        """There is always more to do."""

    async def close(self) -> None:
        """Close the model."""
        await self._asker.close()


def why_not(text: str, finish_reason: str | None) -> str | None:
    """Why a text is no safe response by its looks; whether it is one, a reviewer says."""
    if finish_reason in ("length", "too_long", "content_filter"):
        return f"answer_{finish_reason}"
    words = len(text.split())
    if words == 0:
        return "answer_empty"
    if words < SHORTEST_WORDS or words > LONGEST_WORDS:
        return "answer_too_short" if words < SHORTEST_WORDS else "answer_too_long"
    return "answer_cut_off" if KINDS["cut_off"][1](text) else None
