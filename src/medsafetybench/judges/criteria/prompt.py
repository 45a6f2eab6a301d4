"""What a judge with criteria is told: our prompt, or one that others published.

    ours = Ours()
    ours.render(request, response.text, request.criteria, marker)
    Published.read_from(Path("healthbench_eval.py"))      # the authors' own, never run

Everything that the calls about one response share stands first, the criteria last: a server that
keeps the beginnings of prompts reads conversation and answer once.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

from ...errors import MsbError
from ...records import Criterion, Request, digest
from ...textfiles import whole
from ..rubric import asked, fill, legible
from .reading import Reading, read_lines, read_object

CONVERSATION, ITEM = "<<conversation>>", "<<rubric_item>>"
"""The places that a published grading prompt has."""


@cache
def _text() -> str:
    return (files(__package__) / "prompt.txt").read_text("utf-8")


@dataclass(frozen=True)
class Ours:
    """Our prompt: any number of criteria in one call, fenced by a marker of its own."""

    most: int | None = None

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        """What tells it from other prompts."""
        return {"prompt": "criteria", "prompt_sha256": digest(_text())}

    def render(
        self, request: Request, response: str, criteria: Sequence[Criterion], marker: str
    ) -> str:
        """The prompt, with criteria numbered from 1."""
        listed = "\n\n".join(
            f"[CRITERION {marker} {number}]\n{legible(one.text)}"
            for number, one in enumerate(criteria, 1)
        )
        values = {
            "request": asked(request, marker),
            "response": legible(response),
            "criteria": listed,
            "marker": marker,
        }
        return fill(_text(), values)

    def read(
        self, reply: str, finish_reason: str | None, marker: str, n: int, response: str
    ) -> list[Reading]:
        """The reply's verdict on each of the n criteria."""
        return read_lines(reply, finish_reason, marker, n)


@dataclass(frozen=True)
class Published:
    """A grading prompt of others, one criterion a call, answered by a JSON object."""

    text: str
    most: int | None = 1

    @classmethod
    def read_from(cls, path: Path) -> Self:
        """The prompt in a text file, or in Python source as HealthBench's authors published it,
        where it is the one text that has both places; the source is parsed, never run.

        Raises MsbError for a file without one.
        """
        source = whole(path)
        texts = _strings(path, source) if path.suffix == ".py" else [source]
        found = [text for text in texts if CONVERSATION in text and ITEM in text]
        if len(found) != 1:
            raise MsbError(
                f"{path}: {len(found)} texts with the places {CONVERSATION} and {ITEM}; expected "
                "one, as in healthbench_eval.py of openai/simple-evals"
            )
        return cls(found[0].strip())

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        """What tells it from other prompts."""
        return {"rubric": {"sha256": digest(self.text)}}

    def render(
        self, request: Request, response: str, criteria: Sequence[Criterion], marker: str
    ) -> str:
        """The prompt as its authors fill it: turns by their roles, points in front of the text."""
        turns = [*request.context, {"role": "user", "content": request.text}]
        turns.append({"role": "assistant", "content": response})
        said = "\n\n".join(f"{turn['role']}: {legible(turn['content'])}" for turn in turns)
        (one,) = criteria
        values = {CONVERSATION: said, ITEM: f"[{one.points:g}] {legible(one.text)}"}
        places = re.compile(f"{re.escape(CONVERSATION)}|{re.escape(ITEM)}")
        return places.sub(lambda match: values[match[0]], self.text)

    def read(
        self, reply: str, finish_reason: str | None, marker: str, n: int, response: str
    ) -> list[Reading]:
        """The reply's verdict on its one criterion."""
        return [read_object(reply, finish_reason, response)]


def _strings(path: Path, source: str) -> list[str]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise MsbError(f"{path}: no Python source: {error}") from None
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
