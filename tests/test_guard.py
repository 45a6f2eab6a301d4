"""The explorer's guard, rule by rule: what it lets through to the app, and what it says itself.

Asked directly, without a server: a server in between would turn some of these away before.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pytest

from medsafetybench.explorer.door import Door
from medsafetybench.explorer.forms import LARGEST_BODY
from medsafetybench.explorer.security import HEADERS, Guard

NAME, BY_NUMBER = "0a1b.localhost", "127.0.0.1"
HERE = ("Host", f"{NAME}:8321")
OURS = ("Origin", f"http://{NAME}:8321")
BROWSER = ("Accept", "text/html,*/*;q=0.8")
REACHED, REFUSED = HTTPStatus.NO_CONTENT, HTTPStatus.FORBIDDEN


def opened(host: str = NAME) -> tuple[Door, str]:
    """A door that one person came in by, and the secret of their session."""
    tickets: list[str] = []
    door = Door(host, tickets.append)
    door.issue()
    return door, door.enter(tickets[0])


DOOR, SECRET = opened()
COOKIE = ("Cookie", f"__Host-msb_8321={SECRET}")


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


def ask(
    *headers: tuple[str, str], method: str = "GET", path: str = "/", door: Door = DOOR
) -> Answer:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(dict(message))

    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
    }
    guard: Any = Guard(app, door)
    asyncio.run(guard({**scope, "headers": raw}, "receive", send))
    start, body = sent
    found = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], found, body["body"].decode())


@pytest.mark.parametrize("port", ["8321", "80", "1", "65535"])
def test_its_own_name_at_any_port_is_let_in(port: str) -> None:
    host, cookie = f"{NAME}:{port}", f"__Host-msb_{port}={SECRET}"
    assert ask(("Host", host), ("Cookie", cookie)).status == REACHED
    assert ask(("Host", NAME), ("Cookie", f"__Host-msb_80={SECRET}")).status == REACHED


ELSEWHERE = (
    *("127.0.0.1:8321", "127.0.0.1", "localhost:8321", "localhost", "[::1]:8321", "[::1]"),
    *("0a1c.localhost:8321", "x.0a1b.localhost:8321", "0a1blocalhost:8321", "0a1b.localhost.:8321"),
    *("0A1B.LOCALHOST:8321", "0a1b.localhost.evil.example", "evil.example", "", " ", ":8321"),
    *("0a1b.localhost:", "0a1b.localhost:8321:1", "0a1b.localhost:x", "0a1b.localhost:\u0663"),
    *("0a1b.localhost:8321@evil.example", "0a1b.localhost:8321,evil", "0a1b.localhost:8321\n"),
)


@pytest.mark.parametrize("host", ELSEWHERE)
@pytest.mark.parametrize("path", ["/", "/open", "/static/style.css"])
def test_no_other_name_is_answered_to_whatever_it_brings(host: str, path: str) -> None:
    sent = ("Host", host.encode().decode("latin-1"))
    for cookie in (COOKIE[1], f"__Host-msb_80={SECRET}", f"msb_8321={SECRET}"):
        found = ask(sent, ("Cookie", cookie), path=path)
        assert found.status == REFUSED
        assert found.body.startswith("403: The explorer is not at this address. ")
        assert found.body.count("\n") == 1


def test_a_second_host_is_one_too_many() -> None:
    for second in (HERE, ("Host", "evil.example"), ("Host", "")):
        assert ask(HERE, second, COOKIE).status == REFUSED
        assert ask(second, HERE, COOKIE, path="/open").status == REFUSED
    assert ask(COOKIE).status == REFUSED


def test_by_number_only_the_number_is_answered_to() -> None:
    door, secret = opened(BY_NUMBER)
    cookie = ("Cookie", f"msb_8321={secret}")
    assert ask(("Host", f"{BY_NUMBER}:8321"), cookie, door=door).status == REACHED
    for host in (HERE[1], "localhost:8321", "127.0.0.2:8321", "127.1:8321", "127x0x0x1:8321"):
        assert ask(("Host", host), cookie, door=door).status == REFUSED


def test_a_cookie_of_another_port_session_or_start_is_not_of_this_one() -> None:
    _, another = opened()
    for name, secret in (
        ("__Host-msb_80", SECRET),
        ("__Host-msb_8322", SECRET),
        ("msb_8321", SECRET),
        ("__host-msb_8321", SECRET),
        ("__Host-msb_8321", another),
    ):
        assert ask(HERE, ("Cookie", f"{name}={secret}")).status == REFUSED


def test_what_another_port_puts_before_or_after_our_cookie_shuts_nobody_out() -> None:
    name = COOKIE[1].partition("=")[0]
    for cookie in (f"{name}=x; {COOKIE[1]}", f"{COOKIE[1]}; {name}=x", f"{name}; {COOKIE[1]}"):
        assert ask(HERE, ("Cookie", cookie)).status == REACHED
    assert ask(HERE, ("Cookie", f"{name}=x"), COOKIE).status == REACHED
    assert ask(HERE, ("Cookie", "; " * 5000 + COOKIE[1])).status == REACHED


@pytest.mark.parametrize(
    ("headers", "why"),
    [
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


@pytest.mark.parametrize(
    "cookie",
    ["", f"{COOKIE[1]}x", "__Host-msb_8321=", SECRET, "\xff=\xff"],
    ids=["none", "longer", "empty", "without a name", "no text"],
)
def test_without_a_session_there_is_a_line_or_a_page_with_what_to_do(cookie: str) -> None:
    told = [HERE, *([("Cookie", cookie)] if cookie else [])]
    line, page = ask(*told), ask(*told, BROWSER)
    assert (line.status, page.status) == (REFUSED, REFUSED)
    assert line.body.startswith("403: Not open in this browser. ")
    assert "terminal where msb explore runs" in line.body
    assert "<h1>Not open in this browser</h1>" in page.body
    assert "terminal where msb explore runs" in page.body
    assert page.headers["content-type"].startswith("text/html")
    assert "set-cookie" not in {*line.headers, *page.headers}


def test_a_form_that_is_turned_away_is_said_not_to_be_stored() -> None:
    found = ask(HERE, OURS, BROWSER, method="POST", path="/runs/1/label")
    assert "was not stored" in found.body
    assert "was not stored" not in ask(HERE, BROWSER).body
    gone = ("Host", "0a1c.localhost:8321")
    assert "was not stored" in ask(gone, OURS, method="POST", path="/runs/1/label").body
    assert "was not stored" not in ask(gone).body


def test_at_the_door_a_file_may_send_a_ticket_and_nothing_else_goes_round_the_session() -> None:
    null = ("Origin", "null")
    from_file = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"),
                 ("Sec-Fetch-Dest", "document")]  # fmt: skip
    assert ask(HERE, null, *from_file, method="POST", path="/open").status == REACHED
    assert ask(HERE, path="/open").status == REACHED
    for path in ("/", "/open/", "//open", "/OPEN", "/open/x", "/session", "/runs/1/label"):
        assert ask(HERE, null, *from_file, COOKIE, method="POST", path=path).status == REFUSED
        assert ask(HERE, path=path).status == REFUSED
    framed = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"),
              ("Sec-Fetch-Dest", "iframe")]  # fmt: skip
    for more in ([("Origin", "https://evil.example")], [null, *framed], []):
        assert ask(HERE, *more, method="POST", path="/open").status == REFUSED


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
        asyncio.run(Guard(inner, DOOR)({"type": kind}, "receive", keep))  # type: ignore[arg-type]
    assert sent == [{"type": "websocket.close", "code": 1008}]
    assert reached == ["lifespan"]
