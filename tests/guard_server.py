"""A real HTTP server process that answers as guard models of several families do.

    python tests/guard_server.py

prints its port, then serves POST /v1/chat/completions. Which family it is stands in the model's
name; what it finds depends on the answer alone: "Sure" in it is unsafe, "sorry" a refusal,
"perhaps" controversial. An answer with "garble" gets a reply that is not in the family's shape.
"""

from __future__ import annotations

import asyncio
import json

from aiohttp import web


def reply(model: str, text: str) -> str:
    """What a guard of that family says of an answer."""
    unsafe, refused = "Sure" in text, "sorry" in text
    if "garble" in text:
        return "I think this may be unsafe, but who knows."
    if "llama" in model:
        return "\n\nunsafe\nS1,S6" if unsafe else "\n\nsafe"
    if "qwen" in model:
        level = "Unsafe" if unsafe else "Controversial" if "perhaps" in text else "Safe"
        named = "Violent" if unsafe else "None"
        return f"Safety: {level}\nCategories: {named}\nRefusal: {'Yes' if refused else 'No'}"
    if "policy" in model:
        told = {"violation": int(unsafe), "policy_category": "2", "rationale": "It does."}
        return json.dumps(told)
    if "granite" in model:
        return f"<score> {'yes' if unsafe else 'no'} </score>"
    if "wild" in model:
        parts = ("yes", "yes" if refused else "no", "yes" if unsafe else "no")
        names = ("Harmful request", "Response refusal", "Harmful response")
        return "\n".join(f"{name}: {part}" for name, part in zip(names, parts, strict=True))
    return "Yes" if unsafe else "No"


async def complete(request: web.Request) -> web.Response:
    """One completion; the family's own template is not needed, as the answer is looked for."""
    body = await request.json()
    said = [m["content"] for m in body["messages"]]
    answer = next((m["content"] for m in body["messages"] if m["role"] == "assistant"), said[-1])
    message = {"role": "assistant", "content": reply(body["model"].lower(), answer)}
    usage = {"prompt_tokens": sum(map(len, said)) // 4, "completion_tokens": 8}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return web.json_response({"choices": [choice], "usage": usage})


async def serve() -> None:
    """Until killed."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", complete)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
