"""A leaderboard as static pages, for whoever wants to host one: no server, no request elsewhere.

    write_site(["run-31e6", "run-77b0"], Path("site"), store="medsafety.db")

listed       runs fit to be published, with who made them
board        runs of one benchmark by one judge, ranked on both sides
pages, feed  the files of a site: pages and reports; the same as JSON
submission   a run that somebody else sends in, as an export of Every Eval Ever (``form``)
checks       what a submission has to hold to be listed, with a written verdict
admission    submissions from their folder to their place among the runs
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ..errors import MsbError
from ..wholefiles import appearing_folder, put

if TYPE_CHECKING:
    from .checks import Checked

__all__ = ["write_site"]

MARK = "board.json"
"""The file that every site has, by which an older one is known and may be replaced."""


def write_site(
    runs: Sequence[str],
    output: str | Path,
    *,
    store: str | Path = "medsafety.db",
    title: str = "Medical safety of language models",
    submissions: Sequence[Path] = (),
    judges: Sequence[str] = (),
    rule: str = "median",
) -> list[Checked]:
    """Write the site of these runs (none: the last one) and of the submissions in these folders
    that pass; return the verdict on each submission.

    A site that is there is replaced whole. Raises MsbError for an unknown run, a folder without a
    submission, or an output that holds something else or cannot be written.
    """
    from ..reporting.reported import select
    from .admission import admitted, checked_in, known_of
    from .board import boards
    from .listed import listed
    from .pages import Site, files_of

    output = Path(output).expanduser()
    if output.exists() and not _replaceable(output):
        raise MsbError(f"{output}: holds something that is no site of msb's; give another folder")
    chosen = select(runs, store).runs
    found = listed(chosen, judges, rule)
    sent: list[Checked] = []
    with TemporaryDirectory(prefix="msb-site-") as scratch:
        if submissions:
            known = known_of(chosen)
            sent = checked_in(submissions, known)
            found += admitted(sent, known, Path(scratch, "sent.db"))
        site = Site(title, found, boards(found), sent, datetime.now(UTC))
        try:
            with appearing_folder(output, private=False) as part:
                for name, content in files_of(site):
                    put(part / name, content)
                if output.exists():
                    shutil.rmtree(output)
        except OSError as error:
            raise MsbError(f"{output} cannot be written: {error.strerror}") from None
    return sent


def _replaceable(output: Path) -> bool:
    return output.is_dir() and ((output / MARK).is_file() or not any(output.iterdir()))
