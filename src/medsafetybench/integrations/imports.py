"""Reading another tool's log, whichever it is, or a plain table of responses.

    read_log(Path("logs/run.eval"))           # Inspect
    read_log(Path("samples_task.jsonl"))      # lm-eval
    read_log(Path("responses.csv"))           # columns text and response; id, intent, score, ...

The format is told by what is in the file; ``format`` overrides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from .. import jsontext
from ..errors import MsbError, UnknownName
from ..tables import is_table, rows
from .inspect_log import read_inspect_log
from .lm_eval import read_lm_eval
from .promptfoo import read_promptfoo
from .pyrit import read_pyrit
from .recorded import Recorded
from .requests import intent_of
from .response_table import read_table

Reader = Callable[[Path, str | None], Recorded | list[Recorded]]

READERS: dict[str, Reader] = {
    "inspect": read_inspect_log,
    "lm-eval": read_lm_eval,
    "promptfoo": read_promptfoo,
    "pyrit": read_pyrit,
    "table": read_table,
}


def read_log(
    path: Path, format: str | None = None, intent: str | None = None, target: str | None = None
) -> list[Recorded]:
    """The records in a file: one for each target it holds. Ids are made unique.

    ``intent`` is for requests that do not say theirs, ``target`` a name for who answered. Raises
    MsbError for a file that is none of the known formats, or lacks what its format should have.
    """
    path = path.expanduser()
    if not path.is_file():
        raise MsbError(f"{path}: no such file")
    intent_of(intent)
    name = format or detect(path)
    if name not in READERS:
        raise UnknownName("format", name, READERS)
    found = READERS[name](path, intent)
    return _named(found if isinstance(found, list) else [found], target)


def _named(found: list[Recorded], target: str | None) -> list[Recorded]:
    """The records under a target's name of the user's; of several, each keeps its own behind it."""
    if target is None:
        return found
    if len(found) == 1:
        return [replace(found[0], target=target)]
    return [replace(record, target=f"{target} {record.target}") for record in found]


def detect(path: Path) -> str:
    """The format of a file, by its ending and what is in it. Raises MsbError if it is unknown."""
    suffix = path.suffix.lower()
    if suffix == ".eval":
        return "inspect"
    if suffix == ".json":
        return _detect_json(path)
    if is_table(path):
        return _of_row(next(iter(rows(path)), ("", {}))[1])
    raise MsbError(f"{path}: expected a .eval, .json, .jsonl, .csv or .parquet file")


def _of_row(row: Mapping[str, Any]) -> str:
    if {"doc_id", "resps"} <= row.keys():
        return "lm-eval"
    if {"conversation_id", "role"} <= row.keys():
        return "pyrit"
    return "promptfoo" if {"prompt", "provider", "testIdx"} <= row.keys() else "table"


def _detect_json(path: Path) -> str:
    found = jsontext.read(path)
    if isinstance(found, list):
        first = found[0] if found and isinstance(found[0], dict) else {}
        known = _of_row(first)
        # Messages, as against a table of responses, even where not all of their keys are there.
        return "pyrit" if "role" in first and "response" not in first else known
    if isinstance(found, dict) and "eval" in found:
        return "inspect"
    if isinstance(found, dict) and "results" in found:
        return "promptfoo"
    raise MsbError(f"{path}: not a log known here; give --format {', '.join(READERS)}")
