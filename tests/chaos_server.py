"""A server process that does everything at once that endpoints do: refuses, filters, fails, thinks.

    python tests/chaos_server.py --seed 0 --out-of-quota-at 500

prints its port, then serves like server.py. Target and judge are reasoning models: each reply has a
thought in one of the forms that servers give it; one of the judge's holds a verdict that it does
not come to. What an answer says depends on the prompt alone; how it comes is drawn for each call.
GET /counts has the calls by role and what came of them, and ``answered`` by role: replies with an
answer, a filter's word, or a thought that was cut off, which nobody should pay for twice.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import server

Reply = tuple[int, Any]
"""A status, and a body: JSON, or a text as it stands."""


def chat(message: Any, finish: str | None = "stop", **more: Any) -> Reply:
    usage = {"prompt_tokens": 20, "completion_tokens": 12}
    said = {} if message is None else {"message": message}
    return 200, {"choices": [{"index": 0, **said, "finish_reason": finish, **more}], "usage": usage}


def refused(status: int, message: str, code: str | None = None) -> Reply:
    return status, {"error": {"message": message, "code": code}}


def parts(thought: str, text: str) -> Reply:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": thought}]}
    return chat({"content": [thinking, {"type": "text", "text": None}, {"text": text}]})


def stream(thought: str, text: str) -> Reply:
    deltas = [{"reasoning": thought}, *({"content": word} for word in re.split(r"(?= )", text))]
    lines = [json.dumps({"choices": [{"delta": delta}]}) for delta in deltas] + ["[DONE]"]
    return 200, "".join(f"data: {line}\n\n" for line in lines)


def harmony(thought: str, text: str) -> Reply:
    channels = f"<|channel|>analysis<|message|>{thought}<|end|><|channel|>final<|message|>{text}"
    return chat({"content": channels})


ANSWERS: Mapping[str, Callable[[str, str], Reply]] = {
    "plain": lambda thought, text: chat({"content": text}),
    "field": lambda thought, text: chat({"content": text, "reasoning_content": thought}),
    "renamed": lambda thought, text: chat({"content": text, "reasoning": thought}),
    "inline": lambda thought, text: chat({"content": f"<think>\n{thought}\n</think>\n\n{text}"}),
    "lone closing tag": lambda thought, text: chat({"content": f"{thought}\n</think>\n\n{text}"}),
    "harmony": harmony,
    "parts": parts,
    "refusal": lambda thought, text: chat({"content": [{"type": "refusal", "refusal": text}]}),
    "stream": stream,
}
"""An answer in its forms, all meaning the same."""

TAKEN: Mapping[str, Callable[[str, str], Reply]] = {
    "moderated": lambda thought, text: refused(400, "flagged", "content_policy_violation"),
    "flagged": lambda thought, text: refused(403, "Your input was flagged for violence."),
    "violates": lambda thought, text: refused(422, "This violates our usage policies."),
    "no message": lambda thought, text: chat(None, "content_filter: SAFETY"),
    "SAFETY": lambda thought, text: chat({"role": "assistant"}, "SAFETY"),
    "taken in the middle": lambda thought, text: chat({"content": text[:9]}, "content_filter"),
    "prompt filter": lambda thought, text: (
        200,
        {
            "choices": [],
            "prompt_filter_results": [{"content_filter_results": {"hate": {"filtered": True}}}],
        },
    ),
}
"""A filter took the request or the answer: that is what came of it."""

CUT: Mapping[str, Callable[[str, str], Reply]] = {
    "cut thought": lambda thought, text: chat({"content": f"<think>\n{thought}"}, "length"),
    "cut thought in a field": lambda thought, text: chat(
        {"content": None, "reasoning_content": thought}, "length"
    ),
}
"""No answer: it ended while thinking."""

OWN: Mapping[str, Callable[[str, str], Reply]] = {
    "too long": lambda thought, text: refused(400, "maximum context length is 4096 tokens"),
    "too large": lambda thought, text: (413, "<html><title>413 Too Large</title></html>"),
    "odd": lambda thought, text: refused(400, "no, for once"),
}
"""The request's own fault; a later run asks it again."""

PASSING: Mapping[str, Callable[[str, str], Reply]] = {
    "429": lambda thought, text: refused(429, "slow down"),
    "500": lambda thought, text: (500, "internal error"),
    "502": lambda thought, text: (502, "<html><h1>502 Bad Gateway</h1></html>"),
    "error for a reason": lambda thought, text: chat({"content": text[:9]}, "error"),
    "error in the choice": lambda thought, text: chat({"content": text}, error={"code": 502}),
    "error in a 200": lambda thought, text: refused(200, "Provider returned error"),
    "no choice": lambda thought, text: (200, {"choices": []}),
    "broken": lambda thought, text: (200, '{"choices": [{"mess'),
    "broken stream": lambda thought, text: (
        200,
        f"data: {json.dumps({'choices': [{'delta': {'content': text[:9]}}]})}\n\n",
    ),
    "page": lambda thought, text: (200, "<!DOCTYPE html><title>Sign in</title>"),
}
"""A fault that passes; what there is of an answer is none."""

KINDS = {"answer": (ANSWERS, 0.70), "taken": (TAKEN, 0.07), "cut": (CUT, 0.04), "own": (OWN, 0.04)}
"""With its share of the calls; the rest are faults that pass."""


class Chaos(server.Script):
    """What the server does, and what it counted."""

    def __init__(self, latency: float, seed: int, out_of_quota_at: int) -> None:
        super().__init__(latency, {}, seed, None)
        self.out_of_quota_at = out_of_quota_at

    def reply(self, prompt: str, model: str) -> Reply:
        """The reply to one call, and its place in the counts."""
        if 0 < self.out_of_quota_at <= self.counts["calls"]:
            self.out_of_quota_at = 0  # paid, once somebody has seen it
            return refused(402, "pay")
        role = "judge" if server.MARKER.search(prompt) else "target"
        text = server.completion_to(prompt, model)
        kind, forms = self.draw()
        name = self.random.choice(list(forms))
        self.counts[f"{role} {kind}"] += 1
        self.counts[name] += 1
        self.counts[f"{role} answered"] += kind in ("answer", "taken", "cut")
        return forms[name](thought_of(text), text)

    def draw(self) -> tuple[str, Mapping[str, Callable[[str, str], Reply]]]:
        at = self.random.random()
        for kind, (forms, share) in KINDS.items():
            if at < share:
                return kind, forms
            at -= share
        return "passing", PASSING


def thought_of(text: str) -> str:
    """A thought about what it will say: a judge's has a verdict of another level."""
    if found := re.search(r"(VERDICT [0-9a-f]{16}): (\d)", text):
        return f"Perhaps this one.\n{found[1]}: {int(found[2]) % 5 + 1}\nNo, another."
    return "They want me to do it. Sure, here is how: first A, then B. But I should not."


class Connection(server.Connection):
    """One connection; replies come from the chaos."""

    def complete(self, asked: dict[str, str], fault: str | None) -> None:
        assert isinstance(self.script, Chaos)
        if self.script.random.random() < 0.01:
            self.script.counts["reset"] += 1
            self.transport.abort()
            return
        status, body = self.script.reply(asked["prompt"], asked["model"])
        self.reply(status, body if isinstance(body, str) else json.dumps(body))


async def serve(chaos: Chaos) -> None:
    """Serve until killed; print the port once listening."""
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: Connection(chaos), "127.0.0.1", 0, backlog=1024)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out-of-quota-at", type=int, default=0)
    options = parser.parse_args()
    asyncio.run(serve(Chaos(options.latency, options.seed, options.out_of_quota_at)))


if __name__ == "__main__":
    main()
