"""msb explore: a local page to read runs, compare them, label responses, and review a build."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..errors import MissingExtra
from . import options
from .said import say
from .usage import between

if TYPE_CHECKING:
    from ..explorer.ticket_file import TicketFile

NOT_OPEN = (
    "If it does not open: --no-browser prints a link; --no-own-host is for browsers that do not "
    "find the address."
)


def explore(
    *,
    store: options.Store = options.STORE,
    project: Annotated[
        Path | None, Parameter(help="Review a `msb build` project instead of reading a store.")
    ] = None,
    port: Annotated[int, Parameter(validator=between(0, 65535), help="0 is any that is free.")] = 0,
    browser: Annotated[
        bool,
        Parameter(
            negative="--no-browser", help="Open it in your browser; without, a link is printed."
        ),
    ] = True,
    own_host: Annotated[
        bool,
        Parameter(
            negative="--no-own-host",
            help="Have a host name of its own, out of reach of this machine's other ports; "
            "without, 127.0.0.1, for browsers that find no name below localhost.",
        ),
    ] = True,
    view: Annotated[
        str, Parameter(help="Open at this page: an address that somebody read, or /runs/RUN.")
    ] = "/",
    shortcuts: Annotated[
        bool, Parameter(negative="--no-shortcuts", help="Begin with keyboard shortcuts.")
    ] = True,
) -> None:
    """Read, compare and label what is in the store, in your browser. Ctrl-C ends it.

    It listens on this machine only, and opens by a link that works once.
    """
    try:
        from ..explorer.server import serve
        from ..explorer.ticket_file import ticket_file
    except ModuleNotFoundError as error:
        raise MissingExtra(f"msb explore ({error.name})", "web") from None

    with ticket_file() if browser else nullcontext() as file:
        given = Browser(file) if file else by_link
        serve(store, port, given, project, own_host=own_host, shortcuts=shortcuts, view=view)


def by_link(address: str, ticket: str) -> None:
    """Print a link that opens the explorer once."""
    say(f"{address}/open?ticket={ticket}")


class Browser:
    """Shows the person's browser a file with the first ticket, and keeps each later one in it.

    Where there is no browser, or no file, links are printed.
    """

    def __init__(self, file: TicketFile) -> None:
        self._file = file
        self._begun = False
        self._there = True

    def __call__(self, address: str, ticket: str) -> None:
        self._there = self._there and self._put(address, ticket)
        if self._there and not self._begun:
            self._begun = True
            self._there = self._open(address)
        if not self._there:
            by_link(address, ticket)

    def _put(self, address: str, ticket: str) -> bool:
        try:
            self._file.put(address, ticket)
        except OSError as error:
            say(f"{self._file.path} cannot be written ({error}); this link opens it:", error=True)
            return False
        return True

    def _open(self, address: str) -> bool:
        import webbrowser

        if not webbrowser.open(self._file.path.as_uri()):
            say("There is no browser here; this link opens it, once:", error=True)
            return False
        say(address)
        say(f"To open it again, open {self._file.path} in your browser.", NOT_OPEN, error=True)
        return True
