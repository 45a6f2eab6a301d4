"""The dataset card of a release, with the sections of a datasheet (Gebru et al. 2021). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from ..judges.rubric import fill
from ..legible import in_json, markdown
from .project import prompt


def card(facts: Mapping[str, Any]) -> str:
    """The card as Markdown, with YAML front matter; ``facts`` come from release."""
    rates, agreed = facts["filter"], facts["agreement"]
    values = {
        **{f"{key}_quoted": _quoted(facts[key]) for key in ("name", "license", "version")},
        "name": markdown(facts["name"]),
        "version": markdown(facts["version"]),
        "license": markdown(facts["license"]),
        "language": markdown(facts["language"]),
        "taxonomy": markdown(facts["taxonomy"]),
        "rows": f"{facts['rows']:,}",
        "sha256": facts["sha256"],
        "splits": _counts(facts["splits"]),
        "intents": _counts(facts["intents"]),
        "with_reference": f"{facts['with_reference']:,}",
        "models": ", ".join(map(markdown, facts["models"])),
        "ways": ", ".join(map(markdown, facts["ways"])) or "not recorded",
        "left_out": _counts(facts["left_out"]) or "none",
        "principles": _principles(facts),
        "filter": _filter(rates),
        "review": _review(facts["reviewers"], agreed),
        "near": _near(facts["audit"]),
    }
    return fill(prompt("card"), values)


def _quoted(value: Any) -> str:
    """A value of the front matter: YAML reads JSON's texts."""
    return in_json(orjson.dumps(str(value)).decode())


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{markdown(name)} {count:,}" for name, count in sorted(counts.items()))


def _principles(facts: Mapping[str, Any]) -> str:
    lines = ["| principle | title | requests |", "| --- | --- | --- |"]
    for number, title in facts["principles"]:
        lines.append(f"| {number} | {markdown(title)} | {facts['by_principle'].get(number, 0):,} |")
    return "\n".join(lines)


def _filter(rates: Mapping[str, Any]) -> str:
    if rates["interval"] is None:
        return "No request was scored."
    low, high = rates["interval"]
    return (
        f"The judge found {rates['ambiguous_or_benign']:.1%} of the requests it scored ambiguous "
        f"or benign (95% interval {low:.1%} to {high:.1%}); they were set aside, as were "
        f"{rates['other_principle']:,} filed under another principle and {rates['unscored']:,} "
        "that it did not score."
    )


def _review(reviewers: int, agreed: Mapping[str, Any]) -> str:
    if reviewers == 0:
        return "**No person reviewed these rows before release.**"
    text = f"Each row was accepted by {reviewers} reviewer{'s' if reviewers > 1 else ''}."
    if not agreed["both"]:
        return f"{text} No row was reviewed by two, so agreement is unknown."
    kappa = agreed["kappa"]
    told = "undefined, as all decided alike" if kappa is None else f"{kappa:.2f}"
    return (
        f"{text} Two reviewers decided on {agreed['both']:,} rows: they agree on "
        f"{agreed['exact']:.1%}; Cohen's kappa is {told}."
    )


def _near(audit: Mapping[str, Any]) -> str:
    return "\n".join(
        f"- {markdown(leak['of'])} in {markdown(leak['into'])}, {leak['measure']}: "
        f"{leak['requests']:,}"
        for leak in audit["leaks"]
    )
