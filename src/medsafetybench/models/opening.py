"""Opening a model from its spec.

open_model("openai:my-model", Endpoint(url="http://127.0.0.1:8000/v1"), role="target")
"""

from __future__ import annotations

from ..errors import MsbError, UnknownName
from .model import Meter, Model
from .settings import Endpoint

MODELS = ("openai", "hf", "inspect")


def split_spec(spec: str, kind: str, schemes: tuple[str, ...]) -> tuple[str, str]:
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
    if scheme == "hf":
        # A panel may have one address for all its judges; a target's can only be a mistake.
        if role == "target" and (endpoint.url or endpoint.key_env):
            raise MsbError(f"{spec} runs on this machine; drop --target-url and --target-key-env")
        from .hf import HFModel

        return HFModel(name, endpoint, meter)
    if scheme == "inspect":
        from .inspect import InspectModel

        return InspectModel(name, endpoint, meter)
    if endpoint.template:
        raise MsbError(f"{spec}: the server has the template; --{role}-template is for hf: models")
    from .address import HOSTED, resolve_key
    from .openai import OpenAIModel

    url = endpoint.url or HOSTED
    return OpenAIModel(
        name,
        url,
        key=resolve_key(url, endpoint.key_env, role),
        revision=endpoint.revision,
        concurrency=endpoint.concurrency,
        timeout=endpoint.timeout,
        retries=endpoint.retries,
        meter=meter,
    )
