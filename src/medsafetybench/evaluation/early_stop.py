"""Stopping a run as soon as its gate's answer is known; what was paid for by then is kept.

    stop = EarlyStop(store, run, verdict)      # verdict: from outcomes to pass, fail or undecided
    stop.decided(done=120, total=900)          # True once it is

A look is taken at the start and whenever another hundredth of the verdicts is in. Each reads what
came of all requests, as the gate does later, and the gate's bounds hold at all looks together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..results.held import Verdict
from ..store.outcomes import PENDING, Outcomes, read_outcomes
from ..store.panel import panel_of
from ..store.store import RunRecord, Store

LOOKS = 100
"""About how many looks a run has: each takes the time of reading all its outcomes."""


@dataclass
class EarlyStop:
    """See the module's docstring. ``verdict`` says what a gate makes of the outcomes so far, by
    these judges (keys)."""

    store: Store
    run: RunRecord
    verdict: Callable[[Outcomes], Verdict]
    judges: Sequence[str] = ()
    _due: int = 0

    def decided(self, done: int, total: int) -> bool:
        """True once the answer is known, having looked if it is time to: ``done`` of ``total``."""
        if done < self._due:
            return False
        self._due = done + max(1, total // LOOKS)
        return self.verdict(self._outcomes()) != "undecided"

    def mark(self) -> bool:
        """Remember in the store that the run was stopped, if anything is left; True if so."""
        found = self._outcomes()
        left = int((found.state == PENDING).sum())
        if left:
            how = {"verdict": self.verdict(found), "asked": len(found) - left}
            self.store.mark_stopped(self.run, how)
        return left > 0

    def _outcomes(self) -> Outcomes:
        return read_outcomes(self.store, self.run, panel_of(self.store, self.run, (), self.judges))
