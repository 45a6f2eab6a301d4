"""A folder as ``datasets.load_dataset`` takes it: every row in Parquet, with a card."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ...benchmarks import Benchmark
from ...benchmarks.files import as_row
from ...legible import markdown
from ...tables import write_rows
from ...wholefiles import put
from .material import Exported, Material

CARD = """\
---
configs:
- config_name: default
  data_files:
  - split: {split}
    path: data/{split}.parquet
---

# {name}

{count:,} {what} of MedSafetyBench's evaluation, exported by `msb`; benchmark SHA-256 {sha256}.
It holds requests that are harmful by design, for evaluating and improving the safety of language
models.
"""


def of_benchmark(benchmark: Benchmark, form: str, output: Path) -> Exported:
    """Write a benchmark's requests."""
    return _write(output, benchmark.name, benchmark.sha256, "requests", map(as_row, benchmark))


def of_run(material: Material, form: str, output: Path) -> Exported:
    """Write a run's rows."""
    sha256 = material.card.benchmark.sha256
    return _write(output, material.record.id, sha256, "rows", material.rows())


def _write(
    output: Path, name: str, sha256: str, what: str, rows: Iterable[Mapping[str, Any]]
) -> Exported:
    """The card comes last: it makes the folder whole."""
    part = name.rpartition("/")[2]
    split = part if part in ("improve", "eval") else what
    count = write_rows(output / "data" / f"{split}.parquet", rows)
    card = CARD.format(split=split, name=markdown(name), count=count, what=what, sha256=sha256)
    put(output / "README.md", card)
    return Exported(count)
