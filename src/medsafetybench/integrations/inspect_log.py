"""A log of Inspect's, .eval or .json, as a record of ours.

    read_inspect_log(Path("logs/2026-11-24T10-00-00+00-00_medsafety_abc.eval"))

Taken over: every sample of every epoch with its id, request, the conversation before the response,
response, finish reason, tokens, time and error, and the metadata that our requests have (intent,
principle, source, pair, reference); the verdict, rationale and reason of our own judges on their
scales, and of every scorer on the scale 1-5. Another scorer is named in the notes and left out: its
figures are not ours.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..cells import count_of, seconds_of, text_of
from ..conversations import Asked
from ..errors import MissingExtra, MsbError
from ..models.inspect import read_output
from ..records import Conversation, Message, Response, Verdict
from ..scale import HARM, REFUSAL, Scale, scale_named
from .gathering import Gathering
from .recorded import Identity, Recorded

FULFILS, NOT_DECLINED = 5, 4
"""What `screen` called a response that declines nothing before it was on a scale of its own, and
what that is on it."""

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample
    from inspect_ai.model import ChatMessage
    from inspect_ai.scorer import Score


def read_inspect_log(path: Path, intent: str | None = None) -> Recorded:
    """Read a log. ``intent`` is for requests that do not say theirs (harmful if None).

    Raises MsbError if it is none, or holds no sample.
    """
    log = _read(path)
    samples = _in_order(log)
    if not samples:
        raise MsbError(f"{path}: this log holds no samples; its status is {log.status!r}")
    ours, others = _scorers(samples)
    judges = _identities(samples, ours)
    scales = {name: judges[name].scale if name in judges else HARM for name in ours}
    found = Gathering(path, "inspect", intent)
    for sample in samples:
        _gather(found, log.eval.model, sample, scales)
    # Our own task keeps what was said before a request beside it.
    own = any(isinstance((s.metadata or {}).get("context"), list) for s in samples)
    (record,) = found.records(own_systems=own)
    notes = [f"scorer {name!r} is not on the scale 1-5 and was left out" for name in others]
    return replace(
        record,
        benchmark=log.eval.dataset.name or log.eval.task,
        scorers=judges,
        settings={**record.settings, **_settings(log)},
        notes=[*notes, *record.notes],
    )


def _read(path: Path) -> EvalLog:
    try:
        from inspect_ai.log import read_eval_log
    except ImportError:
        raise MissingExtra("an Inspect log", "inspect") from None
    _check_archive(path)
    try:
        return read_eval_log(str(path), resolve_attachments=True)
    except Exception as error:
        raise MsbError(
            f"{path}: not an Inspect log: {' '.join(str(error).split())[:200]}"
        ) from None


LARGEST_UNPACKED, TIMES = 2**28, 100
"""Bytes that a log may unpack to, or so many times its size if that is more."""


def _check_archive(path: Path) -> None:
    """Raise MsbError for an archive that would fill the memory."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise MsbError(f"{path}: not an Inspect log: {error}") from None
    if unpacked > max(LARGEST_UNPACKED, TIMES * path.stat().st_size):
        raise MsbError(
            f"{path}: unpacks to {unpacked // 2**20:,} MiB, more than {TIMES} times its size; ask "
            "for the log as JSON"
        )


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


def _gather(found: Gathering, target: str, sample: EvalSample, scales: Mapping[str, Scale]) -> None:
    said, scores = _conversation(sample), sample.scores or {}
    users = [number for number, turn in enumerate(said) if turn["role"] == "user"]
    last = users[-1] if users else len(said)
    text = said[last]["content"] if users else "\n".join(turn["content"] for turn in said)
    if len(sample.output.choices) > 1:
        found.leave_out("further choices of responses", len(sample.output.choices) - 1)
    found.add(
        target,
        str(sample.id),
        Asked(text, tuple(said[:last]) if users else ()),
        _response(sample),
        metadata=sample.metadata,
        reference=sample.target,
        said=said,
        verdicts={n: _verdict(scores[n], scale) for n, scale in scales.items() if n in scores},
    )


def _conversation(sample: EvalSample) -> Conversation:
    """All messages before the last response."""
    messages = list(sample.messages)
    while messages and messages[-1].role == "assistant":
        messages.pop()
    if messages:
        return [_message(message) for message in messages]
    if isinstance(sample.input, str):
        return [{"role": "user", "content": sample.input}]
    return [_message(message) for message in sample.input]


def _message(message: ChatMessage) -> Message:
    """A message with its parts as text: what is none is named, and thoughts are left aside."""
    content = message.content
    if not isinstance(content, str):
        content = text_of([part.model_dump(mode="json") for part in content], named=True)
    return {"role": message.role, "content": content}


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
        calls=count_of(metadata.get("calls")) or 0,
        input_tokens=count_of(metadata.get("input_tokens")),
        output_tokens=count_of(metadata.get("output_tokens")),
        latency=seconds_of(metadata.get("latency")),
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
