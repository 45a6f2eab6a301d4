"""A study file: targets x benchmarks, by a panel of judges.

    name: ours
    judges: [{model: openai:judge-model, url: http://127.0.0.1:8001/v1}]
    benchmarks: [starter/eval, {name: medsafety/eval, limit: 200}]
    targets:
      - {model: openai:model-a, url: http://127.0.0.1:8000/v1, tags: [medical]}
      - {model: openai:model-b, url: http://127.0.0.1:8002/v1, tags: [general]}

``read_study(path)`` checks it before anything else is done: whatever is wrong is said with the
line, the key, and the nearest key there is. An entry can be told whatever `msb evaluate` can, by
the same names without the role: ``url`` for ``--target-url``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, create_model

from ..documents import Document, Place, checked, read_document
from ..errors import MsbError
from ..evaluation.allowed import Allowed
from ..evaluation.entries import ByName, Strict, entry, keywords
from ..evaluation.options import JudgeOptions, RequestOptions, TargetOptions
from ..evaluation.spec import EvaluationSpec, specified

LEFT_OUT = {"taxonomy", "audit_judge", "audit_limit", "data_dir"}
"""Settings that are not told of one entry."""

TargetEntry = entry(Strict, TargetOptions, "target", tags=(list[str], []), name=(str | None, None))
JudgeEntry = entry(ByName, JudgeOptions, "judge", LEFT_OUT)
BenchmarkEntry = entry(ByName, RequestOptions, "benchmark", LEFT_OUT, rubric=(str | None, None))


class _Head(Strict):
    """What a study says besides its lists. ``defaults`` are for every target."""

    name: str
    description: str = ""
    store: Path = Path("medsafety.db")
    rubric: str = "ama"
    taxonomy: str = "ama"
    batch: str | None = None
    judge_max_tokens: int = Field(1024, ge=1)
    judge_params: dict[str, Any] = Field({})
    defaults: dict[str, Any] = Field({})


_LISTS: dict[str, type[Strict]] = {
    "judges": JudgeEntry,
    "benchmarks": BenchmarkEntry,
    "targets": TargetEntry,
}
_File = create_model(
    "Study",
    __base__=_Head,
    **{name: (list[kind], Field(min_length=1)) for name, kind in _LISTS.items()},  # type: ignore[call-overload,valid-type]
)


@dataclass(frozen=True)
class Entry:
    """A target, judge or benchmark of a study: its name, and what an evaluation is told of it.

    ``tags`` group targets for contrasts, such as medical against general; ``called`` is what a
    target was told to be called.
    """

    name: str
    told: Mapping[str, Any]
    tags: tuple[str, ...] = ()
    called: str | None = None


@dataclass(frozen=True)
class Study:
    """A study: its lists, what is told of every evaluation and judge, and the hash of its file."""

    name: str
    store: Path
    judges: list[Entry]
    benchmarks: list[Entry]
    targets: list[Entry]
    of_all: Mapping[str, Any]
    of_judges: Mapping[str, Any]
    description: str = ""
    allowed: Allowed = field(default_factory=Allowed)
    sha256: str = ""

    def spec(self, target: Entry, benchmark: Entry) -> EvaluationSpec:
        """The evaluation of a target on a benchmark. Raises MsbError for what excludes itself."""
        asked = dict(benchmark.told)
        usual = {**self.of_judges}
        if rubric := asked.pop("rubric", None):
            usual["rubric"] = rubric
        each = [{**usual, **judge.told} for judge in self.judges]
        panel = {name: [one.get(name) for one in each] for one in each for name in one}
        of_run = {"store": self.store, "name": target.called}
        return specified(**of_run, **self.of_all, **panel, **target.told, **asked)


def read_study(path: str | Path, allowed: Allowed | None = None) -> Study:
    """The study in a YAML file, and what whoever reads it allows it to do (None: nothing).

    Raises MsbError with file, line and key for what is wrong. Nothing is imported.
    """
    document = read_document(path, "targets, benchmarks and judges")
    _check_defaults(document)
    found = checked(document, _File, _known, _with_defaults(document.data))
    study = _study(found)
    _check_each(document, study)
    return replace(study, allowed=allowed or Allowed(), sha256=document.sha256)


def _study(found: Any) -> Study:
    return Study(
        name=found.name,
        store=found.store,
        judges=[Entry(one.model, _told(JudgeOptions, "judge", one)) for one in found.judges],
        benchmarks=[
            Entry(one.name, {**_told(RequestOptions, "benchmark", one), "rubric": one.rubric})
            for one in found.benchmarks
        ],
        targets=[
            Entry(one.model, _told(TargetOptions, "target", one), tuple(one.tags), one.name)
            for one in found.targets
        ],
        of_all={"taxonomy": found.taxonomy, "batch": found.batch},
        of_judges={
            "rubric": found.rubric,
            "judge_max_tokens": found.judge_max_tokens,
            "judge_param": found.judge_params,
        },
        description=found.description,
    )


def _told(kind: type, role: str, found: BaseModel) -> dict[str, Any]:
    return keywords(kind, role, found, LEFT_OUT)


def _check_defaults(document: Document) -> None:
    """Say what is wrong with the defaults where they stand, not at the first target."""
    defaults = document.data.get("defaults", {})
    if not isinstance(defaults, dict):
        raise document.wrong(("defaults",), "defaults: expected keys of a target")
    checked(document, TargetEntry, _known, {"model": "none", **defaults}, ("defaults",))


def _check_each(document: Document, study: Study) -> None:
    """Say what no key alone shows: settings that exclude each other, and a target that is twice."""
    for i, benchmark in enumerate(study.benchmarks):
        try:
            study.spec(study.targets[0], benchmark)
        except MsbError as error:
            raise document.wrong(("benchmarks", i), f"benchmarks[{i}]: {error}") from None
    for i, target in enumerate(study.targets):
        try:
            study.spec(target, study.benchmarks[0])
        except MsbError as error:
            raise document.wrong(("targets", i), f"targets[{i}]: {error}") from None
        if any(target.told == other.told for other in study.targets[:i]):
            why = f"{target.name} is there twice with the same settings"
            raise document.wrong(("targets", i), f"targets[{i}]: {why}")


def _with_defaults(found: dict[str, Any]) -> dict[str, Any]:
    targets = found.get("targets")
    if not isinstance(targets, list):
        return found
    defaults = found.get("defaults", {})
    merged = [{**defaults, **t} if isinstance(t, dict) else t for t in targets]
    return {**found, "targets": merged}


def _known(place: Place) -> set[str]:
    """The keys that may stand where this one does."""
    inside: dict[str, type[BaseModel]] = {**_LISTS, "defaults": TargetEntry}
    model = inside.get(str(place[0]), _File) if len(place) > 1 else _File
    return set(model.model_fields)
