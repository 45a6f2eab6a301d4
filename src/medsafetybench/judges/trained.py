"""Which labelled sets the shipped judges were made with: how they do on those is no evidence.

trained_on(open_judge("screen").fingerprint)      # ("xstest", "chatref", "gptfuzz")
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SETS: Mapping[tuple[str, int], tuple[str, ...]] = {
    ("screen", 1): ("xstest",),
    ("screen", 2): ("xstest",),
    ("screen", 3): ("xstest", "chatref", "gptfuzz"),
}
"""By the judge's name and version."""


def trained_on(fingerprint: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the labelled sets that a judge of ours was made with; none for others."""
    name, version = fingerprint.get("judge"), fingerprint.get("version", 0)
    return SETS.get((str(name), int(version)), ())
