"""What PyRIT keeps of an attack: pieces of messages, turns, conversations.

    for conversation in conversations(Path("memory.json")):
        conversation.target, [answer.asked.text for answer in conversation.answers()]

Pieces of one message are one turn, pictures are named as such, thoughts kept apart. What was asked
is what stood there before converters disguised it; what was said is what the target was told.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any

from .. import jsontext
from ..cells import identity_of, text_of, whole_of
from ..conversations import ROLES, Asked
from ..errors import MsbError
from ..records import Message, Response, digest
from ..tables import rows

SIMULATED = {"simulated_assistant": "assistant"}
"""A turn that the attack made up as the assistant's: said before, and no answer."""

LONGEST_CELL = 100_000
"""Characters of a cell that is read as Python shows it: identifiers and labels are short."""

MEDIA = {"image_path": "picture", "audio_path": "sound", "video_path": "video"}
WORDS = ("text", "error", "reasoning")


@dataclass(frozen=True)
class Piece:
    """A part of a message: a text, a thought, a picture."""

    where: str
    row: Mapping[str, Any]

    def text(self, which: str) -> str:
        """The ``original`` or the ``converted`` value as text; what is none is named."""
        kind = self.kind(which)
        try:
            said = text_of(self.row.get(f"{which}_value"), named=True)
        except ValueError as error:
            raise MsbError(f"{self.where}: {which}_value: {error}") from None
        if kind in WORDS or not said:
            return said
        # The folder is that of the machine it was made on.
        called = PurePath(said.replace("\\", "/")).name if kind.endswith("_path") else said
        return f"[{MEDIA.get(kind, kind.replace('_', ' '))}: {called[:200]}]"

    def kind(self, which: str) -> str:
        """The type of the original or of the converted value; one type where nothing was done."""
        if self.row.get("original_value") == self.row.get("converted_value"):
            which = "converted"
        return str(self.row.get(f"{which}_value_data_type") or "text")

    @property
    def fault(self) -> str:
        """``none``, ``blocked``, ``empty``, or another word of PyRIT's for what went wrong."""
        fault = str(self.row.get("response_error") or "none")
        return "unknown" if fault == "none" and self.kind("converted") == "error" else fault


@dataclass(frozen=True)
class Turn:
    """The pieces of one message."""

    pieces: Sequence[Piece]

    @property
    def role(self) -> str:
        """Who speaks, in PyRIT's word."""
        return str(self.pieces[0].row["role"])

    def text(self, which: str = "converted") -> str:
        """What was said: all pieces but thoughts, each on a line."""
        said = [piece.text(which) for piece in self.pieces if piece.kind(which) != "reasoning"]
        return "\n".join(text for text in said if text)

    @property
    def thinking(self) -> str | None:
        """What was thought, or None."""
        pieces = [piece for piece in self.pieces if piece.kind("converted") == "reasoning"]
        return "\n\n".join(text for p in pieces if (text := p.text("converted"))) or None

    @property
    def original(self) -> str:
        """What was said before it was converted."""
        return self.text("original") or self.text()

    @property
    def message(self) -> Message:
        """What the target was told."""
        role = {**ROLES, **SIMULATED}.get(self.role, "tool")
        return {"role": role, "content": self.text() or self.original}

    @property
    def response(self) -> Response:
        """The turn as a response. What a filter held back is empty; other faults are errors."""
        faults = [piece.fault for piece in self.pieces if piece.fault not in ("none", "empty")]
        text = self.text()
        if "blocked" in faults:
            return Response(finish_reason="content_filter")
        if faults:
            return Response(error=f"{faults[0]}: {' '.join(text.split())[:200]}")
        empty = any(piece.fault == "empty" for piece in self.pieces)
        return Response(text="" if empty else text, thinking=self.thinking)

    @property
    def wordless(self) -> bool:
        """True if it holds something, none of which is text."""
        kinds = {piece.kind("converted") for piece in self.pieces} - {"reasoning"}
        return bool(kinds) and not kinds.intersection(WORDS) and self.response.error is None


@dataclass(frozen=True)
class Answered:
    """An answer in a conversation, what it answers, and all that was said before it.

    ``asked`` is the last turn of a user, as it was before conversion, after what was said then.
    ``copied`` is True for a turn that a branch of the conversation has taken over.
    """

    number: int
    turn: Turn
    asked: Asked
    user: Turn
    before: Sequence[Turn]
    copied: bool

    @property
    def labels(self) -> Mapping[str, Any]:
        """The labels that the attack was given."""
        found = [mapping(kept(piece.row.get("labels"))) for piece in self.user.pieces]
        return next((labels for labels in found if labels), {})

    @property
    def framing(self) -> str | None:
        """The converters that disguised what was asked, as ``pyrit:NAME``."""
        found: list[str] = []
        for piece in self.user.pieces:
            listed = kept(piece.row.get("converter_identifiers"))
            for one in listed if isinstance(listed, list) else []:
                name = mapping(one).get("class_name") or mapping(one).get("__type__")
                found += [str(name)] if name and name not in found else []
        return f"pyrit:{'+'.join(found)}" if found else None


@dataclass(frozen=True)
class Conversation:
    """All turns under one conversation id, in order. ``copies`` are ids of pieces that the file
    holds elsewhere as well."""

    identity: str
    turns: Sequence[Turn]
    copies: frozenset[str]

    @cached_property
    def pieces(self) -> list[Piece]:
        """The pieces of all turns."""
        return [piece for turn in self.turns for piece in turn.pieces]

    @cached_property
    def _targets(self) -> list[Any]:
        """Identifiers of who was asked, those that came with an answer first."""
        pieces = sorted(self.pieces, key=lambda piece: piece.row["role"] != "assistant")
        return [found for p in pieces if (found := p.row.get("prompt_target_identifier"))]

    @cached_property
    def target(self) -> str | None:
        """The name of who was asked: the model's, else that of the class."""
        return next((name for one in self._targets if (name := _model(one))), None)

    @cached_property
    def configuration(self) -> str:
        """What tells its target from others, also from those of the same name."""
        return digest([self.target, str(self._targets[0]) if self._targets else None])

    def answers(self) -> Iterator[Answered]:
        """Each answer to something that a user said, in order."""
        number = 0
        for place, turn in enumerate(self.turns):
            users = [n for n, before in enumerate(self.turns[:place]) if before.role == "user"]
            if turn.role != "assistant" or not users:
                continue
            number += 1
            user = self.turns[users[-1]]
            context = tuple(before.message for before in self.turns[: users[-1]])
            asked = Asked(user.original, context)
            copied = all(str(piece.row.get("id")) in self.copies for piece in turn.pieces)
            yield Answered(number, turn, asked, user, self.turns[:place], copied)

    def said(self, *roles: str) -> list[str]:
        """What some of the roles said, turn by turn, before conversion."""
        return [turn.original for turn in self.turns if turn.role in roles]


def conversations(path: Path) -> list[Conversation]:
    """The conversations in a file, in the order in which they begin. Raises MsbError."""
    by_id: dict[str, list[Piece]] = {}
    pieces = _pieces(path)
    for piece in pieces:
        by_id.setdefault(_conversation_id(piece), []).append(piece)
    ids = {str(piece.row.get("id")) for piece in pieces}
    copies = {str(p.row.get("id")) for p in pieces if _origin(p) in ids - {str(p.row.get("id"))}}
    return [Conversation(name, _turns(found), frozenset(copies)) for name, found in by_id.items()]


def _pieces(path: Path) -> list[Piece]:
    if path.suffix.lower() != ".json":
        return [Piece(where, row) for where, row in rows(path)]
    found = jsontext.read(path)
    if not isinstance(found, list) or not all(isinstance(piece, Mapping) for piece in found):
        raise MsbError(f"{path}: expected a list of messages, as PyRIT exports its memory")
    return [Piece(f"{path}: message {number}", piece) for number, piece in enumerate(found, 1)]


def _conversation_id(piece: Piece) -> str:
    try:
        identity = identity_of(piece.row.get("conversation_id"))
    except ValueError as error:
        raise MsbError(f"{piece.where}: conversation_id: {error}") from None
    if not identity or not isinstance(piece.row.get("role"), str):
        raise MsbError(f"{piece.where}: expected conversation_id, role and converted_value")
    return identity


def _origin(piece: Piece) -> str:
    """The id of the piece that this one is a copy of; its own if it is none."""
    return str(piece.row.get("original_prompt_id") or piece.row.get("id"))


def _turns(pieces: Sequence[Piece]) -> list[Turn]:
    """The pieces of one conversation by message: those of one place and one speaker."""
    turns: list[list[Piece]] = []
    last: tuple[int, str] | None = None
    for piece in sorted(pieces, key=_place):
        this = (_place(piece), str(piece.row["role"]))
        if this == last:
            turns[-1].append(piece)
        else:
            turns.append([piece])
        last = this
    return [Turn(found) for found in turns]


def _place(piece: Piece) -> int:
    try:
        return whole_of(piece.row.get("sequence")) or 0
    except ValueError as error:
        raise MsbError(f"{piece.where}: sequence {error}") from None


def kept(cell: Any) -> Any:
    """What PyRIT keeps in a cell; a CSV has it as Python shows it. None if it cannot be told."""
    if not isinstance(cell, str):
        return cell
    try:
        return ast.literal_eval(cell) if len(cell) < LONGEST_CELL else None
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is an object, or the JSON text of one; else an empty one."""
    if isinstance(value, str):
        try:
            value = jsontext.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, Mapping) else {}


MODEL = ("model_name", "underlying_model_name", "deployment_name", "class_name", "__type__")


def _model(identifier: Any) -> str | None:
    """The name in a target's identifier; a CSV has that as Python shows it."""
    for key in MODEL:
        if isinstance(identifier, Mapping):
            found = identifier.get(key)
        else:
            shown = re.search(rf"['\"]{key}['\"]\s*:\s*['\"]([^'\"]+)['\"]", str(identifier))
            found = shown[1] if shown else None
        if isinstance(found, str) and found:
            return found
    return None
