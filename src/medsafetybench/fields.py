"""The fields of a row as what they stand for; what they do not is said with the row's place.

identity_in("ours.csv:2", {"id": 4.0})                  # "4"
response_in("ours.csv:2", {"response": ["No."]})        # Response(text="No.")
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from .cells import identity_of, thought_of, whole_of
from .conversations import answer_in
from .errors import MsbError
from .records import Response

NO_ERROR = ("0", "false", "none", "null", "nan")
"""What programs write into a column of errors where there was none."""

Row = Mapping[str, Any]
Value = TypeVar("Value")


def text_in(where: str, row: Row, field: str) -> str | None:
    """The text in a field, or None if it is empty. Raises MsbError if it is none."""
    return _in(where, row, field, answer_in) or None


def identity_in(where: str, row: Row, field: str = "id") -> str | None:
    """The identity in a field, or None if it is empty. Raises MsbError if it is none."""
    return _in(where, row, field, identity_of)


def whole_in(where: str, row: Row, field: str) -> int | None:
    """The whole number in a field, or None if it is empty. Raises MsbError if it is none."""
    return _in(where, row, field, whole_of)


def response_in(where: str, row: Row) -> Response:
    """The response of a row, or the error that stands in its place.

    Read are ``response``, ``thinking``, ``error`` and ``finish_reason``. Raises MsbError for a
    response that is no text.
    """
    error = row.get("error")
    error = text_in(where, row, "error") if not isinstance(error, bool) else error and "error"
    if error and error.strip().lower() not in NO_ERROR:
        return Response(error=" ".join(error.split()))
    text = text_in(where, row, "response") or ""
    thinking = text_in(where, row, "thinking") or thought_of(row.get("response")) or None
    reason = text_in(where, row, "finish_reason")
    return Response(text=text, finish_reason=reason, thinking=thinking)


def _in(where: str, row: Row, field: str, read: Callable[[Any], Value]) -> Value:
    try:
        return read(row.get(field))
    except ValueError as error:
        raise MsbError(f"{where}: {field}: {error}") from None
