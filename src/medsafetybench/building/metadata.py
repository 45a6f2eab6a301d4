"""A release as its Croissant metadata tells of it, from the facts of its card. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ..benchmarks.croissant import Described
from .split import SPLITS

COLUMNS = ("id", "split", "text", "intent", "principle", "source", "pair", "reference")


def described(facts: Mapping[str, Any], sums: Mapping[str, str], published: str = "") -> Described:
    """``sums`` are SHA-256 by file name, ``published`` a date or today's."""
    return Described(
        name=facts["name"],
        version=facts["version"],
        description=f"{facts['rows']} harmful and benign requests to a medical language model, "
        f"by principle of {facts['taxonomy']}, to measure its safety.",
        sha256=facts["sha256"],
        files={n: sha256 for n, sha256 in sums.items() if n.endswith((".jsonl", ".parquet"))},
        records={split: f"{split}.jsonl" for split in SPLITS},
        columns=COLUMNS,
        published=published or datetime.now(UTC).date().isoformat(),
        license=facts["license"],
        language=facts["language"],
        rai=_rai(facts),
    )


def _rai(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the card says in sections, by the terms of the vocabulary for responsible AI."""
    reviewers = facts["reviewers"]
    reviewed = f"Accepted by {reviewers} people each." if reviewers else "No person reviewed them."
    left_out = ", ".join(f"{reason} {n}" for reason, n in sorted(facts["left_out"].items()))
    return {
        "dataCollection": "Written by language models from the principles of a code of ethics: "
        f"{', '.join(facts['models'])}. Ways: {', '.join(facts['ways']) or 'not recorded'}.",
        "dataCollectionType": "Software Collection",
        "dataPreprocessingProtocol": "Extracted, deduplicated, and filtered by a judge. Left out "
        f"before release: {left_out or 'none'}.",
        "dataAnnotationProtocol": reviewed,
        "annotationsPerItem": str(reviewers),
        "dataUseCases": "To evaluate and improve the safety of medical language models; not to "
        "train one to comply.",
        "dataLimitations": "Written by models, with their habits; single turns; one language "
        f"({facts['language']}); the principles are those of one code of ethics.",
        "personalSensitiveInformation": "None taken from patients or from conversations.",
        "dataSocialImpact": "Its harmful requests can be put to models that were not made safe.",
        "dataReleaseMaintenancePlan": "A release does not change; corrections are a new version.",
    }
