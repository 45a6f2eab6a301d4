"""Opening a model from its spec.

open_model("openai:my-model", Endpoint(url="http://127.0.0.1:8000/v1"), role="target")
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from importlib import import_module
from typing import Any

from ..errors import MsbError, UnknownName
from .model import Meter, Model
from .settings import Endpoint

MODELS: Mapping[str, str] = {
    "openai": "medsafetybench.models.openai:OpenAIModel",
    "hf": "medsafetybench.models.hf:HFModel",
    "inspect": "medsafetybench.models.inspect:InspectModel",
}
"""The class behind each scheme, loaded when it is first asked for. Its ``open`` takes the name, the
endpoint, the role and the meter."""

GUARD_SPEC = re.compile(rf"guard:(?P<family>.+?)(?::(?P<model>(?:{'|'.join(MODELS)}):.+))?")
"""A guard's spec: its family and, unless that is at an address, the model's own spec."""


def behind(spec: str) -> str:
    """The spec of the model that a judge's spec asks: ``guard:ours:hf:FOLDER`` asks ``hf:FOLDER``,
    and so does ``criteria:hf:FOLDER``.

    A guard without a model's spec is served under its family's name.
    """
    spec = spec.removeprefix("criteria:")
    found = GUARD_SPEC.fullmatch(spec)
    return spec if found is None else found["model"] or f"openai:{found['family']}"


def loaded(place: str) -> Any:
    """What ``module:NAME`` names."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def split_spec(spec: str, kind: str, schemes: Collection[str]) -> tuple[str, str]:
    """``scheme:rest`` as its two parts. Raises MsbError for an unknown scheme or an empty rest."""
    scheme, _, rest = spec.partition(":")
    if scheme not in schemes:
        raise UnknownName(f"{kind} scheme", scheme, schemes)
    if not rest:
        raise MsbError(f"{kind} {spec!r} names nothing after {scheme!r}; expected {scheme}:NAME")
    return scheme, rest


def open_model(spec: str, endpoint: Endpoint, role: str, meter: Meter | None = None) -> Model:
    """The model that a spec such as ``openai:my-model`` names. ``role``: target or judge.

    Raises MsbError for an unknown scheme, a bad address, a key that is missing, or files that are.
    """
    scheme, name = split_spec(spec, role, MODELS)
    model: Model = loaded(MODELS[scheme]).open(name, endpoint, role, meter)
    return model
