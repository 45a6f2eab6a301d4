"""A Python function as the model of a stage: whatever `msb evaluate` can ask, `msb build` can too.

model = open_any("python:app:answer", Endpoint(), meter)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import StopRun
from ..models import Meter, Model
from ..models.opening import open_model
from ..models.settings import Endpoint
from ..records import Conversation, Request, Response, Sampling
from ..targets.python import PythonTarget, import_function

PYTHON = "python:"


class Application:
    """Completes a conversation of one turn by calling the function; its sampling is its own."""

    def __init__(self, target: PythonTarget) -> None:
        self.name = target.name
        self.concurrency = target.concurrency
        self.meter: Meter = target.meter
        self._target = target

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        """The target's."""
        return self._target.fingerprint

    async def complete(self, conversation: Conversation, sampling: Sampling) -> Response:
        """What the function returns. Raises StopRun for more than one turn."""
        if [turn["role"] for turn in conversation] != ["user"]:
            raise StopRun(f"{self.name} takes one text, not a conversation; use --way direct")
        return await self._target.respond(Request("build", conversation[0]["content"]))

    async def close(self) -> None:
        """Close the target."""
        await self._target.close()


def open_any(spec: str, endpoint: Endpoint, meter: Meter) -> Model:
    """The model that a spec names, a ``python:`` function among them. Raises MsbError."""
    if not spec.startswith(PYTHON):
        return open_model(spec, endpoint, "target", meter)
    function = import_function(spec.removeprefix(PYTHON))
    return Application(
        PythonTarget(function, endpoint.revision, endpoint.concurrency, endpoint.timeout, meter)
    )
