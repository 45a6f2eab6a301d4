"""The page of figures: those of ``msb figures`` for one run or several, drawn when asked for."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ..errors import MsbError
from .library import Library
from .side_by_side import MOST_RUNS
from .templating import render
from .view import view_of


def show(library: Library, request: Request) -> Response:
    """Every figure that the runs asked for can give. Raises MsbError for none or too many runs."""
    runs = library.picked(request.query_params.getlist("run"))
    if not 1 <= len(runs) <= MOST_RUNS:
        raise MsbError(f"{len(runs)} runs were asked for; expected one to {MOST_RUNS}")
    pictures = library.figures(runs)
    view = view_of(request, runs)
    return render(request, "figures.html", runs=runs, pictures=pictures, view=view)
