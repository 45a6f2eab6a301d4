"""What a page of a run or a comparison shows, as a file: what passes its filter, in its order.

    GET /runs/2/requests.csv?principle=4&sort=longest
    GET /compare.jsonl?run=1&run=2&change=worse       # of each request a row for each run

Texts are left out where the pages blur them: of harmful requests, unless the person has asked to
see texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ..errors import MsbError
from ..results.rows import rows
from ..store.outcomes import Outcomes
from ..store.store import Store
from ..store.texts import Positions
from ..tables import write_rows
from .compare_pages import Question
from .filters import Filter
from .library import Library, NotReady

TYPES = {"csv": "text/csv", "jsonl": "application/jsonl"}
TEXTS = ("request", "context", "response", "reference", "thinking")
RATIONALE = ".rationale"
BLOCK = 1 << 16
Part = tuple[Outcomes, Positions]
"""A run's outcomes, and places in it."""


def of_run(library: Library, request: Request) -> Response:
    """The requests of a run. Raises NotReady until a search is complete, MsbError for none."""
    run = library.run(request.path_params["run"])
    wanted = Filter.of(request.query_params)
    positions, search = library.where(run, wanted)
    if search and not search.complete:
        raise NotReady
    part = library.snapshot(run, wanted.judge).outcomes, positions
    return _file(library, request, f"{run.id}-requests", [part])


def of_comparison(library: Library, request: Request) -> Response:
    """The requests of a comparison, each as every run answered it. Raises MsbError for none."""
    question = Question.of(library, request)
    compared, order = question.find(library)
    parts = [(found, compared.positions[row, order]) for row, found in enumerate(compared.found)]
    return _file(library, request, "-".join(run.id for run in question.runs), parts)


def _file(library: Library, request: Request, name: str, parts: Sequence[Part]) -> Response:
    form = request.path_params["form"]
    if form not in TYPES:
        raise HTTPException(404, f"There is no such file; expected {' or '.join(TYPES)}.")
    if not len(parts[0][1]):
        raise MsbError("no request passes this filter, so there is nothing to download")
    content = _written(library.path, parts, form, request.state.session.shown)
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    headers = {"Content-Disposition": f'attachment; filename="{plain}.{form}"'}
    return StreamingResponse(content, media_type=TYPES[form], headers=headers)


def _written(path: Path, parts: Sequence[Part], form: str, shown: bool) -> Iterator[bytes]:
    """The file's content. It is written whole before the first block, beside the pages' thread."""
    with TemporaryDirectory(prefix="msb-explore-", ignore_cleanup_errors=True) as folder:
        file = Path(folder) / f"rows.{form}"
        with Store.read(path) as store:
            write_rows(file, (veiled(row, shown) for row in _rows(store, parts)))
        with file.open("rb") as opened:
            while block := opened.read(BLOCK):
                yield block


def _rows(store: Store, parts: Sequence[Part]) -> Iterator[dict[str, Any]]:
    """Of each request a row for each part, all with the columns of all."""
    columns: dict[str, None] = {}
    for same in zip(*(rows(store, found, at.tolist()) for found, at in parts), strict=True):
        columns = columns or dict.fromkeys(name for row in same for name in row)
        yield from ({**columns, **row} for row in same)


def veiled(row: Mapping[str, Any], shown: bool) -> dict[str, Any]:
    """The row with ``veiled`` beside it, and without its texts where that is true."""
    veil = row["intent"] == "harmful" and not shown
    return {
        **{name: None if veil and _is_text(name) else value for name, value in row.items()},
        "veiled": veil,
    }


def _is_text(name: str) -> bool:
    return name in TEXTS or name.endswith(RATIONALE)
