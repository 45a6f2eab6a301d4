"""The run: carried out, stored, resumed, estimated."""

from ..results.run import Run, open_run
from .evaluation import evaluate

__all__ = ["Run", "evaluate", "open_run"]
