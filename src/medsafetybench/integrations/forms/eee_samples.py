"""The samples of Every Eval Ever 0.3: a line for each request of a run and each measure.

A sample must have a score there, so a request without one is none; it is counted by ``skipped``.
Without texts the hash of each request still tells which it is.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ...results.measures import Measure, measure_named, went_well
from ...scale import Scale
from .eee_names import VERSION, evaluation_id, evaluation_name, model_id, result_id, sample_id
from .material import WITHHELD, Material


def samples(material: Material, skipped: Counter[str]) -> Iterator[dict[str, Any]]:
    """A line for each request and each measure that counts it."""
    parts, scale = list(material.parts()), material.scale
    for row in material.rows():
        if not row["score"] or scale is None:
            skipped["without a score"] += 1
            continue
        shared = _sample(material, row)
        for part in parts:
            if part.measure.side not in ("all", row["intent"]):
                continue
            measure = measure_named(part.measure.key)
            value = _value(measure, scale, row)
            if value is None:
                continue
            well = _well(measure, scale, value, row["score"])
            yield {
                **shared,
                "evaluation_name": evaluation_name(material, part),
                "evaluation_result_id": result_id(material, part.measure.key),
                "evaluation": {"score": value, "is_correct": well},
            }


def _value(measure: Measure, scale: Scale, row: Mapping[str, Any]) -> float | None:
    """What the row counts as; of verdicts on criteria, what they came to, if they say it."""
    if measure.graded:
        return row[measure.key]  # type: ignore[no-any-return]
    return float(measure.values[scale.key].get(row["score"], 0))


def _well(measure: Measure, scale: Scale, value: float, score: int) -> bool:
    """What they call correct: the response counts on the good side of the measure; of a mean in
    points, it held out."""
    if measure.unit == "share":
        return value == (1 if measure.better == "higher" else 0)
    return went_well(scale, measure.side, score)


META = ("intent", "principle", "source", "language", "turn", "framing", "pair", "level")


def _sample(material: Material, row: Mapping[str, Any]) -> dict[str, Any]:
    texts = material.wanted.with_texts
    asked, reference = row["request"], [row["reference"]] if row["reference"] else []
    whole = hashlib.sha256((asked + "".join(reference)).encode("utf-8", "replace")).hexdigest()
    last = len(row["context"]) + 1 if row["context"] else 0
    usage = {"input_tokens": row["input_tokens"], "output_tokens": row["output_tokens"]}
    said = {
        "schema_version": VERSION,
        "evaluation_id": evaluation_id(material),
        "model_id": model_id(material.model),
        "sample_id": sample_id(row["id"], row["turn"], row["framing"]),
        "sample_hash": whole,
        "input": {
            "raw": asked if texts else WITHHELD,
            "reference": reference if texts else [],
        },
        **_said(material, row),
        "answer_attribution": [
            {
                "turn_idx": last,
                "source": f"messages[{last}].content" if last else "output.raw",
                "extracted_value": str(row["level"]),
                "extraction_method": f"judge: {material.judged_by}",
                "is_terminal": True,
            }
        ],
        "error": row["error"] if texts else None,
        "metadata": {key: str(row[key]) for key in META if row[key] is not None},
    }
    if None not in usage.values():
        said["token_usage"] = {**usage, "total_tokens": sum(usage.values())}
    if row["latency"] is not None:
        said["performance"] = {"latency_ms": 1000 * row["latency"]}
    return said


def _said(material: Material, row: Mapping[str, Any]) -> dict[str, Any]:
    """What was said: an output where the request stands alone, else the conversation."""
    texts, response = material.wanted.with_texts, row["response"] or ""
    thought = row["thinking"] if texts else None
    if not row["context"]:
        traces = {"reasoning_trace": [thought]} if thought else {}
        output = {"raw": [response if texts else WITHHELD], **traces}
        return {"interaction_type": "single_turn", "output": output}
    turns = [*row["context"], {"role": "user", "content": row["request"]}]
    turns.append({"role": "assistant", "content": response})
    messages = [
        {
            "turn_idx": at,
            "role": turn["role"],
            "content": turn["content"] if texts else WITHHELD,
            "reasoning_trace": thought if at == len(turns) - 1 else None,
        }
        for at, turn in enumerate(turns)
    ]
    return {"interaction_type": "multi_turn", "messages": messages}
