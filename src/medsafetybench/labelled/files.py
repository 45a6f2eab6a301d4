"""Labelled sets of the user's own: ``.csv``, ``.jsonl`` and ``.parquet`` files.

    {"prompt": "How do I ...?", "response": "I can't help with that.", "label": "declines"}

Columns are found by the names that people give them, or told (``--column label=verdict``). A label
is a word for a level of the scale ``refusal`` ("declines", "refusal", "complied", ...), or, where a
scale is named, the number or the title of one of its levels. Of one response labelled by several
(column ``annotator``), the one that more than half gave counts. A column ``labelled_by`` says who
labelled, where that was not people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..cells import shown, whole_of
from ..errors import MsbError
from ..fields import response_in, text_in
from ..legible import name
from ..records import INTENTS, Request, Response, digest
from ..scale import REFUSAL, Scale
from ..tables import is_blank, rows
from .labelled import PEOPLE, Labelled, LabelledSet, settled

NAMES: Mapping[str, tuple[str, ...]] = {
    "response": ("response", "completion", "answer", "output", "assistant_response", "reply"),
    "label": ("label", "final_label", "verdict", "human_label", "human_score", "score", "refusal"),
    "prompt": ("prompt", "request", "text", "question", "objective", "instruction"),
    "annotator": ("annotator", "rater", "labeller"),
    "intent": ("intent",),
    "by": ("labelled_by",),
}
"""The columns, by what they are called; those of the first two have to be there."""

WORDS: Mapping[int, tuple[str, ...]] = {
    1: ("refusal", "refused", "refuses", "refuse", "rejected", "declined", "full refusal"),
    2: ("incapacity", "unable", "dontknow"),
    3: ("partial", "partial refusal", "partly"),
    4: ("compliance", "complied", "complies", "answered", "answers", "full compliance", "fulfils"),
}
"""Words of others for the levels of ``refusal``, by score."""


@dataclass(frozen=True)
class _Row:
    where: str
    request: Request
    response: Response
    label: int
    annotator: str
    by: str


def file_set(
    path: Path, columns: Mapping[str, str] | None = None, scale: Scale | None = None
) -> LabelledSet:
    """The labelled responses in a file; ``columns`` maps our names of columns to the file's.

    Raises MsbError naming the line for a label that is no level, or columns that are not there.
    """
    for field in columns or {}:
        if field not in NAMES:
            raise MsbError(f"--column {field}=...: expected one of {', '.join(NAMES)}")
    found = [
        _row(where, _named(where, row, columns or {}), scale)
        for where, row in rows(path)
        if not is_blank(row)
    ]
    if not found:
        raise MsbError(f"{path}: no labelled response in this file; expected at least one row")
    annotators = tuple(dict.fromkeys(row.annotator for row in found))
    whole = _together(found, annotators)
    there = tuple(row for row in whole if row.label)
    return LabelledSet(
        path.name,
        scale or REFUSAL,
        there,
        annotators=annotators if len(annotators) > 1 else (),
        left_out=len(whole) - len(there),
        own=True,
        by=" and ".join(dict.fromkeys(row.by for row in found)),
    )


def _named(where: str, row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    """The cells by our names."""
    found = dict(row)
    for field, names in NAMES.items():
        if told := columns.get(field):
            if told not in row:
                raise MsbError(f"{where}: no column {told!r}; found: {', '.join(map(str, row))}")
            found[field] = row[told]
            continue
        there = next((name for name in names if name in row), None)
        if there is None and field in ("response", "label"):
            raise MsbError(
                f"{where}: no column {field!r}; found: {', '.join(map(str, row)) or 'none'}. Map "
                f"one with --column {field}=NAME"
            )
        found[field] = None if there is None else row[there]
    return found


def _row(where: str, row: Mapping[str, Any], scale: Scale | None) -> _Row:
    intent = (text_in(where, row, "intent") or "harmful").strip().lower()
    if intent not in INTENTS:
        raise MsbError(f"{where}: intent {intent!r}; expected harmful, benign or care")
    text = text_in(where, row, "prompt") or ""
    response = response_in(where, {name: row.get(name) for name in ("response", "thinking")})
    asked = Request(
        digest([text, response.text])[:16],
        text,
        intent,
        pair=digest(text or response.text)[:16],
    )
    annotator = text_in(where, row, "annotator") or ""
    by = text_in(where, row, "by") or PEOPLE
    label = _label(where, row["label"], intent, scale)
    return _Row(where, asked, response, label, annotator, name(by))


def _label(where: str, value: Any, intent: str, scale: Scale | None) -> int:
    """The score of the level that a cell names; 0 for an empty one."""
    told = str(value if value is not None else "").strip().lower().replace("_", " ")
    told = told.replace("-", " ").lstrip("0123456789 ") or told
    if not told:
        return 0
    known = scale or REFUSAL
    for level in known.levels[intent]:
        if told in (level.title, level.key.replace("-", " ")):
            return level.score
    if known is REFUSAL:
        for score, words in WORDS.items():
            if told in words:
                return score
    try:
        number = whole_of(value)
        if scale is not None and number is not None:
            return scale.level(number, intent).score
    except ValueError:
        pass
    levels = ", ".join(f"{level.score} {level.title}" for level in known.levels[intent])
    numbers = "" if scale else "; numbers only with --scale refusal or --scale harm"
    raise MsbError(f"{where}: label {shown(value)}; expected one of {levels}{numbers}")


def _together(found: list[_Row], annotators: tuple[str, ...]) -> list[Labelled]:
    """One row for each response that annotators labelled, with what each said of it.

    Without annotators every row is a response of its own: two models may say the same.
    """
    by: dict[tuple[str, int], dict[str, _Row]] = {}
    for place, row in enumerate(found):
        said = by.setdefault((row.request.id, 0 if row.annotator else place), {})
        if said.setdefault(row.annotator, row).label != row.label:
            raise MsbError(f"{row.where}: a second, different label by {row.annotator!r}")
    several = len(annotators) > 1
    together = []
    for said in by.values():
        first = next(iter(said.values()))
        given = tuple(said[name].label if name in said else 0 for name in annotators)
        together.append(
            Labelled(first.request, first.response, settled(given), given if several else ())
        )
    return together
