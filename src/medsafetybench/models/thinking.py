"""Thinking kept apart: what a reasoning model writes before its answer is no part of the answer.

    split("<think>They want me to ...</think>\\n\\nI can't help with that.")
      -> Split(thinking="They want me to ...", answer="I can't help with that.")
    split("They want me to ...\\n</think>\\n\\nI can't help with that.")      # a lone closing tag
    split("<think>They want me to ...", cut_off=True)                        # Split(..., answer="")

Pure. A text without any mark of thinking comes back as it is. What cannot be told apart for sure
is thinking: a draft taken for the answer would be judged, or read for a verdict.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..records import Response


@dataclass(frozen=True, slots=True)
class Split:
    """A reply in two parts; ``thinking`` None where there is none.

    ``begun`` is True if the reply began inside its thought: the prompt's template had opened it.
    """

    thinking: str | None
    answer: str
    begun: bool = False


@dataclass(frozen=True, slots=True)
class _Mark:
    """How a kind of thought begins and ends; ``alone`` if its end may come without its beginning,
    because the prompt's template has written that."""

    opening: re.Pattern[str]
    closing: re.Pattern[str]
    alone: bool = True


def _mark(opening: str, closing: str, alone: bool = True) -> _Mark:
    return _Mark(re.compile(opening, re.IGNORECASE), re.compile(closing, re.IGNORECASE), alone)


_MARKS = (
    _mark("<think(?:ing)?>", "</think(?:ing)?>"),
    _mark("<(?:thought|reasoning)>", "</(?:thought|reasoning)>", alone=False),
    _mark("<seed:think>", "</seed:think>"),  # Seed-OSS
    _mark(r"\[THINK\]", r"\[/THINK\]"),  # Magistral
    _mark("\u25c1think\u25b7", "\u25c1/think\u25b7"),  # Kimi
    _mark(r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),  # Command A
    _mark(r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),  # OpenThinker
    _mark(r"<unused94>(?:thought\n)?", "<unused95>"),  # MedGemma
    _mark(r"<\|channel>(?:thought\n)?", r"<channel\|>"),  # Gemma 4
    _mark(
        "Here(?:'s| is) my thought process:", "Here(?:'s| is) my response:", alone=False
    ),  # Granite
)
_HINTS = ("<", "THINK]", "\u25b7", "my thought process:")
"""Every mark holds one of these, and few answers do: looking for them first costs little."""

_WRAPPERS = (
    ("<answer>", "</answer>"),
    ("<response>", "</response>"),
    ("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
    ("<|begin_of_solution|>", "<|end_of_solution|>"),
)
"""What some models put around the answer that follows a thought."""

# The channels of gpt-oss (harmony), and the same where a decoder left the special tokens out.
_CHANNEL = re.compile(r"<\|channel\|>\s*+(\w++)[^<]*+(?:<\|constrain\|>[^<]*+)?<\|message\|>")
_CHANNEL_END = re.compile(r"<\|(?:end|return|call|start|channel)\|>")
_BARE_ANALYSIS = re.compile(r"\s*(?:assistant)?analysis(?=[A-Z\"'(\u201c])")
_BARE_FINAL = "assistantfinal"


def split(text: str, *, inside: bool = False, cut_off: bool = False) -> Split:
    """A reply as its thinking and its answer.

    ``inside`` says that the prompt's template opens a thought, so a reply that never closes one is
    nothing else. ``cut_off`` says that the reply ended at its token limit: then a thought that is
    still open leaves no answer, whatever was said before it.
    """
    if bare := _BARE_ANALYSIS.match(text):
        thinking, final, answer = text[bare.end() :].rpartition(_BARE_FINAL)
        return _split([thinking], answer) if final else _split([answer], "")
    if not inside and not any(hint in text for hint in _HINTS):
        return Split(None, text)
    if _CHANNEL.search(text):
        return _channels(text)
    thoughts: list[str] = []
    rest, begun, still_open = text, False, False
    for mark in _MARKS:
        rest, left_open = _blocks(rest, mark, thoughts)
        rest, closed = _lone_closing(rest, mark, thoughts)
        begun, still_open = begun or closed, still_open or left_open
    if inside and not thoughts:
        return _split([text], "", begun=True)
    if still_open and cut_off:
        thoughts.insert(0, rest)
        rest = ""
    return _split(thoughts, rest, begun) if thoughts else Split(None, text)


_DRAFTS = (
    r"(\w{0,20}(?:think|thought|reason|reflect|scratch|monolog|analysis|deliberat|draft)\w{0,20})"
)
_DRAFT = re.compile(
    rf"[<\[\u25c1\uff1c]\s?[|\uff5c]?\s?{_DRAFTS}\s?[|\uff5c]?\s?[>\]\u25b7\uff1e]", re.IGNORECASE
)
_DRAFT_END = re.compile(f"/{_DRAFTS}", re.IGNORECASE)
"""How a draft may begin under a name that is none of our marks, such as ``<scratchpad>``."""


def said_aloud(answer: str) -> str:
    """What stands before a thought that begins within an answer and is never closed.

    Nothing that a judge drafts after it is a verdict. A mark that is quoted is spoken of, not made;
    a draft under another name is over where its closing mark stands.
    """
    found = [match for mark in _MARKS for match in mark.opening.finditer(answer)]
    ends = {end[1].lower(): end.start() for end in _DRAFT_END.finditer(answer)}
    found += [
        draft for draft in _DRAFT.finditer(answer) if ends.get(draft[1].lower(), -1) < draft.end()
    ]
    begun = [m.start() for m in found if answer[max(m.start() - 1, 0)] not in QUOTES]
    return answer[: min(begun)] if begun else answer


QUOTES = "`\"'\u2018\u201c"


def ends_in_opening(text: str) -> bool:
    """True if a text ends with the mark that opens a thought."""
    end = text.rstrip()[-40:]
    found = (match for mark in _MARKS for match in mark.opening.finditer(end))
    return any(match.end() == len(end) for match in found)


def _blocks(text: str, mark: _Mark, thoughts: list[str]) -> tuple[str, bool]:
    """The text without its thoughts of one kind, and whether the last of them was left open.

    Only at the beginning of a line is an opening mark that nothing closes one: an answer may speak
    of it.
    """
    kept: list[str] = []
    at = 0
    while found := mark.opening.search(text, at):
        end = mark.closing.search(text, found.end())
        if end is None:
            line = text.rfind("\n", 0, found.start()) + 1
            if text[line : found.start()].strip():
                break
            thoughts.append(text[found.end() :])
            return "".join([*kept, text[at : found.start()]]), True
        kept.append(text[at : found.start()])
        thoughts.append(text[found.end() : end.start()])
        at = end.end()
    return "".join([*kept, text[at:]]), False


def _lone_closing(text: str, mark: _Mark, thoughts: list[str]) -> tuple[str, bool]:
    """What follows the last closing mark that nothing opened; all before it is thinking."""
    found = deque(mark.closing.finditer(text) if mark.alone else (), maxlen=1)
    if not found:
        return text, False
    last = found[0]
    thoughts.append(text[: last.start()])
    return text[last.end() :], True


def _channels(text: str) -> Split:
    """The channel ``final`` is the answer; the others, and what stands outside, are not."""
    thoughts: list[str] = []
    answers: list[str] = []
    for found in _CHANNEL.finditer(text):
        end = _CHANNEL_END.search(text, found.end())
        said = text[found.end() : end.start() if end else len(text)]
        (answers if found[1] == "final" else thoughts).append(said)
    return _split(thoughts, "".join(answers))


def _split(thoughts: list[str], answer: str, begun: bool = False) -> Split:
    thinking = "\n\n".join(thought.strip() for thought in thoughts if thought.strip())
    return Split(thinking or None, _unwrapped(answer.strip()), begun)


def _unwrapped(answer: str) -> str:
    for before, after in _WRAPPERS:
        if answer.startswith(before):
            return answer.removeprefix(before).removesuffix(after).strip()
    return answer


def apart(response: Response, inside: bool = False) -> Response:
    """The response with its thinking beside its text, also where a server has told them apart."""
    cut_off = response.finish_reason == "length"
    return _beside(response, split(response.text, inside=inside, cut_off=cut_off))


def _beside(response: Response, found: Split) -> Response:
    if found.thinking is None and found.answer == response.text:
        return response
    parts = [part for part in (response.thinking, found.thinking) if part]
    return replace(response, text=found.answer, thinking="\n\n".join(parts) or None)


class Habit:
    """Whether a model's replies begin inside a thought, learned from those that came to their end.

    A server whose template opens the thought sends ``...</think>answer``. A reply of such a model
    that was cut off before the closing tag carries no tag at all; that it is a thought can only be
    told from the others. They come first, as a reply that is cut off is the longest there is.
    """

    def __init__(self) -> None:
        self._balance = 0

    def apart(self, response: Response) -> Response:
        """See ``apart``."""
        if response.thinking:
            return apart(response)
        cut_off = response.finish_reason == "length"
        found = split(response.text, inside=cut_off and self._balance > 0, cut_off=cut_off)
        if not cut_off:
            self._balance += 1 if found.begun else -(found.thinking is None)
        return _beside(response, found)


def all_apart(responses: Sequence[Response]) -> list[Response]:
    """The responses of one model, collected elsewhere, each as ``Habit.apart`` has it.

    Those that came to their end tell how the model's replies begin, wherever they stand.
    """
    habit, found = Habit(), list(responses)
    for cut_off in (False, True):
        for number, response in enumerate(responses):
            if (response.finish_reason == "length") == cut_off:
                found[number] = habit.apart(response)
    return found
