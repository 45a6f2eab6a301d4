"""The records that flow from one stage to the next: request, response, verdict.

    Request(id="starter/eval/4/harmful/03", text="...", intent="harmful", principle=4)
      -> Response(text="I can't help with that.", finish_reason="stop", ...)
        -> Verdict(HARM.level(1), rationale="Declines and redirects.")

They are small, frozen and free of I/O. Every stage reads the records of the stage before it and
adds its own; none is edited in place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

import orjson

from .errors import MsbError
from .scale import Level

Intent = Literal["harmful", "benign", "care"]
INTENTS: tuple[Intent, ...] = ("harmful", "benign", "care")
"""What is asked for: what should be declined, what should be answered, and that to which a safe
answer has to do something, such as to send to emergency care."""
OPPOSED: tuple[Intent, ...] = ("harmful", "benign")
"""What is never shown one without the other, whether asked or not."""

Message = Mapping[str, str]
"""One turn of a conversation: ``{"role": "system" | "user" | "assistant", "content": text}``."""

Conversation = Sequence[Message]

RAW = "raw"
"""The role of a text that a model is to continue as it stands, without a chat template: alone in
its conversation, it is what the paper sent to local models."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """What a response to one request should do (``points`` above 0) or not do (below 0).

    ``tags`` say what it is about; figures are given by them too.
    """

    text: str
    points: float
    tags: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What stands for its text, which is all that a judge is told: 16 hex digits."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Request:
    """What a user asks of a model.

    ``id`` is stable across machines and versions, so results can be joined. ``principle`` is the
    id of a principle in the taxonomy, or None where the source names none. ``reference`` is the
    published or expected response, where there is one; a harmful request with its reference is a
    demonstration. ``context`` is what was said before the text, ``language`` what the benchmark
    calls the text's. Under pressure one request is asked several times: ``turn`` says at which
    turn, from 1, or ``framing`` in which framing. ``criteria`` are the request's own, by which a
    response is graded.
    """

    id: str
    text: str
    intent: Intent = "harmful"
    principle: int | None = None
    source: str | None = None
    reference: str | None = None
    pair: str | None = None
    turn: int | None = None
    framing: str | None = None
    context: tuple[Message, ...] = ()
    language: str | None = None
    criteria: tuple[Criterion, ...] = ()

    @property
    def possible(self) -> float:
        """The most points that a response can get: all that are above 0."""
        return sum(one.points for one in self.criteria if one.points > 0)

    @property
    def name(self) -> str:
        """What tells it from the other requests of a run, for people to read."""
        return request_name(self.id, self.turn, self.framing)

    def content(self) -> dict[str, Any]:
        """Its fields, for hashes and files.

        Those that came later stand there only where they are set, so that the hash of a request
        without them stays what it was.
        """
        found = {name: getattr(self, name) for name in FIELDS[:7]}
        for name in FIELDS[7:]:
            if value := getattr(self, name):
                found[name] = value
        return found


FIELDS = tuple(field.name for field in fields(Request))


def request_name(identity: str, turn: int | None, framing: str | None) -> str:
    """``ID``, ``ID@turn-2`` or ``ID@claimed authority``."""
    return f"{identity}@turn-{turn}" if turn else f"{identity}@{framing}" if framing else identity


def name_in_row(row: Mapping[str, Any]) -> str:
    """The name of the request that a row of a table is about, by its cells ``id``, ``turn`` and
    ``framing``."""
    return request_name(str(row["id"]), *pressure_in(row))


def pressure_in(row: Mapping[str, Any]) -> tuple[int | None, str | None]:
    """Turn and framing of the request that a row of a table is about."""
    try:
        turn = int(float(row.get("turn") or 0))
    except (TypeError, ValueError, OverflowError):
        turn = 0
    return turn or None, str(row.get("framing") or "") or None


@dataclass(frozen=True, slots=True)
class Response:
    """What a target answered, or the error that stood in the way (never both).

    ``finish_reason`` is the provider's word for why it ended, ``stop`` for one, or None; a token
    limit is always ``length`` and a filter ``content_filter``. ``latency`` is in seconds, token
    counts are the provider's, each None where unknown. An empty ``text`` without an error is a
    state of its own: the target said nothing. ``thinking`` is what a reasoning model wrote before
    its answer, and ``thinking_tokens`` how many of the ``output_tokens`` went into it. ``notice``
    is what was said instead of an answer that was filtered.
    """

    text: str = ""
    finish_reason: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    latency: float | None = None
    error: str | None = None
    thinking: str | None = None
    thinking_tokens: int | None = None
    notice: str | None = None

    @property
    def empty(self) -> bool:
        """True if the target answered and said nothing that can be judged."""
        return self.error is None and not self.text.strip()

    @property
    def filtered(self) -> bool:
        """True if a content filter took the answer, or would not let the request through."""
        return self.finish_reason == "content_filter"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judge's verdict on one response: a level of the judge's scale, or why there is none.

    ``level`` is None when the verdict is *unscored*, and ``reason`` then says why. ``error`` marks
    an unscored verdict that never came about because the judge could not be reached: asking again
    may help, so a resumed run does. ``thinking`` is what a reasoning judge wrote before its reply.
    Raises ValueError for both or neither of level and reason.
    """

    level: Level | None = None
    reason: str | None = None
    rationale: str = ""
    error: bool = False
    input_tokens: int | None = None
    output_tokens: int | None = None
    calls: int = 0
    latency: float | None = None
    thinking: str | None = None

    def __post_init__(self) -> None:
        if (self.level is None) == (self.reason is None):
            raise ValueError(f"a verdict has a level or a reason, not both or neither: {self}")

    @property
    def score(self) -> int | None:
        """The level's number on its scale; None if unscored."""
        return self.level.score if self.level else None


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a model is sampled. Defaults follow the paper: greedy, 512 new tokens."""

    temperature: float = 0.0
    max_tokens: int = 512
    seed: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def with_seed(self, seed: int | None) -> Sampling:
        """The same sampling under another seed."""
        return replace(self, seed=seed)


def digest(value: Any) -> str:
    """SHA-256 of a JSON-like value in canonical form (sorted keys), as 64 hex digits.

    Raises MsbError for what has none: numbers of more than 64 bits, half a character.
    """
    try:
        canonical = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise MsbError(f"a value that cannot be kept as JSON: {error}") from None
    return hashlib.sha256(canonical).hexdigest()
