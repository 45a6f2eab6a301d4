"""What a page of a run shows, as a file: the requests that pass its filter, in its order.

    GET /runs/2/requests.csv?principle=4&sort=longest

Texts are left out where the pages blur them: of harmful requests, unless the person has asked to
see texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
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
from .filters import Filter
from .library import Library, NotReady

TYPES = {"csv": "text/csv", "jsonl": "application/jsonl"}
TEXTS = ("request", "context", "response", "reference", "thinking")
RATIONALE = ".rationale"
BLOCK = 1 << 16


def send(library: Library, request: Request) -> Response:
    """The file. Raises NotReady until a search is complete, MsbError if nothing passes."""
    form = request.path_params["form"]
    if form not in TYPES:
        raise HTTPException(404, f"There is no such file; expected {' or '.join(TYPES)}.")
    run = library.run(request.path_params["run"])
    positions, search = library.where(run, Filter.of(request.query_params))
    if search and not search.complete:
        raise NotReady
    if not len(positions):
        raise MsbError("no request passes this filter, so there is nothing to download")
    found = library.snapshot(run).outcomes
    name = re.sub(r"[^A-Za-z0-9._-]", "_", f"{run.id}-requests.{form}")
    content = _written(library.path, found, positions, form, request.state.session.shown)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(content, media_type=TYPES[form], headers=headers)


def _written(
    path: Path, found: Outcomes, positions: Positions, form: str, shown: bool
) -> Iterator[bytes]:
    """The file's content. It is written whole before the first block, beside the pages' thread."""
    with TemporaryDirectory(prefix="msb-explore-", ignore_cleanup_errors=True) as folder:
        file = Path(folder) / f"requests.{form}"
        with Store.read(path) as store:
            told = (veiled(row, shown) for row in rows(store, found, positions.tolist()))
            write_rows(file, told)
        with file.open("rb") as opened:
            while block := opened.read(BLOCK):
                yield block


def veiled(row: Mapping[str, Any], shown: bool) -> dict[str, Any]:
    """The row with ``veiled`` beside it, and without its texts where that is true."""
    veil = row["intent"] == "harmful" and not shown
    return {
        **{name: None if veil and _is_text(name) else value for name, value in row.items()},
        "veiled": veil,
    }


def _is_text(name: str) -> bool:
    return name in TEXTS or name.endswith(RATIONALE)
