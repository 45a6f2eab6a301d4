"""Where an endpoint is and how it is reached: its address, and the proxy on the way.

    endpoint_url("http://127.0.0.1:8000/v1/")          # "http://127.0.0.1:8000/v1"
    is_here("127.0.0.1")                               # True
    proxy_for("https://api.openai.com/v1")             # from https_proxy, else ALL_PROXY

Proxies come from the environment only, and a secret in one is never shown.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from ..errors import MsbError

HOSTED = "https://api.openai.com/v1"


def origin(url: str) -> str:
    """Scheme, host and port of an address: two with the same are one server."""
    parts = urlsplit(endpoint_url(url))
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{parts.hostname}:{port}"


def is_here(host: str) -> bool:
    """True for this machine itself, by name or number; a name is not looked up."""
    name = host.lower().rstrip(".")
    try:
        return ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def endpoint_url(url: str) -> str:
    """The endpoint's base address, without a trailing slash or the method's own path.

    Raises MsbError unless it is http(s) and free of credentials (an address is stored and shown).
    """
    parts = _web_address(url)
    if parts is None:
        given = "the address given" if "@" in url or "?" in url else repr(url)
        raise MsbError(f"{given} is not an endpoint; expected one like http://127.0.0.1:8000/v1")
    if parts.username or parts.password or parts.query:
        raise MsbError(
            f"the address of {parts.hostname} carries credentials or a query; give the plain "
            "address, and the key in the environment"
        )
    return url.rstrip("/").removesuffix("/chat/completions")


def _web_address(url: str) -> SplitResult | None:
    """The parts of an http(s) address with a host; None for anything else."""
    try:
        parts = urlsplit(url)
        fit = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a bracket left open, a port that is none
        return None
    return parts if fit else None


@dataclass(frozen=True)
class Proxy:
    """The proxy on the way to a host. ``str`` of it has no credentials; ``variable`` named it."""

    url: str = field(repr=False)
    variable: str
    host: str

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    @property
    def remedy(self) -> str:
        """What to do if it does not work."""
        return f"correct {self.variable}, or put {self.host} in NO_PROXY"


def proxy_for(url: str) -> Proxy | None:
    """The proxy that the environment names for an address, honouring ``NO_PROXY``.

    ``http_proxy`` or ``https_proxy`` by the address's scheme, else ``ALL_PROXY``, upper case or
    lower, with or without ``http://`` as other programs take it; on Windows and macOS also the
    system's own. What is for this machine goes through none: a proxy would be sent prompts and key,
    and could not find the way back. Raises MsbError for one that cannot be used, such as SOCKS.
    """
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    found = {} if is_here(parts.hostname or "") or proxy_bypass(host) else getproxies()
    kind = next((kind for kind in (parts.scheme, "all") if found.get(kind)), None)
    if kind is None:
        return None
    given, name = found[kind].strip(), f"{kind}_proxy"
    variable = next((n for n in (name, name.upper()) if os.environ.get(n)), "the system's proxy")
    full = given if "://" in given else f"http://{given}"
    proxy = Proxy(full, variable, parts.hostname or "")
    if _web_address(full) is None:
        spoken = "a SOCKS proxy, which is not spoken here" if "socks" in full else "no proxy"
        shown = "what it names" if "@" in full else repr(given)
        raise MsbError(
            f"{variable}: {shown} is {spoken}; expected http://HOST:PORT, or put {proxy.host} in "
            "NO_PROXY"
        )
    return proxy
