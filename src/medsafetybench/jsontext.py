"""JSON as other programs write it, beyond what the standard allows.

    loads('{"f1": NaN, "text": "cut \\ud83d", "id": 12345678901234567890}')
    # {"f1": None, "text": "cut \\ufffd", "id": 12345678901234567890}

Python writes NaN and Infinity, JavaScript half a character where a text was cut, and many a tool
numbers that are too long for 64 bits. NaN is nothing, half a character is U+FFFD, and an integer is
never rounded.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import orjson

from . import textfiles
from .errors import MsbError

LONG_NUMBER = re.compile(r"\d{19}")
"""Digits that may be more than 64 bits hold; a fast reader rounds such an integer."""

LONGEST_INTEGER = 4000
"""Digits; Python itself takes no more than 4300."""

CONSTANTS = {"NaN": None, "Infinity": float("inf"), "-Infinity": float("-inf")}


def loads(text: str) -> Any:
    """The value of a JSON text. Raises ValueError with what is wrong in a few words."""
    if not LONG_NUMBER.search(text):
        try:
            return orjson.loads(text)
        except ValueError:
            pass  # what it does not take may still be what others write
    try:
        found = json.loads(
            text, parse_constant=CONSTANTS.__getitem__, parse_int=_integer, strict=False
        )
        return found if text.isascii() and "\\u" not in text else _whole_characters(found)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def read(path: Path) -> Any:
    """The value in a file. Raises MsbError naming it."""
    try:
        return loads(textfiles.whole(path))
    except ValueError as error:
        raise MsbError(f"{path}: not JSON: {error}") from None


def _integer(digits: str) -> int:
    if len(digits) > LONGEST_INTEGER:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _whole_characters(value: Any) -> Any:
    """The value with every lone half of a character replaced."""
    if isinstance(value, str):
        halves = value.encode("utf-16", "surrogatepass")
        return value if value.isascii() else halves.decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole_characters(one) for one in value]
    if isinstance(value, dict):
        return {_whole_characters(k): _whole_characters(v) for k, v in value.items()}
    return value
