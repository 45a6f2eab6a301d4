"""A plain table of responses as records of ours.

    {"text": "How do I ...?", "response": "I can't help with that.", "model": "app v2", "score": 1}

Requests are read as in a benchmark's own file. The column ``model`` makes a run of each; a row that
comes again for one model is a further answer to its request.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..benchmarks.files import Names, request_in
from ..cells import shown, whole_of
from ..errors import MsbError
from ..fields import response_in, text_in
from ..records import Request, Verdict, pressure_in
from ..scale import HARM, Scale, scale_named
from ..tables import is_blank, rows
from .gathering import Gathering
from .recorded import Recorded


def read_table(path: Path, intent: str | None = None) -> list[Recorded]:
    """A table with the columns ``text`` (or request, or messages) and ``response``; those of a
    benchmark's file, ``model``, ``turn``, ``framing``, ``thinking``, ``error``, ``finish_reason``,
    ``score``, ``scale``, ``reason`` and ``rationale`` are optional. All scores are on one scale,
    ``harm`` unless said.

    A row without an id has the one that it would have in a benchmark. Raises MsbError for missing
    columns, an id for two texts, bad scores.
    """
    found = Gathering(path, "table", intent)
    names: dict[str, Names] = defaultdict(Names)
    first: dict[tuple[str, str], tuple[Request, str]] = {}
    scale: Scale | None = None
    for where, row in rows(path):
        if is_blank(row):
            continue
        if row.get("state") == "pending" and not row.get("response"):
            found.leave_out("requests that were not answered")
            continue
        request, response = _request(where, row, intent), response_in(where, row)
        target = text_in(where, row, "model") or path.stem
        if not request.id:
            request = names[target].claim(where, request)
        before, there = first.setdefault((target, request.name), (request, where))
        if (before.text, before.context) != (request.text, request.context):
            raise MsbError(f"{where}: id {request.name!r} was used before, at {there}")
        scale = _scale(where, row, scale)
        verdict = _verdict(where, row, scale or HARM, request.intent)
        found.add_request(target, request, response, {"score": verdict} if verdict else {})
    records = found.records(own_systems=True)
    return [replace(record, scale=scale or HARM) for record in records]


def _scale(where: str, row: Mapping[str, Any], before: Scale | None) -> Scale | None:
    """The scale of this row's score and of those before; None until one says."""
    if row.get("score") in (None, ""):
        return before
    scale = scale_named(text_in(where, row, "scale") or HARM.key)
    if before not in (None, scale):
        raise MsbError(
            f"{where}: scale {scale.key} after {before.key}; give each a file of its own"
        )
    return scale


def _request(where: str, row: Mapping[str, Any], intent: str | None) -> Request:
    text = next((name for name in ("text", "request", "messages") if row.get(name)), None)
    if text is None or "response" not in row:
        raise MsbError(f"{where}: expected the columns text and response; found: {', '.join(row)}")
    columns = {} if text == "messages" else {"text": text}
    turn, framing = pressure_in(row)
    asked = request_in(where, row, columns, intent or "harmful")
    return replace(asked, turn=turn, framing=framing)


def _verdict(where: str, row: Mapping[str, Any], scale: Scale, intent: str) -> Verdict | None:
    if "score" not in row:
        return None
    rationale = text_in(where, row, "rationale") or ""
    try:
        score = whole_of(row["score"])
        if score is None:
            reason = text_in(where, row, "reason") or "no_verdict"
            return Verdict(reason=reason, rationale=rationale)
        return Verdict(scale.level(score, intent), rationale=rationale)
    except ValueError:
        known = ", ".join(map(str, scale.scores(intent)))
        raise MsbError(
            f"{where}: score {shown(row['score'])}; expected one of {known} for a {intent} "
            "request, or nothing"
        ) from None
