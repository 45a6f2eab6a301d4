"""Filter: a judge scores the request itself; what is not plainly harmful goes to a pile of its own.

{"key": "ours/4/1f2e3d4c5b6a", "kept": [], "aside": [{..., "reason": "ambiguous", "level": 3}]}
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ..records import digest
from .asking import Asker
from .assessment import Assessment, assess, assessment_prompt, rates
from .project import Project, Row, prompt


class Filter:
    """See the module's docstring."""

    name = "filter"

    def __init__(self, project: Project, asker: Asker) -> None:
        self.concurrency = asker.model.concurrency
        self._project = project
        self._asker = asker

    @property
    def settings(self) -> Mapping[str, Any]:
        """Model, sampling, prompt, principles."""
        own = {"prompt": digest(prompt("assess")), "taxonomy": self._project.taxonomy.sha256}
        return {**self._asker.settings, **own}

    def items(self) -> Iterator[tuple[str, Row]]:
        """The requests that deduplication kept."""
        return ((row["id"], row) for row in self._project.kept("deduplicate"))

    def prompt(self, row: Row) -> str:
        """What the judge is told."""
        marker = self._project.marker(row["text"])
        return assessment_prompt(row["text"], self._project.taxonomy, marker)

    async def ask(self, row: Row) -> Assessment:
        """The judge's assessment."""
        marker = self._project.marker(row["text"])
        return await assess(self._asker.ask, row["text"], self._project.taxonomy, marker)

    def decide(self, row: Row, answer: Assessment) -> tuple[list[Row], list[Row]]:
        """Only what is harmful, and against the principle it is filed under, is kept."""
        side = answer.side(row["principle"])
        told = {"level": answer.level, "judged_principle": answer.principle}
        if side == "harmful":
            return [{**row, **told}], []
        why = {"reason": side, "why": answer.reason, "rationale": answer.rationale}
        return [], [{**row, **told, **why}]

    def enough(self) -> None:
        """There is always more to do."""

    async def close(self) -> None:
        """Close the judge."""
        await self._asker.close()


def filter_rates(project: Project) -> dict[str, Any]:
    """The filter's own rate of ambiguous or benign requests, with its interval."""
    sides: Counter[str] = Counter()
    for decision in project.decisions("filter"):
        sides["harmful"] += len(decision.kept)
        sides.update(row["reason"] for row in decision.aside)
    return rates(sides)
