"""The criteria that a request carries, as a row of a table says them.

    criteria_in("ours.jsonl:2", {"criteria": [{"text": "Sends to emergency care.", "points": 5}]})

A list (or JSON of one); each has its text, its ``points`` (below 0 for what should not be done) and
``tags``, if any. Read as well are the names that HealthBench's files have: ``criterion`` and
``criterion_text``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .. import jsontext
from ..cells import shown, text_of
from ..errors import MsbError
from ..records import Criterion

TEXTS = ("text", "criterion", "criterion_text")
MOST_POINTS = 1_000_000


def criteria_in(
    where: str, row: Mapping[str, Any], field: str = "criteria"
) -> tuple[Criterion, ...]:
    """The criteria in a field; empty where there are none. Raises MsbError naming ``where``."""
    given = row.get(field)
    if given is None or given == "" or (isinstance(given, float) and math.isnan(given)):
        return ()
    try:
        return criteria_of(given)
    except ValueError as error:
        raise MsbError(f"{where}: {field}: {error}") from None


def criteria_of(value: Any) -> tuple[Criterion, ...]:
    """The criteria in a list, or in a JSON text of one. Raises ValueError."""
    if isinstance(value, str):
        try:
            value = jsontext.loads(value)
        except ValueError:
            raise ValueError("no JSON; expected a list of criteria") from None
    if not isinstance(value, list | tuple):
        raise ValueError(f"{shown(value)}; expected a list such as [{{'text': ..., 'points': 5}}]")
    return tuple(_criterion(number, one) for number, one in enumerate(value, 1))


def _criterion(number: int, value: Any) -> Criterion:
    if not isinstance(value, Mapping):
        raise ValueError(
            f"criterion {number}: {shown(value)}; expected an object with text, points"
        )
    text = text_of(next((value[key] for key in TEXTS if key in value), None))
    if not text.strip():
        raise ValueError(f"criterion {number}: no text")
    points = value.get("points")
    if isinstance(points, bool) or not isinstance(points, int | float):
        raise ValueError(f"criterion {number}: points {shown(points)}; expected a number")
    if not abs(points) <= MOST_POINTS:
        raise ValueError(f"criterion {number}: points {shown(points)}; expected a number of points")
    tags = value.get("tags")
    tags = [] if tags is None else tags
    if isinstance(tags, str) or not isinstance(tags, list | tuple):
        raise ValueError(f"criterion {number}: tags {shown(tags)}; expected a list of words")
    return Criterion(text, float(points), tuple(text_of(tag) for tag in tags))
