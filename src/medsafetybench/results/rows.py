"""Every request of a run with all there is about it, as flat rows for tables and exports.

for row in rows(store, read_outcomes(store, run, panel)):
    row["id"], row["score"], row["level"], row["response"], row["screen.rationale"]
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from ..store.grades import MET, on_criteria
from ..store.outcomes import STATES, Outcomes
from ..store.store import Item, JudgeRecord, Store
from ..store.texts import Texts, texts
from .measures import supported

USAGE = ("input_tokens", "output_tokens", "thinking_tokens", "latency")


def rows(
    store: Store, found: Outcomes, positions: Sequence[int] | None = None
) -> Iterator[dict[str, Any]]:
    """The rows in the run's order, or those at these positions in theirs, streamed.

    ``score`` is the number of a level of the judge's ``scale`` and ``level`` its name; what each
    judge said follows under its name. What verdicts on criteria come to stands under the keys of
    the measures, as ``criteria_score``.
    """
    names = column_names(found.judges)
    places = range(len(found)) if positions is None else positions
    graded = [m for m in supported(found.scale) if m.graded]
    made = {m.key: m.of(found).known for m in graded}
    items = store.items(found.run, [int(place) for place in places]) if graded else iter(())
    for place, said in zip(places, texts(store, found.run, found.judges, positions), strict=False):
        of_criteria = {key: _there(values[place]) for key, values in made.items()}
        row = {**_row(found, place, said, names), **of_criteria}
        yield row | _on_each(store, found, next(items), names) if graded else row


def _on_each(store: Store, found: Outcomes, item: Item, names: Sequence[str]) -> dict[str, Any]:
    """What each judge with criteria said of each of them."""
    said = on_criteria(store, item)
    return {
        f"{name}.criteria": [
            {
                "text": one.criterion.text,
                "points": one.criterion.points,
                "tags": list(one.criterion.tags),
                "met": None if one.level is None else one.level.score == MET,
                "reason": one.reason,
                "rationale": one.rationale,
            }
            for one in said.get(judge.name, ())
        ]
        for judge, name in zip(found.judges, names, strict=True)
        if judge.scale.parts
    }


def _there(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def column_names(judges: Sequence[JudgeRecord]) -> list[str]:
    """A prefix for each judge's columns: its name, with its key where two share a name."""
    names = [judge.name for judge in judges]
    return [j.name if names.count(j.name) == 1 else f"{j.name}@{j.key}" for j in judges]


def _row(found: Outcomes, place: int, said: Texts, names: Sequence[str]) -> dict[str, Any]:
    intent, score = found.intent[place], int(found.score[place])
    row = {
        "run": found.run.id,
        "id": found.ids[place],
        "intent": intent,
        "principle": found.principle[place],
        "source": found.source[place],
        "language": found.language[place],
        "turn": found.turn[place],
        "framing": found.framing[place],
        "pair": found.pair[place],
        "state": STATES[found.state[place]],
        "score": score or None,
        "scale": found.scale.key if found.scale and score else None,
        "level": found.scale.title_of(score, intent) if found.scale and score else None,
        "reason": found.reason[place],
        "request": said.request,
        "context": orjson.loads(said.context) if said.context else None,
        "response": said.response,
        "reference": said.reference,
        "finish_reason": said.finish_reason,
        "error": said.error,
        "thinking": said.thinking,
        "notice": said.notice,
        **dict(zip(USAGE, said.usage, strict=True)),
    }
    for j, name in enumerate(names):
        row[f"{name}.score"] = int(found.scores[j][place]) or None
        row[f"{name}.reason"] = said.reasons[j]
        row[f"{name}.rationale"] = said.rationales[j]
    return row
