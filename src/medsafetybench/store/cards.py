"""Judge cards in the store: what checking a judge against people's labels has come to.

put_card(store, judge.key, "xstest", "test", 1080, {...})
cards_of(store, [judge.key])        # [{...}]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from .database import Database


def put_card(
    store: Database, judge: str, name: str, part: str, n: int, card: Mapping[str, Any]
) -> None:
    """Store a card, in place of an earlier one of the same judge, part of the set and size, and of
    those on the set as it was with other labels."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    with store.transaction():
        store.write(
            "DELETE FROM judge_cards WHERE judge = ? AND name = ? AND part = ? "
            "AND json_extract(card, '$.sha256') <> ?",
            *(judge, name, part, card["sha256"]),
        )
        store.write(
            "INSERT OR REPLACE INTO judge_cards (judge, name, part, n, created, card) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            *(judge, name, part, n, at, orjson.dumps({**card, "at": at}).decode()),
        )


def cards_of(store: Database, judges: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """The cards of the judges with these keys, or of all; the newest last."""
    asked = None if judges is None else orjson.dumps(list(judges)).decode()
    found = store.select(
        "SELECT card FROM judge_cards WHERE ?1 IS NULL "
        "OR judge IN (SELECT value FROM json_each(?1)) ORDER BY created, name",
        asked,
    )
    return [orjson.loads(card) for (card,) in found]
