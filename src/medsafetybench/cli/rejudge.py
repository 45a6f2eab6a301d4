"""msb rejudge: another judge for a stored run, without asking the target again."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from ..errors import MsbError
from ..evaluation.options import JudgeOptions
from . import options, show
from .told import Told, takes

NO_SAMPLE = ("audit_judge", "audit_limit")
NO_RUN = (*NO_SAMPLE, "judge_thinking")
"""Settings of a judge that go with the run of a target alone."""


@takes(JudgeOptions, needed=["judge"], leave_out=NO_SAMPLE)
def rejudge(
    told: Told[JudgeOptions],
    run: options.RunId = "last",
    /,
    *,
    join: Annotated[
        bool, Parameter(help="Report the run by its judges and these together from now on.")
    ] = False,
    replace: Annotated[bool, Parameter(help="Report it by these alone from now on.")] = False,
    data_dir: options.DataDir = None,
    max_calls: options.MaxCalls = None,
    batch: options.Batch = None,
    ray_address: options.RayAddress = None,
    wait: options.Wait = False,
    submit_only: options.SubmitOnly = False,
    store: options.Store = options.STORE,
    as_json: options.Json = False,
) -> None:
    """Have another judge score a stored run. Run the same command again to resume.

    The run is reported by the judges that it was reported by, unless you say otherwise.
    """
    from ..batches.executor import calls_nobody
    from ..evaluation.evaluation import open_judges, open_thoughts
    from ..evaluation.rejudge import Report
    from ..evaluation.rejudge import rejudge as judge_again
    from ..evaluation.rounds import check_batch
    from ..models import Budget
    from ..models.keys import uncalled
    from ..taxonomy import load_taxonomy
    from .evaluate import finish, how_batched, only_submitted
    from .progress import TerminalReporter

    if join and replace:
        raise MsbError("--join and --replace exclude each other")
    spec = told.value()
    taxonomy, budget = load_taxonomy(spec.taxonomy), Budget(max_calls)
    with uncalled(calls_nobody(batch)):
        judges = open_judges(spec.judges, taxonomy, budget, data_dir)
        judges += open_thoughts(spec, taxonomy, budget, data_dir)
    reporter = TerminalReporter()
    how = how_batched(batch, wait, submit_only, ray_address)
    if batch:
        check_batch(batch, [one.model for one in spec.judges])
    report: Report = "by these" if replace else "by all" if join else "as before"
    found, progress = judge_again(run, judges, store, report, reporter, how)
    if only_submitted(progress, how, reporter):
        return
    card = found.summary()
    show.scorecard(card, as_json)
    show.reported_by(found, reporter)
    finish(progress, reporter, card)
