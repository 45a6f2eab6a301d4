"""PyRIT's memory as records of ours; its scores are not on our scale.

    read_pyrit(Path("memory.json"))      # or .csv, .jsonl

The memory holds every conversation that an attack had: with the target, with the model that wrote
the attack, and with the one that scored it. Each answer of a target is a sample; the conversations
of attackers and scorers are left out, and named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from .gathering import Gathering
from .pyrit_memory import Conversation, conversations, kept, mapping
from .recorded import Recorded

ATTACKER, SCORER, TARGET = "an attacker", "a scorer", "a target"

SCORE = re.compile(r'"score_value"\s*:')
ATTACKS = re.compile(r"red.?team|adversar|attack|jailbreak", re.IGNORECASE)
SCORES = re.compile(
    r"\b(scor|evaluat|judge|judging|grade|grading|classif|rate\b|rating)"
    r".{0,100}\b(responses?|answers?|messages?|repl(y|ies)|conversations?|outputs?)\b",
    re.IGNORECASE | re.DOTALL,
)
"""Words in the system prompts of PyRIT's own attackers and scorers."""

SHORTEST = 20
"""Characters of a reply that is known again where somebody else says it."""


def read_pyrit(path: Path, intent: str | None = None) -> list[Recorded]:
    """The records in an export of the memory, one for each target.

    Raises MsbError for what is none, and where no target answered.
    """
    found = Gathering(path, "pyrit", intent)
    everyone = conversations(path)
    helpers = _helpers(everyone)
    for one in everyone:
        if one.identity in helpers:
            name = one.target or "no name"
            found.leave_out(f"conversations with {name}, {helpers[one.identity]} of PyRIT's,")
    kept = [one for one in everyone if one.identity not in helpers]
    names = _names(kept, path.stem)
    for one in kept:
        _gather(found, one, names[one.configuration])
    return found.records()


def _gather(found: Gathering, conversation: Conversation, target: str) -> None:
    for answer in conversation.answers():
        if answer.copied:
            found.leave_out("copies of earlier turns in branches of a conversation")
        elif answer.turn.wordless:
            found.leave_out("responses that are no text")
        else:
            found.add(
                target,
                f"{conversation.identity}/{answer.number}",
                answer.asked,
                answer.turn.response,
                metadata=answer.labels,
                said=[turn.message for turn in answer.before],
                framing=answer.framing,
            )


def _names(kept: Sequence[Conversation], default: str) -> dict[str, str]:
    """The name of each configuration; with a number where two are called the same."""
    names: dict[str, str] = {}
    called: dict[str, int] = {}
    for one in kept:
        if one.configuration not in names:
            name = one.target or default
            called[name] = called.get(name, 0) + 1
            names[one.configuration] = f"{name} #{called[name]}" if called[name] > 1 else name
    return names


def _helpers(everyone: Sequence[Conversation]) -> dict[str, str]:
    """The conversations with an attacker or a scorer, and which; none if nothing would be left."""
    asked = {text.strip(): one.identity for one in everyone for text in one.said("user")}
    roles = {one.identity: _role(one, asked) for one in everyone}
    found = {identity: role for identity, role in roles.items() if role != TARGET}
    return found if len(found) < len(roles) else {}


def _role(one: Conversation, asked: Mapping[str, str]) -> str:
    """Who the conversation is with, by what the memory says of it."""
    if known := _by_identifier(one):
        return known
    replies = one.said("assistant")
    if replies and all(SCORE.search(reply) for reply in replies):
        return SCORER
    said = [text.strip() for reply in replies for text in (reply, *_texts(reply))]
    if any(asked.get(t, one.identity) != one.identity for t in said if len(t) >= SHORTEST):
        return ATTACKER
    system = " ".join(one.said("system", "developer"))
    if one.turns[0].role in ("system", "developer") and ATTACKS.search(system):
        return ATTACKER
    if one.turns[0].role in ("system", "developer") and SCORES.search(system):
        return SCORER
    return TARGET


def _texts(reply: str) -> list[str]:
    """The texts in a reply that is a JSON object, as some attackers write the next prompt."""
    return [text for text in mapping(reply).values() if isinstance(text, str)]


def _by_identifier(one: Conversation) -> str | None:
    """What the identifier of the attack says, which holds those of all three by their hashes."""
    rows = [piece.row for piece in one.pieces]
    if any(row.get("originator") == "scorer" for row in rows):
        return SCORER
    for row in rows:
        children = mapping(mapping(kept(row.get("attack_identifier"))).get("children"))
        own = mapping(kept(row.get("prompt_target_identifier"))).get("hash")
        named = [
            name for name, child in children.items() if own and mapping(child).get("hash") == own
        ]
        if "objective_target" in named:
            return TARGET
        if named:
            return SCORER if "scor" in named[0] else ATTACKER
    return None
