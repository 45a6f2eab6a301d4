"""The runs of a site: as reports have them, without what is nobody else's affair.

    found = listed([open_run("run-31e6")])
    found[0].run.label, found[0].made_by

An endpoint's address, the folder of a local model and the words of a system prompt stay here; of
a prompt its hash is told, so that two of them are told apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..integrations.forms.material import published
from ..reporting.reported import ReportedRun, gather, labels_of
from ..results.naming import details
from ..results.run import Run
from ..results.scorecard import Scorecard
from ..store.labels import PERSON
from ..store.settled import SETTLED
from ..store.store import RunRecord


@dataclass(frozen=True)
class Listed:
    """A run of a site by the judges that it is reported by, and by each other judge that scored it.

    ``made_by`` is who submitted it, None for a run of the site's own store.
    """

    run: ReportedRun
    by_others: Sequence[ReportedRun] = ()
    made_by: str | None = None


def listed(runs: Sequence[Run], judges: Sequence[str] = (), rule: str = "median") -> list[Listed]:
    """Runs of a store, fit to be published. ``judges`` and ``rule`` as in ``Run.summary``."""
    found = []
    for run, one in zip(runs, gather(runs, judges, rule), strict=True):
        others = () if judges else _others(run, one.card, rule)
        found.append(Listed(published_run(one), [published_run(other) for other in others]))
    return found


def _others(run: Run, card: Scorecard, rule: str) -> list[ReportedRun]:
    """By each judge beside the panel; people's labels correct the figures, and rank nothing."""
    named = [name for name in card.others if not name.startswith((PERSON, SETTLED))]
    return [one for name in dict.fromkeys(named) for one in gather([run], [name], rule)]


def published_run(one: ReportedRun) -> ReportedRun:
    """A run without what is nobody else's affair; see the module's docstring."""
    assert one.outcomes is not None, "gather reads them"
    record = _record(one.outcomes.run)
    card = one.card.model_copy(
        update={
            "target": record.title,
            "details": list(details(record.settings["target"])),
            "judges": [published(judge) for judge in one.card.judges],
        }
    )
    (label,) = labels_of([record])
    outcomes = replace(one.outcomes, run=record)
    return replace(one, card=card, settings=record.settings, label=label, outcomes=outcomes)


def _record(run: RunRecord) -> RunRecord:
    settings: Mapping[str, Any] = {**run.settings, "target": published(run.settings["target"])}
    return replace(run, settings=settings, called=None)
