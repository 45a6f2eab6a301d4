"""Which key goes to which server, and that none comes back.

    resolve_key(url, None, role="judge")               # from MSB_JUDGE_API_KEY
    without_key("you sent sk-...", "sk-...")           # "you sent [key]"

Keys come from the environment only, and are never shown or stored.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields, replace
from typing import Any
from urllib.parse import urlsplit

from ..errors import MsbError
from ..records import Response
from .address import HOSTED, endpoint_url, is_here, origin
from .opening import behind
from .settings import Endpoint

LONGEST_WORD = 15
"""A key of letters alone and no longer is a placeholder such as EMPTY: a word that answers hold."""
SHORTEST = 8

UNCALLED: ContextVar[bool] = ContextVar("UNCALLED", default=False)
"""True while models are opened whose servers nobody calls from here."""


@contextmanager
def uncalled(by_us: bool = True) -> Iterator[None]:
    """Models that are opened inside need no key, if that is so."""
    before = UNCALLED.set(by_us or UNCALLED.get())
    try:
        yield
    finally:
        UNCALLED.reset(before)


class KeyInTheClear(UserWarning):
    """A key goes to another machine where whoever is on the way can read it."""


def resolve_key(url: str, key_env: str | None, role: str, of_role: bool = True) -> str | None:
    """The API key for an endpoint, from the environment only.

    The variable named by ``key_env``, else ``MSB_TARGET_API_KEY`` / ``MSB_JUDGE_API_KEY`` by role
    if the role's key is for this host (``of_role``); ``OPENAI_API_KEY`` goes to OpenAI's own host
    over https and nowhere else. Warns of a key that goes to another machine over plain http. Raises
    MsbError if a variable that was named is not set, or OpenAI's host has no key and is called.
    """
    key = _found(url, key_env, f"MSB_{role.upper()}_API_KEY" if of_role else None, role)
    parts = urlsplit(endpoint_url(url))
    if key and parts.scheme == "http" and not is_here(parts.hostname or ""):
        warnings.warn(
            f"the {role}'s key goes over plain http to {parts.hostname}, for all on the way to "
            "read; use its https address",
            KeyInTheClear,
            stacklevel=2,
        )
    return key


def _found(url: str, key_env: str | None, own: str | None, role: str) -> str | None:
    if key_env:
        if key := key_in(key_env):
            return key
        raise MsbError(f"no key: the variable {key_env} is not set; set it in the environment")
    if own and (key := key_in(own)):
        return key
    if urlsplit(endpoint_url(url)).hostname != urlsplit(HOSTED).hostname:
        return None
    key = key_in("OPENAI_API_KEY")
    if UNCALLED.get() and not key:
        return None
    if key and origin(url) == origin(HOSTED):
        return key
    if key:
        own_host = f"https://{urlsplit(HOSTED).hostname}"
        raise MsbError(f"OPENAI_API_KEY goes to {own_host} alone; {url} is another address")
    raise MsbError(
        f"no key for {url}: set {own or '--judge-key-env'} or OPENAI_API_KEY in the environment, "
        f"or point --{role}-url at a server of your own"
    )


def key_in(variable: str) -> str | None:
    """The key that a variable holds, if it is set. Raises MsbError for one that cannot be sent."""
    key = os.environ.get(variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise MsbError(
            f"the key in {variable} cannot be sent: it has a line break or a character that is not "
            "ASCII; set the variable anew"
        )
    return key or None


def judges_endpoints(judges: Sequence[tuple[str, Endpoint]]) -> list[Endpoint]:
    """The endpoints of a panel, each with the key that is its own.

    ``MSB_JUDGE_2_API_KEY`` is that of the second judge; ``MSB_JUDGE_API_KEY`` is for the first that
    is called by address, and for others at the same: no host is sent another's key.
    """
    at = [
        origin(one.url or HOSTED) if behind(model).startswith("openai:") else None
        for model, one in judges
    ]
    first = next(filter(None, at), None)
    found = []
    for place, (where, (_, one)) in enumerate(zip(at, judges, strict=True), 1):
        own = f"MSB_JUDGE_{place}_API_KEY"
        named = own if where and os.environ.get(own) else None
        found.append(replace(one, role_key=where == first, key_env=one.key_env or named))
    return found


def without_key(text: str, key: str | None) -> str:
    """The text without the key: servers like to repeat what they were sent."""
    return text.replace(key, "[key]") if key else text


def is_secret(key: str) -> bool:
    """False for a placeholder, which answers may well hold."""
    return len(key) >= SHORTEST and not (key.isalpha() and len(key) <= LONGEST_WORD)


def response_without_key(response: Response, key: str | None) -> Response:
    """The response without the key, in whatever part of it; a placeholder stays the word it is."""
    if not key or not is_secret(key):
        return response
    parts = {field.name: getattr(response, field.name) for field in fields(response)}
    held: dict[str, Any] = {
        name: without_key(said, key)
        for name, said in parts.items()
        if isinstance(said, str) and key in said
    }
    return replace(response, **held)
