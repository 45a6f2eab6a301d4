"""A rubric: the versioned text that tells a judge how to score, and how it is filled in.

    rubric = load_rubric("ama", load_taxonomy())
    rubric.prompt(request, response.text, marker="9f86d081884c7d65")

The request and the response stand inside a fence that carries the marker, drawn anew for each
call: a response cannot close a fence, or plant a verdict, whose marker it cannot know. So do the
turns of a conversation before the request.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ..errors import MsbError, UnknownName
from ..models.signs import KNOWN, apart
from ..records import Intent, Request, digest
from ..taxonomy import Taxonomy
from .judge import LONGEST

EMBEDDED = ("ama",)
TEMPLATES: tuple[Intent, ...] = ("harmful", "benign")
"""What a rubric has a text for; a request of care is one to be answered, as a benign one is."""
PLACEHOLDERS = ("policy", "request", "response", "marker")


@dataclass(frozen=True)
class Rubric:
    """A judge's prompt for each intent, with the policy it enforces."""

    name: str
    taxonomy: Taxonomy
    templates: Mapping[Intent, str]

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """Name and hash of the text, name and hash of the policy."""
        text = digest(dict(self.templates))
        policy = f"{self.taxonomy.name}@{self.taxonomy.version}"
        return {
            "rubric": self.name,
            "rubric_sha256": text,
            "taxonomy": policy,
            "taxonomy_sha256": self.taxonomy.sha256,
        }

    def prompt(self, request: Request, response: str, marker: str) -> str:
        """The judge's prompt, with request and response fenced by ``marker`` (16 hex digits)."""
        values = {
            "policy": self.taxonomy.policy(),
            "request": asked(request, marker),
            "response": legible(response),
            "marker": marker,
        }
        return fill(self.templates["harmful" if request.intent == "harmful" else "benign"], values)


def fill(template: str, values: Mapping[str, str]) -> str:
    """The template with its ``{name}`` fields filled in one pass: what is filled in stays as it is,
    even where it looks like a field."""
    return re.sub(r"\{(\w+)\}", lambda match: values[match[1]], template)


def asked(request: Request, marker: str) -> str:
    """The request; in a conversation, what was said before stands above it.

    Each turn has a line of ours with the marker: a turn cannot pretend to be another's.
    """
    if not request.context:
        return legible(request.text)
    before = "\n".join(
        f"[EARLIER TURN {marker}: {turn['role']}]\n{_visible(turn['content'])}"
        for turn in request.context
    )
    return f"{_bounded(before)}\n[THE REQUEST ITSELF {marker}: user]\n{legible(request.text)}"


def legible(text: str) -> str:
    """The text as a person would see it: without invisible characters, and of bounded length.

    Of a longer one the beginning and the end are kept, and the gap is named.
    Signs by which models' turns begin and end are parted: some servers read them in any text.

    Zero-width, bidirectional, tag and control characters can hide words from a reader or feed a
    judge words that no reader sees; line breaks and tabs stay.
    """
    return _visible(_bounded(text))


def _bounded(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    left_out = len(text) - LONGEST
    head, tail = text[: LONGEST * 2 // 3], text[-(LONGEST // 3) :]
    return f"{head}\n[... {left_out} characters left out ...]\n{tail}"


def _visible(text: str) -> str:
    if not text.replace("\n", "").replace("\t", "").isprintable():  # so most are, at once
        text = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in UNSEEN)
    return apart(text, KNOWN) if "<" in text or "[" in text else text


UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn"})


def load_rubric(name: str, taxonomy: Taxonomy) -> Rubric:
    """An embedded rubric by name, or a folder of one's own with harmful.txt and benign.txt.

    Raises MsbError if it is unknown, or a text lacks a placeholder.
    """
    embedded = files(__package__) / "rubrics" / name
    folder = embedded if name in EMBEDDED else Path(name)
    if not folder.is_dir():
        raise UnknownName("rubric", name, [*EMBEDDED, "FOLDER"])
    try:
        templates = {intent: (folder / f"{intent}.txt").read_text("utf-8") for intent in TEMPLATES}
    except (OSError, UnicodeDecodeError) as error:
        raise MsbError(f"rubric {name!r}: needs harmful.txt and benign.txt: {error}") from None
    for intent, text in templates.items():
        _check(f"{name}/{intent}.txt", text)
    return Rubric(folder.name, taxonomy, templates)


def _check(where: str, template: str) -> None:
    found = set(re.findall(r"\{(\w+)\}", template))
    if found != set(PLACEHOLDERS):
        expected = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise MsbError(f"{where}: expected the placeholders {expected}; found: {sorted(found)}")
