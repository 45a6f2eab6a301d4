"""The command that makes a run again, rebuilt from what the store says it was made of.

    msb evaluate --target openai:my-model --target-revision v2 --judge screen --benchmark starter

What the store does not hold (keys, files of one's own, an address where a revision was given) is
said beside it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..evaluation.recall import imported, recalled
from ..evaluation.spec import EvaluationSpec, command_line
from ..legible import visible
from ..models.opening import behind
from ..results.scorecard import Scorecard
from ..store.labels import PERSON

LONGEST = 300
SELECTED = {"source", "principle", "intent", "exclude_leaked", "only_failed"}
"""Options that narrow a benchmark down, by what its selection calls them."""
KNOWN = {*SELECTED, "pressure", "limit", "seed", "twins"}


def reproduce(settings: Mapping[str, Any], card: Scorecard) -> tuple[str, list[str]]:
    """The command as one shell line, and what has to be known besides."""
    if imported(settings) and settings["target"]["recorded"]["format"] == "eee":
        note = "The run was submitted as an export, and is checked and listed by this command."
        return "msb site --submissions FOLDER", [note]
    if imported(settings):
        return "msb import FILE", ["The run was imported from what another tool recorded."]
    spec = _spec(settings, card)
    options = command_line(spec, always=("target", "judge", "benchmark"))
    line = shlex.join(["msb", "evaluate", *(visible(_short(option)) for option in options)])
    return line.replace("\n", " "), list(_notes(settings, card))


def _spec(settings: Mapping[str, Any], card: Scorecard) -> EvaluationSpec:
    judges = [judge for judge in card.judges if not _model(judge).startswith(PERSON)]
    names = card.judge.split(" + ") if card.judge else []
    replayed = next((name for name in names if name.startswith("replay:")), "")
    spec = EvaluationSpec(**recalled(settings, judges, [replayed] * len(judges)))
    if isinstance(spec.judge_param, tuple):
        spec = replace(spec, judge_param=None)
    return replace(spec, system="@SYSTEM.txt") if _needs_file(spec.system or "") else spec


def _model(judge: Mapping[str, Any]) -> str:
    return str(judge.get("model") or judge.get("judge") or "?")


def _short(option: str) -> str:
    return option if len(option) <= LONGEST else f"{option[:LONGEST]}…"


def _needs_file(system: str) -> bool:
    return len(system) > LONGEST or not system.isprintable() or system.startswith("@")


def _notes(settings: Mapping[str, Any], card: Scorecard) -> Iterator[str]:
    target = settings["target"]
    yield f"The requests must hash to {card.benchmark.sha256}."
    if target["model"] == "replay":
        yield f"The file of responses has the SHA-256 {target['revision']}."
    elif str(target["model"]).startswith("python:"):
        known = "its revision" if target.get("revision") else "the hash of its source"
        yield f"The function must be importable; {known} is all that is known of its version."
    elif target.get("revision") and str(target["model"]).startswith("openai:"):
        yield "The target's address is not part of the run; give --target-url."
    if isinstance(template := target.get("template"), Mapping):
        yield f"The template's file has the SHA-256 {template['sha256']}."
    if _needs_file(target.get("system") or ""):
        yield "SYSTEM.txt holds the system prompt, which the store has in full."
    for judge in card.judges:
        if judge.get("model") == "replay":
            yield f"The file of verdicts has the SHA-256 {judge['revision']}."
        if behind(_model(judge)).startswith("openai:") and not judge.get("url"):
            yield f"The address of {_model(judge)} is not part of the run; give --judge-url."
        if judge.get("person"):
            yield "Labels of people came through `msb annotate`."
    if selected := set(card.benchmark.selection) - KNOWN:
        yield f"The requests were also narrowed down by {', '.join(sorted(selected))}, in Python."
    yield "Keys are read from the environment and never stored."
