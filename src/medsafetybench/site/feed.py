"""What a site says, for programs: ``board.json``, and each run's scorecard.

Their forms are in docs/json.md; a figure that is not defined is null, a share runs from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from ..results.interval_notes import of_ranks
from ..results.measures import Measure
from ..results.scorecard import Scorecard
from .board import Board, Row, of_principle
from .checks import Checked

SCHEMA = 1


def feed(title: str, made: datetime, boards: Sequence[Board], sent: Sequence[Checked]) -> bytes:
    """``board.json``: every board with figures, ranks and principles, and what was sent in."""
    document = {
        "schema": SCHEMA,
        "title": title,
        "made": made.isoformat(timespec="seconds"),
        "boards": [_board(board) for board in boards],
        "submissions": [
            {"name": one.name, "listed": one.listed, "reasons": one.reasons, "notes": one.notes}
            for one in sent
        ],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def scorecard(card: Scorecard) -> bytes:
    """A run's scorecard, as ``msb summary --json`` prints it."""
    return f"{card.to_json()}\n".encode()


def _board(board: Board) -> dict[str, Any]:
    return {
        "key": board.key,
        "benchmark": {**board.benchmark.model_dump(mode="json"), "title": board.benchmark.title},
        "judge": board.judge,
        "scale": board.scale.key,
        "checked": [one.text for one in board.checked],
        "measures": [_measure(measure, measure in board.ranked) for measure in board.measures],
        "ranks": of_ranks(),
        "notes": list(board.notes),
        "runs": [_run(board, row) for row in board.rows],
    }


def _measure(measure: Measure, ranked: bool) -> dict[str, Any]:
    told = ("key", "title", "side", "better", "unit", "explanation")
    return {**{name: getattr(measure, name) for name in told}, "ranked": ranked}


def _run(board: Board, row: Row) -> dict[str, Any]:
    return {
        "run": row.card.run,
        "target": row.run.label,
        "made_by": row.listed.made_by,
        "begun": row.card.created,
        "page": f"runs/{row.page}.html",
        "report": f"runs/{row.page}-report.html",
        "scorecard": f"runs/{row.page}.json",
        "no_text": row.broken,
        "figures": {m.key: _figure(row, m) for m in board.measures},
        "principles": {
            m.key: {str(p): _group(row, m, p) for p in board.principles(m)} for m in board.ranked
        },
    }


def _figure(row: Row, measure: Measure) -> dict[str, Any] | None:
    figure, side = row.card.figure(measure.key), row.card.sides.get(measure.side)
    if figure is None or side is None:
        return None
    place = row.standing.places.get(measure.key)
    return {
        **figure.model_dump(mode="json"),
        "n": side.n,
        "scored": side.scored,
        "rank": place.rank if place else None,
        "ranks": list(place.ranks) if place and place.ranks else None,
    }


def _group(row: Row, measure: Measure, principle: int) -> dict[str, Any] | None:
    group = of_principle(row.card, measure, principle)
    if group is None:
        return None
    return {
        **group.figures[measure.key].model_dump(mode="json"),
        "n": group.n,
        "scored": group.scored,
    }
