"""HealthBench, and files of its shape: conversations with criteria that physicians wrote.

    load_benchmark("healthbench-hard")              # pinned, once `msb data fetch` has it
    load_benchmark("healthbench:ours.jsonl")        # a file of one's own in this shape

    {"prompt_id": "...", "prompt": [{"role": "user", "content": "..."}], "example_tags": [...],
     "rubrics": [{"criterion": "...", "points": 5, "tags": ["axis:accuracy"]}]}
    {"id": "...", "conversation": {"messages": [...]}, "use_case": "...",
     "rubric_items": [{"criterion_text": "...", "points": 5}]}

The second is HealthBench Professional's. Source of a request is its theme, or its use case. The
hashes are those that several who read the files in 2026 give; we have seen their form alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..conversations import asked_in, messages_of, split
from ..errors import MsbError
from ..fields import identity_in, text_in
from ..records import Request
from ..tables import is_blank, is_table, rows
from .benchmark import Benchmark
from .criteria import criteria_in
from .files import Names
from .official import cache, checked, data_root, download

BLOB = "https://openaipublic.blob.core.windows.net/simple-evals/healthbench"
PROFESSIONAL = (
    "https://huggingface.co/datasets/openai/healthbench-professional/resolve/"
    "349962fd46dd02343a0d8a606491baf59154ea1a"
)
THEME = "theme:"


@dataclass(frozen=True)
class Published:
    """One published set: its file, where that is, and its SHA-256."""

    what: str
    file: str
    at: str
    sha256: str


PUBLISHED: Mapping[str, Published] = {
    "healthbench": Published(
        "5,000 conversations about health with criteria by physicians",
        "2025-05-07-06-14-12_oss_eval.jsonl",
        BLOB,
        "e99dd3c6372c10d6fcc5e385c5fae69d0dd40392dae56836ef9493ae324ecd2f",
    ),
    "healthbench-hard": Published(
        "the 1,000 of healthbench that models found hardest",
        "hard_2025-05-08-21-00-10.jsonl",
        BLOB,
        "b0320430e5cd974e746585594c1dd10b5a3fc2aff9c72b26106c2c4a069d74e9",
    ),
    "healthbench-consensus": Published(
        "those of healthbench with criteria that several physicians agreed on, and these alone",
        "consensus_2025-05-09-20-00-46.jsonl",
        BLOB,
        "fabe37553327238928b05357d8b309737b5d426d6dee432a3376da618d0969d6",
    ),
    "healthbench-professional": Published(
        "525 conversations of clinicians, with criteria by physicians",
        "healthbench_professional_eval.jsonl",
        PROFESSIONAL,
        "d44b08e6e952e04c945e2c406f02533d9e7a989a84e35820ee7efdff20c9e4e2",
    ),
}


def names() -> dict[str, str]:
    """The published sets, with one line of description each."""
    own = "; healthbench:FILE is one of yours in its shape"
    return {n: one.what + (own if n == "healthbench" else "") for n, one in PUBLISHED.items()}


def folder_of(data_dir: str | Path | None = None) -> Path:
    """Where the published files are, or would be put."""
    return (data_root(data_dir) or cache()) / "healthbench"


def fetch(name: str, data_dir: str | Path | None = None) -> tuple[int, int, Path]:
    """Download one set unless it is there; how many files were, how many were there, where."""
    one, folder = PUBLISHED[name], folder_of(data_dir)
    if (folder / one.file).exists():
        checked(folder, one.file, one.sha256, name)
        return 0, 1, folder
    download(f"{one.at}/{one.file}", one.sha256, folder / one.file)
    return 1, 0, folder


def healthbench(name: str, data_dir: str | Path | None = None) -> Benchmark:
    """A published set by its name, or ``healthbench:PATH``: a file in this shape, or a folder that
    has the published one. Raises MsbError for a file that is missing, altered or of another shape.
    """
    name, _, path = name.partition(":")
    place = Path(path).expanduser() if path else folder_of(data_dir)
    if path and not place.is_dir():
        if not is_table(place):
            raise MsbError(f"{name}:{path}: expected a .jsonl file, or a folder that has one")
        return _benchmark(place.name, place)
    one = PUBLISHED[name]
    checked(place, one.file, one.sha256, name)
    return _benchmark(name, place / one.file)


def _benchmark(name: str, path: Path) -> Benchmark:
    found = Benchmark(name, partial(_read, path))
    if not len(found):
        raise MsbError(f"{path}: no conversation in this file; expected at least one")
    return found


def _read(path: Path) -> Iterator[Request]:
    claimed = Names()
    for where, row in rows(path):
        if not is_blank(row):
            yield claimed.claim(where, request_in(where, row))


def request_in(where: str, row: Mapping[str, Any]) -> Request:
    """The request in a row of either shape. Raises MsbError naming ``where``."""
    professional = "conversation" in row
    field = "conversation" if professional else "prompt"
    if field not in row:
        found = ", ".join(map(str, row)) or "nothing"
        raise MsbError(f"{where}: found {found}; expected prompt and rubrics, or conversation")
    try:
        value = row[field]
        asked = asked_in(value) if isinstance(value, str) else split(messages_of(value))
    except ValueError as error:
        raise MsbError(f"{where}: {field}: {error}") from None
    return Request(
        id=identity_in(where, row, "id" if professional else "prompt_id") or "",
        text=asked.text,
        intent="care",
        source=text_in(where, row, "use_case") if professional else _theme(row),
        reference=_ideal(row) or asked.answer,
        context=asked.context,
        criteria=criteria_in(where, row, "rubric_items" if professional else "rubrics"),
    )


def _theme(row: Mapping[str, Any]) -> str | None:
    tags = row.get("example_tags")
    tags = tags if isinstance(tags, list) else []
    found = (str(tag) for tag in tags if str(tag).startswith(THEME))
    return next((tag.removeprefix(THEME) for tag in found), None)


def _ideal(row: Mapping[str, Any]) -> str | None:
    """The physician's own answer, where there is one."""
    told = row.get("ideal_completions_data")
    said = told.get("ideal_completion") if isinstance(told, Mapping) else None
    said = said or row.get("physician_response")
    return said if isinstance(said, str) and said.strip() else None
