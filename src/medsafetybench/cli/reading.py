"""Reading values of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import MsbError


def pairs(option: str, given: list[str] | None) -> dict[str, str]:
    """``["text=prompt"]`` as ``{"text": "prompt"}``. Raises MsbError for one without ``=``."""
    found = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise MsbError(f"{option} {text!r}; expected NAME=VALUE")
        found[name] = value
    return found


def parameters(option: str, given: list[str] | None) -> dict[str, Any]:
    """Like ``pairs``, with values read as JSON where they are JSON (``null`` drops a parameter)."""
    import orjson

    found: dict[str, Any] = {}
    for name, value in pairs(option, given).items():
        try:
            found[name] = orjson.loads(value)
        except orjson.JSONDecodeError:
            found[name] = value
    return found


def text(option: str, given: str | None) -> str | None:
    """The text, or what is in the file for ``@FILE``. Raises MsbError if it cannot be read."""
    if given is None or not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).expanduser().read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MsbError(f"{option} {given}: cannot be read as UTF-8 text: {error}") from None
