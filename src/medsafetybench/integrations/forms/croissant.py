"""A benchmark as a folder with Croissant metadata: ``requests.jsonl`` and ``croissant.json``."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from ...benchmarks import Benchmark
from ...benchmarks.croissant import FIELDS, Described, croissant
from ...benchmarks.files import as_row
from ...reporting.limits import data_limits
from ...tables import write_rows
from ...wholefiles import appearing
from .material import Exported

FILE, METADATA = "requests.jsonl", "croissant.json"
EMBEDDED = ("starter", "everyday")
OURS = (
    "Composed singly with a language model, and not validated by clinicians (docs/{}.md of "
    "medsafetybench)."
)
AUTHORS = {
    "dataCollection": "Written by language models, GPT-4 and versions of Llama, from the AMA "
    "Principles of Medical Ethics (Han et al., MedSafetyBench, NeurIPS 2024).",
}
USES = {
    "dataUseCases": "To evaluate and improve the safety of medical language models; not to train "
    "one to comply.",
    "dataSocialImpact": "Its harmful requests can be put to models that were not made safe.",
}


def of_benchmark(benchmark: Benchmark, form: str, output: Path) -> Exported:
    """Write both files, the metadata last. The columns are those that some request has."""
    rows = [as_row(request) for request in benchmark]
    count = write_rows(output / FILE, rows)
    sha256 = hashlib.sha256((output / FILE).read_bytes()).hexdigest()
    columns = [name for name in FIELDS if any(row.get(name) is not None for row in rows)]
    described = _described(benchmark, sha256, columns)
    with appearing(output / METADATA) as part:
        part.write_bytes(orjson.dumps(croissant(described), option=orjson.OPT_INDENT_2))
    return Exported(count, what="requests", notes=_notes(described, rows))


def _described(benchmark: Benchmark, sha256: str, columns: list[str]) -> Described:
    chosen = f", narrowed down by {benchmark.selection}" if benchmark.selection else ""
    own, licence = _known(benchmark.name)
    limits = list(data_limits([benchmark.name]))
    return Described(
        name=benchmark.name,
        version=benchmark.version or "1.0",
        description=f"{len(benchmark)} requests to a medical language model, to measure its "
        f"safety{chosen}. SHA-256 of the requests in order: {benchmark.sha256}.",
        sha256=benchmark.sha256,
        files={FILE: sha256},
        records={"requests": FILE},
        columns=columns,
        published=datetime.now(UTC).date().isoformat(),
        license=licence,
        rai={**own, **USES, **({"dataLimitations": limits} if limits else {})},
    )


def _known(name: str) -> tuple[Mapping[str, str], str | None]:
    """What we know of where a benchmark comes from, and its licence."""
    whole = name.partition("/")[0]
    if whole in EMBEDDED:
        return {"dataCollection": OURS.format(whole)}, "MIT"
    return (AUTHORS, "MIT") if name.startswith("medsafety/") else ({}, None)


def _notes(described: Described, rows: list[dict[str, Any]]) -> list[str]:
    missing = [] if described.license else ["license"]
    missing += [] if "dataCollection" in described.rai else ["rai:dataCollection"]
    notes = [f"to fill in by its owner: {', '.join(missing)}"] if missing else []
    if conversations := sum(row["context"] is not None for row in rows):
        told = "the turns before; they are in the file and not in the metadata"
        notes.append(f"{conversations:,} of these are conversations, with {told}")
    return notes
