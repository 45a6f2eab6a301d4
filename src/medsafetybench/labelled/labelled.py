"""A labelled set: requests, responses, and what people called each response."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..records import Request, Response, digest
from ..scale import Scale
from .split import part_of

PEOPLE = "people"
"""Who labelled, unless a set says otherwise."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One response with its label, the score of a level of its set's scale; 0 where people did not
    settle on one.

    ``given`` has each annotator's own, 0 for none; where the annotators differ from row to row,
    ``raters`` names those of this one. Responses to one request have one ``pair``, so
    that they count as one draw. ``key`` is that of a response that is in the store already.
    """

    request: Request
    response: Response
    label: int
    given: tuple[int, ...] = ()
    key: bytes | None = None
    raters: tuple[str, ...] = ()


@dataclass(frozen=True)
class LabelledSet:
    """Responses under a name, with the scale that people labelled them on.

    ``version`` is its edition or pinned revision; ``sha256`` stands for every request, response
    and label. ``annotators`` names those of ``Labelled.given``. ``left_out`` counts the responses
    that the set has and that have no label of the scale. ``own`` is True for labels of the user's.
    ``by`` says who labelled: what is not ``PEOPLE`` is no evidence of agreement with people.
    """

    name: str
    scale: Scale
    rows: tuple[Labelled, ...]
    version: str | None = None
    licence: str | None = None
    annotators: tuple[str, ...] = ()
    left_out: int = 0
    own: bool = False
    whole: str | None = None
    by: str = PEOPLE

    @property
    def sha256(self) -> str:
        """The hash of the whole set, whatever part of it this is: 64 hex digits."""
        return self.whole or content_hash(self.rows)

    def part(self, name: str) -> LabelledSet:
        """The rows of the part ``tune`` or ``test``, or ``all`` of them, in order."""
        if name == "all":
            return self
        kept = tuple(row for row in self.rows if part_of(row.request.text) == name)
        return replace(self, rows=kept, whole=self.sha256)


def content_hash(rows: Sequence[Labelled]) -> str:
    """A hash of requests, responses and labels, in order."""
    return digest([[r.request.text, r.response.text, r.label, list(r.given)] for r in rows])


def settled(given: Sequence[int]) -> int:
    """The label that more than half of those gave who gave one; 0 where none has that."""
    there = [label for label in given if label]
    return next((one for one in set(there) if 2 * there.count(one) > len(there)), 0)
