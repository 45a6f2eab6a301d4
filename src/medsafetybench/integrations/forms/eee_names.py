"""What a result and its samples of Every Eval Ever are called, in both of their files alike."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from uuid import UUID

from ...tables import is_table
from .material import Material, Part

VERSION = "0.3.0"


def stem(material: Material) -> Path:
    """Where the two files lie, without their endings: ``data/BENCHMARK/MAKER/MODEL/UUID``.

    The same for the same run and judges, so that exporting again replaces what was there.
    """
    keys = [material.record.id, *sorted(str(one["key"]) for one in material.card.judges)]
    told = [*keys, str(material.card.rule), str(material.wanted.with_texts)]
    made = UUID(bytes=hashlib.sha256(" ".join(told).encode()).digest()[:16], version=4)
    name = material.card.benchmark.name
    benchmark = Path(name).stem if is_table(name) else name
    return Path("data", _segment(benchmark), model_id(material.model), str(made))


def model_id(model: str) -> str:
    """A model as MAKER/MODEL; the maker is ``unknown`` where the name does not tell."""
    maker, _, rest = model.partition("/") if "/" in model else ("unknown", "", model)
    return f"{_segment(maker)}/{_segment(rest)}"


def _segment(text: str) -> str:
    """Text as the name of a folder: no way up, no separator."""
    return re.sub(r"[^\w.-]+", "-", text, flags=re.ASCII).strip("-.")[:100] or "unnamed"


def evaluation_id(material: Material) -> str:
    """What the samples name their result by."""
    made = f"{material.at.timestamp():.0f}"
    return f"{material.card.benchmark.title}/{model_id(material.model)}/{made}"


def result_id(material: Material, measure: str) -> str:
    """What the samples name a measure of their result by."""
    return f"{material.record.id}.{measure}"


def sample_id(identity: str, turn: int | None, framing: str | None) -> str:
    """What a request is called in the samples."""
    return "/".join(str(part) for part in (identity, turn, framing) if part is not None)


def evaluation_name(material: Material, part: Part) -> str:
    """A measure of a benchmark's side, for people."""
    return f"{material.card.benchmark.title}, {part.measure.side} requests: {part.measure.title}"
