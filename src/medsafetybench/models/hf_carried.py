"""Calls of a local model that workers elsewhere carry out: how one is told, and read back.

    address_of(endpoint, "0123456789abcdef")     # "hf:?identity=0123456789abcdef&dtype=float32"
    body_of(name, conversation, sampling)        # the call, in the form of a chat completion
    answer_of(response)                          # 200 and the reply, or 400 and what was wrong
    read_answer(status, content)                 # the response again

A worker reads the files itself, so it is told what the model is, and makes sure that it has that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson

from ..records import Conversation, Response, Sampling
from .carrying import CARRIER, Call, Carrier, Endpointed
from .completion import read_body, read_completion
from .model import Meter
from .problem import read_problem
from .settings import Endpoint

SCHEME = "hf:"
TOLD = ("template", "dtype", "device", "revision")
"""What a worker is told of how a model is run, beside its name."""


def local_carrier() -> Carrier | None:
    """Who carries calls of this machine's models, if anybody does now."""
    carrier = CARRIER.get()
    return carrier if carrier and carrier.takes_local else None


def carried(
    carrier: Carrier,
    called: str,
    endpoint: Endpoint,
    fingerprint: Mapping[str, Any],
    conversation: Conversation,
    sampling: Sampling,
    meter: Meter,
) -> Response:
    """What a worker elsewhere said. Raises Parked until it has."""
    name = name_anywhere(called)
    to = Endpointed(name, "", fingerprint, retries=endpoint.retries)
    to = replace(to, url=address_of(endpoint, to.identity))
    body = body_of(name, conversation, sampling)
    found = carrier.reply(Call(to, "chat/completions", body, meter.call))
    response = read_answer(found.status, found.content)
    meter.tokens(response)
    return response


def address_of(endpoint: Endpoint, identity: str) -> str:
    """Where a worker finds the model: how it is run, and what it has to be."""
    told = {name: getattr(endpoint, name) for name in TOLD if getattr(endpoint, name)}
    if endpoint.trust_remote_code:
        told["trust_remote_code"] = "1"
    return f"{SCHEME}?{urlencode({'identity': identity, **told})}"


def read_address(address: str) -> tuple[Endpoint, str]:
    """How the model is run, and its identity."""
    told: dict[str, Any] = dict(parse_qsl(address.partition("?")[2]))
    identity = told.pop("identity")
    trusted = told.pop("trust_remote_code", "") == "1"
    return Endpoint(**told, trust_remote_code=trusted), identity


def name_anywhere(name: str) -> str:
    """The model's name, folders whole, for a process that runs in another folder."""
    if Path(name).expanduser().exists():
        return str(Path(name).expanduser().resolve())
    base, plus, adapter = name.partition("+")
    parts = [
        str(Path(p).expanduser().resolve()) if Path(p).exists() else p for p in (base, adapter)
    ]
    return plus.join(parts) if plus else parts[0]


def body_of(name: str, conversation: Conversation, sampling: Sampling) -> bytes:
    """The call."""
    told: dict[str, Any] = {
        "model": name,
        "messages": list(conversation),
        "temperature": sampling.temperature,
        "max_tokens": sampling.max_tokens,
        "seed": sampling.seed,
        "extra": dict(sampling.extra),
    }
    return orjson.dumps(told)


def read_call(body: bytes) -> tuple[Conversation, Sampling]:
    """What is asked, and how the model is sampled."""
    told = orjson.loads(body)
    how = (told[name] for name in ("temperature", "max_tokens", "seed", "extra"))
    return told["messages"], Sampling(*how)


def answer_of(response: Response) -> tuple[int, dict[str, Any]]:
    """The reply: a chat completion, or what was wrong with this request alone."""
    if response.error:
        return 400, {"error": {"message": response.error}}
    message: dict[str, Any] = {"role": "assistant", "content": response.text}
    if response.thinking:
        message["reasoning_content"] = response.thinking
    usage: dict[str, Any] = {
        "prompt_tokens": response.input_tokens,
        "completion_tokens": response.output_tokens,
    }
    if response.thinking_tokens is not None:
        usage["completion_tokens_details"] = {"reasoning_tokens": response.thinking_tokens}
    choice = {"index": 0, "message": message, "finish_reason": response.finish_reason}
    return 200, {"choices": [choice], "usage": usage, "seconds": response.latency}


def read_answer(status: int, content: bytes) -> Response:
    """The response; an error where the reply is one."""
    body: Mapping[str, Any] | None = read_body(content)
    latency = body.get("seconds") if isinstance(body, dict) else None
    found = read_completion(body, latency) if 200 <= status < 300 else None
    return found or Response(error=read_problem(status, content, body).words or f"HTTP {status}")
