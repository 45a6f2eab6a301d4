"""The page of figures: those of ``msb figures`` for one run or several, drawn when asked for."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ..errors import MsbError
from .library import Library
from .paging import whole
from .side_by_side import MOST_RUNS
from .templating import render


def show(library: Library, request: Request) -> Response:
    """Every figure that the runs asked for can give. Raises MsbError for none or too many runs."""
    given = [whole(text) for text in request.query_params.getlist("run")]
    numbers = list(dict.fromkeys(number for number in given if number is not None))
    if not 1 <= len(numbers) <= MOST_RUNS:
        raise MsbError(f"{len(numbers)} runs were asked for; expected one to {MOST_RUNS}")
    runs = [library.run(number) for number in numbers]
    return render(request, "figures.html", runs=runs, pictures=library.figures(runs))
