"""HealthBench's meta-evaluation: answers with one criterion each, called met or not by physicians.

    load_set("healthbench-meta")                    # once `msb data fetch` has it
    load_set("healthbench-meta:ours.jsonl")         # a file of one's own in this shape

    {"prompt": [{"role": "user", "content": "..."}], "completion": "...", "rubric": "...",
     "category": "...", "binary_labels": [true, false], "anonymized_physician_ids": ["a", "b"]}

A row is a request with its one criterion, for one point, so a judge's level is all points or none.
The label is what more than half of the physicians say; where they are in two halves there is none,
and each one's own counts all the same. We have seen the form alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from ..benchmarks.healthbench import request_in
from ..errors import MsbError
from ..fields import text_in
from ..records import Request, Response, digest
from ..scale import CRITERIA, points_level
from ..tables import is_blank, rows
from .labelled import Labelled, LabelledSet, settled

NAME, FILE = "healthbench-meta", "2025-05-07-06-14-12_oss_meta_eval.jsonl"
SLOTS = tuple(f"annotator {n}" for n in range(1, 13))
"""How many may have labelled one row."""
NOT_MET, MET = (points_level(share).score for share in (0.0, 1.0))


def of_files(files: Mapping[str, bytes]) -> tuple[list[Labelled], int]:
    """The rows of the published file."""
    listed = ((f"{FILE}:{n}", orjson.loads(s)) for n, s in enumerate(_lines(files[FILE]), 1))
    found = [_labelled(where, row) for where, row in listed]
    return found, 0


def file_set(path: Path) -> LabelledSet:
    """A file of one's own in this shape. Raises MsbError for a row that is not."""
    found = tuple(_labelled(where, row) for where, row in rows(path) if not is_blank(row))
    if not found:
        raise MsbError(f"{path}: no labelled answer in this file; expected at least one row")
    return LabelledSet(path.name, CRITERIA, found, annotators=SLOTS, own=True)


def _lines(content: bytes) -> Iterator[bytes]:
    return (line for line in content.split(b"\n") if line.strip())


def _labelled(where: str, row: Mapping[str, Any]) -> Labelled:
    criterion = {"criterion": text_in(where, row, "rubric"), "points": 1}
    asked = request_in(where, {**row, "rubrics": [criterion]})
    answer, group = text_in(where, row, "completion") or "", text_in(where, row, "category")
    labels, raters = row.get("binary_labels"), row.get("anonymized_physician_ids")
    if not _told(labels, raters):
        raise MsbError(
            f"{where}: expected binary_labels (true or false) and as many "
            f"anonymized_physician_ids, 1 to {len(SLOTS)}"
        )
    assert isinstance(labels, list)
    assert isinstance(raters, list)
    given = tuple(MET if label else NOT_MET for label in labels)
    one = digest([asked.text, [dict(turn) for turn in asked.context]])[:16]
    request = Request(
        id=f"{NAME}/{digest([one, answer, criterion])[:16]}",
        text=asked.text,
        intent="care",
        source=group,
        pair=f"{NAME}/{one}",
        context=asked.context,
        criteria=asked.criteria,
    )
    padded = given + (0,) * (len(SLOTS) - len(given))
    return Labelled(
        request, Response(answer), settled(given), padded, raters=tuple(map(str, raters))
    )


def _told(labels: Any, raters: Any) -> bool:
    lists = isinstance(labels, list) and isinstance(raters, list)
    return (
        lists
        and 0 < len(labels) == len(raters) <= len(SLOTS)
        and all(isinstance(label, bool) for label in labels)
    )
