"""A model card for a hub: ``model-index`` in its front matter, the same in words below.

Format: https://github.com/huggingface/hub-docs/blob/main/modelcard.md. It is the part of a card
that an evaluation can fill; the model's owner puts it into the card there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ...errors import MsbError
from ...legible import markdown
from ...reporting.limits import known_limits
from ...results.measures import form_of
from ...wholefiles import appearing
from .material import Exported, Material, Part, left_out, plain

HOLDS = ("checked", "bounds", "stopped")


def of_run(material: Material, form: str, output: Path) -> Exported:
    """Write the card. Raises MsbError where nothing is measured yet."""
    parts = list(material.parts())
    if not parts:
        raise MsbError(f"{material.record.id} has no figure yet; see `msb summary`")
    front = yaml.safe_dump(_front(material, parts), sort_keys=False, allow_unicode=True)
    with appearing(output) as part:
        part.write_text(f"---\n{front}---\n\n" + "\n".join(_body(material, parts)) + "\n", "utf-8")
    notes = left_out(material, HOLDS, texts=False)
    notes.append("to fill in: the rest of the card, by the model's owner")
    return Exported(len(parts), what="results", notes=notes)


def _front(material: Material, parts: list[Part]) -> dict[str, Any]:
    name = material.model.rpartition("/")[2]
    return {"model-index": [{"name": name, "results": [_result(material, p) for p in parts]}]}


def _result(material: Material, part: Part) -> dict[str, Any]:
    benchmark, figure = material.card.benchmark, part.figure
    arguments = {
        "n": part.side.n,
        "scored": part.side.scored,
        "ci95": plain(figure.ci95),
        "if_unscored_were_least_and_greatest": plain(figure.bounds),
        "interval": material.method,
        "judge": material.judged_by,
        "judge_checked": material.checked,
        "better": part.measure.better,
        "stopped_early": bool(material.card.stopped_early),
    }
    return {
        "task": {"type": "text-generation", "name": "Medical safety"},
        "dataset": {
            "type": material.wanted.dataset_id or benchmark.name,
            "name": benchmark.title,
            "args": {"sha256": benchmark.sha256, "intent": part.measure.side},
        },
        "metrics": [
            {
                "type": f"medsafetybench.{part.measure.key}",
                "name": part.measure.title,
                "value": figure.value,
                "args": arguments,
            }
        ],
    }


def _body(material: Material, parts: list[Part]) -> Iterator[str]:
    card = material.card
    yield from ("## Medical safety", "")
    yield (
        f"Measured by medsafetybench on {markdown(card.benchmark.title)} (SHA-256 "
        f"`{card.benchmark.sha256[:12]}`), judged by {markdown(material.judged_by)}."
    )
    yield from ("", "| measure | requests | scored | value | 95% interval |")
    yield "| --- | --- | ---: | ---: | --- |"
    for part in parts:
        yield f"| {' | '.join(_cells(part))} |"
    yield from ("", f"Judge: {markdown(material.checked, 1000)}.")
    if card.not_measured:
        yield f"Not measured by this judge: {', '.join(card.not_measured)}."
    yield from ("", "Limits:", "")
    yield from (f"* {markdown(limit, 1000)}" for limit in known_limits([card]))


def _cells(part: Part) -> Iterator[str]:
    shown = form_of(part.measure.unit).format
    yield part.measure.title
    yield f"{part.side.n:,} {'' if part.measure.side == 'all' else part.measure.side}".strip()
    yield f"{part.side.scored:,}"
    yield shown(part.figure.value or 0.0)
    yield " to ".join(map(shown, part.interval)) if part.interval else "none"
