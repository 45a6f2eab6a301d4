"""Batches as files in a folder, for whoever works them off and lays the results beside them.

    batches/batch-1-9f86d081884c7d65.jsonl         what is asked
    batches/batch-1-9f86d081884c7d65.out.jsonl     what came back: any name that goes on like this

``vllm run-batch`` reads and writes this form; so can a colleague, or a hospital without a network.
"""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator
from hashlib import file_digest
from pathlib import Path

from ..errors import MsbError
from ..wholefiles import appearing
from .batch import Batch, Limits, Result
from .executor import Look, Server
from .lines import each_line, read_result


class Files:
    """See the module's docstring. Shards are small enough for many to be worked off at once."""

    schemes = ("openai",)
    limits = Limits(50_000, 200_000_000)
    price_share = 1.0
    alone = False
    longest_pause = 60.0

    def __init__(self, server: Server, folder: str = "") -> None:
        self.folder = Path(folder).expanduser() if folder else server.folder
        self._seen: dict[int, object] = {}

    def asked(self, batch: Batch) -> Path:
        """The file of a batch's lines."""
        return self.folder / f"{batch.name}.jsonl"

    def answers(self, batch: Batch) -> list[Path]:
        """The files of results that lie beside it."""
        found = self.folder.glob(f"{batch.name}.*.jsonl")
        return sorted(path for path in found if path.is_file())

    async def find(
        self, batch: Batch, has: Callable[[str], bool], known: Collection[str]
    ) -> str | None:
        """Its file, if that is whole."""
        path = self.asked(batch)
        return str(path) if path.is_file() and _hash(path) == batch.sha256 else None

    async def submit(self, batch: Batch, lines: Iterable[bytes]) -> str:
        """Write its file."""
        path = self.asked(batch)
        try:
            with appearing(path) as part, part.open("wb") as file:
                file.writelines(lines)
        except OSError as error:
            raise MsbError(
                f"{path} cannot be written: {error.strerror}; see to its folder, or give the batch "
                f"up and name another folder: msb batch cancel {batch.number}"
            ) from None
        return str(path)

    def told(self, batch: Batch) -> str:
        """The commands that work it off, and the one that goes on."""
        asked = self.asked(batch)
        out = shlex.quote(str(asked.with_suffix(".out.jsonl")))
        given = shlex.quote(str(asked))
        return (
            f"{asked}\n"
            f"  vllm run-batch -i {given} -o {out} --model {shlex.quote(batch.model)}\n"
            f"  results go beside it, under any name that begins with {batch.name}. and ends with "
            ".jsonl; then run the same command again"
        )

    async def look(self, batch: Batch) -> Look:
        """It has ended once every line has a result; what lies there before that is taken as well.

        Raises MsbError for lines that were changed: their results would be other requests'.
        """
        path = self.asked(batch)
        if path.is_file() and _hash(path) != batch.sha256:
            raise MsbError(
                f"{path} is not as msb wrote it, so results could be of other prompts; nothing was "
                f"stored. Put the file back, or give the batch up: msb batch cancel {batch.number}"
            )
        files = [(one, one.stat().st_size, one.stat().st_mtime_ns) for one in self.answers(batch)]
        new = bool(files) and self._seen.get(batch.number) != files
        self._seen[batch.number] = files
        return Look(f"results in {len(files)} files" if files else "no results yet", partly=new)

    async def results(self, batch: Batch) -> AsyncIterator[Result | None]:
        """The lines of every file of results."""
        for path in self.answers(batch):
            for line in _lines(path):
                yield read_result(line)

    async def cancel(self, batch: Batch) -> None:
        """Take its file away, so that nobody works it off any more."""
        self.asked(batch).unlink(missing_ok=True)

    async def close(self) -> None:
        """Nothing is held."""


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from each_line(file)
    except OSError as error:
        raise MsbError(
            f"{path} cannot be read: {error.strerror}; make it readable, or take it away"
        ) from None
