"""A model behind any OpenAI-compatible HTTP endpoint: vLLM, Ollama, llama.cpp, hosted APIs.

    OpenAIModel("my-model", "http://127.0.0.1:8000/v1")

One bounded call path: POST /chat/completions (/completions for raw text), tried again after faults
that may pass. What a provider says of one request alone is that request's own outcome; what it
would say of every other, too, stops the run with the remedy. It speaks the protocol through aiohttp
itself; docs/benchmarks.md has the measurement behind that.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import orjson

from .. import __version__
from ..errors import MsbError, one_line
from ..records import RAW, Conversation, Response, Sampling
from .address import HOSTED, endpoint_url, proxy_for
from .carrying import CARRIER, Call, Carrier, Endpointed
from .completion import read_body, read_completion
from .health import Health
from .keys import resolve_key, response_without_key, without_key
from .model import Meter
from .problem import Problem, has_error, read_problem
from .retry import Transient, retry_after, wait
from .settings import Endpoint
from .thinking import Habit
from .wire import Oversized, body_of

if TYPE_CHECKING:
    import aiohttp

NEVER_REACHED_ATTEMPTS = 3
CONNECT_SECONDS = 10.0
"""How long a host that says nothing at all may take to let us connect."""


class _Reply(NamedTuple):
    """What came back; ``latency`` in seconds, None where it came in a batch."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    latency: float | None


class OpenAIModel:
    """See the module's docstring.

    ``revision`` names what the endpoint serves (a release, a hash of weights); with it, results
    are the same work wherever the endpoint stands, without it the address is part of the identity.
    ``timeout`` is in seconds for one attempt; ``retries`` is how many more attempts follow. Raises
    MsbError for an address or a proxy that is none.
    """

    def __init__(
        self,
        model: str,
        url: str = HOSTED,
        *,
        key: str | None = None,
        revision: str | None = None,
        concurrency: int = 32,
        timeout: float = 120.0,
        retries: int = 5,
        meter: Meter | None = None,
    ) -> None:
        self.name = f"openai:{model}"
        self.model = model
        self.url = endpoint_url(url)
        self.revision = revision
        self.concurrency = concurrency
        self.meter = meter or Meter()
        self._key = key
        self._timeout = timeout
        self._retries = retries
        # Asked for once: aiohttp's own trust_env looks at the environment on every call.
        self._proxy = proxy_for(self.url)
        self._session: aiohttp.ClientSession | None = None
        self._reached = False
        self._health = Health()
        self._habit = Habit()

    @classmethod
    def open(cls, name: str, endpoint: Endpoint, role: str, meter: Meter | None) -> Self:
        """See ``opening``. Raises MsbError for a key that is missing, and for a template."""
        if endpoint.template:
            raise MsbError(
                f"openai:{name}: the server has the template; --{role}-template is for hf: models"
            )
        url = endpoint.url or HOSTED
        return cls(
            name,
            url,
            key=resolve_key(url, endpoint.key_env, role, endpoint.role_key),
            revision=endpoint.revision,
            concurrency=endpoint.concurrency,
            timeout=endpoint.timeout,
            retries=endpoint.retries,
            meter=meter,
        )

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        """Model and revision, or model and address where no revision is given."""
        where = {"revision": self.revision} if self.revision else {"url": self.url}
        return {"model": self.name, **where}

    async def complete(self, conversation: Conversation, sampling: Sampling) -> Response:
        """See ``Model.complete``. Latency is that of the attempt that succeeded."""
        body = orjson.dumps(self._body(conversation, sampling))
        path = "completions" if conversation[0]["role"] == RAW else "chat/completions"
        with self._health.call():
            if carrier := CARRIER.get():
                return await self._carried(carrier, path, body)
            return await self._tried(path, body)

    async def _carried(self, carrier: Carrier, path: str, body: bytes) -> Response:
        """What came back in a batch, read like any other reply. Raises Parked until it has."""
        to = Endpointed(self.model, self.url, self.fingerprint, self._key, self._retries)
        found = carrier.reply(Call(to, path, body, self.meter.call))
        self.meter.answered_before |= found.others
        try:
            return await self._read(_Reply(found.status, {}, found.content, None))
        except Transient as fault:
            return self._failed(f"{fault} (in {found.tries} batches)")

    async def _tried(self, path: str, body: bytes) -> Response:
        for attempt in range(self._retries + 1):
            self.meter.call()
            try:
                return await self._read(await self._post(path, body))
            except Transient as fault:
                if attempt == self._retries:
                    return self._failed(f"{fault} ({attempt + 1} tries)")
                self.meter.retries += 1
                await self._health.pause(wait(attempt, fault.retry_after))
            except Oversized as fault:
                return self._failed(str(fault))
            except ConnectionRefusedError as fault:
                retries = self._retries
                if not self._reached:
                    retries = min(retries, NEVER_REACHED_ATTEMPTS - 1)
                if attempt >= retries:
                    raise self._health.stop(self._absent(fault)) from None
                await self._health.pause(wait(attempt))
        raise AssertionError("the last attempt returns or raises")

    def _body(self, conversation: Conversation, sampling: Sampling) -> dict[str, Any]:
        raw = conversation[0]["role"] == RAW
        body: dict[str, Any] = {
            "model": self.model,
            **({"prompt": conversation[0]["content"]} if raw else {"messages": list(conversation)}),
            "temperature": sampling.temperature,
            "max_tokens": sampling.max_tokens,
            "seed": sampling.seed,
            **sampling.extra,
        }
        return {name: value for name, value in body.items() if value is not None}

    async def _post(self, path: str, body: bytes) -> _Reply:
        """One attempt. Raises Transient, ConnectionRefusedError where nobody is there, StopRun."""
        import aiohttp

        started = time.perf_counter()
        session = self._open_session()
        proxy = self._proxy.url if self._proxy else None
        try:
            async with session.post(
                f"{self.url}/{path}", data=body, allow_redirects=False, proxy=proxy
            ) as reply:
                content = await body_of(reply)
                latency = time.perf_counter() - started
                self._reached = True
                return _Reply(reply.status, reply.headers, content, latency)
        except TimeoutError as fault:
            if isinstance(fault, aiohttp.ConnectionTimeoutError) and not self._reached:
                raise ConnectionRefusedError("no connection came about") from None
            raise Transient(f"no answer within {self._timeout:g} s") from None
        except aiohttp.ClientConnectorCertificateError as fault:
            raise self._health.stop(self._scrub(f"{self.url}: {fault}")) from None
        except aiohttp.ClientHttpProxyError as fault:
            raise ConnectionRefusedError(f"it answered HTTP {fault.status}") from None
        except aiohttp.ClientConnectorError as fault:
            # aiohttp has a class for each way of not connecting; here they are one.
            raise ConnectionRefusedError(fault.strerror or str(fault)) from None
        except (aiohttp.ClientError, OSError, ValueError) as fault:
            raise Transient(f"connection fault: {type(fault).__name__}") from None

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            import aiohttp

            headers = {
                "Content-Type": "application/json",
                "User-Agent": f"medsafetybench/{__version__}",
            }
            if self._key:
                headers["Authorization"] = f"Bearer {self._key}"
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300),
                timeout=aiohttp.ClientTimeout(total=self._timeout, sock_connect=CONNECT_SECONDS),
                headers=headers,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    async def _read(self, reply: _Reply) -> Response:
        """What a reply comes to: a response, or the right exception."""
        body = read_body(reply.content)
        fit = 200 <= reply.status < 300 and not has_error(body)
        if fit and (response := read_completion(body, reply.latency)):
            self._health.success()
            self.meter.tokens(response)
            return response_without_key(self._habit.apart(response), self._key)
        problem = read_problem(reply.status, reply.content, body)
        # The key is taken out before the text is cut: a part of a key is a secret, too.
        words = one_line(self._scrub(problem.words))
        said = f"HTTP {problem.status}: {words}" if words else f"HTTP {problem.status}"
        if problem.kind == "filtered":
            self._health.success()
            return _filtered(said, reply.latency)
        if problem.kind == "too_long":
            return self._failed(said)
        if problem.kind == "passing":
            unread = "not a completion: " if 200 <= problem.status < 300 else ""
            raise Transient(f"{unread}{said}", retry_after(reply.headers))
        why = f"{self.url} answered {said}. {self._remedy(problem, reply.headers)}"
        if problem.kind == "no_quota" or not await self._answers_others(problem.status):
            raise self._health.stop(why)
        if problem.firewall:
            return _filtered(said, reply.latency)
        return self._failed(said, self._remedy(problem, reply.headers))

    async def _answers_others(self, status: int) -> bool:
        """True if this endpoint answers, so that a refusal is about its request alone."""
        if self._health.answered:
            return True
        if status in (401, 404) or status < 400:  # the key or the address: no request's own affair
            return False
        return self.meter.answered_before or await self._health.answers_others()

    def _remedy(self, problem: Problem, headers: Mapping[str, str]) -> str:
        status = problem.status
        if status == 407 and self._proxy:
            return f"The proxy {self._proxy} asks for a password; {self._proxy.remedy}"
        if problem.kind == "no_quota":
            return "The account has no quota left"
        if status in (401, 403):
            sent = "the key that was sent is not accepted" if self._key else "no key was sent"
            return f"{sent}; see `msb doctor` for where keys are read from"
        if status == 404:
            return f"Check the model name {self.model!r} and the address (most end in /v1)"
        if 300 <= status < 400:
            where = one_line(self._scrub(headers.get("location", "nowhere")))
            return f"It points to {where}: use that address"
        return (
            f"It does not take what was sent for {self.model!r}; change or drop a parameter with "
            "--target-param / --judge-param NAME=VALUE (null drops it)"
        )

    def _failed(
        self, why: str, remedy: str = "run the same command again once it works"
    ) -> Response:
        """The response of a call that failed for good; too many in a row stop the run."""
        if self._health.failure():
            raise self._health.stop(
                f"the last {self._health.failures} calls to {self.url}{self._through} all "
                f"failed: {why}; {remedy}"
            )
        return Response(error=why)

    @property
    def _through(self) -> str:
        return f" through the proxy {self._proxy}" if self._proxy else ""

    def _absent(self, fault: Exception) -> str:
        if self._proxy:
            return (
                f"{self.url} is not reached through the proxy {self._proxy}, which "
                f"{self._proxy.variable} names ({fault}); {self._proxy.remedy}, then run the same "
                "command again"
            )
        lost = "no longer answers" if self._reached else "is not there"
        return (
            f"the server at {self.url} {lost} ({fault}); start it or correct the address, then run "
            "the same command again"
        )

    def _scrub(self, text: str) -> str:
        return without_key(text, self._key)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def _filtered(words: str, latency: float | None) -> Response:
    """The request was not let through; ``words`` are the provider's."""
    return Response(finish_reason="content_filter", latency=latency, notice=words)
