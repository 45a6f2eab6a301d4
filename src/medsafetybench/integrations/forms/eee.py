"""Every Eval Ever 0.3: a run as one result and its samples, in the folders of their datastore.

    out/data/starter/org/model/UUID.json            every measure with interval, n and judge
    out/data/starter/org/model/UUID_samples.jsonl   a line for each request and measure

Their schemas: https://github.com/evaleval/every_eval_ever (MIT), version 0.3.0. A request without
a score is no sample there, since a sample must have one; it is counted and left out.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from ... import __version__
from ...judges.rubric import EMBEDDED, load_rubric
from ...legible import name
from ...results.measures import measure_named
from ...taxonomy import load_taxonomy
from ...wholefiles import appearing
from .eee_names import VERSION, evaluation_id, evaluation_name, model_id, result_id, stem
from .eee_samples import samples
from .material import Exported, Material, Part, left_out, public

HOLDS = ("bounds", "corrected", "checked", "stopped", "levels")


def of_run(material: Material, form: str, output: Path) -> Exported:
    """Write both files; the samples first, as the result holds their hash."""
    beginning = output / stem(material)
    listed = beginning.with_name(f"{beginning.name}_samples.jsonl")
    skipped: Counter[str] = Counter()
    count, content = 0, hashlib.sha256()
    with appearing(listed) as part, part.open("wb") as file:
        for row in samples(material, skipped):
            line = orjson.dumps(row) + b"\n"
            content.update(line)
            file.write(line)
            count += 1
    result = _result(material)
    if count:
        result["detailed_evaluation_results"] = {
            "format": "jsonl",
            "file_path": listed.relative_to(output).as_posix(),
            "hash_algorithm": "sha256",
            "checksum": content.hexdigest(),
            "total_rows": count,
        }
    else:
        listed.unlink()
    with appearing(beginning.with_name(f"{beginning.name}.json")) as part:
        part.write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2))
    return Exported(count, skipped, "samples", _notes(material))


def _notes(material: Material) -> list[str]:
    notes = left_out(material, HOLDS, texts=True)
    if not material.wanted.organization:
        notes.append("to fill in: who made the run; --organization NAME, --relationship")
    if "/" not in material.model:
        notes.append("to fill in: the model's name on a hub; --model-id ORG/NAME")
    return notes


def _result(material: Material) -> dict[str, Any]:
    wanted = material.wanted
    return {
        "schema_version": VERSION,
        "evaluation_id": evaluation_id(material),
        "evaluation_timestamp": material.record.created,
        "retrieved_timestamp": f"{material.at.timestamp():.0f}",
        "source_metadata": {
            "source_name": "medsafetybench",
            "source_type": "evaluation_run",
            "source_organization_name": wanted.organization or "not stated",
            "evaluator_relationship": wanted.relationship,
            "additional_details": {"run": material.record.id},
        },
        "eval_library": {"name": "medsafetybench", "version": __version__},
        "model_info": _model_info(material),
        "evaluation_results": [
            *(_measured(material, part) for part in material.parts()),
            *_corrected(material),
        ],
    }


def _model_info(material: Material) -> dict[str, Any]:
    """``deployment_type`` is known of what ran on this machine; of weights nothing is known."""
    target = material.record.settings["target"]
    local = str(target["model"]).startswith("hf:")
    return {
        "name": name(material.target()["model"], 200),
        "id": model_id(material.model),
        "additional_details": {
            **material.target(),
            "deployment_type": "self_deployed" if local else "unknown",
            "model_availability": "unknown",
        },
    }


def _measured(material: Material, part: Part) -> dict[str, Any]:
    figure, side = part.figure, part.side
    uncertainty: dict[str, Any] = {"num_samples": side.scored}
    if figure.ci95:
        uncertainty["confidence_interval"] = _interval(figure.ci95, material.method)
    if figure.stderr is not None:
        uncertainty["standard_error"] = {"value": figure.stderr, "method": "analytic"}
    counts = ("n", "scored", "unscored", "errors", "pending")
    details = {key: str(getattr(side, key)) for key in counts}
    details |= {f"level {one.score}: {one.level}": str(one.count) for one in side.levels}
    if figure.bounds:
        details["if_unscored_were_least"], details["if_unscored_were_greatest"] = map(
            str, figure.bounds
        )
    if stopped := material.card.stopped_early:
        details["stopped_early"] = f"by a gate ({stopped.verdict}) after {stopped.asked}"
    return {
        "evaluation_result_id": result_id(material, part.measure.key),
        "evaluation_name": evaluation_name(material, part),
        "source_data": _source(material),
        "evaluation_timestamp": material.record.created,
        "metric_config": _metric(material, part),
        "score_details": {"score": figure.value, "details": details, "uncertainty": uncertainty},
        "generation_config": _generation(material),
    }


def _interval(ends: tuple[float, float], method: str) -> dict[str, Any]:
    low, high = ends
    return {"lower": low, "upper": high, "confidence_level": 0.95, "method": method}


def _source(material: Material) -> dict[str, Any]:
    benchmark = material.card.benchmark
    details = {"sha256": benchmark.sha256, "requests": str(material.card.counts.n)}
    if benchmark.selection:
        details["selection"] = orjson.dumps(benchmark.selection).decode()
    shared = {"dataset_name": benchmark.title, "additional_details": details}
    if hub := material.wanted.dataset_id:
        return {**shared, "source_type": "hf_dataset", "hf_repo": hub}
    return {**shared, "source_type": "other"}


def _metric(material: Material, part: Part) -> dict[str, Any]:
    info, card = part.measure, material.card
    assert material.scale is not None, "a measure has a scale"
    ends = measure_named(info.key).range(material.scale)
    found: dict[str, Any] = {
        "evaluation_description": info.explanation,
        "metric_id": f"medsafetybench.{info.key}",
        "metric_name": info.title,
        "metric_kind": "rate" if info.unit == "share" else "mean",
        "metric_unit": "proportion" if info.unit == "share" else "points",
        "lower_is_better": info.better == "lower",
        "score_type": "continuous",
        "min_score": ends.low,
        "max_score": ends.high,
        "additional_details": {
            "judge": material.judged_by,
            "judge_settings": orjson.dumps(material.judges()).decode(),
            "judge_scale": f"{material.scale.key}: {material.scale.title}",
            "judge_checked": material.checked,
            "judge_cards": orjson.dumps([c.model_dump() for c in card.checked]).decode(),
            "not_measured": ", ".join(card.not_measured),
        },
    }
    if scoring := _llm_scoring(material):
        found["llm_scoring"] = scoring
    return found


def _llm_scoring(material: Material) -> dict[str, Any] | None:
    """Their part for judges that are models with a rubric; None if one of the panel is not."""
    judges = material.card.judges
    if not judges or any("rubric" not in one or "model" not in one for one in judges):
        return None
    prompt = _prompt(str(judges[0]["rubric"]), str(judges[0]["rubric_sha256"]))
    scoring: dict[str, Any] = {"judges": list(map(_judge, judges)), "input_prompt": prompt}
    if len(judges) > 1 and material.card.rule == "median":
        scoring["aggregation_method"] = "median"
    return scoring


@cache
def _prompt(rubric: str, sha256: str) -> str:
    """The rubric's text where it is one that comes with the program, else its name and hash."""
    if rubric in EMBEDDED:
        own = load_rubric(rubric, load_taxonomy())
        if own.fingerprint["rubric_sha256"] == sha256:
            return "\n\n".join(f"[{i} requests]\n{text}" for i, text in own.templates.items())
    return f"the rubric {rubric!r}, SHA-256 {sha256}"


def _judge(judge: Mapping[str, Any]) -> dict[str, Any]:
    model = public(judge)["model"]
    model = model.partition(":")[2] or model
    temperature = (judge.get("sampling") or {}).get("temperature")
    info = {
        "name": model,
        "id": model_id(model),
        "additional_details": {"deployment_type": "unknown", "model_availability": "unknown"},
    }
    told = {} if temperature is None else {"temperature": temperature}
    return {"model_info": info, **told, "additional_details": {"key": str(judge["key"])}}


def _generation(material: Material) -> dict[str, Any]:
    sampling = material.record.settings["target"].get("sampling") or {}
    known = {k: sampling[k] for k in ("temperature", "max_tokens") if sampling.get(k) is not None}
    return {"generation_args": known, "additional_details": material.target()}


def _corrected(material: Material) -> Iterator[dict[str, Any]]:
    """Figures corrected by labels stand as results of their own, beside those they correct."""
    parts = {part.measure.key: part for part in material.parts()}
    for one in material.card.corrected:
        if (part := parts.get(one.measure)) is None:
            continue
        found = _measured(material, part)
        labels = {"by": ", ".join(one.by), "sample": one.sample, "unread": str(one.unread)}
        interval = _interval(one.ci95, "prediction-powered inference (PPI++)")
        found["evaluation_result_id"] += ".corrected"
        found["evaluation_name"] += f", corrected by {one.n} labels"
        found["metric_config"]["metric_id"] += ".corrected"
        found["score_details"] = {
            "score": one.value,
            "details": {**labels, "n": str(part.side.n)},
            "uncertainty": {"num_samples": one.n, "confidence_interval": interval},
        }
        yield found
