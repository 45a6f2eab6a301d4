"""A gate as a value: what a run is held to, how it is looked at, and how often.

spec = read_gate("gate.yaml")          # max_over_refusal: 0.05, sequential: true
decide(spec, run.outcomes())           # pure
hold(spec, open_run("last"))           # the same from the store, a look of a series counted
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..documents import checked, read_document
from ..errors import MsbError, UnknownName
from ..statistics.interval import CONFIDENCE, apart
from ..statistics.sequential import confidence_of_a_look
from ..store.looks import Release, next_look, record_verdict, take_look
from ..store.outcomes import PENDING, Outcomes
from ..store.store import Store
from .corrected_gate import corrected_regression
from .evadable import expect_more
from .gate import Gate, Paired, Threshold, expect, gate, regression
from .held import Check, Direction, Verdict
from .judge_gate import NAME as JUDGED
from .judge_gate import judge_check
from .measures import MEASURES, measure_named, require
from .pairing import pair
from .run import Run, open_run
from .wording import text_check

if TYPE_CHECKING:
    from pydantic import BaseModel

SIDES: tuple[Direction, Direction] = ("max", "min")


@dataclass(frozen=True, kw_only=True)
class GateSpec:
    """What `msb gate` can be told.

    ``confidence`` is that of each bound, over all ``looks`` together where there are several: as
    many releases share the chance of an error. ``series`` names them; without it, the benchmark.
    With ``corrected`` it is decided on figures corrected for the judge's error. What offline judges
    decide takes ``screen_is_enough`` (evadable.py).
    """

    thresholds: tuple[Threshold, ...] = ()
    baseline: str | None = None
    max_regression: float | None = None
    regression_of: str = "harmfulness"
    require_judge_kappa: float | None = None
    confidence: float = CONFIDENCE
    corrected: bool = False
    sequential: bool = False
    looks: int | None = None
    series: str | None = None
    screen_is_enough: bool = False

    def __post_init__(self) -> None:
        """Raises MsbError for what makes no sense together."""
        if self.max_regression is not None and self.baseline is None:
            raise MsbError("--max-regression compares with a run; name it with --baseline RUN")
        if self.baseline is not None and self.max_regression is None:
            raise MsbError(
                "--baseline was given without --max-regression; say how much is too much"
            )
        if self.corrected and self.sequential:
            raise MsbError(
                "--corrected decides on labels of a random sample of a finished run, --sequential "
                "on a run that grows; give one of them"
            )
        if self.looks is not None and self.looks < 1:
            raise MsbError(f"--looks {self.looks}; expected 1 or more")
        if self.series is not None and self.looks is None:
            raise MsbError("--series was given without --looks; say how many it may have")

    @property
    def shared(self) -> dict[str, Any]:
        """What every look of a series must have in common."""
        held_to: dict[str, Any] = {one.name: one.value for one in self.thresholds}
        if self.max_regression is not None:
            held_to["max-regression"] = self.max_regression
            held_to["regression-of"] = measure_named(self.regression_of).key
        if self.require_judge_kappa is not None:
            held_to[JUDGED] = self.require_judge_kappa
        if self.corrected:
            held_to["corrected"] = True
        return {**held_to, "confidence": self.confidence, "sequential": self.sequential}


def read_gate(path: str | Path) -> GateSpec:
    """A gate's file. Raises MsbError with file, line and key for what is wrong in it."""
    document = read_document(path, "max_over_refusal, baseline and sequential")
    found = checked(document, _file(), lambda _: _file().model_fields)
    try:
        return told_as({name: getattr(found, name) for name in document.data})
    except MsbError as error:
        raise MsbError(f"{path}: {error}") from None


def told_as(told: dict[str, Any], base: GateSpec | None = None) -> GateSpec:
    """The gate with these settings, thresholds by names such as ``max_mean``; the others are those
    of ``base``."""
    base = base or GateSpec()
    held = {one.name: one for one in base.thresholds}
    own = dict(told)
    for name in [name for name in told if name in _thresholds()]:
        side, _, measure = name.partition("_")
        value = own.pop(name)
        if value is not None:
            one = Threshold(measure_named(measure), "max" if side == "max" else "min", value)
            held[one.name] = one
    known = {field.name for field in fields(GateSpec)} - {"thresholds"}
    for name in own:
        if name not in known:
            raise UnknownName("setting of a gate", name, known | _thresholds())
    given = {name: value for name, value in own.items() if value is not None}
    return replace(base, thresholds=tuple(held.values()), **given)


def _thresholds() -> set[str]:
    names = {n for m in MEASURES for n in (m.key, m.option.replace("-", "_"))}
    return {f"{side}_{name}" for side in SIDES for name in names}


@cache
def _file() -> type[BaseModel]:
    from pydantic import BaseModel, ConfigDict, create_model

    class Strict(BaseModel):
        model_config = ConfigDict(extra="forbid", strict=True)

    types = {
        **dict.fromkeys(sorted(_thresholds()), float),
        **{"baseline": str, "max_regression": float, "regression_of": str, "confidence": float},
        **{"require_judge_kappa": float, "corrected": bool},
        **{"sequential": bool, "looks": int, "series": str, "screen_is_enough": bool},
    }
    found: dict[str, Any] = {name: (kind | None, None) for name, kind in types.items()}
    return create_model("GateFile", __base__=Strict, **found)


def decide(
    spec: GateSpec, found: Outcomes, before: Outcomes | None = None, others: Sequence[Check] = ()
) -> Gate:
    """Hold a run to a gate; ``before`` is the baseline's, ``others`` further checks. A run that was
    stopped early is decided as it was made: by every look. Raises MsbError as `gate.gate` and
    `pair_runs` do, and for a run that offline judges decide where they were not called enough."""
    sequential = spec.sequential or found.stopped is not None
    confidence = confidence_of_a_look(spec.confidence, spec.looks or 1)
    notes: list[str] = []
    change = None
    if before is not None:
        notes, change = _change(spec, before, found, confidence, sequential)
    if found.stopped and not spec.sequential:
        notes.append(f"{found.run.id} was stopped early: decided as by --sequential")
    asked = (confidence, change, sequential, others, spec.corrected)
    made = gate(found, spec.thresholds, *asked)
    if spec.thresholds or before is not None:
        notes += expect_more(spec.screen_is_enough, found, spec.corrected)
    return replace(made, notes=tuple(notes))


def _change(
    spec: GateSpec, before: Outcomes, found: Outcomes, confidence: float, sequential: bool
) -> tuple[list[str], Check]:
    """The check against the baseline, over the requests that both were asked."""
    assert spec.max_regression is not None, "a gate with a baseline has one"
    measure, pairing = measure_named(spec.regression_of), pair([before, found])
    require(measure, pairing.scales[1], pairing.judge)
    side = pairing.side(measure)
    if spec.corrected:
        expect("--max-regression", spec.max_regression, apart(pairing.range(measure)))
        places = side.positions[0], side.positions[1]
        two = (before, found), places, side.clusters
        most = spec.max_regression
        return list(pairing.notes), corrected_regression(*two, measure, most, confidence)
    place = np.argsort(found.order)[side.positions[1]]
    # By draws, each where the first of it stands.
    first = np.full(int(side.clusters.max(initial=-1)) + 1, len(found))
    np.minimum.at(first, side.clusters, place)
    at = np.lexsort((place, side.clusters, first[side.clusters]))
    baseline, run = (values[at] for values in pairing.values(measure))
    pending = found.state[side.positions[1][at]] == PENDING
    paired = Paired(baseline, run, side.clusters[at], pending)
    held = (spec.max_regression, pairing.scales[1], paired, confidence, sequential)
    return list(pairing.notes), regression(measure, *held)


def looker(spec: GateSpec, store: str | Path) -> Callable[[Outcomes], Verdict]:
    """What a run that is being made is held to, its baseline read once. That its series has a look
    left is seen to each time; what takes its labels, or its judge's card, is looked at in the end.
    """
    late = spec.corrected or (not spec.thresholds and spec.baseline is None)
    before = open_run(spec.baseline, store).outcomes() if spec.baseline and not late else None

    def verdict(found: Outcomes) -> Verdict:
        if spec.looks is not None:
            with Store.read(store) as opened:
                next_look(opened, _release(spec, spec.looks, found))
        return "undecided" if late else decide(spec, found, before).verdict

    return verdict


def _release(spec: GateSpec, looks: int, found: Outcomes) -> Release:
    """What a look of a series is taken at."""
    series = spec.series or str(found.run.settings["benchmark"]["name"])
    return Release(series, looks, spec.shared, found.run.id, found.members)


def decided(
    spec: GateSpec, run: Run, judges: Sequence[str] = (), rule: str = "median"
) -> tuple[Outcomes, Gate]:
    """A stored run held to a gate; no look of a series is counted."""
    read = Run.labelled if spec.corrected else Run.outcomes
    found = read(run, judges, rule)
    before = read(open_run(spec.baseline, run.store), judges, rule) if spec.baseline else None
    return found, decide(spec, found, before, list(_others(spec, run, found, judges, rule)))


def hold(spec: GateSpec, run: Run, judges: Sequence[str] = ()) -> tuple[Outcomes, Gate]:
    """A stored run held to a gate; a look of a series is counted in the store.

    Raises MsbError where the series has had all its looks, or was begun with other settings: then
    nothing is decided.
    """
    found, made = decided(spec, run, judges)
    if spec.looks is None:
        return found, made
    with Store.open(run.store) as store:
        look = take_look(store, _release(spec, spec.looks, found))
        record_verdict(store, look, made.verdict)
    return found, replace(made, look=look)


def _others(
    spec: GateSpec, run: Run, found: Outcomes, judges: Sequence[str], rule: str
) -> Iterator[Check]:
    """The check of the run's judge, where one is asked for, and that its answers are text, where
    they are not."""
    if (least := spec.require_judge_kappa) is not None:
        yield judge_check(run.summary(judges, rule).checked, least, run.id)
    held = spec.thresholds or spec.baseline
    if held and (broken := text_check(run, found)):
        yield broken
