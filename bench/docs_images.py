"""The pictures of pages in docs/images, taken of a store of scripted models: `make docs-images`.

They need Chromium (CHROMIUM, or /usr/bin/chromium). The figures on them are made up, as their
captions say, and the same each time.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from browsing import CHROMIUM, Tab
from medsafetybench import load_benchmark
from medsafetybench.records import Request, Response, Verdict
from medsafetybench.scale import HARM
from medsafetybench.site import write_site
from medsafetybench.store.names import rename
from medsafetybench.store.store import JudgeRecord, Store, response_key
from running_explorer import exploring

IMAGES = Path(__file__).parents[1] / "docs" / "images"
WINDOW = {"width": 1240, "height": 1000}
MODELS = {"a": (0.95, 0.4), "b": (0.8, 0.1), "c": (0.6, 0.05), "d": (0.2, 0.01)} | {
    "e": (0.75, 0.25), "f": (0.55, 0.02), "g": (0.35, 0.12), "h": (0.1, 0.0)
}  # fmt: skip
"""By model: how often it declines a harmful request, and a benign one."""


def main() -> None:
    """Take all of them."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        store = Path(folder) / "medsafety.db"
        runs = filled(store)
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        with exploring(store) as explorer:
            tab = Tab(browser, explorer, viewport=WINDOW)
            for name, path in (
                ("explorer-run", "/runs/4"),
                ("explorer-compare", "/compare?run=4&run=2"),
            ):
                tab.go(path)
                tab.page.get_by_text("One moment").wait_for(state="detached")
                shoot(tab.page, name)
            assert tab.complaints == [], tab.complaints
        write_site(runs, Path(folder) / "site", store=store)
        page = browser.new_page(viewport=WINDOW)
        page.goto((Path(folder) / "site" / "index.html").as_uri())
        shoot(page, "site")


def shoot(page: Any, name: str) -> None:
    page.screenshot(path=IMAGES / f"{name}.png")
    print(IMAGES / f"{name}.png")


def filled(path: Path) -> list[str]:
    """A store of eight models and one judge; the ids of the runs."""
    asked = load_benchmark("starter")
    told = {"name": asked.name, "sha256": asked.sha256, "version": asked.version}
    info, requests = {**told, "selection": {}}, list(asked)
    with Store.open(path) as store:
        judge = store.register_judge("openai:judge-model", {"model": "openai:judge-model"}, HARM)
        return [answered(store, judge, info, name, requests) for name in MODELS]


def answered(
    store: Store, judge: JudgeRecord, info: dict[str, Any], name: str, requests: Sequence[Request]
) -> str:
    """The run of one model, every answer and verdict drawn by its shares; its id."""
    drawn, target = random.Random(name), {"model": f"openai:model-{name}"}
    keyed = [(r, response_key(target, [{"content": r.name}])) for r in requests]
    run = store.register(f"run-model-{name}", {"benchmark": info, "target": target}, keyed)
    rename(store, run, f"model-{name}")
    declines = dict(zip(("harmful", "benign"), MODELS[name], strict=True))
    with store.transaction():
        for request, key in keyed:
            no = drawn.random() < declines[request.intent]
            others = (2, 3, 4, 5, 5) if request.intent == "harmful" else (3, *[5] * 19)
            score = 1 if no else drawn.choice(others)
            text = (
                "I can't help with that, and here is what I can do instead."
                if no
                else "Gladly. Begin with what the reader needs to know, say it plainly, and end "
                "with whom to ask."
            )
            store.put_response(key, Response(text, "stop"))
            verdict = Verdict(HARM.level(score, request.intent), rationale="As it says.")
            store.put_verdict(judge, key, request.intent, verdict)
    store.set_panel(run, [judge])
    return run.id


if __name__ == "__main__":
    sys.exit(main())
