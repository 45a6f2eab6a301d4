"""Who may talk to the explorer: the browser of the person who started it, and nothing else.

    Guard(app, door)

The pages hold harmful text and take labels, and every web site that the same browser has open can
send requests to this machine, as can every account on it. So, before any page is made, each request
must name the door's host as its Host (a rebound domain name does not; and where that is a name of
our own, nothing is at 127.0.0.1, whose other ports would be given our cookie), come from a page of
ours or from the address bar, and carry the cookie of a session.
"""

from __future__ import annotations

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .door import Door
from .door_pages import OPEN, STYLE_SOURCE, cookie_name, turned_away
from .forms import LARGEST_BODY

HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'self' {STYLE_SOURCE}; "
    "script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not "no-referrer": under that a browser sends `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """ASGI middleware: see the module's docstring. Answers 403 where any of it does not hold.

    A request that is let through has its session as ``request.state.session``; at the door, where
    tickets are used, that can be None.
    """

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door
        self._host = re.compile(rf"{re.escape(door.host)}(:[0-9]{{1,5}})?")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008})
        answer = self._answer(scope)
        await (answer or self._app)(scope, receive, _with_headers(send))

    def _answer(self, scope: Scope) -> Response | None:
        """What to say without asking the app; None to ask it."""
        headers, method, at_door = Headers(scope=scope), scope["method"], scope["path"] == OPEN
        hosts = headers.getlist("host")
        # Any port is fine: it may be forwarded.
        if len(hosts) != 1 or not self._host.fullmatch(hosts[0]):
            return turned_away(headers, "elsewhere", method)
        if refused := _foreign(method, headers, at_door):
            return PlainTextResponse(f"403: {refused}\n", 403)
        session = self._door.session(_cookies(headers, cookie_name(self._door, headers)))
        if session is None and not at_door:
            return turned_away(headers, "outside", method)
        if int(headers.get("content-length") or 0) > LARGEST_BODY:
            return PlainTextResponse("413: too much\n", 413)
        scope.setdefault("state", {})["session"] = session
        return None


def _foreign(method: str, headers: Headers, at_door: bool) -> str | None:
    """Why a request is not of our own pages, or None."""
    origin = headers.get("origin")
    ours = {f"http://{headers['host']}", "null"} if at_door else {f"http://{headers['host']}"}
    if origin is not None and origin not in ours:
        return "a foreign Origin"
    if method not in ("GET", "HEAD", "POST"):
        return f"{method} is not for this page"
    if method == "POST" and origin is None:
        return "a form without an Origin"
    if headers.get("sec-fetch-site") in ("same-site", "cross-site") and not _opens(headers):
        return "a page of another site"
    return None


def _opens(headers: Headers) -> bool:
    """True if a person follows a link to us from elsewhere: harmless, a session is still asked."""
    return (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == (
        "navigate",
        "document",
    )


def _cookies(headers: Headers, name: str) -> list[str]:
    """Every value under the name: another port of 127.0.0.1 can put one of its own before ours."""
    pairs = [part.partition("=") for line in headers.getlist("cookie") for part in line.split(";")]
    return [value.strip() for key, _, value in pairs if key.strip() == name]


def _with_headers(send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(HEADERS)
        await send(message)

    return guarded
