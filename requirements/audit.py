"""Known vulnerabilities of all that is pinned, by pip-audit: `make audit`.

Exit code 1 for one that has no line in ACCEPTED. Where the service that knows of them cannot be
asked, as the few packages of the first set show, that is said in a line, and nothing was audited.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SETS = (("build",), ("dev", "pyrit", "ray", "cuda", "tools"))
ACCEPTED: Mapping[str, str] = {}
"""Vulnerabilities that do not reach us, by their ids, each with why."""


def main() -> int:
    """Audit every set; print what was found, and how many packages were looked up."""
    found: list[dict[str, Any]] = []
    for names in SETS:
        found += audited(names)
        if not any(looked_up(one) for one in found):
            print("audit: skipped, as no service that knows of vulnerabilities answers here")
            return 0
    bad = [
        f"{one['name']} {one['version']}: {fault['id']}, mended in {fault['fix_versions']}"
        for one in found
        if looked_up(one)
        for fault in one["vulns"]
        if fault["id"] not in ACCEPTED
    ]
    asked = sum(map(looked_up, found))
    print(*bad, f"audit: {asked} of {len(found)} packages looked up, faults: {len(bad)}", sep="\n")
    return 1 if bad else 0


def audited(names: Sequence[str]) -> list[dict[str, Any]]:
    """What pip-audit says of each package of these sets; nothing where it says nothing."""
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--format", "json"]
    command += ["--progress-spinner", "off", "--timeout", "10"]
    for name in names:
        command += ["--requirement", str(HERE / f"{name}.txt")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except ValueError:
        return []
    return found


def looked_up(package: Mapping[str, Any]) -> bool:
    """False for one that pip-audit skipped."""
    return "skip_reason" not in package


if __name__ == "__main__":
    sys.exit(main())
