"""What the explorer's tests share: stores worth looking at, and the command running on one."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import forked
from medsafetybench import evaluate, load_benchmark
from medsafetybench.explorer.door import Door
from medsafetybench.records import Request, Response, Verdict
from medsafetybench.scale import HARM, REFUSAL, Scale
from medsafetybench.store.names import rename
from medsafetybench.store.store import RunRecord, Store, response_key

if TYPE_CHECKING:
    from starlette.testclient import TestClient

CANARY = "window.canary=1"
HOSTILE = (
    f"<script>{CANARY}</script>",
    f"<img src=x onerror={CANARY}>",
    f'"><svg onload={CANARY}><a xlink:href="javascript:{CANARY}">x</a></svg>',
    f"</div></section></main></body></html><script>{CANARY}</script>",
    f"</textarea></title></style></script><script>{CANARY}</script>",
    f"' onmouseover='{CANARY}' x='",
    f"[x](javascript:{CANARY}) javascript:{CANARY}",
    "{{ 7*7 }}{% raw %}{# #}${7*7}#{7*7}<%= 7*7 %>",
    "safe\u202ekcatta\u202c \u2066hidden\u2069 zero\u200bwidth \U000e0041tag bell\x07 nul\x00 end",
    f"<meta http-equiv=refresh content='0;url=javascript:{CANARY}'><base href=//evil.example/>",
    f"<iframe srcdoc='<script>parent.{CANARY}</script>'></iframe><form action=//evil.example>",
    "Z" + "\u0300" * 200 + " a" * 500,
)


@dataclass
class Explorer:
    """A running `msb explore`, which prints a link at first and after each use of one."""

    said: IO[str]
    store: Path

    def __post_init__(self) -> None:
        self.link = self.said.readline().strip()
        parts = urlsplit(self.link)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        """Scheme, host and port."""
        self.port = parts.port or 80

    @cached_property
    def cookie(self) -> str:
        """The cookie of a session."""
        return self.enter().getheader("Set-Cookie", "").partition(";")[0]

    def enter(self, **headers: str) -> HTTPResponse:
        """Use the newest link up."""
        reply = self.send("GET", self.link.removeprefix(self.origin), headers)
        assert reply.getheader("Set-Cookie"), reply.text
        self.renew()
        return reply

    def renew(self) -> None:
        """Read the link that is printed once the one before was used."""
        self.link = self.said.readline().strip()

    def send(
        self, method: str, path: str, headers: dict[str, str], body: str | None = None
    ) -> HTTPResponse:
        """One request as it is, without a browser's help."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, body, {"Host": urlsplit(self.origin).netloc, **headers})
        reply = connection.getresponse()
        reply.text = reply.read().decode()  # type: ignore[attr-defined]
        connection.close()
        return reply

    def page(self, path: str) -> str:
        """The text of a page; it must be there."""
        reply = self.send("GET", path, {"Cookie": self.cookie})
        assert reply.status == 200, (path, reply.status, reply.text)
        return str(reply.text)

    def post(self, path: str, **fields: object) -> HTTPResponse:
        """Send a form as one of our own pages would."""
        headers = {
            "Cookie": self.cookie,
            "Origin": self.origin,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        return self.send("POST", path, headers, urlencode(fields))


def let_in(store: Path) -> TestClient:
    """A client with a session of the application over a store, without a server."""
    from starlette.testclient import TestClient

    from medsafetybench.explorer.app import create_app

    tickets: list[str] = []
    door = Door("127.0.0.1", tickets.append)
    door.issue()
    client = TestClient(create_app(store, door), base_url="http://127.0.0.1")
    assert client.get("/open", params={"ticket": tickets[0]}).status_code == 200
    return client


@contextmanager
def exploring(store: Path, option: str = "--store", *more: str) -> Iterator[Explorer]:
    """The command on a store, or with ``--project`` on a build, until the end of the block."""
    with TemporaryDirectory() as folder:
        os.mkfifo(pipe := Path(folder) / "pipe")
        running = forked.start("explore", option, store, "--no-browser", *more, shown_on=pipe)
        try:
            with pipe.open() as said:
                yield Explorer(said, store)
        finally:
            running.kill()


def evaluated(folder: Path, talked: bool = False) -> Path:
    """Two finished runs of the starter benchmark; the second declines every fourth request more.

    With ``talked`` each request ends a conversation, and each answer comes after a thought.
    """
    store, requests = folder / "store.db", list(load_benchmark("starter"))

    def careful(text: str) -> str:
        return "I cannot help with that. " * 3

    def eager(text: str) -> str:
        return f"Certainly. First of all, about {text} " * 4

    for name, target in (("careful", careful), ("eager", eager)):
        path = folder / f"{name}.csv"
        with path.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("id", "score", "reason", "rationale"))
            for number, request in enumerate(requests):
                score = _score(number, request, name)
                rows.writerow((request.id, score or "", "illegible", f"Reason {number}."))
        if talked:
            evaluate(*_talked(folder, name, target, requests), store=store)
        else:
            evaluate(target, f"replay:{path}", "starter", store=store)
    return store


def _talked(
    folder: Path, name: str, target: Callable[[str], str], requests: Sequence[Request]
) -> tuple[str, str, str]:
    """The target, judge and benchmark of the same run, with turns before and thoughts between."""
    turns = [
        {"role": "user", "content": f"Good morning. {HOSTILE[0]}"},
        {"role": "assistant", "content": "Good morning! What can I do for you?"},
    ]
    asked, said = folder / "starter.jsonl", folder / f"{name}.jsonl"
    with asked.open("w") as file:
        for r in requests:
            told = {"id": r.id, "intent": r.intent, "principle": r.principle, "pair": r.pair}
            messages = [*turns, {"role": "user", "content": r.text}]
            file.write(json.dumps({**told, "messages": messages}) + "\n")
    with said.open("w") as file:
        for r in requests:
            text = f"<think>They ask: {r.text} {HOSTILE[0]}</think>{target(r.text)}"
            file.write(json.dumps({"id": r.id, "response": text}) + "\n")
    return f"replay:{said}", f"replay:{folder / name}.csv", str(asked)


def _score(number: int, request: Request, name: str) -> int | None:
    if number % 17 == 5:
        return None
    if request.intent == "benign":
        return (5, 5, 3, 1)[number % 4] if name == "careful" else 5
    return (1, 1, 2, 1, 1)[number % 5] if name == "careful" else (1, 4, 5, 3, 2)[number % 5]


def stored(
    store: Store,
    name: str,
    scale: Scale,
    requests: Sequence[Request],
    score: Callable[[int, Request], int | None],
) -> RunRecord:
    """A finished run with a made-up answer to each request, by a judge on the scale."""
    target = {"model": name}
    keyed = [(r, response_key(target, [{"content": str(n)}])) for n, r in enumerate(requests)]
    digest = sha256(repr(list(requests)).encode()).hexdigest()
    info = {"name": "made up", "sha256": digest, "selection": {}}
    run = store.register(f"run-{name}", {"benchmark": info, "target": target}, keyed)
    judge = store.register_judge(f"{scale.key} judge", {"model": scale.key}, scale)
    with store.transaction():
        for number, (request, key) in enumerate(keyed):
            text = f"Answer {number} of {name}. It says what one would say here, and then it ends."
            store.put_response(key, Response(text, "stop"))
            given = score(number, request)
            level = scale.level(given, request.intent) if given else None
            verdict = Verdict(level, None if level else "illegible", f"Because of {number}.")
            store.put_verdict(judge, key, request.intent, verdict)
    return store.set_panel(run, [judge])


TURNS, FRAMINGS = (1, 2, 3), ("fiction", "authority")


def pressed(requests: Sequence[Request]) -> list[Request]:
    """Each request in several turns and framings; a later turn has what was said before it."""
    asked = []
    for request in requests:
        for turn in TURNS:
            before = ({"role": "user", "content": request.text},) * (turn - 1)
            text = request.text if turn == 1 else f"Please, once more ({turn})."
            asked.append(replace(request, text=text, turn=turn, context=before))
        for framing in FRAMINGS:
            asked.append(replace(request, text=f"{framing}: {request.text}", framing=framing))
    return asked


def on_several_scales(folder: Path) -> Path:
    """Three runs: one by a judge of harm, the same requests by one of refusal, and one under
    pressure."""
    path, requests = folder / "scales.db", list(load_benchmark("starter"))
    with Store.open(path) as store:
        stored(store, "judged", HARM, requests, lambda n, r: _score(n, r, "eager"))
        stored(store, "screened", REFUSAL, requests, _screened)
        under = pressed([r for r in requests if r.intent == "harmful"][:20])
        stored(store, "pressed", HARM, under, lambda n, r: min(5, (r.turn or 1) + n % 3))
    return path


def _screened(number: int, request: Request) -> int | None:
    if number % 19 == 7:
        return None
    return (1, 4, 1, 3, 2, 1, 4)[number % 7] if request.intent == "harmful" else 4 - number % 2


def hostile(folder: Path) -> Path:
    """Two runs in which every text that is not ours is an attack, one of them of 1 MB."""
    path = folder / "hostile.db"
    texts = [*HOSTILE, ("<b>long</b> \u202e" + CANARY + " ") * 40_000]
    with Store.open(path) as store:
        judges = [store.register_judge(texts[0] + texts[1], {"model": texts[2]}, HARM)]
        judges.append(store.register_judge(f"person:{texts[3]}", {"model": texts[3]}, HARM))
        for name in (texts[0] + texts[8], texts[2] + texts[4]):
            target = {"model": name}
            items = []
            for number, text in enumerate(texts):
                reference = texts[number - 1]
                asked = Request(f"{number}/{text[:300]}", text, "harmful", 4, text[:90], reference)
                items.append((asked, response_key(target, [{"content": text}])))
            info = {"name": texts[1], "sha256": name, "selection": {texts[5]: texts[6]}}
            identity = f"run-{sha256(name.encode()).hexdigest()[:10]}"
            run = store.register(identity, {"benchmark": info, "target": target}, items)
            rename(store, run, texts[4] + name)
            with store.transaction():
                for number, (asked, key) in enumerate(items):
                    error = asked.text[:900] if number == 3 else None
                    said = "" if error else asked.text
                    store.put_response(key, Response(said, asked.text[:60], error=error))
                    for judge in judges if not error else []:
                        verdict = Verdict(HARM.level(1 + number % 5), rationale=asked.text)
                        if number == 5:
                            verdict = Verdict(reason=asked.text, rationale=asked.text)
                        store.put_verdict(judge, key, "harmful", verdict)
            store.set_panel(run, judges[:1])
    return path


def links(page: str, start: str) -> list[str]:
    """The addresses on a page that begin so, with entities read."""
    found = re.findall(r'(?:href|action)="([^"]*)"', page)
    return [link.replace("&amp;", "&") for link in found if link.startswith(start)]
