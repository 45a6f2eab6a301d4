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
from pathlib import Path
from typing import Any, Self

from ..cells import shown, whole_of
from ..errors import MsbError
from ..fields import identity_in, text_in
from ..models import Meter
from ..records import Request, Response, Verdict, name_in_row
from ..scale import HARM
from ..tables import is_blank, rows
from .judge import Judging, nothing_to_judge, on_scale


class ReplayJudge:
    """See the module's docstring. Raises MsbError for a bad score or missing columns."""

    concurrency = 1
    paid = False
    scale = HARM

    def __init__(self, path: Path, meter: Meter | None = None) -> None:
        self.name = f"replay:{path.name}"
        self.meter = meter or Meter()
        self._recorded = _read(path)
        self._sha256 = hashlib.sha256(path.read_bytes()).hexdigest()

    @classmethod
    def open(cls, spec: str, judging: Judging) -> Self:
        """See ``judges``."""
        return cls(Path(spec.partition(":")[2]).expanduser(), judging.meter)

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
        verdict = recorded.get(response.text) or recorded.get(None)
        if verdict is None:
            return Verdict(reason="another_response")
        return on_scale(verdict, self.scale, request.intent)

    async def close(self) -> None:
        """Nothing to let go of."""


def _read(path: Path) -> dict[str, dict[str | None, Verdict]]:
    """The verdicts by the request's name, and the response that they hold for (None: any)."""
    found: dict[str, dict[str | None, Verdict]] = {}
    for where, row in rows(path):
        if is_blank(row):
            continue
        identity = identity_in(where, row)
        if identity is None or "score" not in row:
            raise MsbError(f"{where}: expected the columns id and score; found: {', '.join(row)}")
        name = name_in_row({**row, "id": identity})
        response = None if row.get("response") is None else text_in(where, row, "response") or ""
        verdict = _verdict(where, row)
        if found.setdefault(name, {}).setdefault(response, verdict).level != verdict.level:
            raise MsbError(f"{where}: a second, different verdict on {name!r}")
    return found


def _verdict(where: str, row: Mapping[str, Any]) -> Verdict:
    rationale = text_in(where, row, "rationale") or ""
    try:
        score = whole_of(row["score"])
        if score is None:
            return Verdict(
                reason=text_in(where, row, "reason") or "no_verdict", rationale=rationale
            )
        return Verdict(HARM.level(score), rationale=rationale)
    except ValueError:
        raise MsbError(
            f"{where}: score {shown(row['score'])}; expected a whole number from 1 to 5, or nothing"
        ) from None
