"""What a run's target is called, and what tells it from others of its name.

details(run.settings["target"])     # ("revision v1.4", "temperature 0.7")
told_apart([name_of(run) for run in runs])
# ["python:app:answer, revision v1.3", "python:app:answer, revision v1.4"]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..records import digest
from ..store.store import RunRecord

Settings = Mapping[str, Any]

SHORT = 40
"""Characters of a system prompt that are shown."""
HASH = 8
"""Hex digits of a hash that are shown."""


@dataclass(frozen=True)
class Name:
    """A run's target by its title, what else decides its answers, a hash of all that does, and what
    it was asked: a benchmark, and how that was narrowed down."""

    run: str
    title: str
    details: tuple[str, ...]
    hash: str
    benchmark: str
    selected: tuple[str, ...] = ()


def name_of(run: RunRecord) -> Name:
    """How a run can be called."""
    target, asked = run.settings["target"], run.settings["benchmark"]
    version = f"@{asked['version']}" if asked.get("version") else ""
    return Name(
        run.id,
        run.title,
        details(target),
        digest(target)[:HASH],
        f"{asked['name']}{version}",
        selected(asked.get("selection") or {}),
    )


def details(target: Settings) -> tuple[str, ...]:
    """What decides a target's answers besides what it is, where that is not the usual."""
    return tuple(_details(target))


def _details(target: Settings) -> Iterator[str]:
    sampling = target.get("sampling")
    sampling = sampling if isinstance(sampling, Mapping) else {}
    if target.get("revision") and target.get("model") != "replay":
        yield f"revision {short(target['revision'])}"
    if target.get("source"):
        yield f"source {str(target['source'])[:HASH]}"
    if target.get("prompt_style"):
        yield f"prompts {target['prompt_style']}"
    if target.get("system"):
        yield f"system \u201c{short(target['system'])}\u201d"
    if target.get("system_sha256"):
        yield f"system prompt {str(target['system_sha256'])[:HASH]}"
    if sampling.get("temperature"):
        yield f"temperature {sampling['temperature']:g}"
    if sampling.get("seed") is not None:
        yield f"seed {sampling['seed']}"
    for name, value in (sampling.get("extra") or {}).items():
        yield f"{name} {short(value)}"


def selected(selection: Settings) -> tuple[str, ...]:
    """How a benchmark was narrowed down, a part each; hashes, versions, the usual left out."""
    return tuple(f"{name} {_said(v)}" for name, v in selection.items() if name != "twins")


def _said(value: object) -> str:
    if isinstance(value, Mapping):
        told = {name: part for name, part in value.items() if name not in ("sha256", "version")}
        parts = {n: " ".join(map(str, p)) if isinstance(p, list) else p for n, p in told.items()}
        return ", ".join(f"{name} {part}" for name, part in parts.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def short(value: object) -> str:
    """The beginning of a text, on one line."""
    text = " ".join(str(value).split())
    return text if len(text) <= SHORT else f"{text[: SHORT - 1]}\u2026"


def told_apart(names: Sequence[Name]) -> list[str]:
    """For each the shortest that no other has: its title; with what else decides its answers; with
    the hash of all that does; with what it was asked; with the run's id."""
    forms = [
        [one.title for one in names],
        [", ".join((one.title, *one.details)) for one in names],
        [f"{one.title} [{one.hash}]" for one in names],
        [f"{one.title} on {one.benchmark}" for one in names],
        [", ".join((f"{one.title} on {one.benchmark}", *one.selected)) for one in names],
    ]
    last = [f"{one.title} ({one.run})" for one in names]
    return [
        next((form[i] for form in forms if form.count(form[i]) == 1), last[i])
        for i in range(len(names))
    ]
