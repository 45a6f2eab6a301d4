"""What a file of settings may make this machine do; whoever runs it says so, never the file.

    allowed = Allowed(python=True)
    allowed.to_open(spec)       # MsbError if it runs code that was not allowed
    allowed.to_ask(spec)        # MsbError if it sends a key that was not allowed
    keys_of(spec)               # [("MSB_JUDGE_API_KEY", "judge.example.org")]

Study files and specs are passed around, and one can name any module to import, a model that brings
code of its own, and an address for any variable of the environment.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from ..errors import MsbError
from ..legible import name as legible
from ..models.address import HOSTED
from ..models.opening import behind
from ..models.settings import Endpoint
from .spec import EvaluationSpec

PYTHON, REMOTE_CODE, KEYS = "--allow-python", "--trust-remote-code", "--allow-keys"
OWN_PAIR = "OPENAI_API_KEY", HOSTED
"""Where this key goes to is no choice of a file's."""


@dataclass(frozen=True)
class Want:
    """What a file would have done here, in a line, and what is said where it is refused."""

    kind: Literal["python", "remote_code", "keys"]
    what: str
    refusal: str


@dataclass(frozen=True)
class Allowed:
    """What a file may do here: import ``python:`` targets, run code that models bring along
    (``remote_code``), send keys of the environment to the addresses it names (``keys``); besides,
    what a person ``confirmed`` of this very file, line by line (decisions.py)."""

    python: bool = False
    remote_code: bool = False
    keys: bool = False
    confirmed: frozenset[str] = frozenset()

    def lacking(self, spec: EvaluationSpec) -> list[Want]:
        """What is wanted and not allowed."""
        return [
            want
            for want in (*_code(spec), *_keys(spec))
            if not getattr(self, want.kind) and want.what not in self.confirmed
        ]

    def to_open(self, spec: EvaluationSpec) -> None:
        """Raise MsbError if opening this would run code that is not allowed."""
        for want in self.lacking(spec):
            if want.kind != "keys":
                raise MsbError(want.refusal)

    def to_ask(self, spec: EvaluationSpec) -> None:
        """Raise MsbError if carrying this out would send a key that is not allowed."""
        told = [want.refusal for want in self.lacking(spec) if want.kind == "keys"]
        if told:
            raise MsbError(f"a file would send {', '.join(told)}; allow it with {KEYS}")


def _code(spec: EvaluationSpec) -> Iterator[Want]:
    """What would run. A path stands with it: the same file elsewhere would run other code."""
    target = spec.target
    if isinstance(target, str) and target.startswith("python:"):
        yield Want(
            "python",
            f"import {legible(target)} in {legible(str(Path.cwd()), 200)}, which runs its code",
            f"{legible(target)} stands in a file and would be imported, which runs code; look "
            f"at it, then allow it with {PYTHON}",
        )
    endpoints = [(target, spec.target_endpoint)]
    endpoints += [(judge.model, judge.endpoint) for judge in spec.judges]
    for model, at in endpoints:
        if at.trust_remote_code:
            folder = Path(str(model).partition(":")[2]).expanduser()
            where = f" in {legible(str(folder.resolve()), 200)}" if folder.exists() else ""
            yield Want(
                "remote_code",
                f"run code that {legible(model)}{where} brings along",
                f"{legible(model)} stands in a file with trust_remote_code, which runs code "
                f"that the model brings along; allow it with {REMOTE_CODE}",
            )


def _keys(spec: EvaluationSpec) -> Iterator[Want]:
    """The variables that are set here and would be sent, each with its host."""
    for variable, where in keys_of(spec):
        if os.environ.get(variable):
            name, host = legible(variable), legible(where, 200)
            yield Want("keys", f"send {name} -> {host}", f"{name} to {host}")


def keys_of(spec: EvaluationSpec) -> list[tuple[str, str]]:
    """Each variable whose value would be sent, with the host (and port) that it goes to.

    Left out is OpenAI's own key on its way to OpenAI.
    """
    found = [*_of("target", str(spec.target), spec.target_endpoint)]
    for number, judge in enumerate(spec.judges, 1):
        found += _of("judge", behind(judge.model), judge.endpoint, number)
    return list(dict.fromkeys(found))


def _of(role: str, model: str, at: Endpoint, number: int = 1) -> Iterator[tuple[str, str]]:
    scheme = model.partition(":")[0]
    if scheme not in ("openai", "inspect") or (scheme == "inspect" and not (at.url or at.key_env)):
        return
    url = at.url or HOSTED
    parts = urlsplit(url)
    named = (f"MSB_{role.upper()}_{number}_API_KEY", f"MSB_{role.upper()}_API_KEY")
    usual = next((one for one in named if os.environ.get(one)), None)
    provider = f"{model.partition(':')[2].partition('/')[0].upper()}_API_KEY"
    variable = at.key_env or (provider if scheme == "inspect" else usual)
    if variable and (variable, url.rstrip("/")) != OWN_PAIR:
        yield variable, parts.netloc.rpartition("@")[2] or url


def told(specs: Iterable[EvaluationSpec]) -> list[str]:
    """A line for each key that goes somewhere: ``key MY_KEY -> host``."""
    pairs = dict.fromkeys(pair for spec in specs for pair in keys_of(spec))
    return [f"key {legible(variable)} -> {legible(where)}" for variable, where in pairs]
