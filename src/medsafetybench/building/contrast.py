"""Contrast: for each harmful request a benign twin of the same topic and words.

{"key": "ours/4/1f2e", "kept": [{"id": "ours/4/1f2e", ...}, {"id": "ours/4/1f2e/benign", ...}]}

Over-refusal is then measured on the same ground as refusal. A twin that shares too few words with
its request, is the request, or that a judge (if one is given) does not find benign, is set aside;
the harmful request stays without one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..benchmarks.audit.text import normalise
from ..judges.rubric import fill, legible
from ..records import Response, digest
from .asking import Asker
from .assessment import Assessment, assess
from .listing import refusal, tidy, why_not
from .project import Project, Row, prompt
from .stage import Failed

LEAST_SHARED = 0.2
"""Share of words (Jaccard) that a twin has in common with its request, at the least."""


class Contrast:
    """See the module's docstring. ``checker`` asks the judge that looks at the twin."""

    name = "contrast"

    def __init__(self, project: Project, asker: Asker, checker: Asker | None = None) -> None:
        self.concurrency = asker.model.concurrency
        self._project = project
        self._asker = asker
        self._checker = checker

    @property
    def settings(self) -> Mapping[str, Any]:
        """Model, sampling, prompt, the checking judge, the least share of common words."""
        own = {"prompt": digest(prompt("contrast")), "least_shared": LEAST_SHARED}
        checker = self._checker.settings if self._checker else None
        return {**self._asker.settings, **own, "checker": checker}

    def items(self) -> Iterator[tuple[str, Row]]:
        """The requests that the filter kept."""
        return ((row["id"], row) for row in self._project.kept("filter"))

    def prompt(self, row: Row) -> str:
        """What the model is asked."""
        values = {
            "request": legible(row["text"]),
            "marker": self._project.marker(row["text"]),
            "language": self._project.config.language,
        }
        return fill(prompt("contrast"), values)

    async def ask(self, row: Row) -> tuple[str, str | None]:
        """The twin, and why it is none."""
        response = await self._asker.ask([{"role": "user", "content": self.prompt(row)}])
        if response.error:
            raise Failed(response.error)
        twin = read_twin(response, self._project.marker(row["text"]))
        why = why_no_twin(twin, row["text"])
        if why is None and self._checker is not None:
            found = await self._check(twin)
            why = None if found.level in (1, 2) else f"twin_{found.side(None)}"
        return twin, why

    async def _check(self, twin: str) -> Assessment:
        assert self._checker is not None
        marker = self._project.marker(twin)
        return await assess(self._checker.ask, twin, self._project.taxonomy, marker)

    def decide(self, row: Row, answer: tuple[str, str | None]) -> tuple[list[Row], list[Row]]:
        """The request, with its twin where there is one."""
        twin, why = answer
        benign = {
            "id": f"{row['id']}/benign",
            "text": twin,
            "intent": "benign",
            "principle": row["principle"],
            "source": self._asker.model.name,
            "pair": row["id"],
        }
        if why:
            return [row], [{**benign, "reason": why}]
        return [{**row, "pair": row["id"]}, benign], []

    def enough(self) -> None:
        """There is always more to do."""

    async def close(self) -> None:
        """Close the models."""
        await self._asker.close()
        if self._checker is not None:
            await self._checker.close()


def read_twin(response: Response, marker: str) -> str:
    """The twin on the line that carries the marker; empty if there is none, or several differ."""
    pattern = rf"^[\s*_`>#-]*TWIN[*_`]*\s*[<\[(]?{marker}[>\])]?[*_`]*\s*:(.*)$"
    found = {tidy(text) for text in re.findall(pattern, response.text, re.MULTILINE)}
    return found.pop() if len(found) == 1 else ""


def why_no_twin(twin: str, request: str) -> str | None:
    """Why a text is no twin of a request; None if it may be one."""
    if not twin:
        return "no_twin"
    if reason := why_not(twin):
        return f"twin_{reason}"
    if refusal(twin):
        return "twin_refusal"
    a, b = set(normalise(twin).split()), set(normalise(request).split())
    if a == b:
        return "twin_is_the_request"
    return None if len(a & b) >= LEAST_SHARED * len(a | b) else "twin_is_unlike"
