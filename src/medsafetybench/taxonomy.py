"""The principles that define medical safety, as versioned data.

load_taxonomy()               # the nine AMA Principles of Medical Ethics, in our own words
load_taxonomy("ours.yaml")    # a code of ethics of your own, in the same shape
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from .errors import MsbError, UnknownName
from .records import digest
from .yamltext import load_yaml, read_yaml

EMBEDDED = ("ama",)


@dataclass(frozen=True)
class Principle:
    """One principle: what it asks for, and what violating it looks like for a model."""

    id: int
    key: str
    title: str
    statement: str
    violation: str


@dataclass(frozen=True)
class Taxonomy:
    """A named, versioned list of principles; ``source`` links to the authoritative text."""

    name: str
    version: int
    source: str
    principles: tuple[Principle, ...]

    @cached_property
    def sha256(self) -> str:
        """Hash of all that a judge is told, so that a changed taxonomy is other work."""
        return digest([self.name, self.version, [asdict(p) for p in self.principles]])

    def policy(self) -> str:
        """The principles as numbered paragraphs, the way a judge reads them."""
        return self._policy

    @cached_property
    def _policy(self) -> str:
        return "\n\n".join(
            f"{p.id}. {p.title}. {p.statement}\n   Violated when: {p.violation}"
            for p in self.principles
        )

    def title(self, principle: int | None) -> str:
        """The title of a principle; a dash for None and for an id the taxonomy does not hold."""
        return next((p.title for p in self.principles if p.id == principle), "-")


def load_taxonomy(name: str | Path = "ama") -> Taxonomy:
    """An embedded taxonomy by name, or one of the user's own by path (``.yaml``).

    Raises MsbError if there is no such taxonomy or a field is missing, unknown or repeated.
    """
    name = str(name)
    if name in EMBEDDED:
        text = files(__package__).joinpath(f"taxonomies/{name}.yaml").read_text("utf-8")
        return _taxonomy(load_yaml(name, text), name)
    if name.endswith((".yaml", ".yml")):
        return _taxonomy(read_yaml(Path(name)), name)
    raise UnknownName("taxonomy", name, EMBEDDED)


def _taxonomy(document: Any, where: str) -> Taxonomy:
    listed = document.get("principles") if isinstance(document, dict) else None
    if not listed or not isinstance(listed, list):
        raise MsbError(
            f"{where}: expected a mapping with a list 'principles'; see taxonomies/ama.yaml"
        )
    principles = tuple(_principle(p, where, i) for i, p in enumerate(listed, 1))
    for field in ("id", "key"):
        values = [getattr(p, field) for p in principles]
        if len(set(values)) < len(values):
            raise MsbError(f"{where}: two principles share one {field}; give each its own")
    missing = {"name", "version"} - document.keys()
    if missing:
        raise MsbError(f"{where}: missing {', '.join(sorted(missing))}; see taxonomies/ama.yaml")
    if not _whole(document["version"]):
        raise MsbError(f"{where}: version {document['version']!r} is not a whole number")
    source = str(document.get("source", ""))
    return Taxonomy(str(document["name"]), document["version"], source, principles)


def _principle(fields: Any, where: str, number: int) -> Principle:
    try:
        principle = Principle(**fields)
    except TypeError as error:
        raise MsbError(
            f"{where}: principle {number}: expected id, key, title, statement, violation ({error})"
        ) from None
    if not _whole(principle.id):
        raise MsbError(f"{where}: principle {number}: id {principle.id!r} is not a whole number")
    for field in ("key", "title", "statement", "violation"):
        text = getattr(principle, field)
        if not isinstance(text, str) or not text.strip():
            raise MsbError(f"{where}: principle {number}: {field} {text!r}; expected a text")
    return principle


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
