"""Files that appear whole or not at all, and that nobody else on the machine can read.

    with appearing(Path("report.html")) as part:
        part.write_text(...)

What is written here holds texts that are harmful by design, so it is its owner's alone (mode 0600).
It is written under a name that nobody can foresee, and then takes the place of what is there: a
link that somebody put in its way is replaced, never followed.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


def private(path: Path) -> None:
    """Make an empty file for its owner alone, unless there is one. Raises OSError."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
