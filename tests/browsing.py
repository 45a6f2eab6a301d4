"""What the browser tests share: where Chromium is, and a tab in it.

Screenshots are left in the folder that SCREENSHOTS names, where it names one.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from running_explorer import Explorer

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
WINDOWLESS = Path(shutil.which("chromium-headless-shell") or CHROMIUM)
"""The same without windows and history, where it is there: a third of the work."""
SCREENSHOTS = os.environ.get("SCREENSHOTS")
PHONE, DESK = {"width": 360, "height": 740}, {"width": 1440, "height": 900}


class Tab:
    """A browser tab that remembers what its console said and which hosts it asked."""

    def __init__(self, chromium: Any, explorer: Explorer, **settings: Any) -> None:
        self.context = chromium.new_context(**settings)
        self.page = self.context.new_page()
        self.origin = explorer.origin
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self._said(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.on("request", self._asked)
        self.page.goto(explorer.link)
        self.page.wait_for_url(f"{self.origin}/")
        explorer.renew()

    def _said(self, text: str) -> None:
        # A field that these tests fill before the browser has come round to its autofocus.
        if not text.startswith("Autofocus processing was blocked"):
            self.complaints.append(text)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.origin, "data:")):
            self.complaints.append(f"asked {request.url}")

    def go(self, path: str) -> None:
        self.page.goto(self.origin + path)

    def press(self, key: str) -> None:
        """Press a key once the page's script can hear it."""
        self.page.wait_for_load_state()
        self.page.keyboard.press(key)

    def shoot(self, name: str) -> None:
        shoot(self.page, name)

    def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        code = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        found: int = self.page.evaluate(code)
        return found


def shoot(page: Any, name: str) -> None:
    """Leave a picture of the whole page, if pictures are wanted."""
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png", full_page=True)
