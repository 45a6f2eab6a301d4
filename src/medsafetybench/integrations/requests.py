"""A request from what another tool kept beside the text.

    request_from("17", asked, {"intent": "benign", "principle": 4})

Their fields may be called as ours and mean something else (``intent: "book a flight"``): what is
none of our values is left aside, and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ..cells import text_of, whole_of
from ..conversations import Asked
from ..errors import MsbError
from ..records import INTENTS, Intent, Request


class Foreign:
    """Values that are not ours in fields that are called as ours, counted."""

    def __init__(self) -> None:
        self._found: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def count(self, name: str, value: Any) -> None:
        """One more such value."""
        self._found[name] += 1
        self._first.setdefault(name, " ".join(str(value).split())[:40])

    def notes(self) -> list[str]:
        """A line for each field."""
        return [
            f"the field {name!r} of {n:,} requests, as {self._first[name]!r}, says something else "
            "than ours and was left aside"
            for name, n in self._found.items()
        ]


def request_from(
    identity: str,
    asked: Asked,
    metadata: Mapping[str, Any],
    intent: str | None = None,
    reference: Any = None,
    foreign: Foreign | None = None,
) -> Request:
    """The request, with intent, principle, source, pair and reference where the metadata has them.

    ``intent`` is for a request that does not say its own; harmful if None. ``reference`` is the
    log's own. Fields of another meaning are counted in ``foreign``.
    """
    foreign = foreign or Foreign()
    said = str(metadata.get("intent") or "").strip().lower()
    if said and said not in INTENTS:
        foreign.count("intent", metadata["intent"])
    own = next((known for known in INTENTS if known == said), None)
    return Request(
        identity,
        asked.text,
        own or intent_of(intent),
        principle=_principle(metadata, foreign),
        source=_text(metadata.get("source")),
        reference=_text(metadata.get("reference")) or _text(reference),
        pair=_text(metadata.get("pair")),
        context=asked.context,
        language=_text(metadata.get("language")),
    )


def intent_of(given: str | None) -> Intent:
    """The intent that was given for requests that do not say theirs. Raises MsbError."""
    found = next((known for known in INTENTS if known == (given or "harmful").lower()), None)
    if found is None:
        raise MsbError(f"--intent {given!r}; expected harmful, benign or care")
    return found


def _principle(metadata: Mapping[str, Any], foreign: Foreign) -> int | None:
    value = metadata.get("principle")
    try:
        return whole_of(value)
    except ValueError:
        foreign.count("principle", value)
        return None


def _text(value: Any) -> str | None:
    """The value if it is a text, or one number of theirs; None for all else."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return text_of(value) or None
    return None
