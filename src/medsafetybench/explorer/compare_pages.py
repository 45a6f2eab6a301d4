"""The pages that compare: runs joined by what they were asked, and one request as each answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..errors import MsbError
from ..results.interval_notes import of_scorecard
from ..results.measures import Measure, across, measure_named
from ..store import texts
from ..store.grades import on_criteria
from ..store.store import RunRecord
from ..store.texts import Positions
from .filters import Filter
from .library import Library
from .paging import Page, whole
from .side_by_side import CHANGES, MOST_RUNS, SideBySide
from .templating import render
from .view import view_of


@dataclass(frozen=True)
class Question:
    """What an address asks to compare: runs, the oldest first, a filter, and which way a run
    (``against`` the first) changed on a measure."""

    runs: list[RunRecord]
    wanted: Filter
    change: str
    measure: Measure | None
    against: int

    @classmethod
    def of(cls, library: Library, request: Request) -> Question:
        """Raises MsbError unless it names two to four different runs."""
        given = request.query_params
        picked = library.picked(given.getlist("run"))
        if not 2 <= len(picked) <= MOST_RUNS:
            raise MsbError(
                f"{len(picked)} runs were picked; pick two to {MOST_RUNS} in the table of runs"
            )
        against = whole(given.get("against", ""), 1) or 1
        return cls(
            picked,
            Filter.of({**given, "q": "", "score": "", "state": "", "sort": "", "judge": ""}),
            given.get("change", ""),
            measure_named(given["measure"]) if given.get("measure") else None,
            min(against, len(picked) - 1),
        )

    def query(self, **more: Any) -> str:
        """The address's parameters, with others in place of theirs; None drops one."""
        changed = {"change": self.change, "measure": self.measure and self.measure.key}
        merged = {**self.wanted.parameters(), **changed, "against": self.against, **more}
        pairs = [(name, value) for name, value in merged.items() if value not in (None, "")]
        return "?" + urlencode([("run", run.number) for run in self.runs] + pairs)

    def find(self, library: Library) -> tuple[SideBySide, Positions]:
        """The runs side by side, and the rows asked for in order."""
        compared = library.side_by_side(self.runs)
        measure = self.measure or next(iter(compared.measures), None)
        return compared, compared.order(self.wanted, self.change, measure, self.against)


def table(library: Library, request: Request) -> Response:
    """Each measure of all runs, counts of better, same and worse, and requests by disagreement."""
    question = Question.of(library, request)
    compared, order = question.find(library)
    page = Page.of(request.query_params, len(order))
    snapshots = [library.snapshot(run) for run in question.runs]
    return render(
        request,
        "compare.html",
        view=view_of(request, question.runs),
        runs=question.runs,
        question=question,
        compared=compared,
        cards=[snapshot.card for snapshot in snapshots],
        measures=across(one.scale for one in compared.found),
        judged={tuple(judge.key for judge in one.members) for one in compared.found},
        tallies=compared.tallies,
        intervals=of_scorecard(False, any(t.corrected for row in compared.tallies for t in row)),
        choices=[c for c in snapshots[0].choices if c.name not in ("score", "state")],
        changes=CHANGES,
        rows=_rows(library, compared, question.runs, order[page.start : page.stop]),
        page=page,
    )


def _rows(
    library: Library, compared: SideBySide, runs: list[RunRecord], chosen: Positions
) -> list[Any]:
    """For each row the excerpt, and the request in brief in every run."""
    places = compared.positions[:, chosen]
    excerpts = texts.excerpts(library.store, runs[0], places[0].tolist())
    snapshots = [library.snapshot(run) for run in runs]
    briefs = [
        [snapshot.brief(place) for snapshot, place in zip(snapshots, row, strict=True)]
        for row in places.T.tolist()
    ]
    return list(zip(excerpts, briefs, strict=True))


def pair(library: Library, request: Request) -> Response:
    """One request, and what each run answered."""
    question = Question.of(library, request)
    compared, order = question.find(library)
    at = whole(request.query_params.get("at", ""), 0) or 0
    if at >= len(order):
        raise HTTPException(404, "The comparison has no such row.")
    places = compared.positions[:, order[at]].tolist()
    sides = [
        _answered(library, run, place) for run, place in zip(question.runs, places, strict=True)
    ]
    asked = sides[0]["item"].request
    return render(
        request,
        "pair.html",
        view=view_of(request, question.runs),
        query=question.query,
        sides=sides,
        asked=asked,
        title=library.taxonomy.title(asked.principle),
        at=at,
        total=len(order),
        page=at // 50 + 1,
        full=request.query_params.get("full") == "1",
    )


def _answered(library: Library, run: RunRecord, position: int) -> dict[str, Any]:
    """What a run answered at a position, and what was said of it."""
    snapshot = library.snapshot(run)
    item = next(library.store.items(run, [position]))
    return {
        "run": run,
        "card": snapshot.card,
        "item": item,
        "now": snapshot.brief(position),
        "verdicts": texts.verdicts(library.store, item.key, item.request.intent),
        "graded": on_criteria(library.store, item),
    }
