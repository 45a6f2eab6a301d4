"""How far a judge has been checked against people's labels, in a line: from its judge cards.

    found = checked(judge.name, judge.key, cards, run.id)
    found.text      # "screen: kappa 0.74 [0.70, 0.78] against people on 3 sets (...), never on ..."

A judge is its key, the hash of all that decides its verdicts: a judge changed is a judge unchecked.
Cards of the judges that this program ships come with it; others are those of the store. A set that
a judge was made with, and the part of one that is there to choose settings on, is no evidence.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from importlib.resources import files

import orjson

from ..statistics.agreement import Figure
from ..statistics.interval import Interval
from ..store.cards import cards_of
from ..store.database import Database
from ..store.labels import PERSON
from ..store.store import JudgeRecord, judge_key
from .judge_card import JudgeCard, from_plain, mean_figure
from .scorecard import CheckedOn, JudgeChecked

SHIPPED = "cards.json"
WITHHELD = 0.05
"""Share of responses without a verdict from which the line says so."""
LEFT_OUT = "left out"
"""The part of a card whose set was judged by the same training without that set."""


@lru_cache(maxsize=1)
def shipped_cards() -> tuple[JudgeCard, ...]:
    """The cards that come with the program, of judges that come with it (``make judge-cards``)."""
    text = files(__package__).joinpath(SHIPPED).read_bytes()
    return tuple(map(from_plain, orjson.loads(text)["cards"]))


def cards_known(store: Database, keys: Sequence[str] | None = None) -> list[JudgeCard]:
    """The cards of the judges with these keys, or of all: those shipped, then those stored."""
    shipped = [card for card in shipped_cards() if keys is None or card.key in keys]
    return [*shipped, *map(from_plain, cards_of(store, keys))]


def panel_key(members: Sequence[JudgeRecord], rule: str) -> str:
    """The key of a judge's cards; of a panel, one that stands for its members and its rule."""
    if len(members) == 1:
        return members[0].key
    return judge_key({"panel": sorted(judge.key for judge in members), "rule": rule})


def checked_members(
    members: Sequence[JudgeRecord], rule: str, cards: Sequence[JudgeCard], run: str
) -> list[JudgeChecked]:
    """How far each judge of a run's panel was checked, and the panel as one where it was.

    People are not: their labels are what others are held against.
    """
    found = [
        checked(judge.name, judge.key, cards, run)
        for judge in members
        if not judge.name.startswith(PERSON)
    ]
    key = panel_key(members, rule) if members else ""
    if len(members) > 1 and any(card.key == key for card in cards):
        found.append(checked(" + ".join(j.name for j in members), key, cards, run))
    return found


def checked(judge: str, key: str, cards: Iterable[JudgeCard], run: str) -> JudgeChecked:
    """What a judge's cards amount to, for a run."""
    best = list(_best(card for card in cards if card.key == key))
    own = next((card for card in best if card.set == run), None)
    sets = [_on(card) for card in best if card is not own]
    counted = [card for card in best if card is not own and card.counts]
    mean = mean_figure([card.kappa for card in counted]) if counted else None
    found = JudgeChecked(
        judge=judge,
        key=key,
        kappa=mean.point if mean else None,
        ci95=_interval(mean),
        least=_least([own] if own and not own.trained else counted),
        sets=sets,
        run=_on(own) if own and not own.trained else None,
        text="",
    )
    return found.model_copy(update={"text": sentence(found)})


def sentence(found: JudgeChecked) -> str:
    """The line that stands on scorecards and reports."""
    counted = [one for one in found.sets if one.counts]
    made = [one.set for one in found.sets if one.trained]
    parts = []
    if found.run:
        own = _kappa(found.run.kappa, found.run.ci95)
        parts.append(f"{own} against people on {found.run.n} of these responses")
    if counted:
        listed = ", ".join(f"{one.set} {one.kappa:.2f}" for one in counted)
        if all(one.part == LEFT_OUT for one in counted):
            listed += "; each by its training without that set"
        which = f"{len(counted)} labelled set{'s' * (len(counted) > 1)} ({listed})"
        mean = _kappa(found.kappa, found.ci95)
        parts.append(f"{mean} {'' if found.run else 'against people '}on {which}")
    asked = [found.run] if found.run else counted
    withheld = 1 - sum(one.scored for one in asked) / max(sum(one.n for one in asked), 1)
    if asked and withheld > WITHHELD:
        parts.append(f"no verdict on {withheld:.0%} of them")
    for one in found.sets:
        if not one.trained and not one.counts:
            parts.append(f"{_kappa(one.kappa, one.ci95)} against labels by {one.by} ({one.set})")
    if made:
        parts.append(f"{' and '.join(made)}, which it was made with, {_does(made)} not count")
    if not counted and not found.run:
        where = "other sets" if found.sets else f"any set; `msb judge check {found.judge}` does"
        parts.insert(0, f"never checked against people on {where}")
    elif not found.run:
        parts.append("never on your responses")
    return f"{found.judge}: {'; '.join(parts)}"


def _does(names: Sequence[str]) -> str:
    return "do" if len(names) > 1 else "does"


def _kappa(point: float | None, interval: Interval | None) -> str:
    ends = f" [{interval.low:.2f}, {interval.high:.2f}]" if interval else ""
    return f"kappa {point:.2f}{ends}"


def _best(cards: Iterable[JudgeCard]) -> Iterator[JudgeCard]:
    """One card of each set: evidence before none, then the most responses, then the newest."""
    by: dict[str, JudgeCard] = {}
    for card in cards:
        if card.part == "tune" or math.isnan(card.kappa.point):
            continue
        known = by.get(card.set)
        if known is None or _rank(card) >= _rank(known):
            by[card.set] = card
    yield from by.values()


def _rank(card: JudgeCard) -> tuple[bool, int, str]:
    return (card.counts, card.n, card.at)


def _on(card: JudgeCard) -> CheckedOn:
    kappa = card.kappa.point
    return CheckedOn(
        set=card.set,
        part=card.part,
        n=card.n,
        scored=card.scored,
        kappa=kappa,
        ci95=_interval(card.kappa),
        trained=card.trained,
        by=card.by,
    )


def _least(cards: Sequence[JudgeCard]) -> float | None:
    """The low end of the mean kappa where no verdict counts as wrong."""
    found = mean_figure([card.kappa_of_all for card in cards]) if cards else None
    return None if found is None or math.isnan(found.low) else found.low


def _interval(figure: Figure | None) -> Interval | None:
    if figure is None or math.isnan(figure.low) or math.isnan(figure.high):
        return None
    return Interval(figure.low, figure.high)
