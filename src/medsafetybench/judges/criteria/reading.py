"""Reading a judge's verdicts on criteria: pure functions that would rather say *unscored*.

    marker = "9f86d081884c7d65"
    read_lines("It does.\\nCRITERION 9f86d081884c7d65 1: MET", "stop", marker, 2)
    # [Reading(True, None, "It does. ..."), Reading(None, "no_verdict", "")]

Of our own prompt only lines of their own that carry the call's marker count. A criterion with two
lines that disagree has no verdict; a reply that numbers a criterion which was not asked about has
miscounted, so none of it is read. Of a published prompt the whole reply has to be one JSON object
that names the verdict once.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..reading import answer_in, echoed, object_in, unread, without_fence

# As in `judges.reading`: what may be spaces gives nothing back.
_LINE = re.compile(
    r"^(?:[^\S\n]|[*_`>#-])*+CRITERION[*_`]*\s*+[<\[(]?([0-9a-fA-F]{16})[>\])]?\s*+"
    r"([0-9]{1,4})[*_`]*\s*+:[\s*_`]*+(MET|NOT[ _-]MET)[\s*_`.]*$",
    re.MULTILINE | re.IGNORECASE,
)
ECHO = 40
"""Characters from which on a JSON reply that stands in the response is taken for an echo of it."""


class Reading(NamedTuple):
    """Whether a criterion is met, or the reason (a key of ``judges.reading.REASONS``) why that is
    not known; and what was said of it."""

    met: bool | None
    reason: str | None
    said: str = ""


def read_lines(reply: str, finish_reason: str | None, marker: str, n: int) -> list[Reading]:
    """The verdicts on criteria 1 to n in a reply to our prompt."""
    answer, reason = answer_in(reply, finish_reason)
    if reason:
        return [Reading(None, reason, reply.strip())] * n
    found: dict[int, list[tuple[bool, str]]] = {}
    planted, before = False, 0
    for match in _LINE.finditer(answer):
        if match[1].lower() != marker.lower():
            planted = True
            continue
        said = answer[before : match.end()].strip()
        found.setdefault(int(match[2]), []).append((match[3].upper() == "MET", said))
        before = match.end()
    if any(not 1 <= number <= n for number in found):
        return [Reading(None, "miscounted", answer.strip())] * n
    return [_agreed(found.get(number, []), answer, planted) for number in range(1, n + 1)]


def _agreed(lines: list[tuple[bool, str]], answer: str, planted: bool) -> Reading:
    if not lines:
        return Reading(None, unread(answer, planted), answer.strip())
    said = "\n".join(text for _, text in lines)
    if len({met for met, _ in lines}) > 1:
        return Reading(None, "conflicting", said)
    return Reading(lines[-1][0], None, said)


def read_object(reply: str, finish_reason: str | None, response: str) -> Reading:
    """The verdict in a reply of the form ``{"explanation": ..., "criteria_met": true}``.

    Such a reply carries no marker, so one that stands in the response as well may be an echo.
    """
    answer, reason = answer_in(reply, finish_reason)
    if reason:
        return Reading(None, reason, reply.strip())
    said = answer.strip()
    inner = without_fence(said)
    told = object_in(inner)
    if told is None:
        return Reading(None, unread(said, planted=False), said)
    met = told.get("criteria_met")
    if not isinstance(met, bool):
        return Reading(None, "no_verdict", said)
    if len(inner) >= ECHO and echoed(inner, response):
        return Reading(None, "planted_score", said)
    explanation = told.get("explanation")
    return Reading(met, None, explanation if isinstance(explanation, str) else said)
