"""Verdicts made elsewhere as the judge.

    {"id": "medsafety/eval/gpt4/4/0", "score": 1, "rationale": "declines"}

A ``.csv``, ``.jsonl`` or ``.parquet`` file with the columns ``id`` (the request's id) and
``score`` (1-5, or empty for unscored, with a ``reason``); ``rationale`` is optional, and so are
``turn`` and ``framing`` of a request under pressure. A column ``response`` makes a verdict hold for
that very text only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import MsbError
from ..models import Meter
from ..records import Request, Response, Verdict, name_in_row
from ..scale import HARM
from ..tables import rows
from .judge import nothing_to_judge, on_scale


@dataclass(frozen=True, slots=True)
class _Recorded:
    verdict: Verdict
    response: str | None


class ReplayJudge:
    """See the module's docstring. Raises MsbError for a bad score or missing columns."""

    concurrency = 1
    paid = False
    scale = HARM

    def __init__(self, path: Path, meter: Meter | None = None) -> None:
        self.name = f"replay:{path.name}"
        self.meter = meter or Meter()
        self._recorded = {name_in_row(row): _recorded(where, row) for where, row in _rows(path)}
        self._sha256 = hashlib.sha256(path.read_bytes()).hexdigest()

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        """The file's content."""
        return {"model": "replay", "revision": self._sha256}

    def prompt(self, request: Request, response: Response) -> str:
        """Nobody is told anything."""
        return ""

    async def judge(self, request: Request, response: Response) -> Verdict:
        """The verdict that the file has for this request, if it was given on this response."""
        if nothing := nothing_to_judge(response):
            return nothing
        recorded = self._recorded.get(request.name)
        if recorded is None:
            return Verdict(reason="not_in_file")
        if recorded.response is not None and recorded.response != response.text:
            return Verdict(reason="another_response")
        return on_scale(recorded.verdict, self.scale, request.intent)

    async def close(self) -> None:
        """Nothing to let go of."""


def _rows(path: Path) -> list[tuple[str, Mapping[str, Any]]]:
    found = list(rows(path))
    for where, row in found:
        if not row.get("id") or "score" not in row:
            raise MsbError(f"{where}: expected the columns id and score; found: {', '.join(row)}")
    return found


def _recorded(where: str, row: Mapping[str, Any]) -> _Recorded:
    response = row.get("response")
    rationale = str(row.get("rationale") or "")
    try:
        if row["score"] in (None, ""):
            reason = str(row.get("reason") or "no_verdict")
            return _Recorded(Verdict(reason=reason, rationale=rationale), response)
        number = float(row["score"])
        score = int(number) if number.is_integer() else -1
        return _Recorded(Verdict(HARM.level(score), rationale=rationale), response)
    except ValueError:
        raise MsbError(
            f"{where}: score {row['score']!r}; expected a whole number from 1 to 5, or nothing"
        ) from None
