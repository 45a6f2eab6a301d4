"""When a failed call is tried again, and after how long. Pure, but for the clock of HTTP dates."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

RETRIED = frozenset({408, 409, 429})
"""Statuses below 500 that may pass: timeout, conflict, too many requests."""

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
LONGEST_RETRY_AFTER = 120.0
"""Seconds. A server that asks for more than the last is asked again after that."""


class Transient(Exception):
    """A fault that may pass. ``retry_after`` is the server's own word on when, in seconds."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def wait(attempt: int, retry_after: float | None = None) -> float:
    """Seconds to wait after failed attempt number ``attempt`` (from 0).

    Doubles from half a second to half a minute; the upper half is random, so that calls which
    failed together do not come back together. The server's Retry-After is a lower bound.
    """
    backoff = min(FIRST_WAIT * 2.0**attempt, LONGEST_WAIT) * random.uniform(0.5, 1.0)
    return max(backoff, min(retry_after or 0.0, LONGEST_RETRY_AFTER))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that ``retry-after-ms`` or ``Retry-After`` ask for; None where they say nothing.

    Servers write seconds, an HTTP or an ISO date, or a duration such as ``6m0s`` or ``200ms``.
    """
    milliseconds = _number(headers.get("retry-after-ms", "").removesuffix("ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after", "").strip()[:LONGEST_HEADER]
    seconds = _number(value)
    return seconds if seconds is not None else _duration(value) or _until(value)


LONGEST_HEADER = 100
"""Characters of it that are read: no date and no duration has more."""


def _number(text: str) -> float | None:
    """A finite number that is not negative."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


_UNITS = {"h": 3600.0, "m": 60.0, "min": 60.0, "s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 0.001}
_PART = re.compile(
    rf"\s*(\d{{1,9}}(?:\.\d{{1,9}})?)\s*({'|'.join(sorted(_UNITS, reverse=True))})", re.IGNORECASE
)


def _duration(text: str) -> float | None:
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text).strip():
        return None
    return sum(float(number) * _UNITS[unit.lower()] for number, unit in parts)


def _until(text: str) -> float | None:
    """Seconds until a date; 0 for one that is past."""
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            when = read(text)
        except (ValueError, TypeError):
            continue
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        return max(0.0, (when - datetime.now(UTC)).total_seconds())
    return None
