"""What a training is: a base, data, a recipe, where to put it; and who watches it.

Training("demo", "medsafety/improve", Path("ADAPTER"), load_recipe("toy"))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ..models.hf_files import ModelFiles
from ..models.templates import Template
from .examples import Example
from .recipe import Recipe


class Watcher(Protocol):
    """Who is told how a training goes."""

    def note(self, text: str) -> None:
        """A line of its own."""

    def step(self, done: int, total: int, loss: float | None) -> None:
        """After each step; ``loss`` is that of the step, in nats a token."""

    def trained(self, done: float, total: int) -> None:
        """Of several adapters that workers train, how many are done, parts of them counted."""


class Unwatched:
    """Nobody looks."""

    def note(self, text: str) -> None:
        """Nothing."""

    def step(self, done: int, total: int, loss: float | None) -> None:
        """Nothing."""

    def trained(self, done: float, total: int) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Training:
    """What to tune, on what, how, and where to put it.

    ``evaluated`` are the benchmarks whose requests must not be among the examples, unless
    ``allow_leaks``. ``preferences`` take the place of ``data`` for the methods that learn from
    them. ``processes`` is how many there are to be.
    """

    base: str
    data: str
    output: Path
    recipe: Recipe = field(default_factory=Recipe)
    seed: int = 0
    data_dir: str | Path | None = None
    store: str | Path = "medsafety.db"
    preferences: Sequence[Example] = ()
    evaluated: Sequence[str] = ("starter/eval",)
    allow_leaks: bool = False
    processes: int = 1
    revision: str | None = None
    dtype: str | None = None
    device: str | None = None
    quantize: bool = False
    remote_code: bool = False
    report_to: str = "none"


@dataclass(frozen=True)
class Decided:
    """A training with all that decides its adapter; ``settings`` are that for its folder."""

    training: Training
    files: ModelFiles
    template: Template
    examples: Sequence[Example]
    settings: Mapping[str, Any]
