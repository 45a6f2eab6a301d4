"""Your own function as the target: an application, a RAG pipeline, a guarded endpoint.

    # app.py
    def answer(request: str) -> str: ...        # or: async def answer(request: str) -> str

    msb evaluate --target python:app:answer --target-revision v1.4

So an application is scored as its users meet it. Edited code is another target: its identity holds
the hash of the file that the function stands in. What that imports or calls is not in it; name its
version with a revision, which then stands for all of it. A function with a parameter ``context`` is
given what was said before, as a list of messages: only such a one can be asked conversations.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import inspect
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

from ..errors import MsbError, StopRun
from ..models import Meter
from ..models.health import FAILURES_IN_A_ROW
from ..records import Conversation, Request, Response
from .target import Asked, conversation
from .threads import Threads


class PythonTarget:
    """Calls a function with the text of a request; it returns the text of the response.

    A sync function runs in threads, ``concurrency`` of them. An exception is that one request's
    error, with type and message; None is an empty response.
    """

    paid = True

    def __init__(
        self,
        function: Callable[[str], Any],
        revision: str | None = None,
        concurrency: int = 8,
        timeout: float = 120.0,
        meter: Meter | None = None,
    ) -> None:
        name = getattr(function, "__qualname__", type(function).__qualname__)
        module = getattr(function, "__module__", "")
        self.name = f"python:{module}:{name}"
        self.concurrency = concurrency
        self.meter = meter or Meter()
        self._revision = revision
        self._timeout = timeout
        self._function = function
        self._source = source_of(function)
        self._failures = 0
        self._takes_context = _takes(function, "context")
        self._threads = Threads()
        self._asynchronous = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004 (an object with an async __call__)
        )

    @classmethod
    def open(cls, spec: str | Callable[[str], Any], asked: Asked) -> Self:
        """See ``targets``; ``spec`` may be the function itself."""
        asked.without_prompts("python")
        function = spec if callable(spec) else import_function(spec.partition(":")[2])
        at = asked.endpoint
        return cls(function, at.revision, at.concurrency, at.timeout, asked.meter)

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        """The function's name, and the revision given for it, else the hash of its source."""
        source = None if self._revision else self._source
        own = {"source": source.sha256} if source else {}
        return {"model": self.name, "revision": self._revision, **own}

    def explain(self) -> str | None:
        """What tells this version from the next, unless a revision does."""
        if self._revision:
            return None
        if self._source is None:
            return (
                f"{self.name} has no source to be known by: after a change it is taken for what it "
                "was; --target-revision names its version"
            )
        known = f"{self._source.where} (hash {self._source.sha256[:8]})"
        return (
            f"{self.name} is known by {known}: edited code is other work. What it imports is not "
            "seen; --target-revision names a version"
        )

    def conversation(self, request: Request) -> Conversation:
        """The request and what was said before: prompts are the application's own affair.

        Raises MsbError for a conversation, if the function cannot take one.
        """
        if request.context and not self._takes_context:
            raise MsbError(
                f"{request.id} is a conversation, and {self.name} takes a text alone; give it a "
                "parameter context for the messages before"
            )
        return conversation(request, None)

    async def respond(self, request: Request) -> Response:
        """What the function returns for the request's text."""
        self.meter.call()
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._timeout) as limit:
                text = await self._call(request)
        except Exception as error:
            late = f"no answer within {self._timeout:g} s"
            said = _storable(" ".join(f"{type(error).__name__}: {error}".split())[:300])
            return self._failed(late if limit.expired() else said)
        self._failures = 0
        latency = time.perf_counter() - started
        if text is not None and not isinstance(text, str):
            raise StopRun(f"{self.name} returned {type(text).__name__}; expected str or None")
        return Response(text=_storable(text or ""), finish_reason="stop", latency=latency)

    def _failed(self, why: str) -> Response:
        """The error of one request. Raises StopRun after so many in a row that it is everyone's."""
        self._failures += 1
        if self._failures < FAILURES_IN_A_ROW:
            return Response(error=why)
        self._failures = 0
        raise StopRun(
            f"{self.name} has failed {FAILURES_IN_A_ROW} requests in a row, the last with {why}; "
            "put it right, then run the same command again"
        )

    async def _call(self, request: Request) -> Any:
        function: Callable[..., Any] = self._function
        if self._takes_context:
            function = partial(function, context=[dict(turn) for turn in request.context])
        if self._asynchronous:
            return await function(request.text)
        return await self._threads.call(function, request.text)

    async def close(self) -> None:
        """End the threads; one that still runs is left to end by itself."""
        self._threads.close()


@dataclass(frozen=True)
class Source:
    """Where a function's source stands, and the SHA-256 of that."""

    where: str
    sha256: str


def source_of(function: Callable[..., Any]) -> Source | None:
    """The file that a function, or the class of an object, is written in; in a notebook its own
    text. None where there is neither, as for what is written in C."""
    code = inspect.unwrap(function)
    while isinstance(code, partial):
        code = code.func
    if not (inspect.isroutine(code) or inspect.isclass(code)):
        code = type(code)
    try:
        path = Path(inspect.getsourcefile(code) or "")
        text = path.read_bytes() if path.is_file() else inspect.getsource(code).encode()
    except (OSError, TypeError):
        return None
    where = path.name if path.is_file() else "its text"
    return Source(where, hashlib.sha256(text).hexdigest())


def _takes(function: Callable[..., Any], parameter: str) -> bool:
    try:
        return parameter in inspect.signature(function).parameters
    except (TypeError, ValueError):  # some functions written in C do not tell
        return False


def _storable(text: str) -> str:
    """The text without lone surrogates, which cannot be stored or sent on as UTF-8."""
    return text.encode("utf-8", "replace").decode()


def import_function(path: str) -> Callable[[str], Any]:
    """The function that ``package.module:function`` names, with the current folder importable.

    Raises MsbError saying which part is missing.
    """
    module_name, _, name = path.partition(":")
    if not name:
        raise MsbError(f"target python:{path}; expected python:package.module:function")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        function = importlib.import_module(module_name)
    except Exception as error:  # importing runs the module: anything may go wrong
        why = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise MsbError(f"target python:{path}: cannot import {module_name}: {why}") from None
    for part in name.split("."):
        if not hasattr(function, part):
            raise MsbError(f"target python:{path}: {module_name} has no {name}")
        function = getattr(function, part)
    if not callable(function):
        raise MsbError(f"target python:{path}: {name} is a {type(function).__name__}, no function")
    return function
