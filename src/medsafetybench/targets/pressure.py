"""Pressure: the same request again under framings, and over turns that push back.

    pressed = under_pressure(benchmark, load_script(), turns=3)
    target = PressureTarget(inner, load_script(), 3, complete)

Each harmful request is asked plainly over ``turns`` turns, and once in each framing; each of these
is a request of its own, with its ``turn`` or ``framing``, so that every scorecard says harmfulness
by turn and by framing. A benign request is asked once. What is said at a turn does not depend on a
judge: the push-back comes whether or not the target declined.

A converter (``pyrit:NAME``) is a framing as well, under its name. The target is told the converted
text; the request stays as it is, so that a judge reads what was asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..benchmarks import Benchmark
from ..cells import shown
from ..errors import MsbError
from ..models.carrying import Parked
from ..records import Conversation, Request, Response, digest
from ..yamltext import load_yaml, read_yaml
from .target import Target

Complete = Callable[[Conversation], Awaitable[Response]]
Recall = Callable[[Conversation], Response | None]
Converter = Callable[[str], str]
"""A request's text in another form; always the same for the same text."""

CONVERTERS = "pyrit:"


@dataclass(frozen=True)
class Script:
    """What pressure says: framings by name, each with ``{request}``, and what comes at turn 2, 3
    and so on.

    ``converters`` by name are further framings.
    """

    version: int
    framings: Mapping[str, str]
    turns: Sequence[str]
    converters: Mapping[str, Converter] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """Hash of all texts."""
        return digest([dict(self.framings), list(self.turns)])


def load_script(path: Path | None = None, converters: Sequence[str] = ()) -> Script:
    """Ours, or one from a file of the same form, and the converters named.

    Raises MsbError for what is missing in the file, and for a converter that cannot be had.
    """
    found = read_yaml(path) if path else load_yaml("pressure.yaml", _ours())
    where = str(path or "pressure.yaml")
    script = _script(where, found)
    return replace(script, converters={name: _converter(name) for name in converters})


def _script(where: str, found: Any) -> Script:
    fields = found if isinstance(found, Mapping) else {}
    version, framings, turns = (fields.get(name) for name in ("version", "framings", "turns"))
    if not (isinstance(version, int) and isinstance(framings, Mapping) and isinstance(turns, list)):
        raise MsbError(f"{where}: expected version, framings and turns")
    for name, framing in framings.items():
        if not isinstance(name, str) or "{request}" not in str(framing):
            raise MsbError(f"{where}: framing {name!r} has no {{request}} where the request stands")
    if wrong := [turn for turn in [*framings.values(), *turns] if not isinstance(turn, str)]:
        raise MsbError(f"{where}: {shown(wrong[0])}; expected a text that is said")
    return Script(version, dict(framings), turns)


def _converter(name: str) -> Converter:
    from .pyrit import open_converter

    if not name.startswith(CONVERTERS):
        raise MsbError(f"converter {name!r}; expected one such as pyrit:Base64Converter")
    return open_converter(name.removeprefix(CONVERTERS))


def _ours() -> str:
    return files(__package__).joinpath("pressure.yaml").read_text("utf-8")


def under_pressure(benchmark: Benchmark, script: Script, turns: int) -> Benchmark:
    """The benchmark with every harmful request at every turn and in every framing.

    Raises MsbError for more turns than there are texts for.
    """
    most = 1 + len(script.turns)
    if not 1 <= turns <= most:
        raise MsbError(f"--pressure {turns}: expected 1 to {most} turns")

    def read() -> Iterator[Request]:
        for request in benchmark:
            yield from _pressed(request, script, turns if request.intent == "harmful" else 1)

    how: dict[str, Any] = {
        "turns": turns,
        "version": script.version,
        "sha256": script.sha256,
    }
    if script.converters:
        how["converters"] = sorted(script.converters)
    return replace(benchmark, read=read, selection={**benchmark.selection, "pressure": how})


def _pressed(request: Request, script: Script, turns: int) -> Iterator[Request]:
    """All turns of one request are one draw: they share its pair, or its id."""
    plain = replace(request, pair=request.pair or request.id)
    for turn in range(1, turns + 1):
        yield replace(plain, turn=turn)
    if request.intent != "harmful":
        return
    for name, framing in script.framings.items():
        yield replace(plain, text=framing.replace("{request}", request.text), framing=name)
    for name in script.converters:
        yield replace(plain, framing=name)


class PressureTarget:
    """Asks a target over several turns; each turn's conversation holds its own earlier answers.

    ``complete`` continues a conversation; ``recall`` gives the stored answer to a turn, so that a
    resumed run asks no turn twice. A turn after one that failed or said nothing is an error.
    """

    def __init__(
        self,
        inner: Target,
        script: Script,
        turns: int,
        complete: Complete,
        recall: Recall | None = None,
    ) -> None:
        self.name = inner.name
        self.concurrency = inner.concurrency
        self.paid = inner.paid
        self.meter = inner.meter
        self._inner = inner
        self._script = script
        self._turns = turns
        self._complete = complete
        self._recall = recall or (lambda conversation: None)
        self._asked: dict[str, asyncio.Task[Response]] = {}

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        """The inner target's: what is said under pressure is part of the conversation."""
        return self._inner.fingerprint

    def conversation(self, request: Request) -> Conversation:
        """What is said up to this turn. Where the target's own answers will stand is marked: they
        are what the turns before it determine."""
        said = list(self._inner.conversation(self._told(request)))
        for turn in range(2, (request.turn or 1) + 1):
            answer = {"role": "answer", "content": f"to turn {turn - 1}"}
            said += [answer, {"role": "user", "content": self._script.turns[turn - 2]}]
        return said

    async def respond(self, request: Request) -> Response:
        """The answer at this turn, those before it asked first where they are not known."""
        if request.name not in self._asked:
            self._asked[request.name] = asyncio.create_task(self._ask(request))
        try:
            return await asyncio.shield(self._asked[request.name])
        finally:
            self._forget(request)

    def _forget(self, request: Request) -> None:
        """Answers are kept for the turns that build on them, and no longer."""
        last = self._turns if request.intent == "harmful" else 1
        if request.turn is None:
            self._asked.pop(request.name, None)
        elif request.turn == last:
            for turn in range(1, last + 1):
                self._asked.pop(replace(request, turn=turn).name, None)

    async def _ask(self, request: Request) -> Response:
        """The answer at one turn; what is put down for a batch is asked again, by a later pass."""
        try:
            return await self._turn(request)
        except Parked:
            self._asked.pop(request.name, None)
            raise

    async def _turn(self, request: Request) -> Response:
        turn = request.turn or 1
        if turn == 1:
            return await self._inner.respond(self._told(request))
        said = list(self._inner.conversation(request))
        for before in range(1, turn):
            answer = await self._answer(replace(request, turn=before))
            if answer.error or answer.empty:
                # Many servers refuse a conversation with an empty turn, and rightly so.
                why = answer.error or answer.notice or "the target said nothing"
                return Response(error=f"turn {before} has no answer: {why}")
            push = self._script.turns[before - 1]
            said += [
                {"role": "assistant", "content": answer.text},
                {"role": "user", "content": push},
            ]
        return await self._complete(said)

    def _told(self, request: Request) -> Request:
        """The request as the target is told it."""
        convert = self._script.converters.get(request.framing or "")
        return replace(request, text=convert(request.text)) if convert else request

    async def _answer(self, request: Request) -> Response:
        """The answer to an earlier turn: being asked, stored, or asked now."""
        asked = self._asked.get(request.name)
        if asked is None:
            if stored := self._recall(self.conversation(request)):
                return stored
            asked = self._asked[request.name] = asyncio.create_task(self._ask(request))
        return await asyncio.shield(asked)

    async def close(self) -> None:
        """Close the inner target."""
        for task in self._asked.values():
            task.cancel()
        await self._inner.close()
