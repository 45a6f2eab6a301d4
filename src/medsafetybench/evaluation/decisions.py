"""What a person has confirmed that a file may do, kept by the hash of the file.

    confirmed(sha256)                                  # what was confirmed of it, else nothing
    remember("study.yaml", sha256, ["send KEY -> host"])

A decision is a small file of its own in the user's folder of states, which nobody else may write
(mode 0600). One that somebody else could have written is none, and neither is a broken one: then it
is asked again.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

import orjson
import platformdirs

from ..wholefiles import appearing

LONGEST = 1 << 20


def kept_at(sha256: str) -> Path:
    """Where the decision on a file lies. Raises RuntimeError for a user without a home."""
    return platformdirs.user_state_path("medsafetybench") / "allowed" / f"{sha256}.json"


def confirmed(sha256: str) -> frozenset[str]:
    """The lines that were confirmed of the file with this hash."""
    try:
        at = os.open(kept_at(sha256), os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(at, "rb") as file:
            if not _is_ours(os.fstat(at)):
                return frozenset()
            told = orjson.loads(file.read(LONGEST))
    except (OSError, RuntimeError, ValueError):
        return frozenset()
    holds = isinstance(told, dict) and told.get("sha256") == sha256
    lines = told.get("confirmed") if holds else None
    return frozenset(map(str, lines)) if isinstance(lines, list) else frozenset()


def remember(file: Path, sha256: str, lines: Iterable[str]) -> None:
    """Keep what was confirmed of a file. Raises OSError, or RuntimeError without a home."""
    path = kept_at(sha256)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    told = {"file": str(file.resolve()), "sha256": sha256, "confirmed": sorted(lines)}
    with appearing(path) as part:
        part.write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))


def _is_ours(found: os.stat_result) -> bool:
    """True for a plain file of this user that nobody else can write."""
    if not hasattr(os, "getuid"):
        return True
    plain = stat.S_ISREG(found.st_mode) and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return plain and found.st_uid == os.getuid()
