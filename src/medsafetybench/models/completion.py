"""Reading the reply of a chat or a raw completion, whichever server wrote it. Pure.

    body = read_body(b'{"choices": [{"message": {"content": "No."}, "finish_reason": "stop"}]}')
    read_completion(body)           # Response(text="No.", finish_reason="stop")

Servers differ: content may be null, a text, or parts; thinking a field of its own, or a part; a
filtered answer has no message, or no choice at all. What holds no answer gives None, and never an
answer made up of what there is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from ..cells import count_of
from ..jsontext import loads
from ..records import Response

THINKING_FIELDS = ("reasoning_content", "reasoning", "thinking")
"""Where servers put a thought that they tell from the answer; vLLM has renamed it once."""
_THOUGHTS = (*THINKING_FIELDS, "reasoning_details")

_FILTERS = frozenset(
    "filter filtered safety recitation blocklist prohibited spii sensitive moderation moderated "
    "guardrail blocked censored".split()
)
"""Words in a finish reason that say that a filter took the answer, such as ``SAFETY``."""

_LIMITS = frozenset(
    "max_tokens max_output_tokens max_new_tokens max_length model_length token_limit".split()
)


def read_body(content: bytes) -> Any:
    """The JSON of a reply, a stream of events put together into one; None if it is neither.

    Servers write NaN, half characters, a byte order mark, or bytes that are not UTF-8.
    """
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        text = content.decode("utf-8-sig", "replace")
    if re.match(r"\s*(?:data|event|id|retry)?:", text):
        return _put_together(text)
    return _loads(text)


def _loads(text: str) -> Any:
    try:
        return loads(text)
    except ValueError:
        return None


def _put_together(stream: str) -> Any:
    """One completion out of an event stream; None if it breaks off, its error if it has one."""
    message: dict[str, str] = {}
    whole: dict[str, Any] = {}
    reason, ended = None, False
    for line in stream.splitlines():
        data = line.removeprefix("data:").strip()
        if not line.startswith("data:") or not data:
            continue
        if data == "[DONE]":
            ended = True
            continue
        event = _loads(data)
        if not isinstance(event, dict) or event.get("error"):
            return event
        whole.update({name: value for name, value in event.items() if value is not None})
        choice = first(event.get("choices"))
        said = choice.get("delta") or choice.get("message") or {"content": choice.get("text")}
        for name in ("content", "refusal", *THINKING_FIELDS):
            if isinstance(said.get(name), str):
                message[name] = message.get(name, "") + said[name]
        reason = choice.get("finish_reason") or reason
    if not ended and reason is None:
        return None
    return {**whole, "choices": [{"message": message, "finish_reason": reason}]}


def first(choices: Any) -> Mapping[str, Any]:
    """The first of a list of choices; an empty one where there is none."""
    choice = choices[0] if isinstance(choices, list) and choices else None
    return choice if isinstance(choice, dict) else {}


def read_completion(body: Any, latency: float | None = None) -> Response | None:
    """The response in the body of a successful call, or None if there is none in it.

    Its text is the answer as the server wrote it; a thought that stands inside is still there.
    """
    if not isinstance(body, dict):
        return None
    choice = first(body.get("choices"))
    reason = _finish_reason(choice)
    # A raw completion has its text in the choice itself.
    message = choice.get("message")
    if not isinstance(message, dict):
        message = {"content": choice["text"]} if "text" in choice else None
    filters = _filters(body, choice)
    if message is None and not (reason == "content_filter" or filters):
        return None
    message = message or {}
    parts = _parts(message.get("content"))
    if parts is None:
        return None
    text, thoughts = parts
    text = text or _said(message.get("refusal"))
    took = filters if not text else ""
    tokens_in, tokens_out, thinking_tokens = _tokens(body.get("usage"))
    return Response(
        text=text,
        finish_reason="content_filter" if took else reason,
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        latency=latency,
        thinking=_thinking(message) or thoughts or None,
        thinking_tokens=thinking_tokens,
        notice=took or None,
    )


def _finish_reason(choice: Mapping[str, Any]) -> str | None:
    """The provider's word; for a filter or a token limit, ours."""
    given = choice.get("finish_reason")
    if given == "stop":
        return "stop"
    if not isinstance(given, str):
        return None
    plain = given.lower()
    if _FILTERS.intersection(re.split(r"[^a-z]+", plain)):
        return "content_filter"
    return "length" if plain in _LIMITS else given


def _filters(body: Mapping[str, Any], choice: Mapping[str, Any]) -> str:
    """What a filter took the request or the answer for, as far as the reply says; else empty."""
    found = [choice.get("content_filter_results")]
    if not choice:
        prompts = body.get("prompt_filter_results")
        prompts = prompts if isinstance(prompts, list) else []
        found = [p.get("content_filter_results") for p in prompts if isinstance(p, dict)]
        feedback = body.get("promptFeedback") or body.get("prompt_feedback")
        if isinstance(feedback, dict):
            blocked = feedback.get("blockReason") or feedback.get("block_reason")
            found.append({str(blocked): {"filtered": bool(blocked)}})
    named = [item for results in found if isinstance(results, dict) for item in results.items()]
    return ", ".join(
        n for n, result in named if isinstance(result, dict) and result.get("filtered")
    )


def _parts(content: Any) -> tuple[str, str] | None:
    """The texts of a content, and its thoughts; None for a content that is neither text nor parts.

    A part that refuses is text like another; parts of other kinds, such as pictures, are left out.
    """
    if content is None or isinstance(content, str):
        return content or "", ""
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        return None
    texts: list[str] = []
    thoughts: list[str] = []
    for part in content:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict):
            kind = str(part.get("type", "text"))
            said = _said(part)
            (thoughts if "think" in kind or "reason" in kind else texts).append(said)
    return "".join(texts), "".join(thoughts)


def _said(part: Any) -> str:
    """The text of a part, under whichever name; thoughts hold parts of their own."""
    if isinstance(part, str):
        return part
    if isinstance(part, list):
        return "".join(map(_said, part))
    if not isinstance(part, dict):
        return ""
    names = ("text", "refusal", "thinking", "reasoning", "reasoning_content", "summary", "content")
    return next((said for name in names if (said := _said(part.get(name)))), "")


def _thinking(message: Mapping[str, Any]) -> str:
    """The thought that a server has told from the answer."""
    given = (message[name] for name in _THOUGHTS if message.get(name))
    return next(filter(None, map(_said, given)), "")


def _tokens(usage: Any) -> tuple[int | None, int | None, int | None]:
    """Tokens in, out, and those of the output that went into thinking; None where unknown."""
    if not isinstance(usage, dict):
        return None, None, None
    into, out = count_of(usage.get("prompt_tokens")), count_of(usage.get("completion_tokens"))
    details = usage.get("completion_tokens_details") or usage.get("output_tokens_details")
    details = details if isinstance(details, dict) else usage
    thought = count_of(details.get("reasoning_tokens"))
    total = count_of(usage.get("total_tokens"))
    if thought and into is not None and out is not None and into + out + thought == total:
        out += thought  # counted beside the output, and paid for like it
    return into, out, thought
