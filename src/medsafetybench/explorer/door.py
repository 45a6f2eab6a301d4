"""The one way into an explorer: a ticket is used up for a session, which every page asks for.

    door = Door("3f9c….localhost", given=print)
    door.issue()                     # `given` is told a ticket
    secret = door.enter(ticket)      # once, and soon; raises NoEntry
    door.session([secret])           # what the person has chosen in this session

A ticket travels where others may read along, in a link or a form; so it opens one session and then
nothing. The session's secret is in one cookie and nowhere else. Both are kept as hashes, in memory:
with the process they are gone. What a person chooses (to see the texts) is kept here as well, and
not in the browser, where a page at another port of this machine could set it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

TICKET_LIFE = 600
"""Seconds in which a ticket opens a session."""

Why = Literal["used", "late", "unknown"]


class NoEntry(Exception):
    """A ticket that opens nothing; ``why`` says which kind."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why = why


@dataclass
class Session:
    """What one person has chosen, until their browser or the explorer ends."""

    shown: bool = False
    """Harmful texts are not blurred."""
    shortcuts: bool = True
    """Keys do something."""
    annotator: str = ""
    """Who labelled last here."""


class Door:
    """Tickets and sessions of one start of the explorer, at one host name.

    ``given`` is told each ticket as it is made: one at first, the next when that was used or is too
    late. A ticket leads to the ``view``.
    """

    def __init__(
        self,
        host: str,
        given: Callable[[str], None],
        *,
        shortcuts: bool = True,
        view: str = "/",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.host = host
        self.view = view
        self._given = given
        self._shortcuts = shortcuts
        self._clock = clock
        self._ticket = b""
        self._until = 0.0
        self._spent: dict[bytes, Why] = {}
        self._sessions: dict[bytes, Session] = {}

    def issue(self) -> None:
        """Make a ticket; the one before it opens nothing any more."""
        if self._ticket:
            self._spent.setdefault(self._ticket, "late")
        ticket = secrets.token_urlsafe(32)
        self._ticket, self._until = _hash(ticket), self._clock() + TICKET_LIFE
        self._given(ticket)

    def enter(self, ticket: str) -> str:
        """The secret of a new session. Raises NoEntry unless the ticket is new and in time."""
        given = _hash(ticket)
        late = self._clock() >= self._until
        if given == self._ticket:
            self._spent[given] = "late" if late else "used"
            self.issue()
            if not late:
                secret = secrets.token_urlsafe(32)
                self._sessions[_hash(secret)] = Session(shortcuts=self._shortcuts)
                return secret
        elif late and given in self._spent:
            self.issue()
        raise NoEntry(self._spent.get(given, "unknown"))

    def session(self, given: Iterable[str]) -> Session | None:
        """The session of the first of the secrets that has one."""
        found = (self._sessions.get(_hash(secret)) for secret in given)
        return next((session for session in found if session), None)


def _hash(secret: str) -> bytes:
    """By which a secret is looked up: how long that takes tells nothing of the secret itself."""
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()
