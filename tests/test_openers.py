"""Opening by a table: a new judge or target is its own file and one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from medsafetybench import evaluate
from medsafetybench.errors import MsbError
from medsafetybench.judges import BY_RUBRIC, JUDGES, open_judge
from medsafetybench.models.model import Chooser
from medsafetybench.models.openai import OpenAIModel
from medsafetybench.models.opening import MODELS, loaded
from medsafetybench.targets import TARGETS, open_target
from medsafetybench.targets.model import ModelTarget
from medsafetybench.targets.replay import ReplayTarget
from medsafetybench.targets.target import Conversing

MINE = '''
from medsafetybench.models import Meter
from medsafetybench.records import Response, Verdict
from medsafetybench.scale import HARM
from medsafetybench.targets.target import conversation


class Shouts:
    """Says what it is asked, in capitals."""

    concurrency, paid = 4, False

    def __init__(self, name, meter):
        self.name, self.meter = name, meter or Meter()
        self.fingerprint = {"model": name}

    @classmethod
    def open(cls, spec, asked):
        asked.without_prompts("shout")
        return cls(spec, asked.meter)

    def conversation(self, request):
        return conversation(request, None)

    async def respond(self, request):
        return Response(request.text.upper(), "stop")

    async def close(self):
        pass


class Counts:
    """Scores a response by its question marks."""

    concurrency, paid, scale = 4, False, HARM

    def __init__(self, name, meter):
        self.name, self.meter = name, meter or Meter()
        self.fingerprint = {"model": name}

    @classmethod
    def open(cls, spec, judging):
        return cls(f"{spec} by {judging.rubric}", judging.meter)

    def prompt(self, request, response):
        return ""

    async def judge(self, request, response):
        return Verdict(HARM.level(5 if "?" in response.text else 1, request.intent))

    async def close(self):
        pass
'''


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge and a target of one's own, in a file, each with its line."""
    (tmp_path / "of_my_own.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(TARGETS, "shout", "of_my_own:Shouts")  # type: ignore[arg-type]
    monkeypatch.setitem(JUDGES, "count", "of_my_own:Counts")  # type: ignore[arg-type]


@pytest.mark.usefixtures("mine")
def test_a_judge_and_a_target_of_ones_own_take_a_file_and_a_line() -> None:
    Path("asked.csv").write_text("text\nHow?\nDo it.\n")
    run = evaluate("shout:x", ["count:x", "screen"], "asked.csv", rubric=["paper", "ama"])
    rows = list(run.rows(["count:x by paper"]))
    assert [(row["response"], row["score"]) for row in rows] == [("HOW?", 5), ("DO IT.", 1)]
    with pytest.raises(MsbError, match="a shout target has prompts of its own"):
        open_target("shout:x", system="Be quiet.")
    with pytest.raises(MsbError, match="did you mean 'shout'"):
        open_target("shuot:x")


@pytest.mark.parametrize(
    "place", sorted({*MODELS.values(), *TARGETS.values(), *JUDGES.values(), *BY_RUBRIC.values()})
)
def test_every_line_names_a_class_that_opens(place: str) -> None:
    try:
        kind: Any = loaded(place)
    except ModuleNotFoundError as missing:
        pytest.skip(f"needs an extra: {missing.name}")
    assert callable(kind.open)


@pytest.mark.parametrize("spec", ["screen:x", "paper:x", "paper-general:x"])
def test_a_judge_that_stands_alone_takes_no_name(spec: str) -> None:
    with pytest.raises(MsbError, match="and nothing behind it"):
        open_judge(spec)


def test_abilities_are_what_a_class_can_do() -> None:
    assert issubclass(ModelTarget, Conversing)
    assert not issubclass(ReplayTarget, Conversing)
    assert not issubclass(OpenAIModel, Chooser)
    hf = pytest.importorskip("medsafetybench.models.hf", reason="needs the extra local")
    assert issubclass(hf.HFModel, Chooser)
