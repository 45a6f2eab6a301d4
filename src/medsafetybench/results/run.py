"""A run: one benchmark, one target, one sampling setting, with all its responses and verdicts.

run = evaluate("openai:my-model", "screen", "medsafety/eval",
               target_url="http://127.0.0.1:8000/v1")
run.summary().figure("refusal").value
run.to_pandas()
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import MissingExtra
from ..store.outcomes import Outcomes, read_outcomes
from ..store.panel import judges_with_verdicts, panel_of
from ..store.store import JudgeRecord, Store
from ..store.trusted import with_labels
from ..taxonomy import Taxonomy, load_taxonomy
from .checked import cards_known, panel_key
from .rows import rows
from .scorecard import Scorecard
from .summarise import summarise

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Run:
    """A stored run, ready to be read. Nothing is held but where it is.

    It is reported by ``judges`` (their keys), where it was just evaluated by them; else by those
    that the store keeps for it.
    """

    id: str
    store: Path
    taxonomy: Taxonomy
    judges: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Run({self.id!r}, {str(self.store)!r})"

    def reported_by(self) -> tuple[list[JudgeRecord], list[JudgeRecord]]:
        """The judges that the store keeps for the run, and those that this value stands for."""
        with Store.read(self.store) as store:
            run = store.run(self.id)
            kept = panel_of(store, run)
            return kept, panel_of(store, run, asked=self.judges)

    def summary(self, judges: Sequence[str] = (), rule: str = "median") -> Scorecard:
        """The scorecard, by the judges named, else by the run's own."""
        return self.summed_up(judges, rule)[1]

    def summed_up(
        self, judges: Sequence[str] = (), rule: str = "median"
    ) -> tuple[Outcomes, Scorecard]:
        """The scorecard, and the outcomes that it sums up: those by judges whose labels correct
        its figures stand beside the panel's."""
        with Store.read(self.store) as store:
            run = store.run(self.id)
            panel = panel_of(store, run, judges, self.judges)
            found = with_labels(store, run, panel, rule)
            also = [j.name for j in judges_with_verdicts(store, run) if j not in found.judges]
            keys = [judge.key for judge in panel]
            cards = cards_known(store, [*keys, panel_key(panel, rule)] if keys else [])
        return found, summarise(found, self.taxonomy, also, cards)

    def labelled(self, judges: Sequence[str] = (), rule: str = "median") -> Outcomes:
        """The outcomes with the judges whose labels are trusted beside the panel, and the random
        samples that these labelled."""
        with Store.read(self.store) as store:
            run = store.run(self.id)
            return with_labels(store, run, panel_of(store, run, judges, self.judges), rule)

    def outcomes(self, judges: Sequence[str] = (), rule: str = "median") -> Outcomes:
        """What came of each request, in columns; no texts."""
        with Store.read(self.store) as store:
            run = store.run(self.id)
            return read_outcomes(store, run, panel_of(store, run, judges, self.judges), rule=rule)

    def by_all_judges(self, judges: Sequence[str] = (), rule: str = "median") -> Outcomes:
        """The outcomes with every judge and person that scored the run beside its panel."""
        with Store.read(self.store) as store:
            run = store.run(self.id)
            panel = panel_of(store, run, judges, self.judges)
            others = [j for j in judges_with_verdicts(store, run) if j not in panel]
            return read_outcomes(store, run, panel, others, rule)

    def rows(self, judges: Sequence[str] = (), rule: str = "median") -> Iterator[dict[str, Any]]:
        """Each request with its response, verdicts and rationales as a flat dict, streamed."""
        with Store.read(self.store) as store:
            run = store.run(self.id)
            panel = panel_of(store, run, judges, self.judges)
            yield from rows(store, read_outcomes(store, run, panel, rule=rule))

    def to_pandas(self, judges: Sequence[str] = (), rule: str = "median") -> pandas.DataFrame:
        """``rows()`` as a data frame. Needs pandas (the extra ``parquet`` brings it)."""
        try:
            import pandas
        except ModuleNotFoundError:
            raise MissingExtra("to_pandas()", "parquet") from None
        return pandas.DataFrame(self.rows(judges, rule))


def open_run(run: str = "last", store: str | Path = "medsafety.db") -> Run:
    """A run of a store by its id, a beginning of it, or ``last``. Raises MsbError if none is."""
    with Store.read(store) as opened:
        return Run(opened.run(run).id, opened.path, load_taxonomy())
