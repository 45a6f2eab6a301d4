"""Stores merged into one: what several machines did apart, each into a store of its own.

    for came in merge("all.db", ["shard-1.db", "shard-2.db"]):
        came.responses, came.said           # what was new in each, and what did not go together

By content and exactly once: merging the same store again changes nothing. A run that two stores
have parts of is one run. Where both hold an answer to the same question, or a verdict on it, and
the two differ, that of the store which is merged into stands, and it is said. One source goes in
whole or not at all, and stays as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from ..errors import MsbError
from .bookkeeping import add_bookkeeping
from .contents import checked_request, not_ours
from .provenance import with_entry
from .store import REQUEST_FIELDS, RESPONSE_FIELDS, VERDICT_FIELDS, RunRecord, Store, request_key
from .uniting import Rows, unite

SAID = tuple(RESPONSE_FIELDS.index(name) for name in ("text", "thinking", "notice"))
FAILED = RESPONSE_FIELDS.index("error")
SCORED = tuple(VERDICT_FIELDS.index(name) for name in ("score", "reason"))
FAULT = VERDICT_FIELDS.index("error")


@dataclass
class Came:
    """What one store brought: how many rows were new, how many runs joined one that was there, and
    in ``said`` what did not go together, a line each."""

    path: Path
    runs: int = 0
    joined: int = 0
    requests: int = 0
    responses: int = 0
    verdicts: int = 0
    said: list[str] = field(default_factory=list)


def merge(out: str | Path, sources: Sequence[str | Path]) -> Iterator[Came]:
    """Bring sources into a store, one after the other; it is made if there is none.

    Raises MsbError for what is no store, is of a newer version, is broken or contradicts what is
    there, before anything of that source is kept; all are opened before the first is.
    """
    target, paths = Path(out).expanduser(), [Path(source).expanduser() for source in sources]
    for path in paths:
        with Store.read(path):
            if target.exists() and target.samefile(path):
                raise MsbError(f"{path} cannot be merged into itself; give another store")
    made = not target.exists()
    with Store.open(target) as store:
        try:
            for path in paths:
                # A reading transaction: a source that is being written is taken as it is now.
                with Store.read(path) as source, source.rehearsal(), store.transaction():
                    came = _Merging(store, source).whole()
                made = False
                yield came
        finally:
            if made:
                store.close()
                target.unlink(missing_ok=True)


class _Merging:
    """One source on its way into a store, in a transaction of the caller's."""

    def __init__(self, store: Store, source: Store) -> None:
        self._store, self._source = store, source
        self._came = Came(source.path)
        self._judges: dict[int, int] = {}
        self._runs: dict[int, int] = {}
        self._differ: set[bytes] = set()
        """Keys of responses that both have, with other words."""

    def whole(self) -> Came:
        """Bring all of it."""
        self._judges = self._judges_there()
        self._came.requests = self._unite_requests()
        self._came.responses = self._unite_responses()
        for run in self._source._all_runs():
            self._add_run(run)
        self._unite_verdicts()
        muddled = self._runs_with(self._differ)
        said = add_bookkeeping(self._store, self._source, self._runs, self._judges, muddled)
        self._came.said += said
        return self._came

    def _judges_there(self) -> dict[int, int]:
        """The numbers of the source's judges in the store, registered where they are new."""
        found = {}
        for judge in self._source.judges():
            there = self._store.register_judge(judge.name, judge.settings, judge.scale)
            if (there.key, there.scale) != (judge.key, judge.scale):
                raise not_ours(self._source.path)
            found[judge.number] = there.number
        return found

    def _unite_requests(self) -> int:
        def checked(row: Sequence[Any]) -> bool:
            # What stands under a key is what it is the hash of: else a text could take the place
            # of another one.
            if request_key(checked_request(self._source.path, row[1:])) != row[0]:
                raise not_ours(self._source.path)
            return True

        rows = Rows("requests", ("key",), REQUEST_FIELDS)
        return unite(self._source, self._store, rows, keep=checked).added

    def _unite_responses(self) -> int:
        def better(there: Sequence[Any], came: Sequence[Any]) -> bool:
            return there[FAILED] is not None and came[FAILED] is None

        def alike(there: Sequence[Any], came: Sequence[Any]) -> bool:
            failed = there[FAILED] is not None or came[FAILED] is not None
            return failed or all(there[place] == came[place] for place in SAID)

        rows = Rows("responses", ("key",), (*RESPONSE_FIELDS, "created"))
        united = unite(self._source, self._store, rows, better, alike)
        self._differ = {key for (key,) in united.differ}
        if self._differ:
            self._say(f"{_many(len(self._differ), 'response')} differ from those in", "stand")
        return united.added

    def _add_run(self, run: RunRecord) -> None:
        there = next((one for one in self._store._all_runs() if one.id == run.id), None)
        if there is None:
            self._runs[run.number] = self._copy_run(run)
            self._came.runs += 1
        else:
            self._runs[run.number] = there.number
            self._join(there, run)
            self._came.joined += 1
        number = self._runs[run.number]
        rows = Rows(
            *("items", ("run", "position"), ("request", "response")),
            where=f"run = {run.number}",
            mapped=lambda row: (number, *row[1:]),
        )
        if unite(self._source, self._store, rows).differ:
            raise MsbError(
                f"{self._source.path}: {run.id} asks other requests there than in "
                f"{self._store.path}, so they are two runs; merge it into another store"
            )

    def _copy_run(self, run: RunRecord) -> int:
        columns = "id, created, settings, panel, audit, provenance, stopped, called, name, tags"
        row = next(
            self._source.select(f"SELECT {columns} FROM runs WHERE number = ?", run.number)  # nosec B608 # names of ours
        )
        return self._store.write(
            f"INSERT INTO runs ({columns}, evaluated) "  # nosec B608 # names of ours
            f"SELECT {', '.join('?' * len(row))}, 1 + COALESCE(MAX(evaluated), 0) FROM runs",
            *row,
        )

    def _join(self, there: RunRecord, came: RunRecord) -> None:
        """What is said of a run in the store, with what the source says of it."""
        provenance = [dict(entry) for entry in there.provenance]
        for entry in came.provenance:
            provenance = [dict(one) for one in with_entry(provenance, entry)]
        panel, audit = there.panel, there.audit
        if not panel:
            panel, audit = came.panel, came.audit
        elif came.panel and set(came.panel) != set(panel):
            self._say(f"{came.id} is reported by other judges than in", "stand")
        name = there.name or came.name
        if came.name not in (None, name):
            self._say(f"{came.id} is called {came.name!r} and not {name!r} as in", "stands")
        told = [*panel], provenance, tuple(dict.fromkeys((*there.tags, *came.tags)))
        stopped = there.stopped or came.stopped
        self._store.write(
            """UPDATE runs SET created = ?, panel = ?, provenance = ?, tags = ?, audit = ?,
            stopped = ?, called = ?, name = ? WHERE number = ?""",
            min(there.created, came.created),
            *(orjson.dumps(one).decode() for one in told),
            audit,
            orjson.dumps(stopped).decode() if stopped else None,
            there.called or came.called,
            *(name, there.number),
        )

    def _unite_verdicts(self) -> None:
        left: Counter[int] = Counter()

        def of_same_response(row: Sequence[Any]) -> bool:
            stays = row[1] in self._differ
            left[row[0]] += stays
            return not stays

        rows = Rows(
            *("verdicts", ("judge", "response", "intent"), (*VERDICT_FIELDS, "created")),
            mapped=lambda row: (self._judges[row[0]], *row[1:]),
        )
        united = unite(
            *(self._source, self._store, rows),
            better=lambda there, came: bool(there[FAULT]) and not came[FAULT],
            alike=lambda there, came: (
                there[FAULT] or came[FAULT] or all(there[place] == came[place] for place in SCORED)
            ),
            keep=of_same_response,
        )
        self._came.verdicts = united.added
        names = {judge.number: judge.name for judge in self._store.judges()}
        for judge, n in Counter(judge for judge, _, _ in united.differ).items():
            self._say(f"{_many(n, 'verdict')} by {names[judge]} differ from those in", "stand")
        for judge, n in (+left).items():
            self._came.said.append(
                f"{_many(n, 'verdict')} by {names[self._judges[judge]]} stay behind: they are of "
                "responses that differ"
            )

    def _runs_with(self, responses: set[bytes]) -> set[int]:
        """The source's runs that hold one of these responses."""
        if not responses:
            return set()
        found = self._source.select("SELECT run, response FROM items")
        return {run for run, response in found if response in responses}

    def _say(self, what: str, stands: str) -> None:
        self._came.said.append(f"{what} {self._store.path}, which {stands}")


def _many(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' * (n != 1)}"
