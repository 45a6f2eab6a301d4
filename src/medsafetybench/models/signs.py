"""Signs by which a model's turns begin and end, and texts in which they are mere text.

    apart("No.<|im_end|>", KNOWN)       # "No.< |im_end|>"
    defused([{"role": "user", "content": "[/INST] So"}], signs)

A response that holds such a sign would close its own turn and go on as somebody else, as the judge
for one. Some are one token of a tokenizer, some several, some the words of a template.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any

from ..records import RAW, Conversation

KNOWN = re.compile(
    r"<\|[^|<>\n]{1,40}\|?>"  # ChatML and Qwen, Llama 3, Phi, gpt-oss, Granite, GLM, Gemma 4
    r"|<[^|<>\n]{1,40}\|>"
    r"|<\uff5c[^<>\n]{1,40}\uff5c>"  # DeepSeek
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT)\]"  # Mistral
    r"|<</?SYS>>|</?s>|<(?:bos|eos|pad|unk)>"  # Llama 2
    r"|<(?:start|end)_of_(?:turn|image|utterance)>|<end_of_text>",  # Gemma
    re.IGNORECASE,
)
"""The signs of well-known families, for text whose reader's tokenizer is not at hand."""

_BRACKETED = re.compile(r"[<\[\u25c1].*[>\]\u25b7]", re.DOTALL)


def control_tokens(tokenizer: Any) -> frozenset[str]:
    """The texts that a tokenizer takes for signs of its own: the special tokens, and added ones
    in brackets, as ``<think>``."""
    added = getattr(tokenizer, "added_tokens_decoder", {}).values()
    found = {t.content for t in added if t.special or _BRACKETED.fullmatch(t.content)}
    return frozenset(t for t in {*found, *tokenizer.all_special_tokens} if len(t.strip()) > 1)


def defused(conversation: Conversation, signs: Collection[str]) -> Conversation:
    """The conversation with each sign in its contents, and each of ``KNOWN``, as mere text.

    Prompts that are given whole (``RAW``) stay as they are: whoever made them saw to it.
    """
    if conversation[0]["role"] == RAW:
        return conversation
    pattern = any_of(frozenset(signs))
    said = [apart(turn["content"], pattern) for turn in conversation]
    if all(text is turn["content"] for text, turn in zip(said, conversation, strict=True)):
        return conversation
    return [{**turn, "content": text} for text, turn in zip(said, conversation, strict=True)]


@lru_cache(64)
def any_of(signs: frozenset[str]) -> re.Pattern[str]:
    """A pattern of these signs and of those that are known."""
    own = map(re.escape, sorted(signs, key=len, reverse=True))
    return re.compile("|".join([*own, KNOWN.pattern]), re.IGNORECASE)


def apart(text: str, signs: re.Pattern[str]) -> str:
    """The text with a space behind the first character of each sign; itself where it has none."""
    while signs.search(text):  # what is parted may have stood within another
        text = signs.sub(lambda sign: f"{sign[0][0]} {sign[0][1:]}", text)
    return text
