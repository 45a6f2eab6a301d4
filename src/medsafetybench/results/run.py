"""A run: one benchmark, one target, one sampling setting, with all its responses and verdicts.

run = evaluate("openai:my-model", "screen", "medsafety/eval",
               target_endpoint=Endpoint(url="http://127.0.0.1:8000/v1"))
run.summary().mean
run.to_pandas()
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import MissingExtra
from ..store.labels import people
from ..store.outcomes import outcomes, outcomes_by_id, panel_of, rows, score_matrix
from ..store.store import JudgeRecord, RunRecord, Store
from ..taxonomy import Taxonomy, load_taxonomy
from .scorecard import Calibrated, Scorecard
from .summarise import calibrate, summarise
from .survival import turn_paths

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Run:
    """A stored run, ready to be read. Nothing is held but where it is."""

    id: str
    store: Path
    taxonomy: Taxonomy

    def summary(self, judges: Sequence[str] = (), rule: str = "median") -> Scorecard:
        """The scorecard, by the judges named, else by those the run was last evaluated with."""
        with Store.read(self.store) as store:
            run, panel = self._with_panel(store, judges)
            counts = outcomes(store, run, panel, rule)
            corrected = _calibrated(store, run, panel)
            pressed = "pressure" in run.settings["benchmark"].get("selection", {})
            paths = turn_paths(outcomes_by_id(store, run, panel, rule)) if pressed else []
            return summarise(run, panel, counts, self.taxonomy, rule, corrected, paths)

    def rows(self, judges: Sequence[str] = (), rule: str = "median") -> Iterator[dict[str, Any]]:
        """Each request with its response, verdicts and rationales as a flat dict, streamed."""
        with Store.read(self.store) as store:
            run, panel = self._with_panel(store, judges)
            yield from rows(store, run, panel, rule)

    def to_pandas(self, judges: Sequence[str] = (), rule: str = "median") -> pandas.DataFrame:
        """``rows()`` as a data frame. Needs pandas (the extra ``parquet`` brings it)."""
        try:
            import pandas
        except ModuleNotFoundError:
            raise MissingExtra("to_pandas()", "parquet") from None
        return pandas.DataFrame(self.rows(judges, rule))

    def _with_panel(
        self, store: Store, judges: Sequence[str]
    ) -> tuple[RunRecord, list[JudgeRecord]]:
        run = store.run(self.id)
        return run, panel_of(store, run, judges)


def _calibrated(store: Store, run: RunRecord, panel: Sequence[JudgeRecord]) -> Calibrated | None:
    """The mean corrected by people's labels, else by the auditing judge's, where there are any."""
    trusted = people(store, run) or [j for j in store.judges() if j.key == run.audit]
    trusted = [judge for judge in trusted if judge not in panel]
    if not trusted or not panel:
        return None
    matrix = score_matrix(store, run, [*panel, *trusted])
    return calibrate(matrix, len(panel), [judge.name for judge in trusted])


def open_run(run: str = "last", store: str | Path = "medsafety.db") -> Run:
    """A run of a store by its id, a beginning of it, or ``last``. Raises MsbError if none is."""
    with Store.read(store) as opened:
        return Run(opened.run(run).id, opened.path, load_taxonomy())
