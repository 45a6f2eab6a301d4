"""The run: carried out, stored, resumed, estimated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .calling import evaluate
    from .run import Run, open_run
    from .spec import EvaluationSpec

__all__ = ["EvaluationSpec", "Run", "evaluate", "open_run"]

_HOMES = {
    "EvaluationSpec": ".spec",
    "Run": ".run",
    "evaluate": ".calling",
    "open_run": ".run",
}


def __getattr__(name: str) -> Any:
    # Looked up on first use: what an evaluation can be told is known without numpy or a network.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name], __name__), name)
