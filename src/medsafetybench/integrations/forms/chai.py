"""CHAI's Applied Model Card 0.2: what an evaluation knows of it, the rest marked for its owner.

Schema: https://github.com/coalition-for-health-ai/mc-schema (v0.2). Of its three key metrics,
safety is filled, over-refusal beside it; usefulness and fairness were not measured here and say
so. A field that only the model's owner can fill says ``TO BE FILLED IN BY THE MODEL'S OWNER``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree  # nosec B405 # it writes only

import orjson

from ... import __version__
from ...errors import MsbError
from ...legible import visible
from ...reporting.limits import known_limits
from ...wholefiles import appearing
from .material import Exported, Material, Part, figure_text, left_out, plain

NAMESPACE = "https://mc.chai.org/v0.2/schema.xsd"
OWNER = "TO BE FILLED IN BY THE MODEL'S OWNER"
HOLDS = ("checked", "bounds", "stopped")
PAPER = (
    "Han, Kumar, Agarwal, Lakkaraju: MedSafetyBench: Evaluating and Improving the Medical Safety "
    "of Large Language Models. NeurIPS 2024, Datasets and Benchmarks Track."
)

Tree = Mapping[str, Any]
"""Elements by name: a text, elements within, or a list of either."""


def of_run(material: Material, form: str, output: Path) -> Exported:
    """Write the card. Raises MsbError where nothing is measured yet."""
    parts = list(material.parts())
    if not parts:
        raise MsbError(f"{material.record.id} has no figure yet; see `msb summary`")
    ElementTree.register_namespace("", NAMESPACE)
    root = ElementTree.Element(f"{{{NAMESPACE}}}AppliedModelCard")
    _fill(root, _card(material, parts))
    ElementTree.indent(root)
    with appearing(output) as part:
        part.write_bytes(ElementTree.tostring(root, "utf-8", xml_declaration=True) + b"\n")
    open_fields = [field.tag.rpartition("}")[2] for field in root.iter() if field.text == OWNER]
    notes = left_out(material, HOLDS, texts=False)
    notes.append(f"to fill in by the model's owner: {', '.join(dict.fromkeys(open_fields))}")
    return Exported(len(parts), what="results", notes=notes)


def _fill(parent: ElementTree.Element, tree: Tree) -> None:
    """Elements in the order given; an empty list is an element that stays empty."""
    for name, content in tree.items():
        for one in content if isinstance(content, list) else [content]:
            element = ElementTree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
            if isinstance(one, str):
                element.text = visible(one)
            else:
                _fill(element, one)


def _card(material: Material, parts: list[Part]) -> Tree:
    """The schema's sequence, top to bottom."""
    revision = material.record.settings["target"].get("revision")
    return {
        "BasicInfo": {
            "ModelName": material.model,
            "ModelDeveloper": OWNER,
            "DeveloperContact": OWNER,
        },
        "ReleaseInfo": {
            "ReleaseStage": OWNER,
            "ReleaseDate": OWNER,
            "ReleaseVersion": str(revision) if revision else OWNER,
            "GlobalAvailability": OWNER,
        },
        "ModelSummary": {
            "Summary": OWNER,
            "Keywords": {"Keyword": [OWNER]},
        },
        "UsesAndDirections": {
            "IntendedUseAndWorkflow": OWNER,
            "PrimaryIntendedUsers": OWNER,
            "HowToUse": OWNER,
            "TargetedPatientPopulation": OWNER,
            "CautionedOutOfScopeSettings": OWNER,
        },
        "Warnings": {
            "KnownRisksAndLimitations": _sentences(known_limits([material.card])),
            "KnownBiasesOrEthicalConsiderations": OWNER,
            "ClinicalRiskLevel": OWNER,
        },
        "TrustIngredients": {
            "AISystemFacts": {
                "OutcomesAndOutputs": OWNER,
                "ModelType": OWNER,
                "InputDataSource": OWNER,
                "OutputAndInputDataTypes": OWNER,
                "DevelopmentDataCharacterization": OWNER,
                "BiasMitigationApproaches": OWNER,
                "OngoingMaintenance": OWNER,
            },
            "TransparencyInformation": {"FundingSource": OWNER, "StakeholdersConsulted": OWNER},
        },
        "KeyMetrics": {
            "UsefulnessUsabilityEfficacy": _not_measured("usefulness"),
            "FairnessEquity": _not_measured("fairness between groups of patients"),
            "SafetyReliability": _safety(material, parts),
        },
        "Resources": {
            "EvaluationReferences": f"Run {material.record.id} of medsafetybench {__version__}",
            "PeerReviewedPublications": OWNER,
            "PatientConsentOrDisclosure": OWNER,
        },
        "Bibliography": PAPER,
    }


def _not_measured(what: str) -> Tree:
    return {
        "MetricGoal": OWNER,
        "Results": {"MetricResult": [{"Label": f"{what}: not measured", "ValueJson": "null"}]},
        "Interpretation": f"This evaluation did not measure {what}.",
        "TestType": OWNER,
        "TestingDataDescription": OWNER,
        "ValidationProcessAndJustification": OWNER,
    }


def _safety(material: Material, parts: list[Part]) -> Tree:
    card = material.card
    asked = ", ".join(f"{side.n:,} {key}" for key, side in card.sides.items() if key != "all")
    return {
        "MetricGoal": "Harmful medical requests are declined, and benign ones are answered.",
        "Results": {"MetricResult": [_result(part) for part in parts]},
        "Interpretation": _sentences(_interpretation(material, parts)),
        "TestType": "Benchmark: each request was put to the model and its response judged.",
        "TestingDataDescription": f"{card.benchmark.title}, SHA-256 {card.benchmark.sha256}; "
        f"requests asked: {asked}.",
        "ValidationProcessAndJustification": f"Judged by {material.judged_by}. How far it agrees "
        f"with people: {material.checked}. Intervals: {material.method}.",
    }


def _result(part: Part) -> Tree:
    value = {
        "value": part.figure.value,
        "ci95": plain(part.figure.ci95),
        "n": part.side.n,
        "scored": part.side.scored,
        "unit": part.measure.unit,
        "better": part.measure.better,
        "bounds": plain(part.figure.bounds),
    }
    return {
        "Label": f"{part.measure.title} ({part.measure.side} requests)",
        "ValueJson": orjson.dumps(value).decode(),
    }


def _interpretation(material: Material, parts: list[Part]) -> Iterator[str]:
    for part in parts:
        yield figure_text(part)
    if material.card.not_measured:
        yield f"Not measured by this judge: {', '.join(material.card.not_measured)}"
    if stopped := material.card.stopped_early:
        yield f"A gate stopped the run early, after {stopped.asked:,} requests ({stopped.verdict})"
    yield material.card.intervals


def _sentences(lines: list[str] | Iterator[str]) -> str:
    return " ".join(line if line.endswith(".") else f"{line}." for line in lines)
