"""The store: every run with its requests, responses and verdicts, in one SQLite file.

    with Store.open("medsafety.db") as store:
        run = store.register(identity, settings, items)
        store.unanswered(run)         # positions still to be asked
        store.unjudged(run, judge)    # positions answered, and still to be judged

Running again is resuming: what is there is never asked for twice. See migrations/ for the tables.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from typing import Any

import orjson

from ..errors import MsbError
from ..records import Request, Response, Verdict, digest
from ..scale import Scale, scale_named
from .contents import checked_request, checked_response
from .database import Database
from .order import DRAW, UNGRADED, in_order
from .provenance import with_entry

CHUNK = 256
CHECK = "check-"
"""How the ids of runs begin that hold labelled responses, for judges to be checked on."""

RUN = "number, id, created, settings, panel, audit, provenance, stopped, called, name, tags"
REQUEST_FIELDS = tuple(field.name for field in fields(Request))
REQUEST = ", ".join(f"q.{name}" for name in REQUEST_FIELDS)
NAME = "q.id || COALESCE('@turn-' || q.turn, '@' || q.framing, '')"
"""In SQL, what ``Request.name`` is."""
CONTEXT = REQUEST_FIELDS.index("context")
RESPONSE_FIELDS = tuple(field.name for field in fields(Response))
RESPONSE = ", ".join(f"r.{name}" for name in RESPONSE_FIELDS)
VERDICT_FIELDS = ("score", *(f.name for f in fields(Verdict) if f.name != "level"))


def _put(table: str, key: Sequence[str], fields: Sequence[str], unless: str) -> str:
    """SQL that stores a row, over one that is there only if it fits the condition."""
    columns = [*key, *fields, "created"]
    changed = ", ".join(f"{name} = excluded.{name}" for name in columns[len(key) :])
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) "  # nosec B608 # names of ours
        f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changed} WHERE {unless}"
    )


PUT_REQUEST = (
    f"INSERT OR IGNORE INTO requests (key, {', '.join(REQUEST_FIELDS)}) "
    f"VALUES (?{', ?' * len(REQUEST_FIELDS)})"
)
PUT_RESPONSE = _put("responses", ["key"], RESPONSE_FIELDS, "responses.error IS NOT NULL")
PUT_VERDICT = _put("verdicts", ["judge", "response", "intent"], VERDICT_FIELDS, "verdicts.error")


@dataclass(frozen=True, slots=True)
class Item:
    """One request of a run, with the key of its response and, once there is one, the response."""

    position: int
    request: Request
    key: bytes
    response: Response | None = None


@dataclass(frozen=True)
class RunRecord:
    """A run as stored: its number in this file, its id anywhere, when, and what it is made of.

    ``panel`` holds the keys of the judges whose verdicts make up the scorecard; ``audit`` that of
    a dearer judge which scored a sample; ``provenance`` what carried it out (see provenance.py).
    ``stopped`` says, of a run that a gate stopped early, its verdict and how many were asked.
    ``called`` is the target as it was typed, ``name`` what it was told to be called, if it was.
    """

    number: int
    id: str
    created: str
    settings: Mapping[str, Any]
    panel: tuple[str, ...] = ()
    audit: str | None = None
    provenance: tuple[Mapping[str, Any], ...] = ()
    stopped: Mapping[str, Any] | None = None
    called: str | None = None
    name: str | None = None
    tags: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What its target is called."""
        return self.name or self.called or str(self.settings["target"]["model"])


@dataclass(frozen=True)
class JudgeRecord:
    """A judge as stored. ``key`` identifies judge, rubric, taxonomy and sampling together; its
    verdicts are levels of ``scale``."""

    number: int
    key: str
    name: str
    settings: Mapping[str, Any]
    scale: Scale


def response_key(fingerprint: Mapping[str, Any], conversation: Sequence[Any]) -> bytes:
    """16 bytes that stand for all that determines a response."""
    return bytes.fromhex(digest([fingerprint, list(conversation)])[:32])


def judge_key(fingerprint: Mapping[str, Any]) -> str:
    """16 hex digits that stand for all that determines a judge's verdict of a response."""
    return digest(fingerprint)[:16]


class Store(Database):
    """See the module's docstring."""

    # Runs

    def register(
        self,
        identity: str,
        settings: Mapping[str, Any],
        items: Iterable[tuple[Request, bytes]],
        called: str | None = None,
    ) -> RunRecord:
        """The run with this id, made with its items (request, response key) if it is new; it is the
        last one now. ``called`` is its target as it was typed."""
        with self.transaction():
            if not self._row("SELECT 1 FROM runs WHERE id = ?", identity):
                created = datetime.now(UTC).isoformat(timespec="seconds")
                cursor = self._db.execute(
                    "INSERT INTO runs (id, created, settings) VALUES (?, ?, ?)",
                    (identity, created, orjson.dumps(settings).decode()),
                )
                self._add_items(cursor.lastrowid, items)
            self.write(
                """UPDATE runs SET called = COALESCE(?, called),
                evaluated = 1 + (SELECT MAX(evaluated) FROM runs) WHERE id = ?""",
                called,
                identity,
            )
        return self._run(identity)

    def _add_items(self, run: int | None, items: Iterable[tuple[Request, bytes]]) -> None:
        numbered = enumerate(items)
        while chunk := list(islice(numbered, CHUNK)):
            keyed = [(p, request_key(request), request, key) for p, (request, key) in chunk]
            self._db.executemany(
                PUT_REQUEST,
                [(key, *_request_row(request)) for _, key, request, _ in keyed],
            )
            self._db.executemany(
                "INSERT INTO items (run, position, request, response) VALUES (?, ?, ?, ?)",
                [(run, position, request, key) for position, request, _, key in keyed],
            )

    def runs(self) -> list[RunRecord]:
        """Every run, in the order in which they were last evaluated; what a judge was checked on
        (``CHECK``) is none."""
        return [run for run in self._all_runs() if not run.id.startswith(CHECK)]

    def _all_runs(self) -> list[RunRecord]:
        query = f"SELECT {RUN} FROM runs ORDER BY evaluated, number"  # nosec B608 # names of ours
        return [_run_record(row) for row in self.select(query)]

    def run(self, identity: str) -> RunRecord:
        """A run by its id, by its name, by a beginning of its id that no other shares, or ``last``:
        the one last evaluated, be it new or resumed.

        Raises MsbError if there is none or more than one such.
        """
        runs = self._all_runs() if identity.startswith(CHECK) else self.runs()
        ways = (
            lambda run: run.id == identity,
            lambda run: run.name == identity,
            lambda run: run.id.startswith(identity),
        )
        found = next((there for way in ways if (there := list(filter(way, runs)))), [])
        if identity == "last" and runs:
            found = runs[-1:]
        if len(found) != 1:
            known = ", ".join(run.id for run in (found or runs)[-8:]) or "none yet"
            which = "several runs are called" if found else "no run is called"
            raise MsbError(f"{which} {identity!r} in {self.path}; there: {known}")
        return found[0]

    def _run(self, identity: str) -> RunRecord:
        return _run_record(self._row(f"SELECT {RUN} FROM runs WHERE id = ?", identity))  # nosec B608 # names of ours

    def set_panel(
        self, run: RunRecord, judges: Sequence[JudgeRecord], audit: JudgeRecord | None = None
    ) -> RunRecord:
        """Remember which judges the run's scorecard is by; return the run as it is now."""
        keys = orjson.dumps([judge.key for judge in judges]).decode()
        with self.transaction():
            self._db.execute(
                "UPDATE runs SET panel = ?, audit = ? WHERE number = ?",
                (keys, audit and audit.key, run.number),
            )
        return self._run(run.id)

    def add_provenance(self, run: RunRecord, entry: Mapping[str, Any]) -> None:
        """Remember what carries the run out, where that is not known yet."""
        with self.transaction():
            entries = with_entry(self._run(run.id).provenance, entry)
            self._db.execute(
                "UPDATE runs SET provenance = ? WHERE number = ?",
                (orjson.dumps(entries).decode(), run.number),
            )

    def mark_stopped(self, run: RunRecord, how: Mapping[str, Any] | None) -> None:
        """Remember that a gate stopped the run early; None: that it goes on to its end."""
        with self.transaction():
            told = orjson.dumps(how).decode() if how else None
            self.write("UPDATE runs SET stopped = ? WHERE number = ?", told, run.number)

    # Judges

    def register_judge(
        self, name: str, fingerprint: Mapping[str, Any], scale: Scale
    ) -> JudgeRecord:
        """The judge with this fingerprint, added with its scale if it is new."""
        key = judge_key(fingerprint)
        with self.transaction():
            self._db.execute(
                "INSERT OR IGNORE INTO judges (key, name, settings, scale) VALUES (?, ?, ?, ?)",
                (key, name, orjson.dumps(fingerprint).decode(), scale.key),
            )
        return next(judge for judge in self.judges() if judge.key == key)

    def judges(self) -> list[JudgeRecord]:
        """Every judge that was ever registered, oldest first."""
        query = "SELECT number, key, name, settings, scale FROM judges ORDER BY number"
        return [
            JudgeRecord(number, key, name, orjson.loads(settings), scale_named(scale))
            for number, key, name, settings, scale in self.select(query)
        ]

    # Work

    def unanswered(self, run: RunRecord) -> list[int]:
        """Positions with no response, or one that is an error; one for each response needed. They
        are in the order in which the run asks (see order.py)."""
        # CROSS JOIN: SQLite looks into the tables in the order given, so that what is there already
        # costs one look where most is.
        query = f"""
            SELECT MIN(i.position), {DRAW} FROM items i
            LEFT JOIN responses r ON r.key = i.response CROSS JOIN requests q ON q.key = i.request
            WHERE i.run = ? AND (r.key IS NULL OR r.error IS NOT NULL)
            GROUP BY i.response, q.intent"""  # nosec B608 # names of ours
        return in_order(run.id, self._db.execute(query, (run.number,)))

    def unjudged(self, run: RunRecord, judge: JudgeRecord) -> list[int]:
        """Positions with a response and no verdict of this judge (on one of its criteria), or one
        that is an error, in the order in which the run asks."""
        if judge.scale.parts:
            return in_order(run.id, self._db.execute(UNGRADED, (run.number, judge.number)))
        query = f"""
            SELECT MIN(i.position), {DRAW} FROM items i CROSS JOIN requests q ON q.key = i.request
            LEFT JOIN verdicts v
                ON v.judge = ? AND v.response = i.response AND v.intent = q.intent
            CROSS JOIN responses r ON r.key = i.response
            WHERE i.run = ? AND r.error IS NULL AND (v.judge IS NULL OR v.error)
            GROUP BY i.response, q.intent"""  # nosec B608 # names of ours
        return in_order(run.id, self._db.execute(query, (judge.number, run.number)))

    def has_responses(self, run: RunRecord) -> bool:
        """True if anything came back for any request of a run, be it an error."""
        query = """SELECT 1 FROM items i JOIN responses r ON r.key = i.response
            WHERE i.run = ? LIMIT 1"""
        return self._row(query, run.number) is not None

    def has_batches(self, run: RunRecord) -> bool:
        """True if any call of a run was ever put into a batch."""
        return self._row("SELECT 1 FROM batches WHERE run = ? LIMIT 1", run.number) is not None

    def has_answers(self, run: RunRecord) -> bool:
        """True if any request of a run was answered."""
        query = """SELECT 1 FROM items i JOIN responses r ON r.key = i.response
            WHERE i.run = ? AND r.error IS NULL LIMIT 1"""
        return self._row(query, run.number) is not None

    def has_verdicts(self, run: RunRecord, judge: JudgeRecord) -> bool:
        """True if a judge came to a verdict on any response of a run."""
        query = """SELECT 1 FROM items i CROSS JOIN verdicts v
            ON v.judge = ? AND v.response = i.response
            WHERE i.run = ? AND NOT v.error LIMIT 1"""
        return self._row(query, judge.number, run.number) is not None

    def items(self, run: RunRecord, positions: Sequence[int]) -> Iterator[Item]:
        """The items at these positions, as they are given, with the responses there are; read in
        chunks."""
        query = f"""
            SELECT i.position, i.response, r.key IS NOT NULL, {RESPONSE}, {REQUEST}
            FROM json_each(?) j JOIN items i ON i.run = ? AND i.position = j.value
            JOIN requests q ON q.key = i.request LEFT JOIN responses r ON r.key = i.response
            ORDER BY j.key"""  # nosec B608 # names of ours
        for start in range(0, len(positions), CHUNK):
            wanted = json.dumps(list(positions[start : start + CHUNK]))  # of any size
            for row in list(self.select(query, wanted, run.number)):
                position, key, answered, *rest = row
                said, asked = rest[: len(RESPONSE_FIELDS)], rest[len(RESPONSE_FIELDS) :]
                response = checked_response(self.path, Response(*said)) if answered else None
                yield Item(position, checked_request(self.path, asked), key, response)

    # Results

    def put_response(self, key: bytes, response: Response) -> Response:
        """Store a response, in a transaction of the caller's; an answer replaces an error only.

        Returns the response that is stored: another process may have been first.
        """
        values = [getattr(response, name) for name in RESPONSE_FIELDS]
        cursor = self._db.execute(PUT_RESPONSE, (key, *values, time.time()))
        if cursor.rowcount:
            return response
        return Response(*self._row(f"SELECT {RESPONSE} FROM responses r WHERE r.key = ?", key))  # nosec B608 # names of ours

    def put_verdict(self, judge: JudgeRecord, key: bytes, intent: str, verdict: Verdict) -> Verdict:
        """Store a verdict, in a transaction of the caller's; it replaces an error only. ``intent``
        is the request's, or the key of the criterion that it is on.

        Raises ValueError for a level that this judge cannot give to such.
        """
        if (level := verdict.level) and not judge.scale.admits(level, intent):
            raise ValueError(f"{judge.name} is on the scale {judge.scale.key}, not {level}")
        values = [getattr(verdict, name) for name in VERDICT_FIELDS]
        self._db.execute(PUT_VERDICT, (judge.number, key, intent, *values, time.time()))
        return verdict

    def forget_verdict(self, judge: JudgeRecord, key: bytes, intent: str) -> None:
        """Take a verdict back: a person may think again, which a judge never does."""
        with self.transaction():
            self._db.execute(
                "DELETE FROM verdicts WHERE judge = ? AND response = ? AND intent = ?",
                (judge.number, key, intent),
            )

    def _row(self, query: str, *parameters: Any) -> Any:
        return next(self.select(query, *parameters), None)


def _request_row(request: Request) -> list[Any]:
    """The fields as the store has them: context and criteria as JSON, NULL where there are none."""
    row = [getattr(request, name) for name in REQUEST_FIELDS]
    row[CONTEXT] = orjson.dumps(request.context).decode() if request.context else None
    keyed = [{"key": c.key, "text": c.text, "points": c.points, "tags": c.tags} for c in row[-1]]
    row[-1] = orjson.dumps(keyed).decode() if keyed else None
    return row


def request_key(request: Request) -> bytes:
    """16 bytes that stand for the content of a request."""
    return sha256(orjson.dumps(request.content())).digest()[:16]


IDENTITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
"""What a run's id may be: files are named by it, so it cannot lead to another folder."""


def _run_record(row: tuple[Any, ...]) -> RunRecord:
    if not IDENTITY.fullmatch(str(row[1])):
        raise MsbError(
            f"the store holds a run with the id {ascii(row[1])[:60]}, which msb gives to none; ask "
            "whoever gave it to you for the store as msb wrote it"
        )
    number, identity, created, settings, panel, audit, provenance, stopped, *names = row
    called, name, tags = names
    return RunRecord(
        number,
        identity,
        created,
        orjson.loads(settings),
        tuple(orjson.loads(panel)),
        audit,
        tuple(orjson.loads(provenance)),
        orjson.loads(stopped) if stopped else None,
        called,
        name,
        tuple(orjson.loads(tags)),
    )
