"""A run as a log of Inspect's, .eval or .json: its viewer shows it, and ``msb import`` reads it.

    inspect view --log-dir .

Each judge of the panel is a scorer by its name, with the same metadata as our scorer of Inspect
tasks; a verdict that is none is unscored there too. Without texts, ids and scores only.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import MissingExtra
from ...results.rows import column_names
from ...store.store import JudgeRecord
from ...wholefiles import appearing
from .material import WITHHELD, Exported, Material, left_out, public

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalResults, EvalSample
    from inspect_ai.model import ChatMessage
    from inspect_ai.scorer import Score

HOLDS = ("checked", "bounds", "reasons", "stopped")
METADATA = (
    *("intent", "principle", "source", "language", "turn", "framing", "pair"),
    *("state", "level", "reason"),
)
FAILED = "target or judge could not be asked"
STOPS = {"stop": "stop", "length": "max_tokens", "content_filter": "content_filter"}


def of_run(material: Material, form: str, output: Path) -> Exported:
    """Write the log. Raises MissingExtra without Inspect."""
    try:
        from inspect_ai.log import write_eval_log
    except ImportError:
        raise MissingExtra("an Inspect log", "inspect") from None
    log = _log(material)
    with appearing(output) as part:
        named = part.with_name(f"{part.name}{output.suffix}")
        write_eval_log(log, str(named), format=output.suffix[1:])  # type: ignore[arg-type]
        named.replace(part)
    return Exported(len(log.samples or []), what="samples", notes=left_out(material, HOLDS, True))


def _log(material: Material) -> EvalLog:
    from inspect_ai.log import EvalConfig, EvalDataset, EvalLog, EvalSpec
    from inspect_ai.model import GenerateConfig

    card, record = material.card, material.record
    samples = [_sample(material, row) for row in material.rows()]
    sampling = record.settings["target"].get("sampling") or {}
    known = {k: sampling[k] for k in ("temperature", "max_tokens", "seed") if sampling.get(k)}
    return EvalLog(
        status="cancelled" if card.stopped_early else "success",
        eval=EvalSpec(
            created=record.created,
            task=f"medsafetybench/{card.benchmark.name}",
            dataset=EvalDataset(
                name=card.benchmark.title,
                samples=len(samples),
                sample_ids=[sample.id for sample in samples],
            ),
            model=material.model,
            model_generate_config=GenerateConfig(**known),
            config=EvalConfig(),
            metadata={
                "run": record.id,
                "benchmark": card.benchmark.model_dump(),
                "target": material.target(),
                "judge_checked": [one.model_dump(mode="json") for one in card.checked],
            },
        ),
        results=_results(material, len(samples)),
        samples=samples,
    )


def _results(material: Material, samples: int) -> EvalResults:
    from inspect_ai.log import EvalMetric, EvalResults, EvalScore

    card = material.card
    metrics = {
        part.measure.key: EvalMetric(
            name=part.measure.title,
            value=part.figure.value or 0.0,
            metadata={
                "ci95": part.figure.ci95,
                "bounds": part.figure.bounds,
                "n": part.side.n,
                "scored": part.side.scored,
            },
        )
        for part in material.parts()
    }
    score = EvalScore(
        name=material.judged_by,
        scorer=card.judge,
        scored_samples=card.counts.scored,
        unscored_samples=card.counts.n - card.counts.scored,
        metrics=metrics,
    )
    return EvalResults(
        total_samples=samples, completed_samples=samples - card.counts.pending, scores=[score]
    )


def _sample(material: Material, row: Mapping[str, Any]) -> EvalSample:
    from inspect_ai.log import EvalError, EvalSample
    from inspect_ai.model import ModelOutput

    texts = material.wanted.with_texts
    answer = row["response"] or "" if texts else WITHHELD
    output = ModelOutput.from_content(
        material.model,
        answer,
        STOPS.get(row["finish_reason"] or "stop", "unknown"),  # type: ignore[arg-type]
    )
    output.time = row["latency"]
    told = {key: row[key] for key in METADATA if row[key] is not None}
    if not texts and row["state"] == "error":
        told["reason"] = FAILED
    failed = row["error"] and (row["error"] if texts else FAILED)
    return EvalSample(
        id=row["id"],
        epoch=1,
        input=_input(row) if texts else WITHHELD,
        target=(row["reference"] or "") if texts else "",
        messages=[*_input(row), output.message] if texts else [],
        output=output,
        scores=_scores(material, row),
        metadata={**told, "context": row["context"] or []} if texts else told,
        error=EvalError(message=failed, traceback="", traceback_ansi="") if failed else None,
    )


def _input(row: Mapping[str, Any]) -> list[ChatMessage]:
    from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser

    kinds = {
        "system": ChatMessageSystem,
        "user": ChatMessageUser,
        "assistant": ChatMessageAssistant,
    }
    turns = [*(row["context"] or ()), {"role": "user", "content": row["request"]}]
    return [kinds[turn["role"]](content=turn["content"]) for turn in turns]


def _scores(material: Material, row: Mapping[str, Any]) -> dict[str, Score]:
    members = material.found.members
    return {
        name: _score(material, judge, name, row)
        for judge, name in zip(members, column_names(members), strict=True)
        if row[f"{name}.score"] is not None or row[f"{name}.reason"]
    }


def _score(material: Material, judge: JudgeRecord, name: str, row: Mapping[str, Any]) -> Score:
    from inspect_ai.scorer import Score

    texts, score = material.wanted.with_texts, row[f"{name}.score"]
    identity = {"name": judge.name, "fingerprint": public(judge.settings, texts)}
    metadata = {"judge": {**identity, "scale": judge.scale.key}}
    rationale = row[f"{name}.rationale"] if texts else None
    if score is None:
        # The words of an error may name an address.
        bare = not texts and row["state"] == "error"
        reason = FAILED if bare else row[f"{name}.reason"]
        return Score.unscored(reason=reason, explanation=rationale, metadata=metadata)
    return Score(value=score, explanation=rationale, metadata=metadata)
