"""A spec as a file: what `msb evaluate --from` reads and `msb show --spec` prints.

    target: openai:my-model
    target_url: http://127.0.0.1:8000/v1
    judge: [screen, openai:judge]
    limit: 50

The keys are the names of the settings; what is not told has its default.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..documents import Place, checked, read_document
from ..legible import visible
from .entries import Strict, whole
from .option import options
from .spec import EvaluationSpec, named, told

SHOWN = ("judge", "benchmark")
"""Settings that a file says also where they have their defaults."""

_File: type[Strict] = whole("EvaluationSpec", EvaluationSpec)


def read_spec(path: str | Path) -> dict[str, Any]:
    """What a file tells, by the names of the settings. Raises MsbError with file, line and key."""
    return read_hashed(path)[0]


def read_hashed(path: str | Path) -> tuple[dict[str, Any], str]:
    """What a file tells, and the hash of the file that told it."""
    document = read_document(path, "target, judge and benchmark")
    data = named("key", EvaluationSpec, document.data, strict=False)
    found = checked(document, _File, _known, data)
    return {name: getattr(found, name) for name in found.model_fields_set}, document.sha256


def written(spec: EvaluationSpec) -> str:
    """The spec as YAML. Raises MsbError for what only a program's memory holds."""
    import yaml

    def dumped(raw: bool) -> str:
        text: str = yaml.safe_dump(told(spec, SHOWN), sort_keys=False, allow_unicode=raw, width=100)
        return text

    text = dumped(True)
    return text if visible(text) == text else dumped(False)  # escaped, and the same values


def _known(place: Place) -> set[str]:
    return set(options(EvaluationSpec))
