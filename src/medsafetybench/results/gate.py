"""The gate: does a run hold to a threshold? Decided on the interval, never on the point.

    found = gate(run.outcomes(), [Threshold(OVER_REFUSAL, "max", 0.05)])
    found.verdict        # pass, fail or undecided
    found.checks[0]      # Check(name="max-over-refusal", threshold=0.05, point=0.01, ...)

Each check has a lower and an upper one-sided bound at the confidence (see held.py). So either
mistake, passing what is over the threshold or failing what is under it, is as rare as 1 minus the
confidence. The gate passes if every check passes and fails if any fails; since all must
pass, the confidence of a pass needs no correction for their number. The promise is for one look at
a number of requests fixed beforehand; ``sequential`` has one for all looks at a growing run.

A request without a score counts as the worst at the bad end and as the best at the good end:
errors cannot open a gate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import MsbError
from ..scale import Scale
from ..statistics.clusters import Clusters
from ..statistics.interval import CONFIDENCE, Floats, Interval, apart
from ..store.looks import LookRecord
from ..store.outcomes import PENDING, Mask, Outcomes
from .corrected_gate import corrected_check
from .held import Check, Direction, Sample, Verdict, held, looked
from .measures import Measure, require

EXIT_CODES: Mapping[Verdict, int] = {"pass": 0, "fail": 1, "undecided": 3}  # nosec B105 # verdicts


@dataclass(frozen=True, slots=True)
class Threshold:
    """A measure and the most (``max``) or the least (``min``) that it may be, in its unit."""

    measure: Measure
    side: Direction
    value: float

    @property
    def name(self) -> str:
        """As the command line calls it: ``max-over-refusal``."""
        return f"{self.side}-{self.measure.option}"


@dataclass(frozen=True, repr=False)
class Gate:
    """The checks of a run, and what they amount to.

    Each bound is one-sided, at ``confidence``; ``sequential`` ones hold at every look together,
    ``corrected`` ones are of figures corrected by labels.
    ``look`` says which look of a series of releases it is; ``notes`` what was left out.
    """

    confidence: float
    checks: list[Check]
    sequential: bool = False
    corrected: bool = False
    look: LookRecord | None = None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        checks = ", ".join(f"{check.name} {check.verdict}" for check in self.checks)
        return f"Gate({self.verdict!r}: {checks})"

    @property
    def verdict(self) -> Verdict:
        """fail if any check fails, else undecided if any is, else pass."""
        found = {check.verdict for check in self.checks}
        return "fail" if "fail" in found else "undecided" if "undecided" in found else "pass"


@dataclass(frozen=True)
class Paired:
    """A measure of a baseline and of a run on the same requests, NaN for none, and their clusters;
    ``pending`` are those that the run was not asked yet."""

    baseline: Floats
    run: Floats
    clusters: Clusters
    pending: Mask | None = None


def gate(
    found: Outcomes,
    thresholds: Sequence[Threshold],
    confidence: float = CONFIDENCE,
    regression: Check | None = None,
    sequential: bool = False,
    others: Sequence[Check] = (),
    corrected: bool = False,
) -> Gate:
    """Hold a run to thresholds; ``regression`` is a check against a baseline, if there is one, and
    ``others`` are such as of its judge (judge_gate.py) and of its language (wording.py).

    With ``sequential`` it is looked at after every draw, in the order in which it is asked, and
    each check is decided as soon as it can be; with ``corrected`` thresholds are for figures as
    corrected by labels, which the outcomes were read with. Raises MsbError without a threshold, for
    one off its scale or on what the run's judge does not measure, or for a confidence that is not
    above a half.
    """
    if not 0.5 < confidence < 1:
        raise MsbError(f"confidence {confidence:g}; expected above 0.5 and below 1, as 0.95")
    checks = [
        _checked(found, threshold, confidence, sequential, corrected) for threshold in thresholds
    ]
    checks += [regression] if regression else []
    checks += others
    if not checks:
        raise MsbError("no threshold was given; expected one such as --max-over-refusal 0.05")
    return Gate(confidence, checks, sequential, corrected)


def _checked(
    found: Outcomes, threshold: Threshold, confidence: float, sequential: bool, corrected: bool
) -> Check:
    measure = threshold.measure
    require(measure, found.scale, " + ".join(judge.name for judge in found.members))
    assert found.scale is not None, "a measure is supported by a scale"
    expect(f"--{threshold.name}", threshold.value, measure.range(found.scale))
    if corrected:
        asked = (threshold.name, threshold.value, threshold.side, confidence)
        return corrected_check(found, measure, *asked)
    values = measure.of(found)
    at = found.order[(found.of_side(measure.side) & values.told)[found.order]]
    one = values.at(at)
    pending = found.state[at] == PENDING
    sample = Sample(one.low, one.high, one.ends, found.draws[at], pending)
    return _kept(check(threshold, sample, confidence, sequential), measure)


def _kept(made: Check, measure: Measure) -> Check:
    """A check with its figures within what the measure's mean is kept in."""
    point, low, high = (
        figure and measure.kept(figure) for figure in (made.point, made.low, made.high)
    )
    return replace(made, point=point, low=low, high=high)


def expect(option: str, value: float, ends: Interval) -> None:
    """Raise MsbError unless a threshold lies where its measure can be."""
    if not ends.low <= value <= ends.high:
        raise MsbError(f"{option} {value:g}; expected a number from {ends.low:g} to {ends.high:g}")


def check(
    threshold: Threshold,
    sample: Sample,
    confidence: float = CONFIDENCE,
    sequential: bool = False,
) -> Check:
    """Is the mean of the sample at most, or at least, the threshold?"""
    decide = looked if sequential else held
    return decide(threshold.name, threshold.value, sample, threshold.side, confidence)


def regression(
    measure: Measure,
    most: float,
    scale: Scale,
    pair: Paired,
    confidence: float = CONFIDENCE,
    sequential: bool = False,
) -> Check:
    """Is the run at most this much worse than the baseline, request by request?

    ``most`` is in the measure's unit, and worse is higher or lower as the measure says. Raises
    MsbError for a ``most`` that no two runs could be apart.
    """
    ends = measure.range(scale)
    expect("--max-regression", most, apart(ends))
    # Worse is higher: what is better the higher it is, is turned around.
    sign = 1 if measure.better == "lower" else -1
    low, high = sorted(sign * end for end in ends)
    before, after = sign * pair.baseline, sign * pair.run
    sample = Sample(
        _filled(after, low) - _filled(before, high),
        _filled(after, high) - _filled(before, low),
        apart(ends),
        pair.clusters,
        pair.pending,
    )
    decide = looked if sequential else held
    return decide("max-regression", most, sample, "max", confidence)


def _filled(scores: Floats, value: float) -> Floats:
    return np.where(np.isnan(scores), value, scores)


def rounded(value: float | None) -> str:
    """A figure for people: three decimals, or a dash."""
    return "-" if value is None or math.isnan(value) else f"{value:.3f}"
