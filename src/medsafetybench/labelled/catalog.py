"""Labelled sets by name: the published ones, and files of one's own.

load_set("xstest", data_dir="../data")
load_set("ours.csv", columns={"label": "verdict"})
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..errors import MsbError, UnknownName
from ..scale import Scale
from ..tables import is_table
from . import physicians
from .files import file_set
from .labelled import LabelledSet
from .published import PUBLISHED, folder_of, missing


def load_set(
    name: str | Path,
    *,
    data_dir: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    scale: Scale | None = None,
) -> LabelledSet:
    """A labelled set by its name, or a file by its path; ``columns`` and ``scale`` are of a file.

    Raises MsbError for an unknown name, a file that is not at hand or another than published.
    """
    if str(name).startswith(f"{physicians.NAME}:"):
        return physicians.file_set(Path(str(name).partition(":")[2]).expanduser())
    if is_table(name):
        return file_set(Path(name).expanduser(), columns, scale)
    if str(name) not in PUBLISHED:
        raise UnknownName(
            "labelled set",
            str(name),
            [*PUBLISHED, f"{physicians.NAME}:FILE", "FILE.csv", "FILE.jsonl"],
        )
    published = PUBLISHED[str(name)]
    rows, left_out = published.rows(published.content(folder_of(published, data_dir)))
    return LabelledSet(
        published.name,
        published.scale,
        tuple(rows),
        published.version,
        published.licence,
        published.annotators,
        left_out,
    )


def sets_at_hand(data_dir: str | Path | None = None) -> list[str]:
    """The names of the published sets whose files are there. Raises MsbError if none are."""
    found = [name for name, one in PUBLISHED.items() if not missing(one, data_dir)]
    if not found:
        raise MsbError(
            f"no labelled set is at hand: `msb data fetch {next(iter(PUBLISHED))}` downloads one "
            f"(of {', '.join(PUBLISHED)}); or give --on FILE, or --on RUN with labels of people"
        )
    return found
