"""A ticket as a file: a page of this account's own that sends the ticket on to the explorer.

    with ticket_file() as file:
        file.put("http://3f9c….localhost:8321", ticket)
        webbrowser.open(file.path.as_uri())

A browser is told what to open on its command line, which every account of a machine can read; there
stands only where the file is. Nobody else can read that, or lay another in its place: it is its
owner's alone, in a folder that is too. The ticket is sent in a form, so no history holds it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from ..wholefiles import appearing
from .door_pages import OPEN, PAGE, STYLE

FORM = Markup(
    '<form method="post" action="{address}"><input type="hidden" name="ticket" value="{ticket}">'
    "<p><button>Open the explorer</button></p></form>"
    "<p>It opens by itself where scripts run. If your browser cannot find the address, end msb "
    "explore with Ctrl-C and start it with <code>--no-own-host</code>.</p>"
    "<script>document.forms[0].submit()</script>"
)


@dataclass
class TicketFile:
    """The file at ``path``, which holds the newest ticket."""

    path: Path

    def put(self, address: str, ticket: str) -> None:
        """Write the page for a ticket over the one before. Raises OSError."""
        body = FORM.format(address=address + OPEN, ticket=ticket)
        page = PAGE.format(title="Opening the explorer", style=Markup(STYLE), head="", body=body)  # nosec B704 # escaped before, or ours
        with appearing(self.path) as part:
            part.write_text(page, encoding="utf-8")


@contextmanager
def ticket_file() -> Iterator[TicketFile]:
    """A place for it, in a new folder for its owner alone; gone at the end. Raises OSError."""
    with tempfile.TemporaryDirectory(prefix="msb-explore-", ignore_cleanup_errors=True) as folder:
        yield TicketFile(Path(folder) / "open.html")
