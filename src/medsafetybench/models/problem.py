"""What a reply that holds no answer says, in the dialects of servers, gateways and firewalls. Pure.

    problem = read_problem(400, content, read_body(content))
    problem.kind      # "filtered"

Harmful requests are what providers refuse. Whether a 4xx is about this one request or about all of
them is what decides if a run goes on, and few servers have a code for it.

filtered   a filter or a firewall by its own words took offence at the request
too_long   request and answer do not fit the model's context, or the gateway
no_quota   the account can pay for no call
passing    may be gone when asked again
page       a web page where an API should speak: a gateway, a firewall, another address
refused    whatever else was wrong with what was sent
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .completion import first
from .retry import RETRIED

Kind = Literal["filtered", "too_long", "no_quota", "passing", "page", "refused"]

LONGEST = 20_000
"""Characters of a body that are read for its words."""

_FILTER_CODE = re.compile(
    r"content_?(?:filter|policy|moderation|blocked|management)|moderation|responsible_?ai|"
    r"data_?inspection|invalid_prompt|(?:prompt|input|request)_?blocked|blocked_?prompt|guardrail|"
    r"safety|(?:usage|cyber|bio|policy)_?(?:policy|violation)|prohibited_?content|sensitive|"
    r"\b(?:1301|1026|1027)\b",  # Zhipu's and MiniMax's numbers for it
    re.IGNORECASE,
)
_VERBS = (
    r"(?:block|flag|reject|refus|den(?:y|ied)|filter|violat|trigger|interven|declin|disallow|"
    r"not allowed|against)\w*"
)
_GROUNDS = (
    r"(?:polic(?:y|ies)|moderation|safety|guard ?rails?|guidelines|content filters?|harm\w*|"
    r"inappropriate|prohibited|sensitive|unsafe|terms of (?:service|use)|firewall|"
    r"security (?:polic|config|filter|rule|reason)\w*)"
)
_FILTER_WORDS = re.compile(
    rf"\b{_VERBS}\b.{{0,120}}\b{_GROUNDS}\b|\b{_GROUNDS}\b.{{0,80}}\b{_VERBS}\b|"
    r"inappropriate content|content exists risk|harmful content|unsafe content|"
    r"sensitive (?:content|words?|information)|requires moderation|flagged (?:as|for)|"
    r"\u654f\u611f|\u8fdd\u89c4|\u4e0d\u5b89\u5168|\u4e0d\u5f53\u5185\u5bb9",
    re.IGNORECASE | re.DOTALL,
)
_FIREWALL = frozenset({403, 405, 406, 451})
_FIREWALL_WORDS = re.compile(
    r"you have been blocked|request (?:is |was |has been )?blocked|mod.?security|not acceptable|"
    r"(?:request|url) was rejected|attention required|incident id|support id|web application "
    r"firewall|\bwaf\b|access denied",
    re.IGNORECASE,
)
_LONG_CODE = re.compile(
    r"context_?(?:length|window|size)|exceed_context|too_(?:long|large)|above_max_length|"
    r"tokens_limit",
    re.IGNORECASE,
)
_LONG_WORDS = re.compile(
    r"context (?:length|window|size)|max model len|(?:prompt|input|request|messages?|conversation|"
    r"text|string|entity|payload)\b.{0,40}\btoo (?:long|large)|too many (?:input |prompt )?tokens|"
    r"exceed\w* .{0,60}\b(?:tokens?|context)\b|\btokens?\b.{0,60}\bexceed|input length should be|"
    r"`?inputs`? tokens|reduce (?:the|your) (?:length|prompt|input)",
    re.IGNORECASE | re.DOTALL,
)
_QUOTA_CODE = re.compile(r"insufficient_(?:quota|balance)|billing|credit_balance", re.IGNORECASE)

OWN_MEANING = frozenset({401, 402, 404, 407, *RETRIED})
"""Statuses below 500 that speak of the key, the account, the address or the moment, whatever words
come along."""


@dataclass(frozen=True, slots=True)
class Problem:
    """HTTP status (in a 200, the one that its error names), codes, words, and if it is a page."""

    status: int
    codes: str
    words: str
    page: bool = False

    @property
    def kind(self) -> Kind:
        """See the module's docstring."""
        by_words = self.status not in OWN_MEANING and self.status <= 500 and not self.page
        words = self.words.replace("_", " ")
        if _QUOTA_CODE.search(self.codes) or self.status == 402:
            return "no_quota"
        if _LONG_CODE.search(self.codes) or self.status == 413:
            return "too_long"
        if _FILTER_CODE.search(self.codes):
            return "filtered"
        if by_words and _LONG_WORDS.search(words):
            return "too_long"
        if by_words and _FILTER_WORDS.search(words):
            return "filtered"
        if self.status in RETRIED or self.status >= 500 or self.status < 300:
            return "passing"
        return "page" if self.page and self.status not in OWN_MEANING else "refused"

    @property
    def firewall(self) -> bool:
        """True for a page that a firewall puts up where it blocks a request."""
        return self.page and bool(self.status in _FIREWALL or _FIREWALL_WORDS.search(self.words))


def has_error(body: Any) -> bool:
    """True if a body tells of an error, in itself or in its choice, whatever else it holds."""
    if not isinstance(body, dict):
        return False
    choice = first(body.get("choices"))
    return bool(body.get("error") or choice.get("error") or choice.get("finish_reason") == "error")


def read_problem(status: int, content: bytes, body: Any) -> Problem:
    """What a reply says that holds no answer; ``body`` is its JSON, or None."""
    text = content[: 4 * LONGEST].decode("utf-8", "replace")[:LONGEST]
    if body is None:
        page = text.lstrip().startswith("<")
        return Problem(status, "", _plain(text) if page else text, page)
    error = _error(body)
    codes = " ".join(_codes(error))
    named = error.get("code") if isinstance(error, dict) else None
    if status < 300 and re.fullmatch("[45][0-9][0-9]", str(named)):
        status = int(str(named))
    return Problem(status, codes, _words(error)[:LONGEST])


def _plain(page: str) -> str:
    """The text of a page."""
    return re.sub(r"<[^<>]*+>|<!--.*?-->", " ", re.sub(r"<(script|style)\b[^<]*", " ", page))


def _error(body: Any) -> Any:
    """The part of a body that tells of the error. Some servers send a list of one."""
    if isinstance(body, list):
        body = body[0] if body else {}
    if not isinstance(body, dict):
        return body
    choice = first(body.get("choices"))
    found = body.get("error") or choice.get("error") or body.get("errors")
    if isinstance(found, list) and found:
        found = found[0]
    if isinstance(found, dict):
        return {**body, **found}
    if found:
        return {"message": str(found), **body}
    ended_so = choice.get("finish_reason") == "error"
    return {"message": "finish_reason error"} if ended_so else body


def _codes(error: Any) -> Iterator[str]:
    """Every code that an error carries, however deep."""
    if isinstance(error, list):
        for part in error:
            yield from _codes(part)
    if not isinstance(error, Mapping):
        return
    for name in ("code", "type", "status", "error_code", "errorCode"):
        if isinstance(error.get(name), str | int):
            yield str(error[name])
    for name in ("innererror", "inner_error", "detail", "details", "provider_specific_fields"):
        yield from _codes(error.get(name))


def _words(error: Any) -> str:
    """What an error says to a person. What it repeats of the request is not among it."""
    if isinstance(error, str):
        return error
    if isinstance(error, list):
        return "; ".join(filter(None, map(_words, error)))
    if not isinstance(error, Mapping):
        return ""
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, Mapping) else None
    names = ("message", "msg", "detail", "error_msg", "error", "title", "reason")
    said = next((words for name in names if (words := _words(error.get(name)))), "")
    return f"{said}: {raw}" if isinstance(raw, str) and raw else said
