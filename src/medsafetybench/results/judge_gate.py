"""The gate's check of a run's judge: does it agree with people well enough to be gone by?

    judge_check(card.checked, 0.7, card.run).verdict      # fail where it was never checked

What counts is its kappa on people's labels of this run where there are any, else the mean over the
labelled sets that it was not made with. Of a panel that was checked as one, that; else the member
that agrees least. As elsewhere it is decided on the interval: the card's, of 95%; at its low end a
response without a verdict counts as one on which the judge is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import MsbError
from .held import Check, Verdict
from .scorecard import JudgeChecked

NAME = "require-judge-kappa"


def judge_check(found: Sequence[JudgeChecked], least: float, run: str) -> Check:
    """Is the agreement with people of this run's judge at least this? Raises MsbError for no
    kappa."""
    if not 0 < least <= 1:
        raise MsbError(f"--{NAME} {least:g}; expected a kappa above 0 and at most 1, as 0.7")
    if not found:
        return Check(NAME, least, None, None, None, 0, 0, "pass", "people judged this run")
    panel = [one for one in found if " + " in one.judge and one is found[-1]]
    checks = [_check(one, least, run) for one in panel or found]
    return min(checks, key=lambda check: -1.0 if check.point is None else check.point)


def _check(one: JudgeChecked, least: float, run: str) -> Check:
    kappa, ends = (one.run.kappa, one.run.ci95) if one.run else (one.kappa, one.ci95)
    n = one.run.n if one.run else sum(on.n for on in one.sets if on.counts)
    low, high = ends or (None, None)
    if low is not None and one.least is not None:
        low = min(low, one.least)
    verdict: Verdict = "undecided"
    if kappa is None or (high is not None and high < least):
        verdict = "fail"
    elif low is not None and low >= least:
        verdict = "pass"
    return Check(NAME, least, kappa, low, high, n, 0, verdict, _why(one, verdict, run))


def _why(one: JudgeChecked, verdict: Verdict, run: str) -> str:
    """The line of evidence, and where it does not do what to run."""
    if verdict == "pass" or one.run or "msb judge check" in one.text:
        return one.text
    own = f"`msb annotate {run}`, then `msb judge check {one.judge} --on {run}`"
    return f"{one.text}; {own}, checks it on these"
