"""Conversations as other programs write them, read as ours.

    said = messages_of([{"from": "human", "value": "Hello"}, {"from": "gpt", "value": "Hello!"}])
    split(said).context, split(said).text, split(said).answer

Messages have a role and a content, by the names that OpenAI, ShareGPT, Gemini and LangChain give
them; the content is a text or a list of parts. What cannot be read as such is a ValueError in a few
words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import jsontext
from .cells import text_of
from .records import Conversation, Message

ROLES = {
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("user", "human"), "user"),
    **dict.fromkeys(("assistant", "ai", "gpt", "chatgpt", "model", "bot"), "assistant"),
    **dict.fromkeys(("tool", "function"), "tool"),
}
"""Our word for whoever speaks, by theirs."""

WHO, WHAT = ("role", "from", "type"), ("content", "value", "parts", "text", "data")
PYTHON = re.compile(r"\s*\[\s*\{\s*'(role|from|content|type)'\s*:")
"""The beginning of a list of messages as Python shows it, which is no form to keep them in."""


@dataclass(frozen=True)
class Asked:
    """A conversation by what it is for: what is asked, all before it, and the answer if it is
    there."""

    text: str
    context: tuple[Message, ...] = ()
    answer: str | None = None


def messages_of(value: Any, named: bool = False) -> list[Message]:
    """The messages in a list, an object with ``messages``, or a JSON text of either.

    To be asked, they must be texts of system, user and assistant. With ``named``, as for a record
    of what was said, tools keep their turns and what is no text is named in brackets. Raises
    ValueError.
    """
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, Mapping):
        value = value.get("messages", [value])
    if not isinstance(value, list | tuple) or not value:
        raise ValueError("no messages; expected a list such as [{'role': 'user', 'content': ...}]")
    return [_message(one, named) for one in value]


def chat_in(value: Any, named: bool = False) -> list[Message] | None:
    """The messages that stand where a text is expected, or None if it is one. Raises ValueError."""
    if isinstance(value, str):
        if PYTHON.match(value):
            raise ValueError("messages as Python shows them; save them as JSON")
        if not re.match(r"\s*\[\s*\{", value):
            return None
        try:
            value = jsontext.loads(value)
        except ValueError:
            return None
    if isinstance(value, Mapping) and isinstance(value.get("messages"), list | tuple):
        value = value["messages"]
    messages = value if isinstance(value, list | tuple) else [value]
    if not messages or not all(isinstance(m, Mapping) and _speaks(m) for m in messages):
        return None
    return [_message(message, named) for message in messages]


def split(messages: Conversation) -> Asked:
    """What a conversation asks. Its last turn is the user's, or the assistant's answer to it."""
    said = list(messages)
    answer: list[str] = []
    while said and said[-1]["role"] == "assistant":
        answer.insert(0, said.pop()["content"])
    if not said or said[-1]["role"] != "user":
        last = f"after {said[-1]['role']}" if said else "at all"
        raise ValueError(f"no turn of a user {last}; expected one at the end")
    return Asked(said[-1]["content"], tuple(said[:-1]), "\n\n".join(answer) if answer else None)


def asked_in(value: Any) -> Asked:
    """What a cell asks: a text, or the conversation that stands in its place."""
    messages = chat_in(value)
    return split(messages) if messages else Asked(text_of(value))


def answer_in(value: Any) -> str:
    """The response that a cell holds: a text, or the assistant's last turn in a conversation.

    A text stays as it is, whatever it looks like: a model may well have said it.
    """
    messages = None if isinstance(value, str) else chat_in(value, named=True)
    if messages is None:
        return text_of(value, named=True)
    if messages[-1]["role"] != "assistant":
        raise ValueError(f"messages that end with {messages[-1]['role']}; expected the assistant")
    return messages[-1]["content"]


def _parsed(text: str) -> Any:
    try:
        return jsontext.loads(text)
    except ValueError:
        what = "messages as Python shows them" if PYTHON.match(text) else "no JSON"
        raise ValueError(f"{what}; expected a list of messages in JSON") from None


def _speaks(message: Mapping[str, Any]) -> bool:
    """True if it is a message, as against a part of one, or any other object."""
    who = next((message[key] for key in WHO if key in message), None)
    return isinstance(who, str) and who.lower() in ROLES and any(key in message for key in WHAT)


def _message(message: Any, named: bool) -> Message:
    if not isinstance(message, Mapping):
        raise ValueError("a message that is no object with role and content")
    who = next((message[key] for key in WHO if key in message), None)
    role = ROLES.get(who.lower()) if isinstance(who, str) else None
    if role is None or (role == "tool" and not named):
        raise ValueError(f"a message of {str(who)[:40]!r}; expected system, user or assistant")
    content = _content(message)
    text = content if isinstance(content, str) else text_of(content, named)
    if not text.strip() and not named:
        raise ValueError(f"a turn of {role} without text")
    return {"role": role, "content": text or _called(message)}


def _content(message: Mapping[str, Any]) -> Any:
    content = next((message[key] for key in WHAT if key in message), None)
    if isinstance(content, Mapping) and "content" in content:
        return content["content"]
    return content


def _called(message: Mapping[str, Any]) -> str:
    """The tools that a turn without words calls."""
    calls = message.get("tool_calls")
    calls = calls if isinstance(calls, Sequence) and not isinstance(calls, str) else []
    functions = [call.get("function") for call in calls if isinstance(call, Mapping)]
    names = [str(f.get("name")) for f in functions if isinstance(f, Mapping)]
    return " ".join(f"[tool call: {name}]" for name in names)
