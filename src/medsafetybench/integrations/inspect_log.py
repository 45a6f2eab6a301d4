"""A log of Inspect's, .eval or .json, as a record of ours.

    read_inspect_log(Path("logs/2026-11-24T10-00-00+00-00_medsafety_abc.eval"))

Taken over: every sample of every epoch with its id, request, the conversation before the response,
response, finish reason, tokens, time and error, and the metadata that our requests have (intent,
principle, source, pair, reference); the verdict, rationale and reason of our own judges on their
scales, and of every scorer on the scale 1-5. Another scorer is named in the notes and left out: its
figures are not ours.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import MissingExtra, MsbError
from ..models.inspect import read_output
from ..records import Conversation, Response, Verdict
from ..scale import HARM, REFUSAL, Scale, scale_named
from .recorded import Identity, Recorded, Sample
from .requests import request_from

FULFILS, NOT_DECLINED = 5, 4
"""What `screen` called a response that declines nothing before it was on a scale of its own, and
what that is on it."""

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample
    from inspect_ai.scorer import Score


def read_inspect_log(path: Path, intent: str | None = None) -> Recorded:
    """Read a log. ``intent`` is for requests that do not say theirs (harmful if None).

    Raises MsbError if it is none, or holds no sample.
    """
    log = _read(path)
    samples = _in_order(log)
    if not samples:
        raise MsbError(f"{path}: this log holds no samples; its status is {log.status!r}")
    ours, left_out = _scorers(samples)
    judges = _identities(samples, ours)
    scales = {name: judges[name].scale if name in judges else HARM for name in ours}
    notes = [f"scorer {name!r} is not on the scale 1-5 and was left out" for name in left_out]
    return Recorded(
        target=log.eval.model,
        format="inspect",
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        samples=[_sample(sample, scales, intent) for sample in samples],
        benchmark=log.eval.dataset.name or log.eval.task,
        scorers=judges,
        settings=_settings(log),
        notes=notes,
    )


def _read(path: Path) -> EvalLog:
    try:
        from inspect_ai.log import read_eval_log
    except ImportError:
        raise MissingExtra("an Inspect log", "inspect") from None
    try:
        return read_eval_log(str(path), resolve_attachments=True)
    except Exception as error:
        raise MsbError(
            f"{path}: not an Inspect log: {' '.join(str(error).split())[:200]}"
        ) from None


def _in_order(log: EvalLog) -> list[EvalSample]:
    """The samples in the dataset's order: a log keeps them in another, and the order is part of a
    benchmark's hash."""
    order = {identity: i for i, identity in enumerate(log.eval.dataset.sample_ids or [])}
    samples = log.samples or []
    return sorted(samples, key=lambda s: (s.epoch, order.get(s.id, len(order))))


def _settings(log: EvalLog) -> Mapping[str, Any]:
    """How the target was sampled, as far as the log says."""
    config = log.eval.model_generate_config
    return {"sampling": config.model_dump(exclude_none=True, mode="json")}


def _sample(sample: EvalSample, scales: Mapping[str, Scale], intent: str | None) -> Sample:
    said = _conversation(sample)
    users = [turn["content"] for turn in said if turn["role"] == "user"]
    identity = str(sample.id) if sample.epoch == 1 else f"{sample.id}#{sample.epoch}"
    text = users[-1] if users else str(sample.input)
    scores = sample.scores or {}
    return Sample(
        request_from(identity, text, sample.metadata, intent, sample.target),
        _response(sample),
        {name: _verdict(scores[name], scale) for name, scale in scales.items() if name in scores},
        said,
    )


def _conversation(sample: EvalSample) -> Conversation:
    """All messages before the last response."""
    messages = list(sample.messages)
    while messages and messages[-1].role == "assistant":
        messages.pop()
    if not messages and isinstance(sample.input, str):
        return [{"role": "user", "content": sample.input}]
    return [{"role": message.role, "content": message.text} for message in messages or sample.input]  # type: ignore[union-attr]


def _response(sample: EvalSample) -> Response:
    if sample.error:
        return Response(error=" ".join(sample.error.message.split()) or "error in Inspect")
    return read_output(sample.output)


def _scorers(samples: list[EvalSample]) -> tuple[list[str], list[str]]:
    """The names of the scorers on our scale, and of the others."""
    scores: dict[str, list[Score]] = {}
    for sample in samples:
        for name, score in (sample.scores or {}).items():
            scores.setdefault(name, []).append(score)
    ours = [name for name, found in scores.items() if _ours(found)]
    return ours, [name for name in scores if name not in ours]


def _ours(scores: list[Score]) -> bool:
    """True if all values are on our scale. One that only ever gives 1 may as well mean "right", so
    of those only our own are."""
    values = [score.value for score in scores if not _unscored(score.value)]
    if not all(isinstance(v, int | float) and v in (1, 2, 3, 4, 5) for v in values):
        return False
    if any(isinstance(v, bool) for v in values):
        return False
    return any(v != 1 for v in values) or any(_judge_of(score) for score in scores)


def _unscored(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _verdict(score: Score, scale: Scale) -> Verdict:
    rationale = score.explanation or ""
    metadata = score.metadata or {}
    if _unscored(score.value):
        reason = str(score.reason or metadata.get("reason") or "unscored")
        return Verdict(reason=reason, rationale=rationale, error=bool(metadata.get("error")))
    value = int(score.value)  # type: ignore[arg-type]
    if scale is REFUSAL and value == FULFILS:
        value = NOT_DECLINED
    if value not in scale.scores("harmful"):
        return Verdict(reason="out_of_range", rationale=rationale)
    return Verdict(
        scale.level(value),
        rationale=rationale,
        calls=int(metadata.get("calls") or 0),
        input_tokens=metadata.get("input_tokens"),
        output_tokens=metadata.get("output_tokens"),
        latency=metadata.get("latency"),
    )


def _identities(samples: list[EvalSample], scorers: list[str]) -> dict[str, Identity]:
    """What identifies each of our own judges: its scorer left it with every score."""
    found: dict[str, Identity] = {}
    for sample in samples:
        for name in scorers:
            judge = _judge_of(sample.scores[name]) if name in (sample.scores or {}) else None  # type: ignore[index]
            if judge and name not in found:
                found[name] = judge
    return found


def _judge_of(score: Score) -> Identity | None:
    judge = (score.metadata or {}).get("judge")
    if isinstance(judge, Mapping) and isinstance(judge.get("fingerprint"), Mapping):
        return Identity(str(judge.get("name")), judge["fingerprint"], _scale_of(judge))
    return None


def _scale_of(judge: Mapping[str, Any]) -> Scale:
    """A judge's scale; logs of before there were scales say it by what the judge is."""
    screen = judge["fingerprint"].get("judge") == "screen"
    return scale_named(str(judge.get("scale") or (REFUSAL if screen else HARM).key))
