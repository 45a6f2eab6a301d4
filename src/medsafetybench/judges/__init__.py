"""Who scores: opening a judge from its spec.

openai:MODEL      a language model behind any OpenAI-compatible endpoint, with a rubric
hf:MODEL, inspect:PROVIDER/MODEL
                  a local model, or one of Inspect's providers, with a rubric
screen            offline: tells refusal from compliance, measures no severity
screen@BOUNDARY   the same, with another boundary (``msb judge fit``)
phrases           offline: the plain string matcher that papers report, to compare with them
guard:FAMILY:MODEL, guard:FAMILY
                  a guard model, told and read as its family is: safe or not, no severity
criteria:MODEL    a language model with each request's own criteria, one verdict on each
replay:FILE       verdicts made elsewhere
paper             the authors' own judge, gpt-3.5-turbo-0125 with the rubric ``paper``
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..errors import MsbError
from ..models import Meter
from ..models.opening import MODELS, loaded, split_spec
from ..models.settings import Endpoint
from ..records import Sampling
from ..taxonomy import Taxonomy, load_taxonomy
from .bounded import MARK, open_at
from .judge import CRITERIA_PER_CALL, Judge, Judging

LLM, PAPER = "medsafetybench.judges.llm:LLMJudge", "medsafetybench.judges.paper:PaperJudge"

JUDGES: Mapping[str, str] = {
    **dict.fromkeys(MODELS, LLM),
    "guard": "medsafetybench.judges.guards.guard:GuardJudge",
    "criteria": "medsafetybench.judges.criteria.judge:CriteriaJudge",
    "replay": "medsafetybench.judges.replay:ReplayJudge",
    "screen": "medsafetybench.judges.screen:Screen",
    "phrases": "medsafetybench.judges.phrases:Phrases",
    "paper": PAPER,
    "paper-general": PAPER,
}
"""The class behind each scheme, loaded when it is first asked for. Its ``open`` takes the spec and
how it judges (``Judging``)."""

ALONE = {"screen", "phrases", "paper", "paper-general"}
"""Specs without a name behind them."""

BY_RUBRIC: Mapping[str, str] = {"paper": PAPER, "paper-general": PAPER}
"""Rubrics that a model follows with a class of their own."""

__all__ = ["JUDGES", "Judge", "open_judge"]


def open_judge(
    spec: str,
    endpoint: Endpoint | None = None,
    rubric: str = "ama",
    taxonomy: Taxonomy | None = None,
    sampling: Sampling | None = None,
    meter: Meter | None = None,
    data_folder: Path | None = None,
    criteria_per_call: int = CRITERIA_PER_CALL,
) -> Judge:
    """The judge that a spec names. Raises MsbError for an unknown scheme or rubric.

    The rubrics ``paper`` and ``paper-general`` read the authors' texts from ``data_folder``.
    """
    if spec.partition(MARK)[0] in ALONE and MARK in spec:
        return open_at(spec, JUDGES[spec.partition(MARK)[0]], meter)
    scheme = spec if spec in ALONE else split_spec(spec, "judge", JUDGES)[0]
    if scheme in ALONE and scheme != spec:
        raise MsbError(f"judge {spec!r}; expected {scheme} and nothing behind it")
    told = endpoint or Endpoint(), rubric, taxonomy or load_taxonomy(), sampling, meter
    judging = Judging(*told, data_folder, criteria_per_call)
    place = BY_RUBRIC.get(rubric, JUDGES[scheme]) if scheme in MODELS else JUDGES[scheme]
    judge: Judge = loaded(place).open(spec, judging)
    return judge
