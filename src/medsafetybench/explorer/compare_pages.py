"""The pages that compare: runs joined by request id, and one request as each run answered it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..errors import MsbError
from ..store.store import RunRecord
from . import queries
from .library import Library
from .pages import described
from .paging import Page, whole
from .queries import Filter, Positions
from .render import render
from .side_by_side import CHANGES, MOST_RUNS, Comparison


@dataclass(frozen=True)
class Choice:
    """What an address asks to compare: runs, a filter, and which way the last of them changed."""

    runs: list[RunRecord]
    wanted: Filter
    change: str
    against: int

    @classmethod
    def of(cls, library: Library, request: Request) -> Choice:
        """Raises MsbError unless it names two to four different runs."""
        given = [whole(text) for text in request.query_params.getlist("run")]
        numbers = list(dict.fromkeys(number for number in given if number is not None))
        if not 2 <= len(numbers) <= MOST_RUNS:
            raise MsbError(
                f"{len(numbers)} runs were picked; pick two to {MOST_RUNS} in the table of runs"
            )
        against = whole(request.query_params.get("against", ""), 1) or 1
        return cls(
            [library.run(number) for number in numbers],
            Filter.of({**request.query_params, "q": "", "score": "", "state": ""}),
            request.query_params.get("change", ""),
            min(against, len(numbers) - 1),
        )

    def query(self, **more: Any) -> str:
        """The address's parameters, with others in place of theirs; None drops one."""
        merged = {**self.wanted.parameters(), "change": self.change, "against": self.against}
        pairs = [
            (name, value) for name, value in {**merged, **more}.items() if value not in (None, "")
        ]
        return "?" + urlencode([("run", run.number) for run in self.runs] + pairs)

    def find(self, library: Library) -> tuple[Comparison, Positions]:
        """The comparison, and the rows asked for in order."""
        compared = library.compare(self.runs)
        return compared, compared.order(self.wanted, self.change, self.against)


def table(library: Library, request: Request) -> Response:
    """Counts of better, same and worse, and the requests by disagreement."""
    choice = Choice.of(library, request)
    compared, order = choice.find(library)
    page = Page.of(request.query_params, len(order))
    chosen = order[page.start : page.stop]
    first = choice.runs[0]
    excerpts = queries.excerpts(library.store, first, compared.positions[0][chosen].tolist())
    snapshots = [library.snapshot(run) for run in choice.runs]
    rows = [
        (excerpt, described(snapshots[0], excerpt.position), compared.scores[:, row].tolist())
        for excerpt, row in zip(excerpts, chosen.tolist(), strict=True)
    ]
    return render(
        request,
        "compare.html",
        choice_runs=choice.runs,
        query=choice.query,
        wanted=choice.wanted,
        change=choice.change,
        against=choice.against,
        judges={snapshot.card.judge for snapshot in snapshots},
        principles=sorted(compared.columns.principles, key=lambda p: (p is None, p)),
        cards=[snapshot.card for snapshot in snapshots],
        tallies=[compared.tally(j) for j in range(1, len(choice.runs))],
        shared=compared.positions.shape[1],
        rows=rows,
        page=page,
        changes=CHANGES,
        columns=compared.columns,
        taxonomy=library.taxonomy,
    )


def pair(library: Library, request: Request) -> Response:
    """One request, and what each run answered."""
    choice = Choice.of(library, request)
    compared, order = choice.find(library)
    at = whole(request.query_params.get("at", ""), 0) or 0
    if at >= len(order):
        raise HTTPException(404, "The comparison has no such row.")
    positions = compared.positions[:, order[at]].tolist()
    items = [
        next(library.store.items(run, [position]))
        for run, position in zip(choice.runs, positions, strict=True)
    ]
    snapshots = [library.snapshot(run) for run in choice.runs]
    return render(
        request,
        "pair.html",
        query=choice.query,
        sides=[
            {
                "run": run,
                "card": snapshot.card,
                "item": item,
                "now": described(snapshot, item.position),
                "verdicts": queries.verdicts(library.store, item.key, item.request.intent),
            }
            for run, snapshot, item in zip(choice.runs, snapshots, items, strict=True)
        ],
        asked=items[0].request,
        title=library.taxonomy.title(items[0].request.principle),
        at=at,
        total=len(order),
        full=request.query_params.get("full") == "1",
    )
