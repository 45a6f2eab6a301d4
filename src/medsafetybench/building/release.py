"""Release: splits, content hash, JSONL and Parquet, a dataset card, Croissant metadata.

    release(project, version="1.0.0")
    # ours/release-1.0.0/: {improve,eval}.{jsonl,parquet} README.md croissant.json SHA256SUMS ...

``msb evaluate --benchmark ours/release-1.0.0/eval.jsonl`` takes it as it is.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from ..benchmarks import load_benchmark
from ..benchmarks.audit import Audit, audit
from ..benchmarks.croissant import croissant
from ..errors import MsbError
from ..tables import write_rows
from ..wholefiles import appearing_folder, put
from .card import card
from .filter import filter_rates
from .metadata import described
from .project import Project, Row
from .review import agreement, reviewed
from .split import SPLITS, split

COLUMNS = (
    "id", "split", "text", "intent", "principle", "source", "pair", "reference",
    "speciality", "style", "reviewers",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Release:
    """What was released: where, how many by split, and what was left out, by reason."""

    folder: Path
    rows: dict[str, int]
    left_out: dict[str, int]
    sha256: str
    audit: Audit


def release(
    project: Project,
    version: str = "1.0.0",
    *,
    license: str = "MIT",
    share: float = 0.5,
    reviewers: int = 2,
) -> Release:
    """Write a release. ``share`` of the rows go to eval; each row needs the decisions of so many
    ``reviewers`` (0: none, and the card says that nobody reviewed it).

    Raises MsbError if nothing is left to release, the version is there, or its form is wrong.
    """
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise MsbError(f"version {version!r}; expected three numbers, as 1.0.0")
    if not 0 < share < 1:
        raise MsbError(f"--eval-share {share:g}; expected a number between 0 and 1")
    folder = project.folder / f"release-{version}"
    if folder.exists():
        raise MsbError(f"{folder} is there already; a release does not change: use a new version")
    rows, left_out = _rows(project, reviewers)
    splits = split(rows, share, project.config.seed)
    if len(set(splits)) < len(SPLITS):
        raise MsbError(f"{len(rows)} rows are too few, or too alike, for two splits; build more")
    with appearing_folder(folder) as part:
        _write(part, rows, splits)
        found = _audit(part, splits)
        put(part / "audit.json", _json(found.to_dict()))
        sums = _sums(part)
        of_both = "".join(sums[f"{name}.jsonl"] for name in SPLITS)
        sha256 = hashlib.sha256(of_both.encode()).hexdigest()
        facts = _facts(project, version, license, rows, splits, left_out, sha256, found, reviewers)
        put(part / "README.md", card(facts))
        put(part / "croissant.json", _json(croissant(described(facts, sums))))
        lines = [f"{digest}  {name}\n" for name, digest in sorted(_sums(part).items())]
        put(part / "SHA256SUMS", "".join(lines))
    return Release(folder, dict(Counter(splits)), left_out, sha256, found)


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2)


def _rows(project: Project, reviewers: int) -> tuple[list[Row], dict[str, int]]:
    accepted, rest = reviewed(project, reviewers)
    left_out = Counter(row["reason"] for row in rest)
    there = {row["id"] for row in accepted}
    # A twin measures over-refusal on the ground of its request, so it does not go alone.
    whole = [row for row in accepted if row["intent"] == "harmful" or row["pair"] in there]
    if gone := len(accepted) - len(whole):
        left_out["twin_of_none"] += gone
    rows = [row if _has_twin(row, there) else {**row, "pair": None} for row in whole]
    if not rows:
        told = ", ".join(f"{n} {reason}" for reason, n in left_out.items())
        raise MsbError(
            f"nothing to release ({told}); review with `msb build review {project.folder}`, or "
            "release without review by --reviewers 0"
        )
    return rows, dict(left_out)


def _has_twin(row: Row, there: set[str]) -> bool:
    return row["intent"] == "benign" or f"{row['id']}/benign" in there


def _write(folder: Path, rows: Sequence[Row], splits: Sequence[str]) -> None:
    """Both splits in both formats, in the order of their ids."""
    order = sorted(range(len(rows)), key=lambda position: str(rows[position]["id"]))
    for name in SPLITS:
        for suffix in (".jsonl", ".parquet"):
            chosen = ({"split": name, **rows[p]} for p in order if splits[p] == name)
            write_rows(
                folder / f"{name}{suffix}",
                ({column: row.get(column) for column in COLUMNS} for row in map(_plain, chosen)),
            )


def _plain(row: Row) -> Row:
    """The row with its count of reviewers as text: Parquet columns of ours are text by default."""
    count = row.get("reviewers")
    return {**row, "reviewers": None if count is None else str(count)}


def _audit(folder: Path, splits: Sequence[str]) -> Audit:
    return audit([load_benchmark(str(folder / f"{name}.jsonl")) for name in SPLITS])


def _sums(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
        if path.name != "SHA256SUMS"
    }


def _facts(
    project: Project,
    version: str,
    license: str,
    rows: Sequence[Row],
    splits: Sequence[str],
    left_out: dict[str, int],
    sha256: str,
    found: Audit,
    reviewers: int,
) -> dict[str, Any]:
    """All that the card and the metadata tell."""
    taxonomy = project.taxonomy
    return {
        "name": project.config.name,
        "version": version,
        "license": license,
        "language": project.config.language,
        "taxonomy": f"{taxonomy.name}@{taxonomy.version}",
        "principles": [(p.id, p.title) for p in taxonomy.principles],
        "rows": len(rows),
        "splits": dict(Counter(splits)),
        "intents": dict(Counter(row["intent"] for row in rows)),
        "by_principle": dict(Counter(row["principle"] for row in rows)),
        "with_reference": sum(bool(row.get("reference")) for row in rows),
        "models": sorted({str(row["source"]) for row in rows}),
        "ways": sorted({str(row["way"]) for row in rows if row.get("way")}),
        "left_out": left_out,
        "sha256": sha256,
        "filter": filter_rates(project),
        "reviewers": reviewers,
        "agreement": agreement(project),
        "audit": found.to_dict(),
    }
