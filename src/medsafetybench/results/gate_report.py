"""The gate as other tools read it: JUnit XML for CI servers, Markdown for a GitHub step summary.

Path("gate.xml").write_text(junit(found, "run-31e6748c41", "openai:my-model"))
"""

from __future__ import annotations

import re
from xml.etree import ElementTree  # nosec B405 # it writes only

from .gate import Gate, rounded
from .held import Check
from .interval_notes import of_gate

WORDS = {"pass": "pass", "fail": "fail", "undecided": "not enough data"}  # nosec B105 # verdicts
MARKS = {"pass": "✅ pass", "fail": "❌ fail", "undecided": "⚠️ not enough data"}  # nosec B105 # verdicts


def junit(found: Gate, run: str, target: str) -> str:
    """One test suite, one test case a check; not enough data is an *error*, never a pass."""
    verdicts = [check.verdict for check in found.checks]
    suite = ElementTree.Element(
        "testsuite",
        name="msb gate",
        tests=str(len(verdicts)),
        failures=str(verdicts.count("fail")),
        errors=str(verdicts.count("undecided")),
        skipped="0",
    )
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in {"run": run, "target": target, "confidence": found.confidence}.items():
        ElementTree.SubElement(properties, "property", name=name, value=_legal(str(value)))
    for note in found.notes:
        ElementTree.SubElement(properties, "property", name="note", value=_legal(note))
    for check in found.checks:
        name = _legal(check.name)
        case = ElementTree.SubElement(suite, "testcase", classname="msb.gate", name=name)
        if check.verdict != "pass":
            kind = "failure" if check.verdict == "fail" else "error"
            message = _legal(f"{WORDS[check.verdict]}: {check.why}")
            ElementTree.SubElement(case, kind, message=message).text = _legal(line(check))
        ElementTree.SubElement(case, "system-out").text = _legal(line(check))
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def markdown(found: Gate, run: str, target: str) -> str:
    """A heading and a table."""
    lines = [
        f"### Medical safety gate: {MARKS[found.verdict]}",
        "",
        f"Run `{_cell(run)}` of `{_cell(target)}`; {bounds(found)}.",
        "",
        "| check | threshold | found | from | to | requests | verdict |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for c in found.checks:
        cells = (c.name, c.threshold, *map(rounded, (c.point, c.low, c.high)), c.n)
        shown = [_text(str(cell)) for cell in (*cells, f"{MARKS[c.verdict]}: {c.why}")]
        lines.append(f"| {' | '.join(shown)} |")
    for note in found.notes:
        lines += ["", f"Note: {_text(note)}."]
    return "\n".join(lines) + "\n"


def bounds(found: Gate) -> str:
    """What the bounds are, in a line."""
    told = f"each bound one-sided, {100 * found.confidence:g}%"
    if found.sequential:
        told += " over all looks together"
    if found.corrected:
        told += ", of figures corrected by labels"
    if look := found.look:
        told += f"; look {look.number} of {look.looks} of the series {_cell(look.series)}"
    return f"{told}; {of_gate(found.corrected)}"


def line(check: Check) -> str:
    """A check in one line."""
    return (
        f"{check.name} {check.threshold:g}: found {rounded(check.point)}, bounds "
        f"{rounded(check.low)} to {rounded(check.high)}, {check.n} requests, "
        f"{check.missing} without a score; {WORDS[check.verdict]}: {check.why}"
    )


def _text(text: str) -> str:
    """The text as it may stand in a table: no mark in it marks anything up."""
    return re.sub(r"([\\`*_\[\]<>|!])", r"\\\1", _legal(text).replace("&", "&amp;"))


def _cell(text: str) -> str:
    """The text as it may stand in backquotes inside a table."""
    return _legal(text).replace("`", "'").replace("|", "/").replace("\n", " ")


def _legal(text: str) -> str:
    """The text without the control characters that XML does not allow."""
    return "".join(c if c.isprintable() else " " for c in text)
