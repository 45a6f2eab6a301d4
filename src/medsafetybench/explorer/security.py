"""Who may talk to the explorer: the browser of the person who started it, and nothing else.

    Guard(app, secrets.token_urlsafe(32))

The pages hold harmful text and take labels, and every web site that the same browser has open can
send requests to 127.0.0.1. So, before any page is made, each request must name this machine as its
Host (a rebound domain name does not), come from a page of ours or from the address bar, and carry
the token: once in the address that ``msb explore`` prints, from then on in a cookie.
"""

from __future__ import annotations

import hmac
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = ("127.0.0.1", "localhost")
LARGEST_BODY = 64 * 1024
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not "no-referrer": under that a browser sends `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
# The page that takes the token turns into the first page by itself: a redirect would still count as
# coming from wherever the address was clicked, and a browser then withholds a Strict cookie.
ENTRY = """<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,">
<title>msb explore</title>
<meta http-equiv="refresh" content="0; url=/"><p><a href="/">Continue</a></p></html>"""


class Guard:
    """ASGI middleware: see the module's docstring. Answers 403 where any of it does not hold."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008})
        answer = self._answer(scope)
        await (answer or self._app)(scope, receive, _with_headers(send))

    def _answer(self, scope: Scope) -> Response | None:
        """What to say without asking the app; None to ask it."""
        headers = Headers(scope=scope)
        if refused := _foreign(scope["method"], headers):
            return PlainTextResponse(f"403: {refused}\n", 403)
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if scope["path"] == "/" and scope["method"] == "GET" and self._is_token(given):
            return self._entry(headers)
        if not self._is_token(cookie_parser(headers.get("cookie", "")).get(_cookie(headers), "")):
            return PlainTextResponse("403: open the address that `msb explore` printed\n", 403)
        if int(headers.get("content-length") or 0) > LARGEST_BODY:
            return PlainTextResponse("413: too much\n", 413)
        return None

    def _entry(self, headers: Headers) -> Response:
        page = HTMLResponse(ENTRY)
        page.set_cookie(_cookie(headers), self._token, httponly=True, samesite="strict")
        return page

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token.encode())


def _foreign(method: str, headers: Headers) -> str | None:
    """Why a request is not of our own pages, or None. Any port is fine: it may be forwarded."""
    host = headers.get("host", "")
    if host.partition(":")[0] not in HOSTS or len(headers.getlist("host")) != 1:
        return "a Host that is not this machine"
    origin = headers.get("origin")
    if origin is not None and origin != f"http://{host}":
        return "a foreign Origin"
    if method not in ("GET", "HEAD", "POST"):
        return f"{method} is not for this page"
    if method == "POST" and origin is None:
        return "a form without an Origin"
    if headers.get("sec-fetch-site") in ("same-site", "cross-site") and not _opens(headers):
        return "a page of another site"
    return None


def _opens(headers: Headers) -> bool:
    """True if a person follows a link to us from elsewhere: harmless, the token is still asked."""
    return (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == (
        "navigate",
        "document",
    )


def _cookie(headers: Headers) -> str:
    """One name for each port: cookies do not tell ports apart."""
    return f"msb_explore_{headers['host'].partition(':')[2] or 80}"


def _with_headers(send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(HEADERS)
        await send(message)

    return guarded
