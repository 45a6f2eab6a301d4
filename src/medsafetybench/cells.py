"""What a cell of a table, or a field of a log, says: a text, an identity, a whole number.

    text_of(b"How?")                         # "How?"
    text_of([{"type": "text", "text": "No."}])    # "No."
    identity_of(12345678901234567890)        # "12345678901234567890"
    whole_of("4.0")                          # 4

What is no such thing is a ValueError in a few words, never Python's ``repr`` of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

EXACT = 2**53
"""Up to here a float tells every whole number from its neighbours."""

TEXTS = ("text", "input_text", "output_text")
THOUGHTS = ("thinking", "reasoning", "redacted_thinking", "reasoning_text", "summary_text")
MEDIA = ("image", "audio", "video", "file", "document", "inline", "pdf")
"""Beginnings of what the parts of a message are called that are no text."""


def text_of(value: Any, named: bool = False) -> str:
    """The text that a value is; empty for nothing.

    The parts of a chat message are the texts among them in a row. What is no text, such as a
    picture, raises ValueError, or is ``named`` in brackets.
    """
    try:
        return _text(value, named)
    except RecursionError:
        raise ValueError("nested too deeply; expected text") from None


def _text(value: Any, named: bool) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ValueError("bytes that are no UTF-8; expected text") from None
    if isinstance(value, bool):
        raise ValueError("true or false; expected text")
    if isinstance(value, int | float | Decimal | UUID):
        return str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return _joined(value, named)
    if isinstance(value, Mapping):
        return _part(value, named)
    raise ValueError(f"{type(value).__name__}; expected text")


def thought_of(value: Any) -> str:
    """What a message's parts hold of a model's thinking, which is no part of its text.

    Of several messages, it is that of the last.
    """
    parts = value if isinstance(value, list | tuple) else [value]
    last = parts[-1] if parts else None
    if isinstance(last, Mapping) and isinstance(last.get("content"), list):
        parts = last["content"]
    found = [_thought(part) for part in parts if isinstance(part, Mapping) and _thinks(part)]
    return "\n\n".join(thought for thought in found if thought)


def _joined(parts: list[Any] | tuple[Any, ...], named: bool) -> str:
    """The texts of a message's parts. Several bare texts may as well be several answers."""
    if len(parts) > 1 and not all(isinstance(part, Mapping) for part in parts):
        raise ValueError(f"a list of {len(parts)}; expected one text")
    texts = [_part(one, named) if isinstance(one, Mapping) else _text(one, named) for one in parts]
    return "".join(texts)


def _part(part: Mapping[str, Any], named: bool) -> str:
    kind = str(part.get("type") or "")
    if _thinks(part):
        return ""
    if kind == "refusal":
        return _text(part.get("refusal"), named)
    if kind in TEXTS or (not kind and part.keys() == {"text"}):
        inner = part.get("text")
        # Some wrap the text once more: {"text": {"value": "...", "annotations": []}}.
        return _text(inner.get("value") if isinstance(inner, Mapping) else inner, named)
    if "content" in part and ("role" in part or part.keys() <= {"content"}):
        return _text(part["content"], named)
    what = kind or next((str(key) for key in part), "nothing")
    if named and (kind or what.startswith(MEDIA) or "Data" in what):
        return f"[{what}]"
    raise ValueError(
        f"a part of type {what!r}; only text can be taken"
        if kind
        else f"an object with {what!r}; expected text or messages"
    )


def _thinks(part: Mapping[str, Any]) -> bool:
    return part.get("type") in THOUGHTS or part.get("thought") is True


def _thought(part: Mapping[str, Any]) -> str:
    for key in ("thinking", "reasoning", "text", "summary"):
        found = part.get(key)
        if isinstance(found, str):
            return found
        if isinstance(found, list):
            texts = [one.get("text") for one in found if isinstance(one, Mapping)]
            return "\n\n".join(text for text in texts if isinstance(text, str))
    return ""


def identity_of(value: Any) -> str | None:
    """The identity that a value is, or None for nothing: the same for 4, 4.0 and "4".

    Raises ValueError for a number that a float can only have rounded.
    """
    if isinstance(value, float):
        if math.isnan(value):
            return None
        if not value.is_integer():
            return repr(value)
        if abs(value) >= EXACT:
            raise ValueError(f"{value!r}, a number that was rounded; save ids as text")
        return str(int(value))
    return text_of(value) or None


def whole_of(value: Any) -> int | None:
    """The whole number that a value is, or None for nothing (NaN is nothing).

    Raises ValueError for everything else: fractions, true and false, numbers beyond ``EXACT``.
    """
    if value is None or value == "":
        return None
    try:
        number = math.inf if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.inf
    if math.isnan(number):
        return None
    if not number.is_integer() or abs(number) >= EXACT:
        raise ValueError(f"{shown(value)}; expected a whole number")
    return int(number)


def count_of(value: Any) -> int | None:
    """How many of something a value says, as tokens; None for what is no count."""
    counts = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < EXACT
    return value if counts else None


def seconds_of(value: Any) -> float | None:
    """How long something took, as a value says; None for what is no time."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and 0 <= value < EXACT else None


def shown(value: Any) -> str:
    """A value for an error message: short, and what it is rather than how Python writes it."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
