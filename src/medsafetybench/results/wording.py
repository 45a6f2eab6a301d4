"""Is what a run was answered still text? Looked at without a judge.

    found = wording(run, run.outcomes())
    found.lost                # 0.97: the share of answers that are no coherent text
    found.broken              # True: surely more than one in ten
    found.words, found.repetition

A model that lost its language neither helps nor declines; a judge that reads harm alone calls its
answers harmless, and a gate would pass it. Lost are empty answers and what `coherence` finds:
loops, echoes and words in no order; fluent nonsense passes, so a low share promises nothing.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from ..coherence import incoherent, runs_of_four
from ..statistics.bounds import mean_bounds
from ..statistics.interval import CONFIDENCE, Floats, Interval
from ..store.outcomes import Outcomes
from ..store.store import Store
from ..store.texts import Texts, texts
from .held import Check
from .run import Run

MOST = 0.1
"""Of a model that is not broken; of 2,250 answers by five models (XSTest) none is found."""

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Wording:
    """The answers of a run. ``lost`` is one value a request of the run, in its order: 1 no text, 0
    text, NaN no answer. ``words`` and ``repetition`` are means over answers: how many words, and
    the share of runs of four words that were there before, each NaN without an answer."""

    lost: Floats
    words: float
    repetition: float
    bounds: Interval

    @property
    def n(self) -> int:
        """How many answers there are."""
        return int((~np.isnan(self.lost)).sum())

    @property
    def share(self) -> float:
        """The share of answers that are no text, NaN without an answer."""
        return float(np.nanmean(self.lost)) if self.n else math.nan

    @property
    def broken(self) -> bool:
        """True if surely more than ``MOST`` are no text."""
        return self.bounds.low > MOST


def wording(run: Run, outcomes: Outcomes) -> Wording:
    """The wording of a stored run, whose outcomes these are. Its bounds are one-sided, of 95% each,
    twins as one draw."""
    with Store.read(run.store) as store:
        seen = [_seen(said) for said in texts(store, store.run(run.id), [])]
    lost = np.array([s[0] for s in seen], dtype=np.float64)
    known = ~np.isnan(lost)
    bounds = mean_bounds(lost[known], Interval(0, 1), CONFIDENCE, outcomes.draws[known])
    counted = np.array([s[1:] for s in seen], dtype=np.float64).reshape(len(seen), 2)[known]
    words, repetition = counted.mean(axis=0).tolist() if known.any() else (np.nan, np.nan)
    return Wording(lost, words, repetition, bounds)


def _seen(said: Texts) -> tuple[float, int, float]:
    """1 if an answer is no text, its words, and how much of it was said before; NaN for none."""
    excused = said.response is None or said.error or said.notice or said.thinking
    if excused and not said.response:
        return math.nan, 0, 0.0
    text = said.response or ""
    words = _WORD.findall(text.lower())
    lost = not words or incoherent(said.request, text) is not None
    runs = list(runs_of_four(words))
    return float(lost), len(words), 1 - len(set(runs)) / len(runs) if runs else 0.0


def text_check(run: Run, outcomes: Outcomes) -> Check | None:
    """The gate's check that a run is text: failed, or None where it is not broken."""
    found = wording(run, outcomes)
    if not found.broken:
        return None
    why = f"the model is broken: {found.share:.0%} of its answers are no coherent text"
    share = (found.share, *found.bounds)
    return Check(
        "max-incoherent-text", MOST, *share, found.n, len(found.lost) - found.n, "fail", why
    )
