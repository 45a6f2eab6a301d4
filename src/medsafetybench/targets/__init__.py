"""Who answers: opening a target from its spec.

openai:MODEL                       any OpenAI-compatible endpoint
hf:ORG/NAME, hf:FOLDER, hf:demo    a local model; hf:...+ADAPTER with an adapter
inspect:PROVIDER/MODEL             any provider that Inspect has
python:package.module:function     your function, sync or async
replay:FILE                        responses collected elsewhere
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..models import Meter
from ..models.opening import MODELS, loaded, split_spec
from ..models.settings import Endpoint
from ..records import Sampling
from .target import Asked, Target

TARGETS: Mapping[str, str] = {
    **dict.fromkeys(MODELS, "medsafetybench.targets.model:ModelTarget"),
    "python": "medsafetybench.targets.python:PythonTarget",
    "replay": "medsafetybench.targets.replay:ReplayTarget",
}
"""The class behind each scheme, loaded when it is first asked for. Its ``open`` takes the spec and
how it is asked (``Asked``)."""

__all__ = ["TARGETS", "Target", "as_typed", "open_target"]


def open_target(
    spec: str | Callable[[str], Any],
    endpoint: Endpoint | None = None,
    system: str | None = None,
    sampling: Sampling | None = None,
    meter: Meter | None = None,
    prompt_style: str | None = None,
    data_folder: Path | None = None,
) -> Target:
    """The target that a spec names, or a Python function as one.

    ``prompt_style`` ``paper:FAMILY`` builds prompts as the paper did, from the authors' files in
    ``data_folder``. Raises MsbError for an unknown scheme, or settings that the target cannot
    honour.
    """
    scheme = "python" if callable(spec) else split_spec(spec, "target", TARGETS)[0]
    asked = Asked(endpoint or Endpoint(), system, sampling, prompt_style, meter, data_folder)
    target: Target = loaded(TARGETS[scheme]).open(spec, asked)
    return target


def as_typed(spec: str) -> str:
    """A spec as people call it: files and folders without those that they lie in."""
    scheme, _, name = spec.partition(":")
    if scheme == "replay":
        return f"replay:{Path(name).name}"
    parts = name.split("+") if scheme == "hf" else [name]
    return f"{scheme}:{'+'.join(map(_without_folders, parts))}"


def _without_folders(name: str) -> str:
    path = Path(name)
    return path.expanduser().resolve().name if path.is_dir() or path.is_absolute() else name
