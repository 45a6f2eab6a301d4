"""Where a training goes on after a kill: checkpoints that count once they are whole.

    folder = last_checkpoint(Path("ADAPTER/checkpoints"))     # None at the beginning

A checkpoint is several files; a kill or a full disk can leave some of them. A mark is written into
it last, and what has no mark is removed.
"""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from pathlib import Path

import orjson

MARK = "whole"


def mark(folder: Path) -> None:
    """Say that everything of this checkpoint is on disk."""
    (folder / MARK).touch()


def last_checkpoint(folder: Path) -> Path | None:
    """The latest whole checkpoint; broken ones are removed."""
    found: dict[int, Path] = {}
    for path in folder.glob("checkpoint-*"):
        number = re.fullmatch(r"checkpoint-(\d+)", path.name)
        if number and (path / MARK).is_file():
            found[int(number[1])] = path
        elif path.is_dir():
            shutil.rmtree(path, ignore_errors=True)  # another process may be at it, too
    return found[max(found)] if found else None


def share_done(folder: Path) -> float:
    """The share of its steps that the latest whole checkpoint of a training has; it may be under
    way elsewhere, and nothing is changed."""
    shares = [0.0]
    for whole in folder.glob(f"checkpoint-*/{MARK}"):
        with suppress(OSError, LookupError, ValueError):  # it goes as soon as there are newer ones
            state = orjson.loads(whole.with_name("trainer_state.json").read_bytes())
            shares.append(state["global_step"] / state["max_steps"])
    return max(shares)
