"""A project folder: what a benchmark in the making consists of, one file for each stage.

    ours/project.yaml          name, taxonomy, language, grid, seed; yours to edit before you start
    ours/1-elicit.jsonl        one decision a line: what was kept, what was set aside and why
    ours/2-extract.jsonl ...
    ours/settings.jsonl        the settings and the model that each line's ``made`` stands for
    ours/replies.jsonl         every reply of a model, by the hash of what it was asked
    ours/batches.db            calls that are out in batches
    ours/review.jsonl          what reviewers decided

A line is written whole or, if the process dies, torn; a torn last line is taken off and redone.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import yaml
from pydantic import TypeAdapter, ValidationError

from ..errors import MsbError, UnknownName
from ..records import digest
from ..taxonomy import Taxonomy, load_taxonomy
from ..wholefiles import adding, put
from ..yamltext import read_yaml

STAGES = ("elicit", "extract", "deduplicate", "filter", "contrast", "answer")
"""The stages that write decisions, in order; review and release come after them."""

DECISION = {"key": str, "kept": list, "aside": list, "made": str}
"""What a line of a stage's file holds."""

Row = dict[str, Any]


def prompt(name: str) -> str:
    """The text of one of our prompts, by name."""
    return (files(__package__) / "prompts" / f"{name}.txt").read_text("utf-8")


def _lines(name: str) -> tuple[str, ...]:
    return tuple(prompt(name).splitlines())


@dataclass(frozen=True)
class Config:
    """What a project is about. ``secret`` makes the markers in prompts unguessable."""

    name: str = "ours"
    taxonomy: str = "ama"
    language: str = "English"
    specialities: tuple[str, ...] = field(default_factory=lambda: _lines("specialities"))
    styles: tuple[str, ...] = field(default_factory=lambda: _lines("styles"))
    rounds: int = 1
    count: int = 10
    seed: int = 0
    secret: str = field(default_factory=lambda: secrets.token_hex(16))


@dataclass(frozen=True, slots=True)
class Decision:
    """What came of one thing that a stage worked on: rows kept, and rows set aside with a
    ``reason``. ``made`` names the settings (see settings.jsonl)."""

    key: str
    kept: tuple[Row, ...] = ()
    aside: tuple[Row, ...] = ()
    made: str = ""


class Project:
    """A project folder that exists. Raises MsbError if it does not, or is not one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = _config(folder / "project.yaml")

    @classmethod
    def create(cls, folder: Path, config: Config) -> Project:
        """Make a project folder. Raises MsbError if there is one already."""
        path = folder / "project.yaml"
        if path.exists():
            raise MsbError(f"{path} is there already; edit it, or give another folder")
        folder.mkdir(parents=True, exist_ok=True)
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(config).items()}
        put(path, yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))
        return cls(folder)

    @cached_property
    def taxonomy(self) -> Taxonomy:
        """The principles; a path is relative to the project folder."""
        name = self.config.taxonomy
        is_file = name.endswith((".yaml", ".yml"))
        return load_taxonomy(self.folder / name if is_file else name)

    def marker(self, text: str) -> str:
        """16 hex digits that belong to a text and that nobody outside the project can know."""
        return digest([self.config.secret, text])[:16]

    def path(self, stage: str) -> Path:
        """The file of a stage."""
        if stage not in STAGES:
            raise UnknownName("stage", stage, STAGES)
        return self.folder / f"{STAGES.index(stage) + 1}-{stage}.jsonl"

    def decisions(self, stage: str) -> Iterator[Decision]:
        """The decisions of a stage so far, in order; none if it has not begun."""
        for row in rows_in(self.path(stage), DECISION):
            yield Decision(row["key"], tuple(row["kept"]), tuple(row["aside"]), row["made"])

    def kept(self, stage: str) -> Iterator[Row]:
        """The rows that a stage kept. Raises MsbError if it has kept none."""
        empty = True
        for decision in self.decisions(stage):
            for row in decision.kept:
                empty = False
                yield row
        if empty:
            raise MsbError(
                f"{self.path(stage)} holds nothing that was kept; run `msb build {stage} "
                f"{self.folder}` first, and see `msb build status {self.folder}`"
            )

    @contextmanager
    def writing(self, stage: str, settings: Mapping[str, Any]) -> Iterator[Writer]:
        """Append decisions to a stage, under these settings; one process at a time in a project.

        Raises MsbError if the stage was begun under other settings, or another process is at work.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self.folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise MsbError(f"another process is at work in {self.folder}; wait for it") from None
        try:
            made = self._register(stage, settings)
            with append(self.path(stage)) as file:
                yield Writer(file, made)
        finally:
            lock.release()

    def _register(self, stage: str, settings: Mapping[str, Any]) -> str:
        """The short hash of the settings, recorded; they may not change within a stage."""
        from ..evaluation.evaluation import differences

        made = digest([stage, settings])[:12]
        rows = rows_in(self._settings, {"made": str, "settings": dict})
        known = {row["made"]: row for row in rows}
        first = next(self.decisions(stage), None)
        if first is not None and first.made != made:
            changed = differences(known[first.made]["settings"], settings)
            raise MsbError(
                f"{self.path(stage)} was begun under other settings ({'; '.join(changed)}); use "
                f"the same, or --redo to set it and the stages after it aside"
            )
        if made not in known:
            with append(self._settings) as file:
                file.write(_line({"made": made, "stage": stage, "settings": settings}))
        return made

    @property
    def _settings(self) -> Path:
        return self.folder / "settings.jsonl"

    def redo(self, stage: str) -> None:
        """Set the file of a stage, and of those after it, aside as ``*.old``; replies stay."""
        for later in STAGES[STAGES.index(stage) :]:
            if (path := self.path(later)).exists():
                path.replace(path.with_suffix(".jsonl.old"))


class Writer:
    """Appends decisions to the file of a stage."""

    def __init__(self, file: BinaryIO, made: str) -> None:
        self._file = file
        self.made = made

    def write(self, key: str, kept: list[Row], aside: list[Row]) -> None:
        """Append one decision; it is with the operating system when this returns."""
        self._file.write(_line({"key": key, "kept": kept, "aside": aside, "made": self.made}))


def _line(row: Mapping[str, Any]) -> bytes:
    return orjson.dumps(row) + b"\n"


def whole_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file that end as they should; none if there is no file."""
    if path.exists():
        with path.open("rb") as file:
            yield from (line for line in file if line.endswith(b"\n"))


@contextmanager
def append(path: Path) -> Iterator[BinaryIO]:
    """A file to append whole lines to, unbuffered, once a torn last line is taken off.
    Raises MsbError for a link."""
    if path.is_symlink():
        raise MsbError(f"{path} is a link, which is not followed; put the file itself there")
    with adding(path) as file:
        size = file.seek(0, 2)
        while size and not _ends_line(file, size):
            size -= 1
        file.truncate(size)
        yield file


def _ends_line(file: Any, size: int) -> bool:
    file.seek(size - 1)
    return bool(file.read(1) == b"\n")


def rows_in(path: Path, kinds: Mapping[str, type]) -> Iterator[Row]:
    """The objects in the whole lines of a file that `msb build` wrote.

    Raises MsbError for a line that is none, or has a field of another kind than ``kinds`` says.
    """
    for number, line in enumerate(whole_lines(path), 1):
        try:
            row = orjson.loads(line)
        except ValueError as error:
            raise MsbError(f"{path}:{number}: not JSON: {error}") from None
        right = isinstance(row, dict) and all(isinstance(row.get(k), t) for k, t in kinds.items())
        if not right:
            raise MsbError(f"{path}:{number}: expected an object with {', '.join(kinds)}")
        yield row


def _config(path: Path) -> Config:
    if not path.is_file():
        raise MsbError(f"{path.parent} is no project; `msb build init {path.parent}`")
    found = read_yaml(path)
    known = {one.name for one in fields(Config)}
    if not isinstance(found, dict) or set(found) != known:
        raise MsbError(f"{path}: expected the fields {', '.join(sorted(known))}")
    try:
        return TypeAdapter(Config).validate_python(found)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise MsbError(f"{path}: {where}: {problem['msg'].lower()}") from None
