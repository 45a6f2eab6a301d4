"""Text in files, whatever saved it: UTF-8, UTF-16 or UTF-32, with or without a byte-order mark.

    for line in lines(Path("ours.csv")): ...     # line ends are kept as they are
    whole(Path("log.json"))

What is no text is said with the file, the line and the byte.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from .errors import MsbError

LARGEST_WHOLE = 256 << 20
"""Bytes of a file that is one value, such as a list in JSON: in memory it is several times that."""

LONGEST_LINE = 16 << 20
"""Characters of one line of a table or a log: a row with its conversation is one."""

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as UTF-16's does, so it is looked for first
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def encoding_of(head: bytes) -> str:
    """The encoding that a file's first bytes tell; UTF-8 where they tell none.

    A table and a JSON text begin with a character below 128: in UTF-16 one byte of it is zero.
    """
    for mark, name in MARKS:
        if head.startswith(mark):
            return name
    first = head[:2]
    if first.count(0) == 1 and len(first) == 2:
        return "utf-16-be" if first[0] == 0 else "utf-16-le"
    return "utf-8"


def lines(path: Path, longest: int = LONGEST_LINE) -> Iterator[str]:
    """The lines of a file, with their ends.

    Raises MsbError for what cannot be read as text, and for a line of more than ``longest``
    characters.
    """
    try:
        with path.open("rb") as file:
            encoding = encoding_of(file.read(4))
        with path.open(encoding=encoding, newline="") as text:
            for number in count(1):
                if not (line := text.readline(longest + 1)):
                    return
                if len(line) > longest:
                    raise MsbError(f"{path}:{number}: a line of more than {longest:,} characters")
                yield line
    except UnicodeError:
        raise MsbError(_undecodable(path, encoding)) from None
    except OSError as error:
        raise MsbError(f"{path}: cannot be read: {error.strerror}") from None


def whole(path: Path) -> str:
    """The whole text of a file. Raises MsbError as ``lines`` does, and beyond ``LARGEST_WHOLE``."""
    if path.is_file() and path.stat().st_size > LARGEST_WHOLE:
        raise MsbError(
            f"{path}: larger than {LARGEST_WHOLE >> 20} MiB, which is too much to be read as one "
            "value; give it as .jsonl"
        )
    return "".join(lines(path, LARGEST_WHOLE))


def short(path: Path, most: int) -> str:
    """The text of a file in UTF-8 that has so many characters at the most.

    Raises MsbError for what is no file, is longer, or no such text.
    """
    try:
        if not path.is_file():  # a device, or a pipe, may have no end
            raise FileNotFoundError(0, "no such file")
        with path.open(encoding="utf-8") as file:
            text = file.read(most + 1)
    except UnicodeError:
        raise MsbError(_undecodable(path, "utf-8")) from None
    except (OSError, ValueError) as error:  # such as a name with a NUL in it
        said = getattr(error, "strerror", None) or error
        raise MsbError(f"{path}: cannot be read as UTF-8 text: {said}") from None
    if len(text) > most:
        raise MsbError(f"{path}: larger than {most:,} characters; no file of settings is")
    return text


def _undecodable(path: Path, encoding: str) -> str:
    """Where the first byte stands that is no text."""
    if not encoding.startswith("utf-8"):
        return f"{path}: begins as {encoding[:6].upper()} and is none; save the file as UTF-8"
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                found = f"byte 0x{line[error.start]:02x} at column {error.start + 1}"
                return f"{path}:{number}: not UTF-8 ({found}); save the file as UTF-8"
    return f"{path}: not UTF-8; save the file as UTF-8"
