"""Tables in files: rows read from, and written to, ``.csv``, ``.jsonl``, ``.json``, ``.parquet``.

    for where, row in rows(Path("ours.csv")):    # where: "ours.csv:2"
        row["text"]
    write_rows(Path("results.parquet"), found)

Whatever cannot be read is said with the file and the line, what was found and what was expected.
"""

from .reading import SUFFIXES, Row, is_blank, is_table, rows
from .separated import neutral
from .writing import write_rows

__all__ = ["SUFFIXES", "Row", "is_blank", "is_table", "neutral", "rows", "write_rows"]
