"""A real HTTP server process: a scripted target, and scripted judges with criteria.

    python tests/criteria_server.py

prints its port, then serves POST /v1/chat/completions and GET /counts. What a judge says of a
criterion depends on the criterion's text and the judge's name alone, so a test can work it out:

    met("exact", text)     what holds
    met("slips", text)     wrong of 1 in 20, and of 1 in 20 nothing that can be read (None)
    met("tired", text, n)  as slips, and wrong of 1 in 4 of those behind the eighth in a list

``down`` is ``exact`` and refuses ten calls after the first 25. A prompt with ``criteria_met`` in
it is answered by a JSON object, as HealthBench's authors ask for.
"""

from __future__ import annotations

import asyncio
import json
import re
import zlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

MARKER = re.compile(r"CRITERION ([0-9a-f]{16}) N: MET")
BEFORE, FAILING = 25, 10


def _share(salt: str, text: str, of: int) -> bool:
    return zlib.crc32(f"{salt} {text}".encode()) % of == 0


def met(model: str, text: str, place: int = 1) -> bool | None:
    """What a judge says of a criterion in the nth place of a call; None for nothing readable."""
    holds = zlib.crc32(text.encode()) % 2 == 0
    if model in ("slips", "tired"):
        if _share("lost", text, 20):
            return None
        if _share("flip", text, 20) or (model == "tired" and place > 8 and _share("late", text, 4)):
            return not holds
    return holds


def answer(text: str) -> str:
    """The target's response to a request; some are long."""
    number = zlib.crc32(text.encode())
    return f"Here is remark {number} about what was asked. " * (1 + number % 90)


def reply(model: str, prompt: str) -> str:
    """What is said to a prompt."""
    if found := MARKER.search(prompt):
        marker = found[1]
        listed = prompt.partition("\nCRITERIA.\n")[2]
        texts = re.findall(rf"\[CRITERION {marker} \d+\]\n(.*)", listed)
        said = [(n, met(model, text, n)) for n, text in enumerate(texts, 1)]
        lines = {True: "MET", False: "NOT MET"}
        return "\n".join(
            f"On number {n} there is something to say.\nCRITERION {marker} {n}: {lines[it]}"
            if it is not None
            else f"Number {n} is hard to say."
            for n, it in said
        )
    if "criteria_met" in prompt:
        text = re.findall(r"^\[-?[0-9.]+\] (.*)$", prompt, re.MULTILINE)[-1]
        it = met(model, text)
        return "hard to say" if it is None else json.dumps({"explanation": "x", "criteria_met": it})
    return answer(prompt)


class Script:
    """Serves, and counts the calls by what they asked: the target, or a judge by its prompt."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()

    async def complete(self, request: Any) -> Any:
        """One completion."""
        from aiohttp import web

        body: Mapping[str, Any] = await request.json()
        prompt, model = body["messages"][-1]["content"], body["model"]
        judged = "criteria_met" in prompt or MARKER.search(prompt) is not None
        self.counts["judge" if judged else "target"] += 1
        key = MARKER.sub("", re.sub(r"[0-9a-f]{16}", "", prompt))
        self.seen[key] += 1
        self.counts["again"] += self.seen[key] > 1
        if model == "down" and BEFORE < self.counts["judge"] <= BEFORE + FAILING:
            return web.json_response({"error": {"message": "out of order"}}, status=400)
        said = reply(model, prompt)
        message = {"role": "assistant", "content": said}
        usage = {"prompt_tokens": len(prompt) // 4, "completion_tokens": len(said) // 4}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return web.json_response({"choices": [choice], "usage": usage})

    async def serve(self) -> None:
        """Until killed."""
        from aiohttp import web

        app = web.Application()
        app.router.add_post("/v1/chat/completions", self.complete)
        app.router.add_get("/counts", self.told)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()

    async def told(self, _: Any) -> Any:
        """What was counted."""
        from aiohttp import web

        return web.json_response(self.counts)


if __name__ == "__main__":
    asyncio.run(Script().serve())
