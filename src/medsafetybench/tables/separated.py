"""Tables of separated cells, as spreadsheets and programs save them.

    separated_rows(Path("ours.csv"))    # commas, semicolons or tabs; a sep= line; blank lines first

A spreadsheet runs a cell that begins like a formula, so what we write has an apostrophe in front of
it; reading such a file takes the apostrophe off again.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

from ..errors import MsbError
from ..legible import visible
from ..textfiles import LONGEST_LINE, lines

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
SAMPLE = 200
"""Lines from which the separator is told."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings that make a spreadsheet run a cell."""

MOST_COLUMNS, MOST_ABSENT = 1_000, 10_000_000
"""Columns of a table, and cells that its rows lack in all: a row of two bytes would otherwise take
as much as the header says."""

csv.field_size_limit(LONGEST_LINE)


def neutral(cell: Any) -> Any:
    """The cell, as text that no spreadsheet runs; ``original`` gives back what it was."""
    return f"'{cell}" if isinstance(cell, str) and _runs(cell.lstrip("'")) else cell


def original(cell: str) -> str:
    """The cell that ``neutral`` made this of."""
    return cell[1:] if cell.startswith("'") and _runs(cell.lstrip("'")) else cell


def _runs(cell: str) -> bool:
    """True if the first sign that is seen, or its narrow form, begins a formula."""
    for sign in cell:
        if sign in FORMULA or unicodedata.normalize("NFKC", sign) in FORMULA:
            return True
        if not sign.isspace() and visible(sign) == sign and unicodedata.category(sign) != "Cf":
            return False
    return False


@dataclass(frozen=True)
class _Form:
    """How a file is laid out: lines before the header, and what separates cells."""

    before: int
    separator: str

    def records(self, path: Path) -> Iterator[tuple[int, list[str]]]:
        """Each record, the header first, with the number of the line where it begins."""
        reader = csv.reader(
            islice(lines(path), self.before, None), delimiter=self.separator, strict=True
        )
        line = self.before + 1
        try:
            for cells in reader:
                # A row may run over several lines; it is known by its first.
                yield line, cells
                line = self.before + reader.line_num + 1
        except csv.Error as error:
            raise MsbError(f"{path}:{line}: not a CSV row: {error}") from None


def separated_rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The rows of a file with a header. Raises MsbError naming file and line."""
    form = _form(path)
    records = form.records(path)
    number, names = next(records, (1, []))
    header = _header(f"{path}:{number}", names)
    ours: bool | None = None
    absent = 0
    for line, found in records:
        where, cells = f"{path}:{line}", found
        if len(cells) > len(header) and not any(cells[len(header) :]):
            cells = cells[: len(header)]
        absent += len(header) - len(cells) if cells else 0
        if absent > MOST_ABSENT:
            raise MsbError(f"{where}: fewer cells than the header's {len(header)}, as many before")
        if len(cells) > len(header):
            raise MsbError(
                f"{where}: more cells than the header's {len(header)}; "
                f"quote cells that hold {SEPARATORS[form.separator]}"
            )
        if any(cell != original(cell) for cell in cells):
            ours = _neutralised(path, form) if ours is None else ours
            cells = [original(cell) for cell in cells] if ours else cells
        if cells:
            yield where, dict(zip_longest(header, cells))


def _header(where: str, names: list[str]) -> list[str]:
    names = [original(name.strip(" \ufeff")) for name in names]
    check_names(where, names)
    return names


def check_names(where: str, names: Sequence[str]) -> None:
    """Raise MsbError for columns of one name, and for more than ``MOST_COLUMNS``."""
    if len(names) > MOST_COLUMNS:
        raise MsbError(f"{where}: {len(names):,} columns; expected at most {MOST_COLUMNS:,}")
    for name in names:
        if name and names.count(name) > 1:
            raise MsbError(f"{where}: the column {name!r} occurs twice; give each its own name")


def _neutralised(path: Path, form: _Form) -> bool:
    """True if a file has an apostrophe before every cell that a spreadsheet would run.

    So have those that we wrote. Elsewhere an apostrophe is a part of the text. Numbers may be
    below zero in either.
    """
    cells = (cell for _, found in form.records(path) for cell in found)
    return not any(_runs(cell) and not _number(cell) for cell in cells)


def _number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _form(path: Path) -> _Form:
    sample = list(islice(lines(path), SAMPLE))
    before = _blank(sample, 0)
    told = re.match(r'"?sep=([,;\t])', sample[before], re.IGNORECASE) if sample[before:] else None
    if told:
        return _Form(_blank(sample, before + 1), told[1])
    return _Form(before, _separator(sample[before:], whole=len(sample) < SAMPLE))


def _blank(sample: list[str], start: int) -> int:
    """The first line from ``start`` on that holds anything besides separators."""
    blank = (n for n in range(start, len(sample)) if sample[n].strip(" ,;\t\r\n"))
    return next(blank, len(sample))


def _separator(sample: list[str], whole: bool) -> str:
    """What cuts the first rows into several columns, all alike; a comma if nothing does."""

    def fit(separator: str) -> tuple[bool, bool, int]:
        widths: list[int] = []
        with suppress(csv.Error):  # a cell that is too long, which reading says with its line
            widths.extend(len(cells) for cells in csv.reader(sample, delimiter=separator) if cells)
        widths = widths if whole else widths[:-1]  # the last row may go on beyond the sample
        columns = widths[0] if widths else 0
        return columns > 1, columns > 1 and len(set(widths)) == 1, columns

    return max(SEPARATORS, key=fit)
