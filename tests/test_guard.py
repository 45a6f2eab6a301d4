"""The explorer's guard, rule by rule: what it lets through to the app, and what it says itself.

Asked directly, without a server: a server in between would turn some of these away before.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pytest

from medsafetybench.explorer.security import HEADERS, LARGEST_BODY, Guard

TOKEN = "a-token"
HERE = ("Host", "127.0.0.1:8321")
COOKIE = ("Cookie", f"msb_explore_8321={TOKEN}")
OURS = ("Origin", "http://127.0.0.1:8321")
REACHED, REFUSED = HTTPStatus.NO_CONTENT, HTTPStatus.FORBIDDEN


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: str


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Stands behind the guard: no content, where it is reached."""
    assert receive == "receive"
    own = [(b"cache-control", b"public"), (b"x-own", b"kept")]
    await send({"type": "http.response.start", "status": REACHED, "headers": own})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def ask(*headers: tuple[str, str], method: str = "GET", path: str = "/", query: str = "") -> Answer:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(dict(message))

    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode("latin-1"),
    }
    guard: Any = Guard(app, TOKEN)
    asyncio.run(guard({**scope, "headers": raw}, "receive", send))
    start, body = sent
    found = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], found, body["body"].decode())


@pytest.mark.parametrize("host", ["127.0.0.1:8321", "127.0.0.1", "localhost:8321", "localhost"])
def test_this_machine_by_either_name_and_any_port_is_let_in(host: str) -> None:
    port = host.partition(":")[2] or 80
    assert ask(("Host", host), ("Cookie", f"msb_explore_{port}={TOKEN}")).status == REACHED


def test_a_cookie_of_another_port_is_not_of_this_one() -> None:
    assert ask(HERE, ("Cookie", f"msb_explore_80={TOKEN}")).status == REFUSED


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ([("Host", "evil.example")], "a Host that is not this machine"),
        ([("Host", "")], "a Host that is not this machine"),
        ([], "a Host that is not this machine"),
        ([HERE, HERE], "a Host that is not this machine"),
        ([HERE, ("Origin", "https://evil.example")], "a foreign Origin"),
        ([HERE, ("Origin", "null")], "a foreign Origin"),
        ([HERE, ("Origin", "")], "a foreign Origin"),
        ([HERE, ("Sec-Fetch-Site", "cross-site")], "a page of another site"),
        ([HERE, ("Sec-Fetch-Site", "same-site")], "a page of another site"),
    ],
    ids=str,
)
def test_what_is_foreign_is_refused_in_a_line(headers: list[tuple[str, str]], why: str) -> None:
    found = ask(*headers, COOKIE)
    assert (found.status, found.body) == (REFUSED, f"403: {why}\n")


@pytest.mark.parametrize(
    "headers",
    [
        [OURS],
        [("Sec-Fetch-Site", "same-origin")],
        [("Sec-Fetch-Site", "none")],
        [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"),
         ("Sec-Fetch-Dest", "document")],
    ],
    ids=str,
)  # fmt: skip
def test_our_own_pages_and_a_link_that_a_person_follows_are_let_in(
    headers: list[tuple[str, str]],
) -> None:
    assert ask(HERE, COOKIE, *headers).status == REACHED


@pytest.mark.parametrize(
    ("mode", "dest"),
    [("navigate", "iframe"), ("no-cors", "document"), ("navigate", ""), ("", "document")],
)
def test_a_frame_or_a_fetch_of_another_site_is_no_link(mode: str, dest: str) -> None:
    told = [("Sec-Fetch-Mode", mode), ("Sec-Fetch-Dest", dest)]
    found = ask(HERE, COOKIE, ("Sec-Fetch-Site", "cross-site"), *[pair for pair in told if pair[1]])
    assert found.status == REFUSED


def test_other_methods_and_forms_without_an_origin_are_refused() -> None:
    assert ask(HERE, COOKIE, method="HEAD").status == REACHED
    assert ask(HERE, COOKIE, OURS, method="POST").status == REACHED
    assert ask(HERE, COOKIE, method="POST").body == "403: a form without an Origin\n"
    for method in ("PUT", "DELETE", "OPTIONS"):
        found = ask(HERE, COOKIE, OURS, method=method)
        assert (found.status, found.body) == (REFUSED, f"403: {method} is not for this page\n")


@pytest.mark.parametrize("cookie", ["", f"msb_explore_8321={TOKEN}x", "msb_explore_8321=", TOKEN])
def test_without_the_token_there_is_a_line(cookie: str) -> None:
    found = ask(HERE, *[("Cookie", cookie)] if cookie else [])
    assert found.body == "403: open the address that `msb explore` printed\n"
    assert found.status == REFUSED


def test_the_address_that_was_printed_gives_the_cookie_and_turns_into_the_first_page() -> None:
    found = ask(HERE, query=f"token={TOKEN}")
    assert found.status == HTTPStatus.OK
    assert 'content="0; url=/"' in found.body
    crumbs = set(found.headers["set-cookie"].split("; "))
    assert crumbs == {f"msb_explore_8321={TOKEN}", "HttpOnly", "Path=/", "SameSite=strict"}
    # Two of them, and the first is wrong; on another page; in a form.
    assert ask(HERE, query=f"token=x&token={TOKEN}").status == REFUSED
    assert ask(HERE, query=f"token={TOKEN}", path="/runs/1").status == REFUSED
    assert ask(HERE, OURS, query=f"token={TOKEN}", method="POST").status == REFUSED
    assert ask(HERE, query="token=\xff").status == REFUSED


@pytest.mark.parametrize(
    ("length", "status"), [(0, REACHED), (LARGEST_BODY, REACHED), (LARGEST_BODY + 1, 413)]
)
def test_a_form_too_large_is_refused_before_it_is_read(length: int, status: int) -> None:
    found = ask(HERE, COOKIE, OURS, ("Content-Length", str(length)), method="POST")
    assert found.status == status
    assert found.body == ("" if status == REACHED else "413: too much\n")
    assert ask(HERE, COOKIE, ("Content-Length", "")).status == REACHED


@pytest.mark.parametrize("headers", [[HERE, COOKIE], [HERE]], ids=["reached", "refused"])
def test_every_answer_carries_the_policy_over_the_apps_own(headers: list[tuple[str, str]]) -> None:
    found = ask(*headers).headers
    assert {name: found[name.lower()] for name in HEADERS} == dict(HEADERS)
    assert found.get("x-own", "kept") == "kept"


def test_a_websocket_is_closed_and_a_lifespan_is_the_apps() -> None:
    sent: list[Any] = []
    reached: list[str] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope["type"])
        assert (receive, send) == ("receive", keep)

    async def keep(message: Any) -> None:
        sent.append(message)

    for kind in ("websocket", "lifespan"):
        asyncio.run(Guard(inner, TOKEN)({"type": kind}, "receive", keep))  # type: ignore[arg-type]
    assert sent == [{"type": "websocket.close", "code": 1008}]
    assert reached == ["lifespan"]
