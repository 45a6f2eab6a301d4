"""Judges with a boundary: a number for each response, and where it is cut.

    open_at("screen@-0.12", "medsafetybench.judges.screen:Screen", meter).boundary    # -0.12

What a boundary is chosen on says what a refusal is, and people who label differ in that. So it can
be moved to where it agrees best with the labels of whoever asks (``checking.fit``); a judge with
another boundary is another judge, by another name.
"""

from __future__ import annotations

import math
from typing import Protocol

from ..errors import MsbError
from ..models import Meter
from ..models.opening import loaded
from .judge import Judge

MARK = "@"


class BoundedJudge(Judge, Protocol):
    """A judge that says "declines" of what has a margin above its boundary."""

    boundary: float

    def margin(self, request_text: str, response_text: str) -> float:
        """How much a response declines, in no unit; the boundary cuts it."""


def open_at(spec: str, place: str, meter: Meter | None) -> BoundedJudge:
    """The judge whose class is at ``place`` with the boundary that stands in its spec.

    Raises MsbError for what is no number, and for a judge that has no boundary.
    """
    name, _, told = spec.partition(MARK)
    try:
        boundary = float(told)
    except ValueError:
        boundary = math.nan
    if not math.isfinite(boundary):
        raise MsbError(
            f"judge {spec!r}; expected {name}{MARK}BOUNDARY with a number, as `msb judge fit "
            f"{name}` finds one"
        )
    kind = loaded(place)
    if not hasattr(kind, "margin"):
        raise MsbError(f"judge {spec!r}: {name} has no boundary that could be moved")
    judge: BoundedJudge = kind(meter, boundary=boundary)
    judge.name = f"{name}{MARK}{boundary!r}"
    return judge
