"""YAML files that people write, and what is wrong with them, said with file, line and key.

document = read_document("study.yaml", "name, targets")
document.data                       # {"name": "ours", "targets": [...]}
checked(document, Model, known)     # the data as pydantic reads it, or MsbError
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .errors import MsbError
from .yamltext import compose, value_of, yaml_in

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

    Model = TypeVar("Model", bound=BaseModel)

Place = tuple[str | int, ...]
"""A path of keys and positions, as ``("targets", 2, "model")``."""

Known = Callable[[Place], Iterable[str]]
"""The keys that may stand where this one does."""


@dataclass(frozen=True)
class Document:
    """A mapping read from a file, the line of every key and item, and the hash of its text."""

    path: Path
    data: dict[str, Any]
    lines: Mapping[Place, int]
    sha256: str

    def wrong(self, place: Place, why: str) -> MsbError:
        """What is wrong at a place, or near it."""
        while place and place not in self.lines:
            place = place[:-1]
        return MsbError(f"{self.path}:{self.lines.get(place, 1)}: {why}")


def read_document(path: str | Path, expected: str) -> Document:
    """A file that holds a mapping; ``expected`` names some of its keys.

    Raises MsbError if it cannot be read, is no YAML or no mapping, or holds a key twice.
    """
    path = Path(path).expanduser()
    text = yaml_in(path)
    root = compose(str(path), text)
    data = value_of(str(path), root)
    lines = dict(_lines(path, root, ())) if root else {}
    if not isinstance(data, dict):
        raise MsbError(f"{path}:1: expected keys such as {expected}")
    return Document(path, data, lines, hashlib.sha256(text.encode("utf-8")).hexdigest())


def _lines(path: Path, node: Any, place: Place) -> Iterator[tuple[Place, int]]:
    import yaml

    yield place, node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            yield from _lines(path, item, (*place, i))
    elif isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in seen:
                first = seen[key.value]
                raise MsbError(
                    f"{path}:{line}: key {key.value!r} is there already, at line {first}"
                )
            seen[key.value] = line
            yield from _lines(path, value, (*place, key.value))
            yield (*place, key.value), line


def checked(
    document: Document, model: type[Model], known: Known, data: Any = None, inside: Place = ()
) -> Model:
    """The document, or ``data`` from ``inside`` it, as a model. Raises MsbError for the first
    thing that is wrong."""
    from pydantic import ValidationError

    try:
        return model.model_validate(document.data if data is None else data)
    except ValidationError as error:
        raise _first(document, error, known, inside) from None


def _first(document: Document, error: ValidationError, known: Known, inside: Place) -> MsbError:
    # A misspelt key is also a missing one; the misspelling is what a person can see.
    unknown = [p for p in error.errors() if p["type"] == "extra_forbidden"]
    problem = (unknown or error.errors())[0]
    place = (*inside, *problem["loc"])
    parent, key = _written(place[:-1]), str(place[-1]) if place else ""
    within = f" in {parent}" if parent else ""
    if problem["type"] == "extra_forbidden":
        names = sorted(known(place))
        near = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
        return document.wrong(place, f"unknown key {key!r}{within}; {hint}")
    if problem["type"] == "missing":
        return document.wrong(place, f"key {key!r} is missing{within}")
    given = str(problem["input"])
    message = problem["msg"].removeprefix("Value error, ")
    said = f"{message[0].lower()}{message[1:]}; given: {given[:60]}"
    return document.wrong(place, f"{_written(place)}: {said}")


def _written(place: Place) -> str:
    """``targets[2].model``."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
