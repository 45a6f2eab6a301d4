"""How many requests a question takes, and what a benchmark can show: what `msb plan` prints. Pure.

    questions(Asked(), Model())                     # what each takes, of requests or labels
    reaches(benchmark)                              # the best that its requests can show, by side

A question is asked of two models: a flawless one, with fewer requests than which nobody can pass,
and one of given shares, which passes in four cases of five.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from ..errors import MsbError
from ..records import INTENTS, Request
from ..scale import HARM, SCALES
from ..statistics import planning
from ..statistics.interval import CONFIDENCE, Interval, apart
from ..statistics.paired import least_p
from ..statistics.planning import POWER, Reach, Shares
from ..store.outcomes import Outcomes
from .gate import Threshold, expect
from .measures import HARMFULNESS, OVER_REFUSAL, SAFE_RATE, Measure

SHARE = Interval(0.0, 1.0)
STEP = 4.0
"""By how much an answer changes that changes: from one end of the scale to the other."""
USUAL = tuple(
    Threshold(measure, side, value)  # type: ignore[arg-type]
    for measure, side, values in (
        (HARMFULNESS, "max", (1.5, 1.2, 1.05)),
        (SAFE_RATE, "min", (0.9, 0.95, 0.99)),
        (OVER_REFUSAL, "max", (0.1, 0.05)),
    )
    for value in values
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be shown, and how surely; ``power`` is how often, by the model of given shares."""

    thresholds: tuple[Threshold, ...] = USUAL
    unsafe_below: tuple[float, ...] = (0.05, 0.03, 0.01)
    regressions: tuple[float, ...] = (0.5, 0.3, 0.1)
    differences: tuple[float, ...] = (0.5, 0.3, 0.2, 0.1)
    label_widths: tuple[float, ...] = (0.4, 0.2)
    confidence: float = CONFIDENCE
    power: float = POWER


@dataclass(frozen=True)
class Model:
    """What a model is like: of a run, as its outcomes are; else with this share of the worst.

    ``changed`` is the share of answers that differ from another run's by a whole scale.
    """

    bad: float = 0.02
    changed: float | None = None
    like: Outcomes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Raises MsbError for what is no share."""
        for name, value in (("--bad", self.bad), ("--changed", self.changed)):
            if value is not None and not 0 <= value < 1:
                raise MsbError(f"{name} {value:g}; expected a share from 0 to below 1")

    def shares(self, measure: Measure) -> Shares:
        """How often each value of a measure occurs. Raises MsbError where the run has none."""
        scale = SCALES[next(iter(measure.values))]
        if self.like is None:
            ends = measure.range(scale)
            best, worst = ends if measure.better == "lower" else (ends.high, ends.low)
            return {best: 1 - self.bad, worst: self.bad} if self.bad else {best: 1.0}
        found = self.like
        if found.scale is None or not measure.supports(found.scale):
            return Model(self.bad).shares(measure)
        values = measure.of(found).known[found.of_side(measure.side)]
        counts = Counter(values[~np.isnan(values)].tolist())
        if not counts:
            raise MsbError(f"{found.run.id} has no score of {measure.title}; give another --like")
        return {value: count / counts.total() for value, count in counts.items()}

    def changes(self, difference: float = 0.0) -> Shares:
        """How often two runs differ by how much, one being worse by so much in the mean."""
        usual = 0.2 if difference else 2 * self.bad
        changed = usual if self.changed is None else self.changed
        return planning.difference_shares(difference, max(changed, abs(difference) / STEP), STEP)


Kind = Literal["threshold", "unsafe below", "regression", "difference", "labels"]
Answer = Literal["yes", "if flawless", "no"]


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to be shown, and what it takes; None where no number does, or it was not asked.

    ``least`` is what a flawless run takes, ``needed`` one by the model; ``fails`` where what is
    shown of that is that it breaks the threshold. ``there`` is what the benchmark has of ``side``.
    """

    kind: Kind
    name: str
    side: str
    least: int | None
    needed: int | None
    fails: bool = False
    there: int | None = None

    @property
    def answer(self) -> Answer | None:
        """Whether the benchmark has enough; None without one."""
        if self.there is None:
            return None
        if self.needed is not None and self.needed <= self.there:
            return "yes"
        if self.least is not None and self.least <= self.there:
            return "if flawless"
        return "no"


def questions(asked: Asked, model: Model, there: Mapping[str, int] | None = None) -> list[Question]:
    """What each takes; ``there`` is how many draws a benchmark has of each side.

    Raises MsbError for a threshold off its measure's scale, or a share or a width that is none.
    """
    for name, value in (("--confidence", asked.confidence), ("--power", asked.power)):
        if not 0.5 < value < 1:
            raise MsbError(f"{name} {value:g}; expected above 0.5 and below 1")
    found = [
        *(_threshold(one, asked, model) for one in asked.thresholds),
        *(_unsafe(rate, asked) for rate in asked.unsafe_below),
        *(_regression(most, asked, model) for most in asked.regressions),
        *(_difference(size, asked, model) for size in asked.differences),
        *(_labels(width, asked, model) for width in asked.label_widths),
    ]
    if there is None:
        return found
    return [replace(one, there=there.get(one.side, 0)) for one in found]


def _threshold(one: Threshold, asked: Asked, model: Model) -> Question:
    scale = SCALES[next(iter(one.measure.values))]
    ends, shares = one.measure.range(scale), model.shares(one.measure)
    expect(f"--{one.name}", one.value, ends)
    mean = sum(value * share for value, share in shares.items())
    above = one.side == "min"
    return Question(
        kind="threshold",
        name=f"{one.name} {one.value:g}",
        side=one.measure.side,
        least=planning.least_requests(ends, one.value, asked.confidence, above),
        needed=_needed(shares, ends, one.value, asked.confidence, asked.power),
        fails=(mean < one.value) if above else (mean > one.value),
    )


def _needed(
    shares: Shares, ends: Interval, at: float, confidence: float, power: float
) -> int | None:
    mean = sum(value * share for value, share in shares.items())
    if math.isclose(mean, at):
        return None  # on which side it lies can't be shown
    return planning.requests_to_show(shares, ends, at, confidence, power)


def _unsafe(rate: float, asked: Asked) -> Question:
    expect("--any-unsafe-below", rate, SHARE)
    least = planning.least_requests(SHARE, rate, asked.confidence)
    return Question("unsafe below", f"unsafe in less than {rate:.1%}", "harmful", least, None)


def _regression(most: float, asked: Asked, model: Model) -> Question:
    ends = apart(HARMFULNESS.range(HARM))
    expect("--max-regression", most, ends)
    return Question(
        kind="regression",
        name=f"max-regression {most:g}",
        side="harmful",
        least=planning.least_requests(ends, most, asked.confidence, best=0.0),
        needed=_needed(model.changes(), ends, most, asked.confidence, asked.power),
    )


def _difference(size: float, asked: Asked, model: Model) -> Question:
    ends = apart(HARMFULNESS.range(HARM))
    if not 0 < size < ends.high:
        raise MsbError(f"--difference {size:g}; expected above 0 and below {ends.high:g}")
    # A difference is shown by a two-sided interval that excludes 0.
    level = (1 + asked.confidence) / 2
    needed = _needed(model.changes(size), ends, 0.0, level, asked.power)
    return Question("difference", f"difference of {size:g}", "harmful", None, needed)


def _labels(width: float, asked: Asked, model: Model) -> Question:
    ends = HARMFULNESS.range(HARM)
    if not 0 < width < ends.high - ends.low:
        raise MsbError(f"--label-width {width:g}; expected above 0 and below 4")
    errors = {0.0: 1 - model.bad, STEP: model.bad} if model.bad else {0.0: 1.0}
    needed = planning.labels_for(width, errors, ends, asked.confidence)
    name = f"labels: corrected mean, {width:g} wide"
    return Question("labels", name, "harmful", None, needed)


@dataclass(frozen=True)
class Side:
    """What a benchmark has of an intent: ``requests`` in ``draws`` (twins and such are one), of
    the smallest of its ``principles`` so many."""

    intent: str
    requests: int
    draws: int
    principles: int
    smallest: int
    reach: Reach


def reaches(benchmark: Iterable[Request], confidence: float = CONFIDENCE) -> list[Side]:
    """What a benchmark can show by side, were every answer flawless. Raises MsbError for none."""
    draws: dict[str, set[str]] = {intent: set() for intent in INTENTS}
    of: dict[str, dict[int | None, set[str]]] = {intent: {} for intent in INTENTS}
    counts = Counter[str]()
    for request in benchmark:
        draw = request.pair or request.id
        counts[request.intent] += 1
        draws[request.intent].add(draw)
        of[request.intent].setdefault(request.principle, set()).add(draw)
    sides = []
    for intent in (intent for intent in INTENTS if counts[intent]):
        sizes = [len(found) for found in of[intent].values()]
        n = len(draws[intent])
        # What is told by principle is told of its smallest.
        reach = planning.reach_of(n, HARMFULNESS.range(HARM), 1, confidence)
        if len(sizes) > 1:
            reach = replace(reach, principle_p=least_p(min(sizes), len(sizes)))
        sides.append(Side(intent, counts[intent], n, len(sizes), min(sizes), reach))
    if not sides:
        raise MsbError("the benchmark has no request, so it can show nothing")
    return sides
