"""Extract: single requests out of elicited replies; what is no request is set aside, with why.

{"id": "ours/4/1f2e3d4c5b6a", "text": "...", "intent": "harmful", "principle": 4, "source": "..."}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..benchmarks.audit.text import normalise
from ..records import digest
from .listing import items
from .project import Project, Row


def request_id(name: str, principle: int, text: str) -> str:
    """An id that belongs to the text as it is compared: the same text, the same id."""
    return f"{name}/{principle}/{digest(normalise(text))[:12]}"


class Extract:
    """See the module's docstring. Asks no model."""

    name = "extract"
    concurrency = 1

    def __init__(self, project: Project) -> None:
        self._project = project

    @property
    def settings(self) -> Mapping[str, Any]:
        """The version of the reading; a changed one is another stage."""
        return {"listing": 1}

    def items(self) -> Iterator[tuple[str, Row]]:
        """The replies that were kept."""
        for row in self._project.kept("elicit"):
            key = f"{row['principle']}/{row['speciality']}/{row['style']}/{row['round']}"
            yield key, row

    def prompt(self, row: Row) -> str:
        """Nothing is asked."""
        return ""

    async def ask(self, row: Row) -> None:
        """Nothing is asked."""

    def decide(self, row: Row, answer: None) -> tuple[list[Row], list[Row]]:
        """The requests of a reply, and the rest."""
        found, rest = items(row["text"], row["finish_reason"])
        style = self._project.config.styles[row["style"]]
        kept = [
            {
                "id": request_id(self._project.config.name, row["principle"], text),
                "text": text,
                "intent": "harmful",
                "principle": row["principle"],
                "source": row["model"],
                "speciality": row["speciality"],
                "style": style,
                "way": row["way"],
            }
            for text in found
        ]
        return kept, [{"text": text, "reason": reason} for text, reason in rest]

    def enough(self) -> None:
        """There is always more to do."""

    async def close(self) -> None:
        """Nothing to close."""
