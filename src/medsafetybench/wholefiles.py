"""Files that appear whole or not at all, and that nobody else on the machine can read.

    with appearing(Path("report.html")) as part:
        part.write_text(...)
    put(Path("table.md"), text)                                # the same for what is at hand
    with appearing_folder(Path("merged")) as part: ...         # a new folder, all in it private
    with adding(Path("log.jsonl")) as file: ...                # at the end of a file

What is written here holds texts that are harmful by design, so it is its owner's alone (mode 0600).
It is written under a name that nobody can foresee, and then takes the place of what is there: a
link that somebody put in its way is replaced, never followed.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

LONGEST_NAME = 100
DEVICES = Path("/dev")


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """A file beside ``path`` to write to, which takes its name at the end of the block.

    The folder is made if it is missing. A device such as /dev/stdout is written to as it is. Raises
    OSError.
    """
    if path.parent == DEVICES:
        yield path
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{path.name[:LONGEST_NAME]}."
    descriptor, name = tempfile.mkstemp(prefix=prefix, suffix=".part", dir=path.parent)
    os.close(descriptor)
    part = Path(name)
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def put(path: Path, content: str | bytes) -> None:
    """Write a file whole, text as UTF-8. Raises OSError."""
    with appearing(path) as part:
        part.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


@contextmanager
def appearing_folder(path: Path, private: bool = True) -> Iterator[Path]:
    """A folder beside ``path``, which is not there or empty, to fill; it takes that name at the end
    of the block, and is gone if that fails. What is not ``private`` everybody may read: it has to
    hold no harmful text. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{path.name[:LONGEST_NAME]}.", dir=path.parent))
    try:
        yield part
        for one in (found for found in (part, *part.rglob("*")) if not found.is_symlink()):
            mode = 0o700 if one.is_dir() else 0o600
            one.chmod(mode if private else mode | mode >> 3 & 0o50 | mode >> 6 & 0o5)
        part.replace(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def adding(path: Path) -> Iterator[BinaryIO]:
    """A file to read and to append to, unbuffered; made for its owner alone. Raises OSError, also
    for a link in its place."""
    stays = 0 if path.parent == DEVICES else getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | stays, 0o600)
    with os.fdopen(descriptor, "ab+", buffering=0) as file:
        yield file  # a raw file writes bytes as well


def private(path: Path) -> None:
    """Make an empty file for its owner alone, unless there is one. Raises OSError."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
