"""A language model as the target: a system prompt, a sampling setting, and the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from ..errors import MsbError
from ..models import Model
from ..models.opening import open_model
from ..models.signs import KNOWN, apart
from ..protocol import Protocol, read_protocol
from ..records import RAW, Conversation, Request, Response, Sampling
from .target import Asked, conversation


@dataclass(frozen=True)
class PaperStyle:
    """Prompts exactly as the paper built them for a family of models.

    Its local models continued a raw text; its hosted ones were asked through chat, with the
    published system prompt. Raises UnknownName for a family that the paper has not, and MsbError
    for a conversation, which it never asked.
    """

    protocol: Protocol
    family: str

    def conversation(self, request: Request) -> Conversation:
        """What the paper's code sent for this request."""
        if request.context:
            raise MsbError(f"{request.id} is a conversation; the paper's prompts are for one turn")
        said = apart(request.text, KNOWN)  # no published request holds such a sign
        text = self.protocol.target_prompt(self.family, said)
        if text != said:
            return [{"role": RAW, "content": text}]
        return conversation(request, self.protocol.system_prompt)


class ModelTarget:
    """See the module's docstring."""

    paid = True

    def __init__(
        self,
        model: Model,
        system: str | None = None,
        sampling: Sampling | None = None,
        style: PaperStyle | None = None,
    ) -> None:
        self.name = model.name
        self.concurrency = model.concurrency
        self.meter = model.meter
        self._model = model
        self._system = system
        self._sampling = sampling or Sampling()
        self._style = style

    @classmethod
    def open(cls, spec: str, asked: Asked) -> Self:
        """See ``targets``."""
        style = _paper_style(asked) if asked.prompt_style else None
        model = open_model(spec, asked.endpoint, "target", asked.meter)
        return cls(model, asked.system, asked.sampling, style)

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        """The model's, with the sampling and the system prompt."""
        own: dict[str, Any] = {"sampling": asdict(self._sampling), "system": self._system}
        style = {"prompt_style": f"paper:{self._style.family}"} if self._style else {}
        return {**self._model.fingerprint, **own, **style}

    def conversation(self, request: Request) -> Conversation:
        """The system prompt, if any, then the request; or what the paper sent for it."""
        if self._style:
            return self._style.conversation(request)
        return conversation(request, self._system)

    async def respond(self, request: Request) -> Response:
        """The model's answer to the request."""
        return await self.carry_on(self.conversation(request))

    async def carry_on(self, said: Conversation) -> Response:
        """The model's next turn in a conversation of any length."""
        return await self._model.complete(said, self._sampling)

    async def close(self) -> None:
        """Close the model."""
        await self._model.close()


def _paper_style(asked: Asked) -> PaperStyle:
    style = asked.prompt_style or ""
    scheme, _, family = style.partition(":")
    if scheme != "paper" or not family:
        raise MsbError(f"--prompt-style {style!r}; expected paper:FAMILY, such as paper:llama2")
    if asked.system or asked.data_folder is None:
        raise MsbError(f"--prompt-style {style} brings its own system prompt; drop --system")
    protocol = read_protocol(asked.data_folder)
    protocol.target_prompt(family, "")  # an unknown family is said now, not at the first call
    return PaperStyle(protocol, family)
