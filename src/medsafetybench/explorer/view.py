"""The address of a view as it holds in every copy of a store: runs by their ids, no host.

view_of(request, [run])                   # "/runs/run-31e6/requests/4?principle=4"
view_in("http://3f9c….localhost:41233/runs/run-31e6?principle=4#requests")    # the same, checked
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, urlencode, urlsplit

from starlette.requests import Request

from ..errors import MsbError
from ..store.store import RunRecord
from .door_pages import OPEN

LONGEST = 4_000


def view_of(request: Request, runs: Iterable[RunRecord]) -> str:
    """The path and parameters that a request asks for."""
    ids = {str(run.number): run.id for run in runs}
    path = request.url.path.split("/")
    if path[1] == "runs":
        path[2] = ids.get(path[2], path[2])
    asked = request.query_params.multi_items()
    pairs = [(name, ids.get(value, value) if name == "run" else value) for name, value in asked]
    return "/".join(path) + (f"?{urlencode(pairs)}" if pairs else "")


def view_in(address: str) -> str:
    """The view that an address leads to, whichever explorer's it is, or a path of one.

    It leads to no other host. Raises MsbError for what is no address.
    """
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        parts = urlsplit("")
    if not parts.path.startswith("/") or len(address) > LONGEST:
        raise MsbError(
            f"view {address[:80]!r}; expected the address of a page of the explorer, as /runs/RUN"
        )
    if parts.path == OPEN:  # a link, which leads to the first page
        return "/"
    # A browser reads a second slash, also a backward one, as the beginning of a host.
    path = "/" + quote(parts.path.lstrip("/\\"), safe="/%")
    query = quote(parts.query, safe="=&%+,;:@/?-._~")
    fragment = quote(parts.fragment, safe="%")
    return path + (f"?{query}" if query else "") + (f"#{fragment}" if fragment else "")
