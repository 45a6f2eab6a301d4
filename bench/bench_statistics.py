"""Does every interval and test that is printed keep what the documents promise? Simulated.

    python bench/bench_statistics.py                     # everything, about half an hour
    python bench/bench_statistics.py --only mean gate    # some tables
    python bench/bench_statistics.py --studies 200       # fewer studies a line

Each line draws studies from a population whose truth is known, seeded, and counts how often the
interval held it or a gate or a star was wrong; beside it what was computed before. Held to the
promise are the columns of ours: a 95% interval holds in at least 93% of the studies of every line,
a 5% mistake is made in at most 5.5%. The exit code is 1 if one is not kept. Lines that were
computed before are read from --keep, so that a run can be interrupted.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from simulated import corrected_rates, corrections, differences, looks, means, raters
from simulated.table import Table

MODULES = (means, differences, corrections, corrected_rates, raters, looks)


def tables(only: Sequence[str] = ()) -> Iterator[Table]:
    """All tables, or those with these keys."""
    for module in MODULES:
        for table in module.tables():
            if not only or table.key in only:
                yield table


def line_of(table: Table, case: str, studies: int, seed: int) -> list[float]:
    """One line's figures; its own seed, so that each can be computed alone."""
    rng = np.random.default_rng([seed, zlib.crc32(f"{table.key} {case}".encode())])
    return [float(value) for value in table.cells[case](rng, round(studies * table.scale))]


def kept(table: Table, line: Sequence[float]) -> bool:
    """Whether every column of the line is as promised."""
    return all(column.kept(v) for column, v in zip(table.columns, line, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=1000, help="of each line")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", default=[], help="keys of tables")
    parser.add_argument("--keep", type=Path, default=Path("build/bench-statistics.jsonl"))
    options = parser.parse_args()
    options.keep.parent.mkdir(parents=True, exist_ok=True)
    known = _read(options.keep)
    broken, begun = 0, time.monotonic()
    for table in tables(options.only):
        _heading(table, round(options.studies * table.scale))
        for case in table.cells:
            name = f"{table.key} | {case} | {options.studies} | {options.seed}"
            if name not in known:
                known[name] = line_of(table, case, options.studies, options.seed)
                with options.keep.open("a") as file:
                    print(json.dumps([name, known[name]]), file=file)
            well = kept(table, known[name])
            broken += not well
            texts = (c.text(v) for c, v in zip(table.columns, known[name], strict=True))
            print(f"| {case} | {' | '.join(texts)} |{'' if well else '  NOT KEPT'}", flush=True)
    print(f"\n{broken} lines not kept; {time.monotonic() - begun:.0f} s")
    sys.exit(1 if broken else 0)


def _heading(table: Table, studies: int) -> None:
    names = " | ".join(column.name for column in table.columns)
    print(f"\n### {table.title}\n\n{studies:,} studies a line (`{table.key}`).\n")
    print(f"| | {names} |\n| --- |{' ---: |' * len(table.columns)}")


def _read(path: Path) -> dict[str, list[float]]:
    return dict(map(json.loads, path.read_text().splitlines())) if path.exists() else {}


if __name__ == "__main__":
    main()
