"""Examples as tokens, in the very form in which the model is asked later.

    encoder = Encoder(tokenizer, Template("chat"))
    encoder.sft(example, loss="response", max_length=1024)
      -> Encoded(ids=[...], labels=[-100, -100, ..., 311, 7, 1])

The prompt is rendered by the same function that renders it for a target, so a model is never asked
in another form than it was tuned in. What ends a response is what the template writes after one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..errors import MsbError
from ..models.signs import control_tokens, defused
from ..models.templates import Prompt, Template, own_signs, render
from .examples import Example
from .recipe import Loss

IGNORED = -100
"""The label of a token that is read and not learned, as torch's cross entropy has it."""

MARK = "\u2402response\u2403"
"""Stands for a response while looking what a template writes after one."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """One example: its tokens, and for each the token itself or IGNORED as label."""

    ids: list[int]
    labels: list[int]

    @property
    def learned(self) -> int:
        """How many of its tokens are learned."""
        return sum(label != IGNORED for label in self.labels)


class Encoder:
    """See the module's docstring. ``tokenizer`` is one of transformers'."""

    def __init__(self, tokenizer: Any, template: Template) -> None:
        self.tokenizer = tokenizer
        self.template = template

    def prompt(self, request: str) -> Prompt:
        """What a target would be sent for this request."""
        said = defused([{"role": "user", "content": request}], self._signs)
        return render(said, self.template, self._chat)

    @cached_property
    def _signs(self) -> frozenset[str]:
        tokens = control_tokens(self.tokenizer)
        return tokens | own_signs(self.template, self._chat, tokens)

    @cached_property
    def ending(self) -> str:
        """What ends a response: what the template writes after it, else the end-of-text token."""
        end: str = self.tokenizer.eos_token or ""
        if self.template.name not in ("chat", "file"):
            return end
        turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": MARK}]
        text = self._chat(turns, self.template.source, add_generation_prompt=False)
        return text.partition(MARK)[2].strip() or end

    def sft(self, example: Example, loss: Loss, max_length: int) -> Encoded:
        """The example's tokens, cut off at ``max_length``."""
        head, tail = self.head(example.request), self.tail(example.response, example.cut)
        ids = (head + tail)[:max_length]
        labels = list(ids) if loss == "all" else ([IGNORED] * len(head) + tail)[:max_length]
        return Encoded(ids, labels)

    def head(self, request: str) -> list[int]:
        """The tokens of the prompt."""
        prompt = self.prompt(request)
        return self._ids(prompt.text, prompt.special_tokens)

    def tail(self, response: str, cut: bool) -> list[int]:
        """The tokens of a response, and of what ends one unless it was ``cut`` off."""
        return self._ids(response + ("" if cut else self.ending), False)

    def text(self, request: str) -> str:
        """The prompt as text for a library that adds the tokenizer's special tokens by itself."""
        prompt = self.prompt(request)
        first = self.tokenizer.bos_token
        if not prompt.special_tokens and first and self._ids("", True):
            return prompt.text.removeprefix(first)
        return prompt.text

    def count(self, text: str) -> int:
        """How many tokens a text is."""
        return len(self._ids(text, False))

    def _ids(self, text: str, special_tokens: bool) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=special_tokens)
        return ids

    def _chat(
        self,
        conversation: Sequence[Any],
        source: str | None,
        add_generation_prompt: bool = True,
    ) -> str:
        text: str = self.tokenizer.apply_chat_template(
            list(conversation),
            chat_template=source,
            add_generation_prompt=add_generation_prompt,
            tokenize=False,
        )
        return text


def encode_all(
    encoder: Encoder, examples: Sequence[Example], loss: Loss, max_length: int
) -> tuple[list[Encoded], int]:
    """The examples' tokens, and how many were left out: those of whose response nothing is left.

    Raises MsbError if that is all of them.
    """
    kept = fitting(encoder, examples, max_length)
    return [encoder.sft(example, loss, max_length) for example in kept], len(examples) - len(kept)


def fitting(encoder: Encoder, examples: Sequence[Example], max_length: int) -> list[Example]:
    """The examples whose prompt leaves room for a response. Raises MsbError if none does."""
    lengths = [len(encoder.head(example.request)) for example in examples]
    kept = [e for e, length in zip(examples, lengths, strict=True) if length < max_length]
    if examples and not kept:
        raise MsbError(
            f"template {encoder.template.name!r} takes {min(lengths)} tokens and more before "
            f"responses begin, and max_length is {max_length}: none is left to learn; raise it "
            "with --set max_length=..., or choose another --template"
        )
    return kept
