"""How a conversation becomes the text that a local model continues.

    render([{"role": "user", "content": "Hello"}], Template("alpaca"), chat)

``chat`` is the template that the tokenizer of the adapter brings, or else that of the model;
``alpaca`` the format of models tuned as Alpaca was, ``plain`` the bare texts, and anything else one
of several templates that the tokenizer brings by name, or a Jinja file of the same kind. Where none
is asked for it is ``chat`` if there is one, else ``plain``.
"""

from __future__ import annotations

import hashlib
import re
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from ..errors import MsbError, UnknownName
from ..records import RAW, Conversation
from .thinking import ends_in_opening

NAMES = ("chat", "alpaca", "plain")

# The format of Stanford Alpaca (Taori et al. 2023), which models tuned on its data expect.
ALPACA_PREAMBLE = (
    "Below is an instruction that describes a task. "
    "Write a response that appropriately completes the request."
)


@dataclass(frozen=True)
class Template:
    """A template by its name; ``source`` is the Jinja text of one that is not the base's own."""

    name: str
    source: str | None = None

    @property
    def fingerprint(self) -> Mapping[str, Any] | str:
        """Its name, or the hash of its text. What the base's own is, the tokenizer's hash says."""
        if self.source is None:
            return self.name
        return {"sha256": hashlib.sha256(self.source.encode()).hexdigest()}


def choose_template(asked: str | None, base: Path, adapter: Path | None = None) -> Template:
    """The template asked for, or the default for the model in these folders.

    Raises MsbError if there is no such template, if there are several and none is the default, or
    if a file is unreadable.
    """
    folder = adapter if adapter and has_chat_template(adapter) else base
    there = chat_templates(folder)
    if asked in ("alpaca", "plain"):
        return Template(asked)
    if asked in (None, "chat"):
        if there and DEFAULT not in there:
            raise MsbError(
                f"the tokenizer in {folder.name} brings the chat templates "
                f"{', '.join(sorted(there))} and no default; choose one of them as the template"
            )
        if not there and asked:
            raise MsbError(
                f"template 'chat': the tokenizer in {folder.name} brings no chat template; "
                "expected alpaca, plain or a Jinja file"
            )
        return _own(there[DEFAULT], base) if there else Template("plain")
    assert asked is not None
    if asked in there:
        return Template("chat", there[asked])
    return _from_file(asked, there)


def _own(source: str, base: Path) -> Template:
    """The chat template with this text; without it where the base's tokenizer has it anyway."""
    return Template("chat", None if _of_tokenizer(base).get(DEFAULT) == source else source)


def _from_file(path: str, there: Mapping[str, str]) -> Template:
    if not Path(path).expanduser().is_file():
        raise UnknownName("template", path, [*NAMES, *there, "FILE"])
    try:
        return Template("file", Path(path).expanduser().read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise MsbError(f"template {path}: cannot be read as UTF-8 text: {error}") from None


DEFAULT = "default"
"""The name of the chat template that a tokenizer uses where none is named."""


def has_chat_template(folder: Path) -> bool:
    """True if the tokenizer in a model's folder brings a chat template."""
    return bool(chat_templates(folder))


def chat_templates(folder: Path) -> dict[str, str]:
    """The chat templates that a model's folder brings, by name."""
    return {**_of_processor(folder), **_of_tokenizer(folder)}


def _of_tokenizer(folder: Path) -> dict[str, str]:
    """Those that the tokenizer of transformers finds by itself: files of their own come first."""
    found = _named(_field(folder / "tokenizer_config.json"))
    for path in sorted((folder / "additional_chat_templates").glob("*.jinja")):
        found[path.stem] = path.read_text("utf-8", "replace")
    own = folder / "chat_template.jinja"
    return {**found, DEFAULT: own.read_text("utf-8", "replace")} if own.is_file() else found


def _of_processor(folder: Path) -> dict[str, str]:
    """That of a model which also reads pictures, where it is kept apart from the tokenizer."""
    return _named(_field(folder / "chat_template.json"))


def _field(path: Path) -> Any:
    try:
        found = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    return found.get("chat_template") if isinstance(found, dict) else None


def _named(found: Any) -> dict[str, str]:
    """A template, or several by name: ``{name: text}``, or a list of ``{"name", "template"}``."""
    if isinstance(found, list):
        pairs = [(t.get("name"), t.get("template")) for t in found if isinstance(t, dict)]
        found = dict(pairs)
    found = {DEFAULT: found} if isinstance(found, str) else found
    named = found if isinstance(found, dict) else {}
    return {n: t for n, t in named.items() if isinstance(n, str) and isinstance(t, str) and t}


@dataclass(frozen=True)
class Prompt:
    """A text to continue; ``special_tokens`` True where the tokenizer is to add its own."""

    text: str
    special_tokens: bool


def render(conversation: Conversation, template: Template, chat: Callable[..., str]) -> Prompt:
    """The prompt for a conversation. A raw text stays as it is, whatever the template.

    ``chat(conversation, source)`` renders Jinja, the tokenizer's own template for source None; it
    writes the special tokens itself.
    """
    if conversation[0]["role"] == RAW:
        return Prompt(conversation[0]["content"], special_tokens=True)
    if template.name == "alpaca":
        return Prompt(_alpaca(conversation), special_tokens=True)
    if template.name == "plain":
        texts = [turn["content"] for turn in conversation]
        return Prompt("\n\n".join(texts) + "\n\n", special_tokens=True)
    return Prompt(chat(conversation, template.source), special_tokens=False)


PROBES = "\ue000", "\ue001", "\ue002"
"""Contents that no template writes."""


def own_signs(template: Template, chat: Callable[..., str], tokens: Collection[str]) -> set[str]:
    """What a template writes right before and behind a content that is no control token, such as
    ``### Response:`` or ``ASSISTANT:``; nothing where it does not take a conversation."""
    roles = ("user", "assistant", "user")
    turns = [{"role": r, "content": c} for r, c in zip(roles, PROBES, strict=True)]
    try:
        text = render(turns, template, chat).text
    except Exception:  # as many as a program has
        return set()
    for token in tokens:
        text = text.replace(token, "\n")
    written = re.split("[\ue000-\ue002]", text)
    lines = [[line.strip() for line in part.splitlines() if line.strip()] for part in written]
    beside = {line for part in lines for line in (*part[:1], *part[-1:])}
    return {line for line in beside if 3 <= len(line) <= 40 and re.search(r"[<>\[\]#|:]", line)}


def opens_thought(prompt: Prompt) -> bool:
    """True if a chat template has begun the model's thought: what follows is inside it."""
    # Elsewhere the end of a prompt is what a user wrote.
    return not prompt.special_tokens and ends_in_opening(prompt.text)


LONGEST_RENDERING = 10.0
"""Seconds; a template takes less than a thousandth of it."""


@contextmanager
def in_time(seconds: float = LONGEST_RENDERING) -> Iterator[None]:
    """Raises TimeoutError inside the block if that runs Python for too long.

    A template comes with a model and may loop without end. Its every line is looked at: nothing is
    left to be raised later, in another's work.
    """
    until = time.monotonic() + seconds

    def look(frame: object, event: str, value: object) -> Any:
        if time.monotonic() > until:
            raise TimeoutError(f"it does not end within {seconds:g} s")
        return look

    before = sys.gettrace()
    sys.settrace(look)
    try:
        yield
    finally:
        sys.settrace(before)


HEADINGS = {"user": "### Instruction:\n", "assistant": "### Response:\n", "system": ""}


def _alpaca(conversation: Conversation) -> str:
    """A system prompt takes the place of the preamble."""
    parts = [HEADINGS[turn["role"]] + turn["content"] for turn in conversation]
    if conversation[0]["role"] != "system":
        parts.insert(0, ALPACA_PREAMBLE)
    return "\n\n".join([*parts, "### Response:"])


def is_one_request(conversation: Conversation) -> bool:
    """True for one request, with a system prompt or without: all requests are put alike."""
    return [turn["role"] for turn in conversation if turn["role"] != "system"] == ["user"]
