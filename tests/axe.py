"""What axe-core finds on a page for people who cannot see or point: from a package, never fetched.

    assert findings(page, ["http://127.0.0.1:8000/index.html"]) == []

On a telephone in the dark and on a desk in the light; `make axe` looks at all four of these. It
runs as the browser's own console does, which no policy of a page is in the way of.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from browsing import DESK, PHONE

EVERY = os.environ.get("MSB_AXE") == "all"
WINDOWS = {"360": (PHONE, ("dark", "light")), "1440": (DESK, ("light", "dark"))}
SERIOUS = ("serious", "critical")


@cache
def source() -> str:
    """The library itself."""
    return files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")


def serious(page: Any) -> list[str]:
    """Every serious or critical finding in a line: its rule, the first places, and why."""
    page.evaluate(source())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']} ({one['impact']}): {one['help']}: "
        + "; ".join(f"{node['target']} {node['failureSummary'][:300]}" for node in one["nodes"][:3])
        for one in found["violations"]
        if one["impact"] in SERIOUS
    ]


def findings(page: Any, addresses: Sequence[str]) -> list[str]:
    """What axe finds serious on each page, with all that is folded open."""
    found = []
    for width, (window, schemes) in WINDOWS.items():
        page.set_viewport_size(window)
        for address in addresses:
            page.goto(address)
            page.wait_for_function("() => !document.querySelector('meta[name=again]')")
            page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
            for scheme in schemes if EVERY else schemes[:1]:
                page.emulate_media(color_scheme=scheme)
                found += [f"{address} {width} {scheme}: {one}" for one in serious(page)]
    return found
