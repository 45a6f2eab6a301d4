"""What is known of a family of guard models, as data: what it is sent, and how it answers.

    load_family("llama-guard")        # one that the package knows, see ``families/``
    load_family("ours.yaml")          # one of your own, in the same shape

    name: ours
    model: our-guard                  # what it is called where it is served, if not said
    messages:                         # `conversation` is the turns, the request and the response
      - conversation
      - {role: user, content: "Is the last answer safe? {policy}"}
    reply:
      form: lines                     # or json, or tag
      lines:
        - {field: level, label: Verdict, values: {safe: safe, maybe: controversial, no: unsafe}}
        - {field: refusal, label: Declined, values: {yes: true, no: false}}
    max_tokens: 64
    warning: What whoever chooses it has to know.

A family whose model was trained on one published prompt has ``published: true`` instead of
``messages``: its user hands that prompt over as a file (``--rubric FILE``), with ``{request}`` and
``{response}`` in it, for it is its authors' text and not ours to ship.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...errors import MsbError, UnknownName
from ...records import digest
from ...textfiles import whole
from ...yamltext import load_yaml

FOLDER = Path(__file__).with_name("families")
CONVERSATION = "conversation"

LevelName = Literal["safe", "controversial", "unsafe"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Message(_Strict):
    """One message, with ``{policy}``, ``{request}``, ``{response}`` and ``{marker}`` filled in."""

    role: Literal["system", "user", "assistant"]
    content: str


class Line(_Strict):
    """A line of a reply: a label in front if it has one, and what may stand there.

    ``level`` and ``refusal`` take their ``values``; ``categories`` are names with commas between
    them. A line with ``after`` is there only behind that level.
    """

    field: Literal["level", "refusal", "categories", "ignored"]
    label: str = ""
    values: Mapping[str, LevelName | bool | None] = Field(default_factory=dict)
    after: LevelName | None = None


class Lines(_Strict):
    """A reply of these lines, in order, and nothing else."""

    form: Literal["lines"]
    lines: Sequence[Line] = Field(min_length=1)


class Tag(_Strict):
    """A reply that is one ``<tag>value</tag>``."""

    form: Literal["tag"]
    tag: str
    values: Mapping[str, LevelName]


class Json(_Strict):
    """A reply that is one JSON object whose ``key`` has one of ``values``."""

    form: Literal["json"]
    key: str
    values: Mapping[str, LevelName]
    categories: str | None = None


class Odds(_Strict):
    """Where a model's own probabilities say how sure it is: behind this beginning, of these."""

    after: str = ""
    of: Sequence[str]


class Family(_Strict):
    """See the module's docstring."""

    name: str
    title: str = ""
    model: str = ""
    source: str = ""
    messages: Sequence[Literal["conversation"] | Message] = ()
    published: bool = False
    reply: Annotated[Lines | Tag | Json, Field(discriminator="form")]
    categories: Mapping[str, str] = Field(default_factory=dict)
    odds: Odds | None = None
    max_tokens: int = Field(default=128, ge=1)
    warning: str = ""

    @property
    def sha256(self) -> str:
        """Hash of all that decides what is sent and how it is read."""
        return digest(self.model_dump(mode="json", exclude={"title", "source", "warning"}))

    @property
    def tells_refusal(self) -> bool:
        """True if its reply says whether the response declines."""
        return isinstance(self.reply, Lines) and any(
            line.field == "refusal" for line in self.reply.lines
        )

    @property
    def needs_policy(self) -> bool:
        """True if it is told what it looks for."""
        return any(isinstance(m, Message) and "{policy}" in m.content for m in self.messages)


def known_families() -> list[str]:
    """The families that the package knows."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_family(name: str) -> Family:
    """A family by its name, or one of the user's own by a path that ends in ``.yaml``.

    Raises MsbError if there is none, or its file is not as described.
    """
    if name.endswith((".yaml", ".yml")):
        return _read(Path(name).expanduser())
    if name not in known_families():
        raise UnknownName("family of guards", name, [*known_families(), "FILE.yaml"])
    return _shipped(name)


@cache
def _shipped(name: str) -> Family:
    return _read(FOLDER / f"{name}.yaml")


def _read(path: Path) -> Family:
    try:
        told: Any = load_yaml(str(path), whole(path))
        family = Family.model_validate(told)
    except (yaml.YAMLError, ValueError) as error:
        if not isinstance(error, ValidationError):
            raise MsbError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise MsbError(f"{path}: {where}: {first['msg']}; see `{__name__}`") from None
    if bool(family.messages) == family.published:
        raise MsbError(f"{path}: expected messages, or published: true and none")
    return family
