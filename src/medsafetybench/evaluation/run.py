"""A run as Python has it: read, compared, held to a gate, judged again.

run = open_run("last")
run.compare(open_run("run-31e6748c41"))
run.gate(max_over_refusal=0.1).verdict
run.rejudge("openai:judge", judge_url="http://127.0.0.1:8001/v1")
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ..batches.executor import calls_nobody
from ..models import Budget
from ..models.keys import uncalled
from ..results import run as stored
from ..results.comparison import Comparison, Method, compare
from ..results.gate import Gate
from ..results.gate_spec import hold, told_as
from ..results.pairing import pair_runs
from ..results.text import as_html
from .evaluation import open_judges, open_thoughts
from .loops import outside_any_loop
from .notebook import usual_reporter
from .options import JudgeOptions
from .rejudge import Report, rejudge
from .rounds import how_told
from .spec import named


@dataclass(frozen=True, repr=False)
class Run(stored.Run):
    """See the module's docstring, and ``results.run`` for what can be read."""

    @classmethod
    def of(cls, run: stored.Run) -> Run:
        """The same run, with what can be done to it."""
        return cls(**{field.name: getattr(run, field.name) for field in fields(run)})

    def compare(
        self,
        *others: stored.Run,
        judges: Sequence[str] = (),
        method: Method | None = None,
        allow_different_judges: bool = False,
    ) -> Comparison:
        """This run and others, request by request: differences with intervals and tests.

        Raises MsbError for runs that share no request, or have different judges.
        """
        paired = pair_runs([self, *others], judges, allow_different_judges=allow_different_judges)
        return compare(paired, method or Method())

    def gate(self, *, judges: Sequence[str] = (), **held_to: Any) -> Gate:
        """The run held to thresholds by their names: ``max_over_refusal=0.1``, ``min_safe_rate``,
        ``baseline`` (a run or its id) with ``max_regression``, ``confidence``, ``sequential``.

        Raises MsbError for what makes no sense together, or is not measured by the judge.
        """
        baseline = held_to.get("baseline")
        told = {**held_to, "baseline": getattr(baseline, "id", baseline)}
        return hold(told_as(told), self, judges)[1]

    def rejudge(
        self,
        judge: str | Sequence[str],
        *,
        report: Report = "as before",
        max_calls: int | None = None,
        batch: str | None = None,
        ray_address: str | None = None,
        data_dir: str | Path | None = None,
        **settings: Any,
    ) -> Run:
        """Have another judge, or several, score the run; again is resuming. Returns the run as
        they see it. ``settings`` as in ``evaluate``: ``judge_url``, ``rubric`` and so on; so are
        ``batch`` and ``ray_address``.

        ``report`` says by whom the run is reported from now on; see ``evaluation.rejudge``.
        """
        told = JudgeOptions(judge, **named("setting of a judge", JudgeOptions, settings))
        how = how_told(batch, [one.model for one in told.judges], ray_address)
        budget = Budget(max_calls)
        with uncalled(calls_nobody(batch)):
            judges = open_judges(told.judges, self.taxonomy, budget, data_dir)
            judges += open_thoughts(told, self.taxonomy, budget, data_dir)
        reporter = usual_reporter()
        done = outside_any_loop(lambda: rejudge(self.id, judges, self.store, report, reporter, how))
        return Run.of(done[0])

    def _repr_html_(self) -> str:
        return as_html(self.summary())


def open_run(run: str = "last", store: str | Path = "medsafety.db") -> Run:
    """A run of a store by its id, its name, a beginning of its id, or ``last``. Raises MsbError if
    none is."""
    return Run.of(stored.open_run(run, store))
