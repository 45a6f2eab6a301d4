"""Serving the explorer on this machine's loopback addresses, until Ctrl-C.

serve(Path("medsafety.db"), port=0, given=print)
"""

from __future__ import annotations

import errno
import secrets
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import uvicorn

from ..errors import MsbError
from .app import create_app
from .door import Door
from .review_pages import create_review_app
from .view import view_in

HOST = "127.0.0.1"
ATTEMPTS = 20
"""How often another free port is looked for where the one found is taken over IPv6."""
NO_IPV6 = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT)


def serve(
    path: Path,
    port: int,
    given: Callable[[str, str], None],
    project: Path | None = None,
    *,
    own_host: bool = True,
    shortcuts: bool = True,
    view: str = "/",
) -> None:
    """Serve the store at the path, or the review of a project; port 0 is any free one.

    ``given`` is called with the address and a ticket as soon as that can be used, and again with
    the next ticket each time. ``own_host``: under a random name of its own below localhost, not at
    127.0.0.1. ``view``: the address that it opens at. Raises MsbError if there is no store, nothing
    to review or no such address, or the port is taken.
    """
    first = view_in(view)
    host = f"{secrets.token_hex(10)}.localhost" if own_host else HOST
    with ExitStack() as held:
        listening = [held.enter_context(one) for one in _listen(port)]
        address = f"http://{host}:{listening[0].getsockname()[1]}"
        door = Door(host, lambda t: given(address, t), shortcuts=shortcuts, view=first)
        app = create_review_app(project, door) if project else create_app(path, door)
        door.issue()
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, lifespan="on"
        )
        uvicorn.Server(config).run(sockets=listening)


def _listen(port: int) -> list[socket.socket]:
    """Sockets that accept connections from this machine only."""
    try:
        return _on_both(port)
    except (OSError, OverflowError) as error:
        raise MsbError(
            f"port {port} of this machine cannot be used ({error}); leave --port out for a free one"
        ) from None


def _on_both(port: int, attempts: int = ATTEMPTS) -> list[socket.socket]:
    """Over IPv4, and where there is IPv6 over that.

    A browser looks for a name below localhost at both addresses: were one of them left free,
    another account could listen there and be sent our cookie.
    """
    over4 = _bound(socket.AF_INET, HOST, port)
    try:
        return [over4, _bound(socket.AF_INET6, "::1", over4.getsockname()[1])]
    except OSError as error:
        if error.errno in NO_IPV6:
            return [over4]
        over4.close()
        if port or not attempts:
            raise
    return _on_both(port, attempts - 1)


def _bound(family: int, host: str, port: int) -> socket.socket:
    # With the protocol named, asyncio turns Nagle's algorithm off: it costs 40 ms an answer.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen()
    except (OSError, OverflowError):
        listening.close()
        raise
    return listening
