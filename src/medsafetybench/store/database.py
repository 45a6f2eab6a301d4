"""The SQLite file under the store: opening it, transactions, and what can be wrong with it.

    with Database.open("medsafety.db") as database, database.transaction():
        ...

Opening brings a store to this program's version (see migrations), and refuses what is not ours.
"""

from __future__ import annotations

import filecmp
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from errno import EACCES, ENOSPC, EPERM, EROFS
from functools import partial
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from ..errors import MsbError, StopRun
from ..legible import line
from ..wholefiles import private
from .contents import check_contents
from .migrations import APPLICATION_ID, migrate, newest, version_of
from .shape import check_shape

MEMORY = ":memory:"
BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED")
BUSY_SECONDS = 30
BUSY_PAUSE_SECONDS = 0.02
LITTLE_ROOM = 65_536  # bytes: less than SQLite's side files need
STEPS = 1_000_000  # of SQLite's machine, after which a statement is looked at
LONGEST = 30_000  # such looks: more than any of ours takes of a store with millions of rows

Result = TypeVar("Result")


class _Connection(sqlite3.Connection):
    """A connection that ends a statement which does not end, and believes nothing of a schema.

    A store that was made to keep us busy is so one clear line; work is counted, not time, so that
    whoever reads rows slowly is not stopped.
    """

    def __init__(self, *given: Any, **told: Any) -> None:
        super().__init__(*given, **told)
        self._looks = 0
        self.set_progress_handler(self._look, STEPS)
        super().execute("PRAGMA trusted_schema = OFF")

    def _look(self) -> bool:
        self._looks += 1
        return self._looks > LONGEST

    def execute(self, *given: Any) -> sqlite3.Cursor:
        """One statement; the work of the one before it does not count. Raises MsbError if it does
        not end."""
        self._looks = 0
        try:
            return super().execute(*given)
        except OverflowError:
            raise MsbError("a number of more than 64 bits, which no store can hold") from None
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorname", "") != "SQLITE_INTERRUPT":
                raise
            raise MsbError(
                "reading the store does not end and was given up: it holds far more than a run "
                "does; ask whoever gave it to you for the store as msb wrote it"
            ) from None


class Database:
    """One connection to one file, to be used from one thread."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._db = connection
        self.path = path

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open a store for writing; make it if there is none.

        Raises MsbError if the file is not a store of ours, or cannot be written.
        """
        path = Path(path).expanduser()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return _patiently(lambda: cls._open(path))
        except (sqlite3.Error, OSError) as error:
            raise _explained(path, error) from None

    @classmethod
    def _open(cls, path: Path) -> Self:
        if str(path) != MEMORY:
            private(path)
        db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, factory=_Connection)
        try:
            _check(db, path)
            db.execute("PRAGMA journal_mode = WAL")
            # In WAL mode this survives a kill of the process; a power cut may cost the last second.
            db.execute("PRAGMA synchronous = NORMAL")
            kept: list[Path] = []
            before = migrate(db, lambda version: kept.append(_keep(path, version)))
            check_contents(db, path)
        except BaseException:
            db.close()
            raise
        for copy in kept:
            _say(
                f"{path} was of store version {before} and is now of version {newest()}; "
                f"{copy.name} beside it is the file as it was"
            )
        return cls(db, path)

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Open a store for reading only, also from a read-only disk.

        An older store is brought to this version first; where it cannot be written, a copy of it in
        memory is. Raises MsbError if there is none, or it is not ours.
        """
        path = Path(path).expanduser()
        if not path.is_file():
            raise MsbError(f"no store at {path}; `msb evaluate` makes one, --store says where")
        db = _open_to_read(path)
        if version_of(db) < newest():
            db.close()
            db = cls._migrated(path)
        try:
            check_contents(db, path)
        except BaseException as error:
            db.close()
            if isinstance(error, sqlite3.Error):
                raise _explained(path, error) from None
            raise
        return cls(db, path)

    @classmethod
    def _migrated(cls, path: Path) -> sqlite3.Connection:
        try:
            _patiently(lambda: cls._open(path)).close()
        except (sqlite3.Error, OSError) as error:
            if not _is_the_surroundings(error):
                raise
            return _copied_into_memory(path)
        return _open_to_read(path)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; inside another transaction, a part of it.

        Waits for another process's turn; raises StopRun if the disk refuses.
        """
        if self._db.in_transaction:
            yield
            return
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._rollback()
            if is_busy(error) or not _is_the_surroundings(error):
                raise
            raise StopRun(_explain(self.path, error)) from None
        except BaseException:
            self._rollback()
            raise

    @contextmanager
    def rehearsal(self) -> Iterator[None]:
        """Whatever is written inside is taken back at the end."""
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._rollback()

    def _rollback(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def wait_at_most(self, seconds: float) -> None:
        """How long a statement waits for another process's turn before it raises."""
        self._db.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")

    def select(self, query: str, *parameters: Any) -> Iterator[tuple[Any, ...]]:
        """Rows of a query, streamed. Raises MsbError where the file turns out to be damaged."""
        return self._streamed(self._execute(query, parameters))

    def _streamed(self, rows: sqlite3.Cursor) -> Iterator[tuple[Any, ...]]:
        try:
            # "yield from" would close the cursor, at times after the file.
            for row in rows:  # noqa: UP028
                yield row
        except sqlite3.DatabaseError as error:
            raise self._damage(error) from None

    def _execute(self, query: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        try:
            return self._db.execute(query, parameters)
        except sqlite3.DatabaseError as error:
            raise self._damage(error) from None

    def _damage(self, error: sqlite3.DatabaseError) -> Exception:
        """What is said of a damaged file; another error as it is."""
        damaged = getattr(error, "sqlite_errorname", "").startswith(DAMAGED)
        return MsbError(_explain(self.path, error)) if damaged else error

    def write(self, query: str, *parameters: Any) -> int:
        """Carry out one statement that changes something, in a transaction of the caller's; returns
        the number of the row it added, if it did."""
        return self._db.execute(query, parameters).lastrowid or 0

    def write_many(self, query: str, rows: Iterable[Sequence[Any]]) -> None:
        """The same statement for each row, in a transaction of the caller's."""
        self._db.executemany(query, rows)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _check(db: sqlite3.Connection, path: Path) -> None:
    """Raise MsbError unless the file is new or a store that this version understands."""
    empty = not db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
    ours = db.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    if not empty and not ours:
        raise MsbError(f"{path} is a database of something else; give --store another path")
    version = version_of(db)
    if version > newest():
        raise MsbError(
            f"{path} was made by a newer medsafetybench (store version {version}, this one reads "
            f"up to {newest()}); upgrade, or give --store another path"
        )
    check_shape(db, path)


def _open_to_read(path: Path) -> sqlite3.Connection:
    # On a read-only disk WAL's side files cannot be made: then nobody writes, and SQLite is told
    # so. Where somebody may write, it must not be.
    for query in ("mode=ro", "mode=ro&immutable=1"):
        db = sqlite3.connect(
            f"{path.resolve().as_uri()}?{query}",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            factory=_Connection,
        )
        try:
            _patiently(partial(_check, db, path))
        except sqlite3.Error as error:
            db.close()
            failed = error
        else:
            return db
    raise _explained(path, failed)


def _copied_into_memory(path: Path) -> sqlite3.Connection:
    """An older store, brought to this version in memory; the file stays as it is."""
    copy = sqlite3.connect(MEMORY, isolation_level=None, factory=_Connection)
    with closing(_open_to_read(path)) as db:
        db.backup(copy)
    migrate(copy, lambda version: None)
    copy.execute("PRAGMA query_only = ON")
    return copy


def _keep(path: Path, version: int) -> Path:
    """A copy of the store as it is, beside it; none that is there is ever overwritten."""
    name = f"{path.name}.v{version}-backup"
    descriptor, made = tempfile.mkstemp(prefix=f".{name}.", suffix=".part", dir=path.parent)
    os.close(descriptor)
    part = Path(made)
    try:
        # A connection of its own: the one that is about to migrate may not copy.
        with closing(sqlite3.connect(path)) as old, closing(sqlite3.connect(part)) as new:
            new.execute("PRAGMA journal_mode = OFF")  # half a copy is thrown away, not mended
            old.backup(new)
        shutil.copymode(path, part)
        # One that is equal was made by a process that was killed before it could migrate.
        copies = (path.with_name(f"{name}-{n}" if n > 1 else name) for n in count(1))
        copy = next(c for c in copies if not c.exists() or filecmp.cmp(part, c, shallow=False))
        return copy if copy.exists() else part.rename(copy)
    finally:
        part.unlink(missing_ok=True)


def _say(told: str) -> None:
    print(f"msb: {line(told)}", file=sys.stderr)


def _patiently(act: Callable[[], Result]) -> Result:
    """The act's result, tried again for a while as long as another process is in its way.

    Two that open a new store at once both change its journal mode, and SQLite tells one of them
    that the file is busy without the wait it was asked for.
    """
    give_up = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return act()
        except sqlite3.Error as error:
            if not is_busy(error) or time.monotonic() > give_up:
                raise
        time.sleep(BUSY_PAUSE_SECONDS)


def is_busy(error: sqlite3.Error) -> bool:
    """True if another process holds the store at the moment."""
    return getattr(error, "sqlite_errorname", "").startswith(BUSY)


SURROUNDINGS = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")
DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
READ_ONLY = (EROFS, EACCES, EPERM)


def _is_the_surroundings(error: Exception) -> bool:
    """True if the disk, its permissions, another process or a damaged file is to blame.

    Whatever else SQLite objects to is a fault of this program, to be seen as one.
    """
    name = getattr(error, "sqlite_errorname", "")
    return isinstance(error, OSError) or name.startswith((*SURROUNDINGS, *DAMAGED, *BUSY))


def _explained(path: Path, error: Exception) -> Exception:
    """The error in words for a person to act on; as it is if it is a fault of this program."""
    return MsbError(_explain(path, error)) if _is_the_surroundings(error) else error


def _explain(path: Path, error: Exception) -> str:
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_NOTADB":
        return f"{path} is not a store (not an SQLite file); give --store another path"
    if name.startswith("SQLITE_CORRUPT"):
        return f"{path} is damaged ({error}); put a copy of it in its place"
    if name.startswith(BUSY):
        return f"another process holds {path}; run the same command again once it is done"
    code = getattr(error, "errno", None)
    if name == "SQLITE_FULL" or code == ENOSPC or (name.startswith("SQLITE_IOERR") and _full(path)):
        return f"the disk that holds {path} is full; free some space and run the same command again"
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")) or code in READ_ONLY:
        said = error.strerror if isinstance(error, OSError) else error
        return f"{path} cannot be written ({said}); check its folder, or give --store another path"
    return (
        f"{path}: {error}; nothing stored is lost. Check the disk, then run the same command again"
    )


def _full(path: Path) -> bool:
    """True if the path's disk has no room: SQLite calls what follows an input/output error."""
    return shutil.disk_usage(path.parent).free < LITTLE_ROOM
