"""Which requests of a run a page shows: the filter of an address, and what it lets through.

wanted = Filter.of({"principle": "4", "score": "5"})
where(outcomes, wanted)           # positions, in numpy: 74,374 requests cost what 50 do
choices(outcomes, taxonomy)       # what a form can offer: only that of which there are several
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import urlencode

import numpy as np

from ..errors import MsbError
from ..records import INTENTS
from ..store.outcomes import STATES, Outcomes
from ..store.texts import Positions
from ..taxonomy import Taxonomy
from .levels import level_text
from .sorting import SORTS

COLUMNS = ("principle", "source", "language", "intent", "turn", "framing")
"""The columns of the outcomes that a filter can narrow down by."""
NONE = "none"
"""How an address names requests that have no principle, no source and so on."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which requests of a run to show, and in which order; what is empty does not narrow it down.

    ``score`` is the number of a level of the judge's scale, ``q`` a text to look for, ``sort`` one
    of SORTS, or nothing for the run's own order; ``judge`` is by whom all of it is, if not by those
    that the run is reported by.
    """

    principle: str = ""
    source: str = ""
    language: str = ""
    intent: str = ""
    turn: str = ""
    framing: str = ""
    score: str = ""
    state: str = ""
    q: str = ""
    sort: str = ""
    judge: str = ""

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Filter:
        """The filter that an address asks for."""
        return cls(**{f.name: given.get(f.name, "").strip()[:200] for f in fields(cls)})

    def parameters(self) -> dict[str, str]:
        """What narrows it down, as an address would say it."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in values.items() if value}

    def by(self) -> Filter:
        """All requests, by the same judge."""
        return Filter(judge=self.judge)

    def query(self, **more: Any) -> str:
        """``?principle=4&score=5``, with other parameters added, or nothing; None drops one."""
        merged = {**self.parameters(), **more}
        pairs = [(name, value) for name, value in merged.items() if value is not None]
        return f"?{urlencode(pairs)}" if pairs else ""


def where(found: Outcomes, wanted: Filter, holding: Positions | None = None) -> Positions:
    """Positions that pass the filter, in order; ``holding`` are those that hold its text.

    Raises MsbError for a value that no request can have.
    """
    keep = np.ones(len(found), dtype=bool)
    if holding is not None:
        keep[:] = False
        keep[holding] = True
    for name in COLUMNS:
        if given := getattr(wanted, name):
            column = getattr(found, name)
            possible = {*column.values, *(INTENTS if name == "intent" else ())}
            keep &= column.is_(_known(name, given, possible))
    if wanted.state:
        keep &= found.state == STATES.index(_known("state", wanted.state, STATES))
    if wanted.sort:
        _known("sort", wanted.sort, SORTS)
    if wanted.score:
        keep &= found.score == _known("score", wanted.score, _scores(found))
    return np.flatnonzero(keep)


def _known(name: str, given: str, possible: Iterable[Any]) -> Any:
    """The value that an address means."""
    named = {_said(value): value for value in sorted(possible, key=_none_last)}
    if given not in named:
        raise MsbError(f"{name} {given!r}; expected one of {', '.join(named) or 'nothing'}")
    return named[given]


def _said(value: Any) -> str:
    return NONE if value is None else str(value)


def _none_last(value: Any) -> tuple[bool, Any]:
    return value is None, value


def _scores(found: Outcomes) -> list[int]:
    """The scores that a request of the run can have."""
    scale = found.scale
    return sorted({s for i in _intents(found) for s in scale.scores(i)}) if scale else []


def _intents(found: Outcomes) -> list[str]:
    return [intent for intent in INTENTS if intent in found.intent.values]


@dataclass(frozen=True, slots=True)
class Choice:
    """A field of a filter as a form offers it: values and what people read."""

    name: str
    title: str
    options: list[tuple[str, str]]


def choices(found: Outcomes, taxonomy: Taxonomy) -> list[Choice]:
    """The fields in which the requests of a run differ."""
    offered = []
    for name in COLUMNS:
        values = getattr(found, name).there()
        if name == "principle":
            titles = [f"{v} {taxonomy.title(v)}" if v is not None else NONE for v in values]
        else:
            titles = [_said(value) for value in values]
        offered.append(Choice(name, name, list(zip(map(_said, values), titles, strict=True))))
    offered.append(Choice("score", "level", [(str(s), _titles(found, s)) for s in _scores(found)]))
    offered.append(Choice("state", "state", [(state, state) for state in STATES]))
    return [choice for choice in offered if len(choice.options) > 1]


def _titles(found: Outcomes, score: int) -> str:
    """What a score means; on the harm scale that depends on the intent."""
    assert found.scale is not None, "a score is of a scale"
    levels = [v for i in _intents(found) for v in found.scale.levels[i] if v.score == score]
    titles = dict.fromkeys(level.title for level in levels)
    return level_text(replace(levels[0], title=" / ".join(titles)))
