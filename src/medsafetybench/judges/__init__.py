"""Who scores: opening a judge from its spec.

openai:MODEL      a language model behind any OpenAI-compatible endpoint, with a rubric
hf:MODEL, inspect:PROVIDER/MODEL
                  a local model, or one of Inspect's providers, with a rubric
screen            offline: tells refusal from compliance, measures no severity
replay:FILE       verdicts made elsewhere
paper             the authors' own judge, gpt-3.5-turbo-0125 with the rubric ``paper``
"""

from __future__ import annotations

from pathlib import Path

from ..errors import MsbError
from ..models import Meter, Model
from ..models.opening import MODELS, open_model, split_spec
from ..models.settings import Endpoint
from ..records import Sampling
from ..taxonomy import Taxonomy, load_taxonomy
from .judge import Judge

SCHEMES = (*MODELS, "replay", "screen", "paper", "paper-general")
PAPER_RUBRICS = ("paper", "paper-general")
PAPER_MODEL = "gpt-3.5-turbo-0125"

__all__ = ["SCHEMES", "Judge", "open_judge"]


def open_judge(
    spec: str,
    endpoint: Endpoint | None = None,
    rubric: str = "ama",
    taxonomy: Taxonomy | None = None,
    sampling: Sampling | None = None,
    meter: Meter | None = None,
    data_folder: Path | None = None,
) -> Judge:
    """The judge that a spec names. Raises MsbError for an unknown scheme or rubric.

    The rubrics ``paper`` and ``paper-general`` read the authors' texts from ``data_folder``.
    """
    if spec in PAPER_RUBRICS:
        spec, rubric = f"openai:{PAPER_MODEL}", spec
    if spec == "screen":
        from .screen import Screen

        return Screen(meter)
    scheme, rest = split_spec(spec, "judge", SCHEMES)
    if scheme == "replay":
        from .replay import ReplayJudge

        return ReplayJudge(Path(rest).expanduser(), meter)
    model = open_model(spec, endpoint or Endpoint(), "judge", meter)
    if rubric in PAPER_RUBRICS:
        return _paper_judge(model, rubric, data_folder)
    from .llm import LLMJudge
    from .rubric import load_rubric

    return LLMJudge(model, load_rubric(rubric, taxonomy or load_taxonomy()), sampling)


def _paper_judge(model: Model, rubric: str, folder: Path | None) -> Judge:
    from ..protocol import read_protocol
    from .paper import PaperJudge

    if folder is None:
        raise MsbError(f"rubric {rubric!r} reads the authors' files; say where with data_folder")
    return PaperJudge(model, read_protocol(folder), rubric)
