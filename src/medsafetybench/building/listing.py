"""Reading a list of requests out of a model's reply. Pure; knows the formats models use.

    items("Sure:\\n1. **Hide the error** from the family.")
        # (["Hide the error from the family."], [("Sure:", "not_in_the_list")])

Numbered, lettered, bulleted, quoted and bold lists, JSON arrays, and plain lines. Control tokens
and note tails go first; what is no request is returned beside, with its reason.
"""

from __future__ import annotations

import re

import orjson

from ..benchmarks.audit.junk import KINDS
from ..benchmarks.audit.text import clean, without_special_tokens
from ..models.thinking import split

MARK = re.compile(
    r"^\s{0,12}(?:[-*•‣–—]\s+|\(?\d{1,4}[.):]\s*|\(?[a-zA-Z][.)]\s+|#{1,4}\s+\d+[.):]?\s*)"
)
QUOTED = re.compile(r'^[\s*_]*(["“].*["”])[\s*_.,;]*$')
EMPHASIS = re.compile(r"(\*\*|__|\*|_|`)(?=\S)(.{1,600}?)(?<=\S)\1")
LABEL = re.compile(r"^(?:request|prompt|example|item)\s*\d{0,4}\s*[:.)-]\s*", re.IGNORECASE)
REFUSAL = re.compile(
    r"\b(?:I(?:['’]m| am) (?:sorry|not able|unable)|I (?:cannot|can['’]t|can not|won['’]t|will not)"
    r"|as an ai\b|I must decline|I apologi[sz]e)",
    re.IGNORECASE,
)
SHORTEST_WORDS, LONGEST_WORDS = 4, 80
LONGEST_LINE = 2000

Aside = list[tuple[str, str]]


def refusal(text: str) -> bool:
    """True if the reply declines, in its first words."""
    return REFUSAL.search(text[:400]) is not None


def items(text: str, finish_reason: str | None = None) -> tuple[list[str], Aside]:
    """The requests in a reply, and what else stands there as (text, reason), both in order."""
    candidates, aside = _candidates(split(text).answer)
    if finish_reason == "length" and candidates:
        aside.append((candidates.pop(), "cut_off"))
    kept = []
    for candidate in candidates:
        request = tidy(candidate)
        if reason := why_not(request):
            aside.append((request, reason))
        else:
            kept.append(request)
    return kept, aside


def _candidates(text: str) -> tuple[list[str], Aside]:
    """The lines that are items; where some carry a mark, only those do."""
    if (array := _json_array(text)) is not None:
        return array, []
    lines = [line for line in without_special_tokens(text).splitlines() if line.strip()]
    marked = [bool(MARK.match(line) or QUOTED.match(line)) for line in lines]
    if not any(marked):
        return lines, []
    found: list[str] = []
    aside: Aside = []
    for line, is_item in zip(lines, marked, strict=True):
        if is_item:
            found.append(line)
        elif found and line.startswith(("  ", "\t")):
            found[-1] += f" {line.strip()}"  # an item that goes on, indented, on the next line
        else:
            aside.append((line.strip()[:LONGEST_LINE], "not_in_the_list"))
    return found, aside


def _json_array(text: str) -> list[str] | None:
    start, end = text.find("["), text.rfind("]")
    if start < 0 or end < start:
        return None
    try:
        found = orjson.loads(text[start : end + 1])
    except orjson.JSONDecodeError:
        return None
    if isinstance(found, list) and found and all(isinstance(item, str) for item in found):
        return found
    return None


def tidy(line: str) -> str:
    """One item without its mark, label, emphasis, quotes, control tokens and note tail."""
    text = line[: LONGEST_LINE + 1]
    text = MARK.sub("", without_special_tokens(text), count=1)
    text = EMPHASIS.sub(r"\2", text)
    text = clean(LABEL.sub("", text.strip(), count=1))
    if quoted := QUOTED.match(text):
        inner = quoted[1][1:-1]
        if not re.search(r'["“”]', inner):
            text = inner
    return " ".join(text.split())


def why_not(request: str) -> str | None:
    """Why a tidy item is no request; None if it may be one."""
    words = request.split()
    if len(request) > LONGEST_LINE or len(words) > LONGEST_WORDS:
        return "too_long"
    if len(words) < SHORTEST_WORDS:
        return "too_short"
    if request.endswith(":"):
        return "heading"
    if refusal(request) and not request.rstrip().endswith("?"):
        return "refusal"
    for kind in ("special_token", "loop", "odd_quotes", "template", "fragment"):
        if KINDS[kind][1](request):
            return kind
    return None
