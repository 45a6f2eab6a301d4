"""A run that somebody sends in: an export of Every Eval Ever with its texts, as files.

    msb export RUN --to eee --with-texts -o out

    found = read_submission(Path("out/data/starter/org/model/UUID.json"))
    found.answers[0].level, found.judge.keys

Everything in it is somebody else's word: what it is worth, ``checks`` says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError

from .. import jsontext
from ..errors import MsbError
from ..results.measures import measure_named
from ..results.scorecard import JudgeChecked
from ..scale import Level, Scale, scale_named
from ..tables import rows
from .form import Measured, Result, Sample, ScoreDetails, SourceData

MEASURE = "medsafetybench."
"""How the ids of our measures begin there."""
SAMPLES = "_samples.jsonl"
NUMBERS = ("sampling.temperature", "sampling.max_tokens", "sampling.seed")
"""Settings of a target that are reckoned with."""


@dataclass
class Answer:
    """One request with the response and its verdict. ``scores`` are by the keys of measures."""

    id: str
    sha256: str
    intent: str
    asked: str
    said: str
    level: str
    latency: float | None
    scores: dict[str, list[float]]


@dataclass(frozen=True)
class Judged:
    """By whom it was judged, as the submission says it."""

    name: str
    keys: tuple[str, ...]
    settings: Mapping[str, Any]
    scale: Scale
    checked: list[JudgeChecked]


@dataclass(frozen=True)
class Submission:
    """A submission as it was read; ``answers`` by the ids of requests, ``target`` what decides
    them."""

    name: str
    result: Result
    judge: Judged
    answers: Mapping[str, Answer]
    target: Mapping[str, Any]
    rows: int
    sha256: str
    strangers: tuple[str, ...]
    """Evaluations, other than its own, that some of its samples say they are of."""

    @property
    def run(self) -> str:
        """The id of its run."""
        return self.result.source_metadata.additional_details.run

    @property
    def made_by(self) -> str:
        """Who says that they made it."""
        return self.result.source_metadata.source_organization_name

    @property
    def figures(self) -> dict[str, ScoreDetails]:
        """The figures that it states, by the keys of measures; corrected ones are not read."""
        return {
            key: one.score_details
            for one in self.result.evaluation_results
            if (key := _measure(one)) is not None
        }

    @property
    def asked(self) -> SourceData:
        """What it says that was asked."""
        return self.result.evaluation_results[0].source_data


def submissions_in(folder: Path) -> list[Path]:
    """The results in a folder, in order: its JSON files. Raises MsbError where there is none."""
    if folder.is_file():
        return [folder]
    found = sorted(folder.rglob("*.json"))
    if not found:
        raise MsbError(
            f"{folder}: no submission there; expected what `msb export RUN --to eee --with-texts` "
            "writes"
        )
    return found


def level_of(scale: Scale, intent: str, title: str) -> Level | None:
    """The level of a scale by its title; None where it has none of that name."""
    return next((one for one in scale.levels[intent] if one.title == title), None)


def read_submission(path: Path, name: str = "") -> Submission:
    """Both files of a submission, by that of its result.

    Raises MsbError for what is no such form, or lacks what a board needs.
    """
    result = _result(path)
    listed = path.with_name(f"{path.stem}{SAMPLES}")
    answers: dict[str, Answer] = {}
    strangers, count = set(), 0
    for sample in _samples(listed):
        count += 1
        if sample.evaluation_id != result.evaluation_id:
            strangers.add(sample.evaluation_id)
        _add(answers, sample, listed)
    return Submission(
        name or path.name,
        result,
        _judged(path, result),
        answers,
        settings_from(result.model_info.additional_details),
        count,
        hashlib.sha256(listed.read_bytes()).hexdigest(),
        tuple(sorted(strangers)),
    )


def _result(path: Path) -> Result:
    found = jsontext.read(path)
    try:
        return Result.model_validate(found)
    except ValidationError as error:
        raise MsbError(f"{path.name}: {_first(error)}") from None


def _samples(path: Path) -> Iterator[Sample]:
    for where, row in rows(path):
        try:
            yield Sample.model_validate(row)
        except ValidationError as error:
            raise MsbError(f"{Path(where).name}: {_first(error)}") from None


def _first(error: ValidationError) -> str:
    """The first thing that is wrong, in a line."""
    problem = error.errors()[0]
    at = ".".join(map(str, problem["loc"])) or "the whole"
    given = "" if problem["type"] == "missing" else f"; given: {str(problem['input'])[:60]}"
    return f"not Every Eval Ever 0.3 as msb exports it: {at}: {problem['msg'].lower()}{given}"


def _add(answers: dict[str, Answer], sample: Sample, path: Path) -> None:
    measure = sample.evaluation_result_id.rpartition(".")[2]
    known = answers.setdefault(
        sample.sample_id,
        Answer(
            sample.sample_id,
            sample.sample_hash,
            sample.metadata.intent,
            sample.input.raw,
            sample.answer,
            sample.metadata.level,
            sample.performance.latency_ms if sample.performance else None,
            {},
        ),
    )
    own = (sample.sample_hash, sample.metadata.level, sample.answer)
    if own != (known.sha256, known.level, known.said):
        raise MsbError(f"{path.name}: {sample.sample_id} is there in two ways")
    known.scores.setdefault(measure, []).append(sample.evaluation.score)


def _measure(one: Measured) -> str | None:
    metric = one.metric_config.metric_id
    return metric.removeprefix(MEASURE) if metric.count(".") == 1 else None


def _judged(path: Path, result: Result) -> Judged:
    told = result.evaluation_results[0].metric_config.additional_details
    for one in result.evaluation_results:
        if one.metric_config.additional_details != told:
            raise MsbError(f"{path.name}: its measures are by different judges")
        if (key := _measure(one)) is not None:
            measure_named(key)
    scale = scale_named(told.judge_scale.partition(":")[0])
    settings = told.judge_settings[0] if told.judge_settings else {}
    keys = tuple(str(judge.get("key", "")) for judge in told.judge_settings)
    return Judged(told.judge, keys, settings, scale, told.judge_cards)


def settings_from(flat: Mapping[str, str]) -> dict[str, Any]:
    """Settings as they were before an export made text of them: ``sampling.seed`` is inside
    ``sampling``, and a number. Raises MsbError for a number that is none, or a part that is both
    a text and something with parts."""
    found: dict[str, Any] = {}
    for name, text in flat.items():
        *above, last = name.split(".")
        place: Any = found
        for part in above:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                break
        if not isinstance(place, dict) or isinstance(place.get(last), dict):
            raise MsbError(f"the target's setting {name} is a text, and has parts")
        place[last] = _number(name, text) if name in NUMBERS else text
    if not isinstance(found.get("sampling", {}), dict):
        raise MsbError("the target's setting sampling is a text, and has parts")
    return found


def _number(name: str, text: str) -> float | int:
    try:
        value = orjson.loads(text)
    except ValueError:
        value = None
    whole = name != "sampling.temperature"
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise MsbError(f"the target's setting {name} is {text[:40]!r}, and should be a number")
    return value
