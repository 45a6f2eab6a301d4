"""The review of a build in the browser: one request at a time, to accept, edit or reject.

    app = create_review_app(Path("ours"), door)       # to be served by uvicorn

The queue is that of `msb build review`, and decisions go into the same file; what another reviewer
decided is not shown. Changing a text and accepting it is an edit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ..building import Project
from ..building.project import Row
from ..building.review import Decision, Queue
from ..errors import MsbError
from ..legible import visible
from ..store.labels import tidy
from .app import failed, refused, static
from .door import Door
from .door_pages import door_routes
from .forms import form
from .label_pages import LONGEST_NOTE, LONGEST_PERSON
from .paging import whole
from .security import Guard
from .templating import render


def create_review_app(folder: Path, door: Door) -> Starlette:
    """The application over a project, for who comes in by the door.

    Raises MsbError if there is no project in the folder, or nothing to review yet.
    """
    project = Project(folder)
    next(project.kept("answer"))

    def page(
        view: Callable[[Project, Request], Response],
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            request.state.form = await form(request)
            return await run_in_threadpool(_make, view, project, request)

        return answer

    return Starlette(
        routes=[
            *door_routes(door),
            Route("/", page(show), methods=["GET"]),
            Route("/", page(put), methods=["POST"]),
            Route("/static/{name}", static),
        ],
        middleware=[Middleware(Guard, door=door)],
        exception_handlers={HTTPException: refused},
    )


def _make(
    view: Callable[[Project, Request], Response], project: Project, request: Request
) -> Response:
    try:
        return view(project, request)
    except MsbError as error:
        return render(request, "message.html", 400, title="That did not work", text=str(error))
    except Exception:
        return failed(request)


def show(project: Project, request: Request) -> Response:
    """The request at a place, decided on or not; else the first from there that waits."""
    given = request.query_params
    if "reviewer" not in given:
        return render(request, "review_start.html", name=project.config.name)
    queue, name = _queue(project, given)
    rows, done = list(project.kept("answer")), queue.decided()
    waiting = [place for place, row in enumerate(rows) if row["id"] not in done]
    at = whole(given.get("at", ""), 0) or 0
    again = given.get("again") == "1" and at < len(rows)
    place = at if again else next((p for p in waiting if p >= at), None)
    row = None if place is None else rows[place]
    before = range((len(rows) if place is None else place) - 1, -1, -1)
    earlier = next((p for p in before if rows[p]["id"] in done), None)
    return render(
        request,
        "review.html",
        name=project.config.name,
        reviewer=name,
        total=len(rows),
        done=len(rows) - len(waiting),
        place=place,
        row=row and as_decided(row, done.get(row["id"])),
        decision=row and done.get(row["id"]),
        title=row and project.taxonomy.title(row["principle"]),
        earlier=None if earlier is None else _address(name, earlier, again="1"),
        skip=None if place is None else _address(name, place + 1),
        first=_address(name, 0),
    )


def put(project: Project, request: Request) -> Response:
    """Store a decision; then on to the next request."""
    sent = request.state.form
    queue, name = _queue(project, sent)
    place = whole(sent.get("at", ""))
    rows = list(project.kept("answer"))
    if place is None or place >= len(rows) or rows[place]["id"] != sent.get("id"):
        raise MsbError("the form is not of this queue; go back and load the page again")
    decide(queue, rows[place], sent)
    return RedirectResponse(_address(name, place + 1), 303)


def decide(queue: Queue, row: Row, sent: Mapping[str, str]) -> Decision:
    """Record what the form says. Raises MsbError for a form that is incomplete."""
    note = sent.get("note", "").strip()[:LONGEST_NOTE]
    if sent.get("decision") != "accept":
        return queue.decide(row, sent.get("decision", ""), note=note)
    text, reference = (_changed(row, sent, name) for name in ("text", "reference"))
    return queue.decide(row, "edit" if text or reference else "accept", text, reference, note)


def _changed(row: Row, sent: Mapping[str, str], name: str) -> str | None:
    """The text if it was changed. A page shows unseen characters by name: that is no change."""
    old = row.get(name)
    new = sent.get(name, "").replace("\r\n", "\n").strip()
    if not old or visible(new) == visible(old).strip():
        return None
    if not new:
        raise MsbError("an edit cannot leave a text empty; go back, and reject it instead")
    return new


def as_decided(row: Row, decision: Decision | None) -> dict[str, Any]:
    """The row with what this reviewer made of its texts."""
    texts = {n: (decision and getattr(decision, n)) or row.get(n) for n in ("text", "reference")}
    return {**row, **texts}


def _queue(project: Project, given: Mapping[str, str]) -> tuple[Queue, str]:
    name = tidy(given.get("reviewer", ""))[:LONGEST_PERSON]
    if not name:
        raise MsbError("a reviewer needs a name, so that decisions can be told apart; go back")
    return Queue(project, name), name


def _address(reviewer: str, at: int, **more: str) -> str:
    return f"/?{urlencode({'reviewer': reviewer, 'at': at, **more})}"
