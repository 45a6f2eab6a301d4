"""msb explore: a local page to read runs, compare them, label responses, and review a build."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..errors import MissingExtra
from . import options
from .said import say
from .usage import between


def explore(
    *,
    store: options.Store = options.STORE,
    project: Annotated[
        Path | None, Parameter(help="Review a `msb build` project instead of reading a store.")
    ] = None,
    port: Annotated[int, Parameter(validator=between(0, 65535), help="0 is any that is free.")] = 0,
    browser: Annotated[
        bool, Parameter(negative="--no-browser", help="Open the page in your browser.")
    ] = True,
) -> None:
    """Read, compare and label what is in the store, in your browser. Ctrl-C ends it.

    It listens on 127.0.0.1 only and asks for the token in the address that it prints.
    """
    try:
        from ..explorer.server import serve
    except ModuleNotFoundError as error:
        raise MissingExtra(f"msb explore ({error.name})", "web") from None

    def opened(url: str) -> None:
        say(url)
        if browser:
            import webbrowser

            webbrowser.open(url)

    serve(store, port, opened, project)
