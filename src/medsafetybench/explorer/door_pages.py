"""The pages at the door: a ticket becomes a session, or one reads why not and what to do.

Nobody has been let in yet, so these pages hold nothing of the store and load no file.
"""

from __future__ import annotations

import base64
from hashlib import sha256

from markupsafe import Markup
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from .door import TICKET_LIFE, Door, NoEntry
from .forms import form

OPEN, CHOICES = "/open", "/session"
STYLE = (
    "body{max-width:34rem;margin:12vh auto;padding:0 1.25rem;color-scheme:light dark;"
    'font:1rem/1.6 system-ui,"Segoe UI","Liberation Sans",sans-serif;overflow-wrap:anywhere}'
    "h1{font-size:1.4rem;line-height:1.3}button{font:inherit;padding:.35rem 1.25rem}"
    "a{color:LinkText}code{font-size:.95em}"
)
STYLE_SOURCE = f"'sha256-{base64.b64encode(sha256(STYLE.encode()).digest()).decode()}'"
"""By which the policy allows this style and no other that stands in a page."""
PAGE = Markup(
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
    "{head}<title>{title} · msb explore</title><style>{style}</style></head>"
    "<body><main><h1>{title}</h1>{body}</main></body></html>"
)
# The page that takes a ticket turns into the first view by itself: a redirect would still count as
# coming from wherever the link was followed, and a browser then withholds a Strict cookie.
ONWARD = Markup('<meta http-equiv="refresh" content="0; url={view}">')
ENTRY = Markup('<p><a href="{view}">Continue</a></p>')
WHY = {
    "used": (
        "This link was used already",
        "A link opens the explorer once. If it was not you who opened it, end msb explore with "
        "Ctrl-C and start it again.",
    ),
    "late": (
        "This link is too old",
        f"A link opens the explorer within {TICKET_LIFE // 60} minutes.",
    ),
    "unknown": (
        "This link is not of this explorer",
        "It is of an earlier start of msb explore, or not whole.",
    ),
    "outside": (
        "Not open in this browser",
        "The explorer opens by a link, for one browser until that is closed, and anew each time "
        "msb explore is started.",
    ),
    "elsewhere": (
        "The explorer is not at this address",
        "Each start of msb explore has an address of its own; this one may be of an earlier start.",
    ),
}
AGAIN = (
    "The terminal where msb explore runs says how to open it. If it has ended, start it again: "
    "nothing that was stored is lost."
)
UNSENT = "What you sent was not stored; your browser's Back leads to what you typed."
IN_ALREADY = Markup('<p><a href="/">Go on, if this browser has it open</a></p>')


def door_routes(door: Door) -> list[BaseRoute]:
    """Where tickets are used, and where a session is told what its person chooses."""

    async def enter(request: Request) -> Response:
        given = await form(request) or request.query_params
        if request.method == "HEAD":
            return Response()
        try:
            secret = door.enter(given.get("ticket", ""))
        except NoEntry as refusal:
            if request.state.session:
                return entry(door)
            return turned_away(request.headers, refusal.why)
        page, name = entry(door), cookie_name(door, request.headers)
        page.set_cookie(
            name, secret, httponly=True, samesite="strict", secure=name.startswith("__Host-")
        )
        return page

    async def choose(request: Request) -> Response:
        chosen = await form(request)
        if not chosen.keys() <= {"shown", "shortcuts"} or not {*chosen.values()} <= {"0", "1"}:
            raise HTTPException(400, "There is no such choice.")
        for name, value in chosen.items():
            setattr(request.state.session, name, value == "1")
        return Response(status_code=204)

    return [
        Route(OPEN, enter, methods=["GET", "POST"]),
        Route(CHOICES, choose, methods=["POST"]),
    ]


def cookie_name(door: Door, headers: Headers) -> str:
    """What the session's cookie is called for a request.

    At a name of our own no other host, and nothing that isn't us, can set a cookie with this
    prefix. 127.0.0.1 is everybody's, and one browser for which it is there knows no such prefix on
    plain http; there it is one name for each port, as cookies do not tell ports apart.
    """
    port = headers["host"].partition(":")[2] or "80"
    return f"__Host-msb_{port}" if door.host.endswith(".localhost") else f"msb_{port}"


def entry(door: Door) -> HTMLResponse:
    """The page that leads from a link to the first view."""
    head, body = (part.format(view=door.view) for part in (ONWARD, ENTRY))
    return HTMLResponse(PAGE.format(title="Opening", style=Markup(STYLE), head=head, body=body))  # nosec B704 # escaped before, or ours


def turned_away(headers: Headers, why: str, method: str = "GET") -> Response:
    """Why nothing is shown, and what to do: a page for a browser, else a line."""
    title, text = WHY[why]
    told = [text, *([UNSENT] if method == "POST" else []), AGAIN]
    if "text/html" not in headers.get("accept", ""):
        return PlainTextResponse(f"403: {title}. {' '.join(told)}\n", 403)
    body = Markup().join(Markup("<p>{}</p>").format(line) for line in told)
    body += IN_ALREADY if why == "used" else ""
    page = PAGE.format(title=title, style=Markup(STYLE), head="", body=body)  # nosec B704 # escaped before, or ours
    return HTMLResponse(page, 403)
