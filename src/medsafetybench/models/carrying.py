"""Calls that somebody else carries: in a provider's batch, in a file, on a cluster.

    with carried_by(carrier):
        await model.complete(...)      # Parked, until what came back for this call is there

A model whose calls are carried says what it would have sent, and reads what comes back as it reads
any reply. Nothing waits for a batch of a day: a call that has no reply yet is put down
(``Parked``), and whoever does the work does it again once replies are there. So a new process that
goes on is nothing but the next time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..records import digest


@dataclass(frozen=True)
class Endpointed:
    """Whom a call is for: a model by the name that its server knows, and where that server is.

    ``fingerprint`` tells one model from another; the key goes to ``url`` alone and stands nowhere.
    """

    model: str
    url: str
    fingerprint: Mapping[str, Any]
    key: str | None = field(default=None, repr=False)
    retries: int = 5

    @property
    def identity(self) -> str:
        """16 hex digits that stand for the model, wherever its server is."""
        return digest(self.fingerprint)[:16]


@dataclass(frozen=True)
class Call:
    """What would be sent: the ``path`` below the endpoint's address, and the body as JSON.

    ``spend`` counts the call where it is going to be made; it raises BudgetSpent for one too many.
    """

    to: Endpointed
    path: str
    body: bytes
    spend: Callable[[], None]


@dataclass(frozen=True)
class Carried:
    """What came back for a call; ``tries`` is how many batches it was in. ``others``, where
    it was refused: the model answered others that were asked with it."""

    status: int
    content: bytes
    tries: int = 1
    others: bool = False


class Parked(Exception):
    """There is no reply yet. ``keep``, where there is one, remembers the call, in a transaction of
    whoever caught this."""

    def __init__(self, keep: Callable[[], None] | None = None) -> None:
        super().__init__("the call waits for its batch")
        self.keep = keep


def all_of(parked: Sequence[Parked]) -> Parked:
    """One for several calls that were put down beside each other."""
    keeping = [one.keep for one in parked if one.keep]

    def keep() -> None:
        for one in keeping:
            one()

    return Parked(keep if keeping else None)


class Carrier(Protocol):
    """Who carries calls. ``secret`` makes what is drawn for a call the same when it is asked for
    again (see ``judges.marker``). ``takes_local``: those of models of this machine, too."""

    secret: bytes
    takes_local: bool

    def reply(self, call: Call) -> Carried:
        """What came back for a call. Raises Parked until something has."""


CARRIER: ContextVar[Carrier | None] = ContextVar("CARRIER", default=None)
"""Who carries the calls of this context; None: each model makes its own."""


@contextmanager
def carried_by(carrier: Carrier) -> Iterator[None]:
    """Have the calls that are made inside carried."""
    before = CARRIER.set(carrier)
    try:
        yield
    finally:
        CARRIER.reset(before)
