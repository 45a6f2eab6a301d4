"""How a model is reached, beside its name, and what it costs.

Endpoint("http://127.0.0.1:8000/v1", key_env="MY_KEY", concurrency=64)
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import MsbError


@dataclass(frozen=True)
class Price:
    """US dollars for a million tokens, in and out."""

    input: float
    output: float

    @classmethod
    def parse(cls, text: str) -> Price:
        """From ``IN,OUT``, such as ``0.15,0.60``. Raises MsbError otherwise."""
        try:
            into, out = map(float, text.split(","))
        except ValueError:
            raise MsbError(
                f"price {text!r}; expected IN,OUT in dollars for a million tokens, like 0.15,0.60"
            ) from None
        return cls(into, out)

    def at(self, share: float) -> Price:
        """So much of it."""
        return Price(self.input * share, self.output * share)

    def of(self, input_tokens: float, output_tokens: float) -> float:
        """The cost of so many tokens, in dollars."""
        return (input_tokens * self.input + output_tokens * self.output) / 1e6


@dataclass(frozen=True)
class Endpoint:
    """Where and how a model is called.

    ``key_env`` names the environment variable with its key; without one, ``role_key`` says if the
    key of all targets or judges (``MSB_JUDGE_API_KEY``) is for this one's host; ``revision`` says
    what it serves; ``timeout`` is seconds for one attempt, ``retries`` how many more may follow. A
    model on this machine has a ``template`` (chat, alpaca, plain or a Jinja file), a ``dtype`` and
    a ``device``, each None for a sensible default, and runs code of its own only with
    ``trust_remote_code``.
    """

    url: str | None = None
    key_env: str | None = None
    revision: str | None = None
    concurrency: int = 32
    timeout: float = 120.0
    retries: int = 5
    template: str | None = None
    dtype: str | None = None
    device: str | None = None
    trust_remote_code: bool = False
    role_key: bool = True
