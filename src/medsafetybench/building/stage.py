"""A stage at work: takes what is left to do, asks where it must, writes one decision for each item.

    account = run_stage(project, Filter(project, asker), limit=100)

Outcomes are written in the order of the items, so the same replies make the same file. What has an
decision is not worked on again: running a stage again is resuming it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

from ..errors import BudgetSpent
from .asking import in_order
from .project import Project, Row

CHARACTERS_PER_TOKEN = 4.0
"""A rule of thumb for English, for estimates only."""


class Failed(Exception):
    """The call behind an item failed; the item stays undone and is asked for again next time."""


class Stage(Protocol):
    """What a stage does. ``settings`` decide its decisions and are recorded with each."""

    name: str
    concurrency: int

    @property
    def settings(self) -> Mapping[str, Any]:
        """All that decides the decisions, the model included, as JSON-like data."""

    def items(self) -> Iterable[tuple[str, Any]]:
        """What there is to work on, with the key of each."""

    def prompt(self, item: Any) -> str:
        """What a model will be told about an item; empty where none is asked."""

    async def ask(self, item: Any) -> Any:
        """What the models say to an item. Raises Failed, StopRun and BudgetSpent."""

    def decide(self, item: Any, answer: Any) -> tuple[list[Row], list[Row]]:
        """What is kept and what is set aside, each of the latter with a ``reason``."""

    def enough(self) -> str | None:
        """Why going on makes no sense, or None."""

    async def close(self) -> None:
        """Close what the stage asks."""


@dataclass(frozen=True)
class Account:
    """What a stage has come to, over all its runs; ``now`` items were done in this one."""

    stage: str
    items: int = 0
    kept: int = 0
    aside: dict[str, int] = field(default_factory=dict)
    now: int = 0
    errors: int = 0
    stopped: str | None = None

    def line(self) -> str:
        """The account in a sentence or two."""
        told = ", ".join(f"{n:,} {reason}" for reason, n in self.aside.items())
        text = f"{self.stage}: {self.items:,} done ({self.now:,} now), {self.kept:,} kept"
        text += f"; set aside: {told}" if told else ""
        text += f"; {self.errors:,} calls failed, run it again to ask those" if self.errors else ""
        return f"{text}. Stopped: {self.stopped}" if self.stopped else f"{text}."


@dataclass(frozen=True)
class Forecast:
    """What a stage would ask: calls at most, and their tokens, roughly."""

    stage: str
    calls: int
    input_tokens: int
    output_tokens: int


def run_stage(
    project: Project, stage: Stage, limit: int | None = None, redo: bool = False
) -> Account:
    """Do what is left of a stage, over its first ``limit`` items, and give account of it.

    Raises MsbError for other settings than it was begun with, StopRun where no call can succeed.
    """
    if redo:
        project.redo(stage.name)
    return asyncio.run(work(project, stage, limit))


async def work(project: Project, stage: Stage, limit: int | None) -> Account:
    """``run_stage`` in a loop that runs already."""
    now = errors = 0
    stopped = None

    async def ask(entry: tuple[str, Any]) -> Any:
        try:
            return await stage.ask(entry[1])
        except (Failed, BudgetSpent) as fault:
            return fault

    entries = left(project, stage, limit)
    with project.writing(stage.name, stage.settings) as writer:
        answers = in_order(entries, ask, stage.concurrency)
        try:
            if stopped := stage.enough():
                return _account(project, stage.name, 0, 0, stopped)
            async for (key, item), answer in answers:
                if isinstance(answer, BudgetSpent):
                    stopped = "--max-calls is used up; the same command goes on"
                    break
                if isinstance(answer, Failed):
                    errors += 1
                    continue
                writer.write(key, *stage.decide(item, answer))
                now += 1
                if stopped := stage.enough():
                    break
        finally:
            await answers.aclose()
            await stage.close()
    return _account(project, stage.name, now, errors, stopped)


def left(project: Project, stage: Stage, limit: int | None) -> Iterator[tuple[str, Any]]:
    """The items that a stage has not decided on, each with its key."""
    done = {decision.key for decision in project.decisions(stage.name)}
    for key, item in islice(stage.items(), limit):
        if key not in done:
            done.add(key)
            yield key, item


def account(project: Project, stage: str, stopped: str | None = None) -> Account:
    """What a stage has come to so far, and why it stopped."""
    return _account(project, stage, 0, 0, stopped)


def _account(project: Project, stage: str, now: int, errors: int, stopped: str | None) -> Account:
    items = kept = 0
    aside: Counter[str] = Counter()
    for decision in project.decisions(stage):
        items += 1
        kept += len(decision.kept)
        aside.update(row["reason"] for row in decision.aside)
    return Account(stage, items, kept, dict(aside.most_common()), now, errors, stopped)


def forecast(project: Project, stage: Stage, max_tokens: int, limit: int | None) -> Forecast:
    """What is left to ask in a stage; replies that are there already count as well."""
    prompts = (stage.prompt(item) for _, item in left(project, stage, limit))
    sizes = [len(text) for text in prompts if text]
    tokens = round(sum(sizes) / CHARACTERS_PER_TOKEN)
    return Forecast(stage.name, len(sizes), tokens, len(sizes) * max_tokens)
