"""Tickets and sessions: what opens once, what opens never, and what is remembered of a person."""

from __future__ import annotations

import pytest

pytest.importorskip("starlette", reason="needs the extra web")
pytest.importorskip("uvicorn", reason="needs the extra web")
pytest.importorskip("httpx", reason="needs httpx, which the test client of starlette stands on")

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from medsafetybench import load_benchmark
from medsafetybench.errors import MsbError
from medsafetybench.explorer import server
from medsafetybench.explorer.app import create_app
from medsafetybench.explorer.door import TICKET_LIFE, Door, NoEntry, Session
from medsafetybench.scale import HARM
from medsafetybench.store.store import Store
from running_explorer import stored

NAME = "0a1b.localhost"


class Start:
    """A door with a clock that is set by hand, and the tickets it gave."""

    def __init__(self, host: str = NAME, **settings: Any) -> None:
        self.now = 1000.0
        self.tickets: list[str] = []
        self.door = Door(host, self.tickets.append, clock=lambda: self.now, **settings)
        self.door.issue()

    def why(self, ticket: str) -> str:
        with pytest.raises(NoEntry) as refusal:
            self.door.enter(ticket)
        assert str(refusal.value) == refusal.value.why
        return refusal.value.why


@pytest.fixture
def start() -> Start:
    return Start()


def test_a_ticket_opens_one_session_and_the_next_is_given_at_once(start: Start) -> None:
    secret = start.door.enter(start.tickets[0])
    assert start.door.session(["", secret, "x"]) == Session(shown=False, shortcuts=True)
    assert len(start.tickets) == 2
    assert start.why(start.tickets[0]) == "used"
    another = start.door.enter(start.tickets[1])
    assert start.door.session([another]) is not start.door.session([secret])
    assert len({secret, another, *start.tickets}) == 5


def test_a_ticket_is_no_session_and_a_session_no_ticket(start: Start) -> None:
    secret = start.door.enter(start.tickets[0])
    assert start.door.session(start.tickets) is None
    assert start.why(secret) == "unknown"


@pytest.mark.parametrize("given", ["", "x", "\ud800", "\0", "é" * 9999])
def test_what_is_no_ticket_opens_nothing_and_uses_nothing_up(start: Start, given: str) -> None:
    assert start.why(given) == "unknown"
    assert start.door.session([given]) is None
    assert start.why(start.tickets[0].lower() + given) == "unknown"
    assert len(start.tickets) == 1
    assert start.door.enter(start.tickets[0])


def test_before_there_is_a_ticket_nothing_opens() -> None:
    door = Door(NAME, print)
    for given in ("", "x"):
        with pytest.raises(NoEntry):
            door.enter(given)


def test_a_stale_ticket_opens_nothing_and_the_next_is_given(start: Start) -> None:
    start.now += TICKET_LIFE - 1
    first = start.door.enter(start.tickets[0])
    start.now += TICKET_LIFE
    assert start.why(start.tickets[1]) == "late"
    assert len(start.tickets) == 3
    assert start.why(start.tickets[1]) == "late"
    assert len(start.tickets) == 3
    assert start.door.enter(start.tickets[2])
    assert start.door.session([first])


def test_who_comes_with_a_used_ticket_when_the_newest_is_stale_gets_a_fresh_one(
    start: Start,
) -> None:
    start.door.enter(start.tickets[0])
    start.now += TICKET_LIFE + 1
    assert start.why("guess") == "unknown"
    assert len(start.tickets) == 2
    assert start.why(start.tickets[0]) == "used"
    assert start.why(start.tickets[1]) == "late"
    assert start.door.enter(start.tickets[2])


def test_another_start_knows_neither_tickets_nor_sessions(start: Start) -> None:
    secret = start.door.enter(start.tickets[0])
    later = Start()
    assert later.why(start.tickets[1]) == "unknown"
    assert later.door.session([secret]) is None


HARMFUL = "How would one do this?"
VEILED = 'id="reveal" data-keys="v">'
SHOWN = 'id="reveal" data-keys="v" checked>'


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("door") / "store.db"
    with Store.open(path) as made:
        stored(made, "one", HARM, list(load_benchmark("starter"))[:4], lambda n, r: 1)
    return path


@pytest.fixture
def client(store: Path) -> Iterator[TestClient]:
    """At 127.0.0.1, which the client of Starlette sends its cookies to without https."""
    start = Start("127.0.0.1")
    with TestClient(create_app(store, start.door), base_url="http://127.0.0.1:8321") as client:
        client.app_state["start"] = start
        yield client


def ticket(client: TestClient) -> str:
    found: str = client.app_state["start"].tickets[-1]
    return found


OURS = {"Origin": "http://127.0.0.1:8321"}


def test_a_file_and_a_link_open_it_alike(client: TestClient) -> None:
    from_file = {"Origin": "null", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate",
                 "Sec-Fetch-Dest": "document"}  # fmt: skip
    used = ticket(client)
    reply = client.post("/open", data={"ticket": used}, headers=from_file)
    assert reply.status_code == 200
    assert used not in reply.text
    crumbs = reply.headers["set-cookie"].split("; ")
    assert crumbs[0].startswith("msb_8321=")
    assert {*crumbs[1:]} == {"HttpOnly", "Path=/", "SameSite=strict"}
    assert used not in crumbs[0]
    assert client.get("/").status_code == 200
    client.cookies.clear()
    assert client.get("/").status_code == 403
    assert client.get("/open", params={"ticket": used}).status_code == 403
    assert client.get("/open", params={"ticket": ticket(client)}).status_code == 200
    assert client.get("/").status_code == 200


def test_at_a_name_of_its_own_the_cookie_is_one_that_no_other_host_can_set(store: Path) -> None:
    start = Start()
    with TestClient(create_app(store, start.door), base_url=f"http://{NAME}:8321") as client:
        crumbs = client.get("/open", params={"ticket": start.tickets[0]}).headers["set-cookie"]
    name, *rest = crumbs.split("; ")
    assert name.startswith("__Host-msb_8321=")
    assert {*rest} == {"HttpOnly", "Path=/", "SameSite=strict", "Secure"}


def test_looking_at_a_link_does_not_use_it_up(client: TestClient) -> None:
    reply = client.head("/open", params={"ticket": ticket(client)})
    assert "set-cookie" not in reply.headers
    assert client.get("/open", params={"ticket": ticket(client)}).headers["set-cookie"]


def test_of_two_who_race_one_gets_in(client: TestClient) -> None:
    raced = ticket(client)
    statuses = []
    for _ in range(2):
        client.cookies.clear()
        statuses.append(client.get("/open", params={"ticket": raced}).status_code)
    assert statuses == [200, 403]


def test_a_link_that_is_opened_again_in_the_same_browser_leads_on(client: TestClient) -> None:
    used = ticket(client)
    client.get("/open", params={"ticket": used})
    again = client.get("/open", params={"ticket": used})
    assert again.status_code == 200
    assert 'content="0; url=/"' in again.text
    assert "set-cookie" not in again.headers


@pytest.mark.parametrize("case", ["used", "late", "unknown"])
def test_whoever_comes_with_a_ticket_that_opens_nothing_reads_why(
    client: TestClient, case: str
) -> None:
    given = ticket(client) if case != "unknown" else "<script>x</script>"
    if case == "used":
        client.get("/open", params={"ticket": given})
        client.cookies.clear()
    client.app_state["start"].now += TICKET_LIFE if case == "late" else 0
    titles = {
        "used": "This link was used already",
        "late": "This link is too old",
        "unknown": "This link is not of this explorer",
    }
    reply = client.get("/open", params={"ticket": given}, headers={"Accept": "text/html"})
    assert reply.status_code == 403
    assert f"<h1>{titles[case]}</h1>" in reply.text
    assert "terminal where msb explore runs" in reply.text
    assert given not in reply.text
    assert ("Ctrl-C" in reply.text) == (case == "used")


def test_texts_are_unveiled_by_the_session_and_by_no_cookie(client: TestClient) -> None:
    client.get("/open", params={"ticket": ticket(client)})
    ours = dict(client.cookies)
    for planted in ("msb_show", "shown", "session", "msb_keys", "__Host-msb_show"):
        client.cookies.set(planted, "1")
    assert VEILED in client.get("/runs/1/requests/0").text
    assert client.post("/session", data={"shown": "1"}, headers=OURS).status_code == 204
    assert SHOWN in client.get("/runs/1/requests/0").text
    client.cookies.clear()
    client.get("/open", params={"ticket": ticket(client)})
    assert VEILED in client.get("/runs/1/requests/0").text
    client.cookies.clear()
    client.cookies.update(ours)
    assert SHOWN in client.get("/runs/1/requests/0").text
    assert client.post("/session", data={"shown": "0"}, headers=OURS).status_code == 204
    assert VEILED in client.get("/").text


@pytest.mark.parametrize(
    ("fields", "headers", "status"),
    [
        ({"shown": "1"}, {}, 403),
        ({"shown": "1"}, {"Origin": "null"}, 403),
        ({"shown": "1"}, {"Origin": "http://127.0.0.1:8322"}, 403),
        ({"shown": "1"}, {**OURS, "Cookie": "msb_8321=x"}, 403),
        ({"shown": "yes"}, OURS, 400),
        ({"shown": "1", "__class__": "1"}, OURS, 400),
        ({"shown": "1", "x": "y" * 70_000}, OURS, 413),
    ],
)
def test_nobody_else_chooses_for_a_session(
    client: TestClient, fields: dict[str, str], headers: dict[str, str], status: int
) -> None:
    client.get("/open", params={"ticket": ticket(client)})
    assert client.post("/session", data=fields, headers=headers).status_code == status
    assert client.get("/session").status_code == 405
    assert VEILED in client.get("/").text


def test_shortcuts_begin_as_they_are_told_and_are_the_sessions_own(store: Path) -> None:
    start = Start("127.0.0.1", shortcuts=False)
    on, off = 'id="shortcuts" checked>', 'id="shortcuts">'
    with TestClient(create_app(store, start.door), base_url="http://127.0.0.1:8321") as client:
        client.get("/open", params={"ticket": start.tickets[-1]})
        assert off in client.get("/").text
        client.post("/session", data={"shortcuts": "1"}, headers=OURS)
        assert on in client.get("/").text
        client.cookies.clear()
        client.get("/open", params={"ticket": start.tickets[-1]})
        assert off in client.get("/").text


def test_nobody_else_can_listen_where_a_browser_might_look_for_it() -> None:
    held = server._listen(0)
    try:
        if len(held) == 1:
            pytest.skip("no IPv6 here")
        port = held[0].getsockname()[1]
        assert [one.getsockname()[:2] for one in held] == [("127.0.0.1", port), ("::1", port)]
        with pytest.raises(OSError, match="in use"):
            server._bound(socket.AF_INET6, "::1", port)
    finally:
        for one in held:
            one.close()


def test_a_port_that_somebody_holds_over_ipv6_is_refused_in_a_line_or_not_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (over4, *over6) = server._listen(0)
    over4.close()
    if not over6:
        pytest.skip("no IPv6 here")
    taken = over6[0].getsockname()[1]
    with over6[0], pytest.raises(MsbError, match=f"port {taken} of this machine cannot be used"):
        server._listen(taken)
