"""The order in which a run's requests are asked and looked at: at random, and drawn beforehand.

    in_order("run-31e6748c41", [(0, "ama-3-17"), (1, "ama-3-18")])     # [1, 0]

It follows from the run's id, so that a run that is resumed goes on in it, whoever looks later knows
it, and nothing needs to be stored. Requests that are one draw (twins, turns, framings) follow each
other. So a run that ends early, for whatever reason, has asked a random part of its requests.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

DRAW = "COALESCE(NULLIF(q.pair, ''), q.id)"
"""In SQL, the name of the draw that a request is of: its own, or that of its twin."""
UNGRADED = f"""
    SELECT MIN(i.position), {DRAW} FROM items i
    JOIN requests q ON q.key = i.request JOIN responses r ON r.key = i.response
    WHERE i.run = ? AND r.error IS NULL AND EXISTS (
        SELECT 1 FROM json_each(q.criteria) c WHERE json_extract(c.value, '$.points') > 0)
    AND EXISTS (
        SELECT 1 FROM json_each(q.criteria) c LEFT JOIN verdicts v
            ON v.judge = ? AND v.response = i.response
            AND v.intent = json_extract(c.value, '$.key')
        WHERE v.judge IS NULL OR v.error)
    GROUP BY i.response, q.criteria"""  # nosec B608 # names of ours
"""Answered requests with points to get that lack a verdict on one of their criteria."""


def in_order(run: str, drawn: Iterable[tuple[int, str]]) -> list[int]:
    """Positions in their order, each given with the name of its draw: the request's pair or id."""
    placed = ((_place(run, draw), draw, position) for position, draw in drawn)
    return [position for _, _, position in sorted(placed)]


def _place(run: str, draw: str) -> bytes:
    return blake2b(draw.encode(), digest_size=8, key=run.encode()[:64]).digest()
