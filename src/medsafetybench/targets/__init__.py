"""Who answers: opening a target from its spec.

openai:MODEL                       any OpenAI-compatible endpoint
hf:ORG/NAME, hf:FOLDER, hf:demo    a local model; hf:...+ADAPTER with an adapter
inspect:PROVIDER/MODEL             any provider that Inspect has
python:package.module:function     your function, sync or async
replay:FILE                        responses collected elsewhere
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import MsbError
from ..models import Meter
from ..models.opening import MODELS, open_model, split_spec
from ..models.settings import Endpoint
from ..records import Sampling
from .target import Target

if TYPE_CHECKING:
    from .model import PaperStyle

SCHEMES = (*MODELS, "python", "replay")

__all__ = ["SCHEMES", "Target", "open_target"]


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
    endpoint = endpoint or Endpoint()
    scheme, rest = ("python", "") if callable(spec) else split_spec(spec, "target", SCHEMES)
    if scheme in MODELS:
        from .model import ModelTarget

        style = _paper_style(prompt_style, system, data_folder) if prompt_style else None
        model = open_model(str(spec), endpoint, "target", meter)
        return ModelTarget(model, system, sampling, style)
    if system or prompt_style:
        raise MsbError(
            f"--system and --prompt-style are for models; a {scheme} target has prompts of its own"
        )
    if scheme == "replay":
        from .replay import ReplayTarget

        return ReplayTarget(Path(rest).expanduser(), meter)
    from .python import PythonTarget, import_function

    function = spec if callable(spec) else import_function(rest)
    return PythonTarget(function, endpoint.revision, endpoint.concurrency, endpoint.timeout, meter)


def _paper_style(style: str, system: str | None, folder: Path | None) -> PaperStyle:
    from ..protocol import read_protocol
    from .model import PaperStyle

    scheme, _, family = style.partition(":")
    if scheme != "paper" or not family:
        raise MsbError(f"--prompt-style {style!r}; expected paper:FAMILY, such as paper:llama2")
    if system or folder is None:
        raise MsbError(f"--prompt-style {style} brings its own system prompt; drop --system")
    protocol = read_protocol(folder)
    protocol.target_prompt(family, "")  # an unknown family is said now, not at the first call
    return PaperStyle(protocol, family)
