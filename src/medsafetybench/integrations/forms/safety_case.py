"""A safety case's skeleton: claims, the argument for each, the evidence; for its owner to finish.

    msb export RUN --to safety-case --gate gate.yaml -o case.md

Each claim is a check of the gate and no more certain than that: supported where it passes, refuted
where it fails, open where there is not enough data. What the run cannot argue is listed as open,
with an owner to argue it; so the top claim is never drawn by this program. The form is that of
claims, arguments and evidence (R. Bloomfield, P. Bishop: Safety and Assurance Cases: Past, Present
and Possible Future, 2010).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ... import __version__
from ...errors import MsbError
from ...legible import markdown
from ...reporting.limits import known_limits
from ...results.gate import Gate, rounded
from ...results.gate_report import bounds
from ...results.gate_spec import GateSpec, decided, read_gate
from ...results.held import Check
from ...results.judge_gate import NAME as JUDGED
from ...results.measures import Measure, measure_named
from ...wholefiles import appearing
from .frameworks import frameworks
from .material import Exported, Material, left_out

OWNER = "TO BE ARGUED BY THE SYSTEM'S OWNER"
VERDICTS = {"pass": "supported", "fail": "refuted", "undecided": "open: not enough data"}  # nosec B105 # verdicts
HOLDS = ("checked", "bounds", "reasons", "corrected", "stopped")
SECTIONS = ("Context", "Claims", "Gate", "Evidence", "Judge", "Limits")
"""What a framework's row may name (frameworks.yaml)."""
OPEN = {
    "The intended use is described, and these requests stand for it": "no benchmark is the place "
    "of use",
    "People oversee the system where it is used, and can stop it": "nothing here measures it",
    "It treats groups of patients alike": "nothing here measures it",
    "It is monitored in use, and what is found leads to change": "a run is one look",
}
"""Claims that every case needs and no run can support, each with why."""


@dataclass(frozen=True)
class Claim:
    """A claim with the check that decides it, and what the check supports it by."""

    number: str
    text: str
    argument: str
    check: Check


def of_run(material: Material, form: str, output: Path) -> Exported:
    """Write the case. Raises MsbError without a gate, or for one that the run cannot be held to."""
    if material.wanted.gate is None:
        raise MsbError(
            "--to safety-case ties each claim to a gate's verdict; name its file with --gate FILE "
            "(see docs/ci-gate.md)"
        )
    spec = read_gate(material.wanted.gate)
    _, found = decided(spec, material.run, material.judges_asked, material.rule)
    claims = _claims(spec, found)
    lines = [*_head(material), *_claimed(claims, spec), *_gate(spec, found)]
    lines += [*_evidence(claims), *_judge(material), *_limits(material), *_mapping()]
    with appearing(output) as part:
        part.write_text("\n".join(lines) + "\n", "utf-8")
    notes = left_out(material, HOLDS, texts=False)
    notes.append(f"to fill in by the system's owner: {len(OPEN) + 1} claims, and the mapping")
    return Exported(len(claims), what="claims", notes=notes)


def _claims(spec: GateSpec, found: Gate) -> list[Claim]:
    return [
        Claim(f"C1.{number}", *_stated(spec, check), check)
        for number, check in enumerate(found.checks, 1)
    ]


def _stated(spec: GateSpec, check: Check) -> tuple[str, str]:
    """A check as a claim, and why passing it supports that."""
    drawn = "the whole bound of the mean over all requests that these were drawn from keeps to it"
    for threshold in spec.thresholds:
        if threshold.name == check.name:
            kind = "at most" if threshold.side == "max" else "at least"
            measure = threshold.measure
            meant = measure.explanation.split(";")[0].rstrip(".")
            return (
                f"{measure.title[0].upper()}{measure.title[1:]} is {kind} "
                f"{_shown(measure, threshold.value)} ({meant[0].lower()}{meant[1:]})",
                drawn,
            )
    if check.name == JUDGED:
        return (
            f"The judge agrees with people: kappa is at least {check.threshold:g}",
            "the low end of its interval on people's labels keeps to it, a response without a "
            "verdict counting as one on which it is wrong",
        )
    if check.name == "max-regression":
        measure = measure_named(spec.regression_of)
        return (
            f"On {measure.title} it is at most {_shown(measure, check.threshold)} worse than the "
            f"baseline {markdown(spec.baseline)}",
            f"paired request by request, {drawn}",
        )
    return "Answers are coherent text", "the share of answers that are none is bounded"


def _shown(measure: Measure, value: float) -> str:
    return f"{100 * value:g}%" if measure.unit == "share" else f"{value:g} points"


def _head(material: Material) -> Iterator[str]:
    card = material.card
    asked = ", ".join(f"{side.n:,} {key}" for key, side in card.sides.items() if key != "all")
    yield f"# Safety case of {markdown(card.target)}: a skeleton"
    yield ""
    yield (
        f"Made {material.at.isoformat(timespec='seconds')} by medsafetybench {__version__} from "
        f"run {card.run}. It argues what that run can argue and no more; what its owner has to "
        f"argue says **{OWNER}**."
    )
    yield from ("", "## Context", "", f"* System: {markdown(card.target)}")
    yield from (f"* {markdown(key)}: {markdown(value)}" for key, value in material.target().items())
    yield f"* Intended use, users, patients: **{OWNER}**"
    yield (
        f"* Requests asked: {asked}; benchmark {markdown(card.benchmark.title)}, SHA-256 "
        f"{card.benchmark.sha256}"
    )
    yield f"* Begun {card.created}; {card.counts.scored:,} of {card.counts.n:,} responses scored"
    yield ""


def _claimed(claims: Sequence[Claim], spec: GateSpec) -> Iterator[str]:
    yield from ("## Claims", "")
    yield f"**C0. The system is acceptably safe in its intended use.** {OWNER}"
    yield ""
    yield "C0 is argued by C1 and C2 together, each by all of its parts; one refuted refutes it."
    yield from ("", "| claim | | verdict | it is supported where |", "| --- | --- | --- | --- |")
    for claim in claims:
        verdict = VERDICTS[claim.check.verdict]
        yield f"| {claim.number} | {claim.text} | **{verdict}** | {claim.argument} |"
    for number, (text, why) in enumerate(OPEN.items(), 1):
        yield f"| C2.{number} | {text} | **open** | {OWNER}: {why} |"
    yield ""
    if not any(threshold.measure.side == "benign" for threshold in spec.thresholds):
        yield (
            "**The gate claims nothing of benign requests: a system that refuses everything would "
            "pass it.** --max-over-refusal claims it."
        )
        yield ""


def _gate(spec: GateSpec, found: Gate) -> Iterator[str]:
    yield from ("## Gate", "")
    yield f"C1 as a whole: **{VERDICTS[found.verdict]}**. How it is decided: {bounds(found)}."
    if spec.looks:
        yield (
            f"The gate is for {spec.looks} looks of a series; this case is none of them, and takes "
            "the confidence of one."
        )
    yield from (f"* {markdown(note, 400)}" for note in found.notes)
    yield f"Why these thresholds: **{OWNER}**"
    yield ""


def _evidence(claims: Sequence[Claim]) -> Iterator[str]:
    yield from ("## Evidence", "")
    yield "| claim | check | threshold | found | from | to | n | without a score | why |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
    for claim in claims:
        one = claim.check
        figures = map(rounded, (one.point, one.low, one.high))
        cells = (claim.number, one.name, f"{one.threshold:g}", *figures, f"{one.n:,}")
        yield f"| {' | '.join((*cells, f'{one.missing:,}', markdown(one.why, 400)))} |"
    yield ""


def _judge(material: Material) -> Iterator[str]:
    yield from ("## Judge", "", f"Judged by {markdown(material.judged_by)}.")
    yield f"How well it is checked: {markdown(material.checked, 1000)}."
    if material.card.not_measured:
        yield f"It does not measure {', '.join(material.card.not_measured)}."
    for judge in material.judges():
        settings = "; ".join(f"{key} = {value}" for key, value in judge.items())
        yield f"* {markdown(settings, 400)}"
    yield ""


def _limits(material: Material) -> Iterator[str]:
    yield from ("## Limits", "", "What could defeat the argument:", "")
    yield from (f"* {markdown(limit, 1000)}" for limit in known_limits([material.card]))
    yield f"* Anything that is not asked of it here: **{OWNER}**"
    yield ""


def _mapping() -> Iterator[str]:
    """What sections of the case give to frameworks of others; no statement of conformity."""
    yield from ("## What this gives to frameworks of others", "")
    yield "In our words; no row says that a framework is fulfilled."
    for framework in frameworks():
        yield from ("", f"### {framework.name}", "", f"Source: {framework.source}", "")
        yield from ("| section | asks for | given above | stays with the owner |",)
        yield "| --- | --- | --- | --- |"
        for row in framework.sections:
            given = ", ".join(row.gives) or "nothing"
            yield f"| {row.section} | {row.asks} | {given} | {row.owner} |"
