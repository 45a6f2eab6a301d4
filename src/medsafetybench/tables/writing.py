"""Writing: a file appears under its name only once it is whole.

    write_rows(Path("results.csv"), [{"id": "a", "text": "..."}])    # 1

What a cell of the format cannot hold, such as a conversation in CSV, is written as JSON.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import orjson

from ..errors import MissingExtra, MsbError
from ..wholefiles import appearing
from .separated import SEPARATORS, neutral

INTEGERS = ("principle", "turn", "score", "input_tokens", "output_tokens", "thinking_tokens")
OF_CRITERIA = ("criteria_score", "score_for_length", "missed", "over_escalated")
NUMBERS = ("latency", *OF_CRITERIA)


def write_rows(path: Path, found: Iterable[Mapping[str, Any]]) -> int:
    """Write rows to a file of a kind that its name ends in, streamed; return how many.

    The file appears under its name only once it is whole. In CSV, text that a spreadsheet would
    run as a formula gets an apostrophe in front. Raises MsbError if it cannot be written.
    """
    write = WRITE.get(path.suffix.lower())
    if write is None:
        raise MsbError(f"{path}: expected a name ending in {', '.join(WRITE)}")
    try:
        with appearing(path) as unfinished:
            count = write(unfinished, iter(found))
    except OSError as error:
        raise MsbError(f"{path} cannot be written: {error.strerror}") from None
    return count


def _write_csv(path: Path, found: Iterator[Mapping[str, Any]]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        for count, row in enumerate(found, 1):
            if count == 1:
                writer = csv.DictWriter(file, list(row))
                _write_header(file, list(row))
            writer.writerow({name: neutral(_flat(value)) for name, value in row.items()})
    return count


def _write_header(file: TextIO, names: list[str]) -> None:
    """A name that holds what may separate cells is quoted: a reader tells that from the header."""
    unclear = any(separator in name for name in names for separator in SEPARATORS)
    writer = csv.writer(file, quoting=csv.QUOTE_ALL if unclear else csv.QUOTE_MINIMAL)
    writer.writerow([neutral(name) for name in names])


def _flat(value: Any) -> Any:
    """The value as one cell: a conversation, or another value of several parts, as JSON."""
    return orjson.dumps(value).decode() if isinstance(value, list | tuple | dict) else value


def _write_jsonl(path: Path, found: Iterator[Mapping[str, Any]]) -> int:
    count = 0
    with path.open("wb") as file:
        for count, row in enumerate(found, 1):  # noqa: B007 (the last one is the number of rows)
            file.write(orjson.dumps(row) + b"\n")
    return count


def _write_json(path: Path, found: Iterator[Mapping[str, Any]]) -> int:
    count = 0
    with path.open("wb") as file:
        for count, row in enumerate(found, 1):
            file.write((b"[\n" if count == 1 else b",\n") + orjson.dumps(row))
        file.write(b"\n]\n" if count else b"[]\n")
    return count


def _write_parquet(path: Path, found: Iterator[Mapping[str, Any]]) -> int:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise MissingExtra("a Parquet file", "parquet") from None
    count, writer = 0, None
    while batch := list(islice(found, 1000)):
        if writer is None:
            schema = pyarrow.schema([(name, _arrow_type(name)) for name in batch[0]])
            writer = parquet.ParquetWriter(path, schema)
        flat = [{name: _flat(value) for name, value in row.items()} for row in batch]
        writer.write_batch(pyarrow.RecordBatch.from_pylist(flat, schema=schema))
        count += len(batch)
    if writer is not None:
        writer.close()
    else:
        parquet.write_table(pyarrow.table({}), path)
    return count


def _arrow_type(column: str) -> str:
    name = column.rpartition(".")[2]
    return "int64" if name in INTEGERS else "float64" if name in NUMBERS else "string"


WRITE = {
    ".csv": _write_csv,
    ".jsonl": _write_jsonl,
    ".parquet": _write_parquet,
    ".json": _write_json,
}
