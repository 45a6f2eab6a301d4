"""Reading: strict about what a table says, lenient about how it was saved.

Separated by commas, semicolons or tabs; in UTF-8 or UTF-16; lines or one list of JSON; with blank
lines first, a ``sep=`` line, or an ending in capitals. All are the same rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .. import jsontext, textfiles
from ..errors import MissingExtra, MsbError
from .separated import MOST_ABSENT, check_names, separated_rows

SUFFIXES = (".csv", ".jsonl", ".parquet")
"""The endings that we name first; ``READ`` has all that are taken."""

Row = tuple[str, Mapping[str, Any]]
"""Where a row stands (``file:line``) and its cells by column name."""


def is_table(name: str | Path) -> bool:
    """True if the name ends as a table's does."""
    return Path(name).suffix.lower() in READ


def is_blank(row: Mapping[str, Any]) -> bool:
    """True for a row without any content, such as spreadsheets leave at the end."""
    return len(row) > 1 and all(value in (None, "") for value in row.values())


def rows(path: Path) -> Iterator[Row]:
    """The rows of a file of a kind that its name ends in, one by one; see the module's docstring.

    Raises MsbError naming file and line for what cannot be read as such, and beyond ``MOST_ROWS``.
    """
    read = READ.get(path.suffix.lower())
    if read is None:
        raise MsbError(f"{path}: expected a file ending in {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise MsbError(f"{path}: no such file")
    return _counted(path, read(path))


MOST_ROWS = 1_000_000


def _counted(path: Path, found: Iterator[Row]) -> Iterator[Row]:
    for number, row in enumerate(found):
        if number == MOST_ROWS:
            raise MsbError(f"{path}: more than {MOST_ROWS:,} rows; give it in parts")
        yield row


def _json_rows(path: Path) -> Iterator[Row]:
    """An object a line, or one list of objects: the first line that is not blank tells which."""
    if path.suffix.lower() == ".json" and (listed := _listed(path)) is not None:
        yield from listed
        return
    for number, line in enumerate(textfiles.lines(path), 1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            # A mark within a file is the beginning of another that was put behind it.
            row = jsontext.loads(line.lstrip("\ufeff"))
        except ValueError as error:
            if (listed := _listed(path)) is not None:
                yield from listed
                return
            raise MsbError(f"{where}: not JSON: {error}") from None
        if isinstance(row, list) and (listed := _listed(path)) is not None:
            yield from listed
            return
        yield where, _object(where, row)


def _listed(path: Path) -> Iterator[Row] | None:
    """The rows of a file that is one JSON value, or None if it is none."""
    try:
        found = jsontext.loads(textfiles.whole(path))
    except ValueError:
        return None
    if isinstance(found, dict):
        lists = [v for v in found.values() if isinstance(v, list) and v]
        # {"data": [{...}, ...]}: the one list that an object holds; else the object is the row.
        found = lists[0] if len(found) == len(lists) == 1 else [found]
    items = enumerate(found if isinstance(found, list) else [found], 1)
    wheres = ((f"{path}: item {number}", row) for number, row in items)
    return ((where, _object(where, row)) for where, row in wheres)


def _object(where: str, row: Any) -> Mapping[str, Any]:
    if not isinstance(row, dict):
        raise MsbError(f'{where}: expected an object such as {{"text": "..."}}')
    return row


def _parquet_rows(path: Path) -> Iterator[Row]:
    try:
        from pyarrow import parquet
    except ImportError:
        raise MissingExtra("a Parquet file", "parquet") from None
    number = 0
    try:
        file = parquet.ParquetFile(path)
        check_names(str(path), file.schema_arrow.names)
        _check_cells(path, file.metadata)
        unpacked, most = 0, max(PARQUET_LEAST, PARQUET_TIMES * path.stat().st_size)
        for batch in file.iter_batches(_at_once(path, file.metadata, most)):
            unpacked += batch.nbytes
            _check_unpacked(path, unpacked, most)
            for row in batch.to_pylist():
                number += 1
                yield f"{path}: row {number}", {k: _there(v) for k, v in row.items()}
    except MsbError:
        raise
    except Exception as error:  # a damaged file fails in as many ways as Arrow has parts
        raise MsbError(
            f"{path}: not a Parquet file: {' '.join(str(error).split())[:200]}"
        ) from None


PARQUET_LEAST, PARQUET_TIMES = 256 * 2**20, 100
"""A Parquet file may unpack to so many bytes, or to so many times its size if that is more."""


def _check_cells(path: Path, metadata: Any) -> None:
    """Raise MsbError for more cells than the file can hold anything in: what is not there takes no
    room in a file, and some in memory."""
    cells = metadata.num_rows * metadata.num_columns
    if metadata.num_rows > MOST_ROWS or cells > max(
        MOST_ABSENT, PARQUET_TIMES * path.stat().st_size
    ):
        raise MsbError(
            f"{path}: {metadata.num_rows:,} rows of {metadata.num_columns:,} columns, and hardly "
            f"anything in them, or more than {MOST_ROWS:,}; give the rows as .jsonl, in parts"
        )


def _at_once(path: Path, metadata: Any, most: int) -> int:
    """How many rows to unpack at a time, so that not even the longest cells fill the memory."""
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    chunks = [g.column(i).total_uncompressed_size for g in groups for i in range(g.num_columns)]
    _check_unpacked(path, sum(chunks), most)
    longest: int = max([1, *chunks])
    return max(1, min(1000, PARQUET_LEAST // longest))


def _check_unpacked(path: Path, unpacked: int, most: int) -> None:
    if unpacked > most:
        raise MsbError(
            f"{path}: unpacks to more than {most // 2**20:,} MiB, {PARQUET_TIMES} times its size; "
            "give the rows as .jsonl"
        )


def _there(cell: Any) -> Any:
    """The cell; None for NaN, which is how a column of numbers says that there is none."""
    return None if isinstance(cell, float) and math.isnan(cell) else cell


READ: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".csv": separated_rows,
    ".tsv": separated_rows,
    ".jsonl": _json_rows,
    ".ndjson": _json_rows,
    ".json": _json_rows,
    ".parquet": _parquet_rows,
}
