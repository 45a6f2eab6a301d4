"""Reading another tool's log, whichever it is, or a plain table of responses.

    read_log(Path("logs/run.eval"))           # Inspect
    read_log(Path("samples_task.jsonl"))      # lm-eval
    read_log(Path("responses.csv"))           # columns text and response; id, intent, score, ...

The format is told by what is in the file; ``format`` overrides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from ..benchmarks.files import Names, request_in
from ..errors import MsbError, UnknownName
from ..records import Request, Response, Verdict, pressure_in
from ..scale import HARM, Scale, scale_named
from ..tables import rows
from .inspect_log import read_inspect_log
from .other_logs import read_lm_eval, read_promptfoo, read_pyrit
from .recorded import Recorded, Sample

Reader = Callable[[Path, str | None], Recorded | list[Recorded]]


def read_log(path: Path, format: str | None = None, intent: str | None = None) -> list[Recorded]:
    """The records in a file: one for each target it holds. Ids are made unique.

    ``intent`` is for requests that do not say theirs. Raises MsbError for a file that is none of
    the known formats, or lacks what its format should have.
    """
    path = path.expanduser()
    if not path.is_file():
        raise MsbError(f"{path}: no such file")
    name = format or detect(path)
    if name not in READERS:
        raise UnknownName("format", name, READERS)
    found = READERS[name](path, intent)
    return found if isinstance(found, list) else [found]


def detect(path: Path) -> str:
    """The format of a file, by its ending and what is in it. Raises MsbError if it is unknown."""
    if path.suffix == ".eval":
        return "inspect"
    if path.suffix in (".csv", ".jsonl", ".parquet"):
        _, first = next(iter(rows(path)), ("", {}))
        if {"doc_id", "resps"} <= first.keys():
            return "lm-eval"
        return "pyrit" if {"conversation_id", "role"} <= first.keys() else "table"
    if path.suffix == ".json":
        return _detect_json(path)
    raise MsbError(f"{path}: expected a .eval, .json, .jsonl, .csv or .parquet file")


def _detect_json(path: Path) -> str:
    try:
        found = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise MsbError(f"{path}: not JSON: {error}") from None
    if isinstance(found, list):
        return "pyrit"
    if isinstance(found, dict) and "eval" in found:
        return "inspect"
    if isinstance(found, dict) and "results" in found:
        return "promptfoo"
    raise MsbError(f"{path}: not a log known here; give --format {', '.join(READERS)}")


def read_table(path: Path, intent: str | None = None) -> Recorded:
    """A table with the columns ``text`` (or request) and ``response``; those of a benchmark's file,
    ``turn``, ``framing``, ``error``, ``score``, ``scale``, ``reason`` and ``rationale`` are
    optional. All scores are on one scale, ``harm`` unless said.

    A row without an id has the one that it would have in a benchmark. Raises MsbError for missing
    columns, ids used twice, bad scores.
    """
    samples, names = [], Names()
    scale: Scale | None = None
    for where, row in rows(path):
        scale = _table_scale(where, row, scale)
        request = names.claim(where, _table_request(where, row, intent))
        error = str(row["error"]) if row.get("error") else None
        response = Response(text="" if error else str(row["response"] or ""), error=error)
        verdict = _table_verdict(where, row, scale or HARM, request.intent)
        samples.append(Sample(request, response, {"score": verdict} if verdict else {}))
    if not samples:
        raise MsbError(f"{path}: no row in this file; expected at least one")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return Recorded(path.stem, "table", sha256, samples, benchmark=path.name, scale=scale or HARM)


def _table_scale(where: str, row: Mapping[str, Any], before: Scale | None) -> Scale | None:
    """The scale of this row's score and of those before; None until one says."""
    if row.get("score") in (None, ""):
        return before
    scale = scale_named(str(row.get("scale") or HARM.key))
    if before not in (None, scale):
        raise MsbError(
            f"{where}: scale {scale.key} after {before.key}; give each a file of its own"
        )
    return scale


def _table_request(where: str, row: Mapping[str, Any], intent: str | None) -> Request:
    text = "text" if row.get("text") else "request"
    if not row.get(text) or "response" not in row:
        raise MsbError(f"{where}: expected the columns text and response; found: {', '.join(row)}")
    asked = request_in(where, row, {"text": text}, intent or "harmful")
    turn, framing = pressure_in(row)
    return replace(asked, turn=turn, framing=framing)


def _table_verdict(where: str, row: Mapping[str, Any], scale: Scale, intent: str) -> Verdict | None:
    if "score" not in row:
        return None
    rationale = str(row.get("rationale") or "")
    if row["score"] in (None, ""):
        return Verdict(reason=str(row.get("reason") or "no_verdict"), rationale=rationale)
    try:
        number = float(row["score"])
        level = scale.level(int(number) if number.is_integer() else -1, intent)
        return Verdict(level, rationale=rationale)
    except ValueError:
        known = ", ".join(map(str, scale.scores(intent)))
        raise MsbError(
            f"{where}: score {row['score']!r}; expected one of {known} for a {intent} request, or "
            "nothing"
        ) from None


READERS: dict[str, Reader] = {
    "inspect": read_inspect_log,
    "lm-eval": read_lm_eval,
    "promptfoo": read_promptfoo,
    "pyrit": read_pyrit,
    "table": read_table,
}
