"""The core of the tests on each Python that is supported and is here: `make pythons`.

    python ci/check_pythons.py               # those of .github/workflows/test.yml
    python ci/check_pythons.py 3.13

Each gets an environment of its own with the core's packages, by hash, and what the tests below
need; one that is not here is named. All of the tests run on each of them in CI (test.yml).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
WORKFLOW = ROOT / ".github" / "workflows" / "test.yml"
SETS = ("build", "core")
TOOLS = ("pytest", "hypothesis", "iniconfig", "pluggy", "packaging", "pygments", "sortedcontainers")
"""What runs the tests, with what that takes; versions and hashes are those of dev.txt."""
TESTS = (
    *("bounds", "equivalence", "sequential", "measures", "scale", "taxonomy", "benchmarks"),
    *("screen", "phrases", "spec", "cli_errors", "json", "store", "earlier_store", "runs"),
    *("leaderboard", "site", "submissions", "stopping", "reading", "legible"),
)
"""Tests that take the core alone."""


def main() -> None:
    """Run them on each; end with 1 if one fails, or none is here."""
    wanted = sys.argv[1:] or supported()
    found = {version: interpreter(version) for version in wanted}
    failed = [version for version, python in found.items() if python and not passes(python)]
    ran = [version for version, python in found.items() if python]
    for version, python in found.items():
        said = "failed" if version in failed else "passed" if python else "not here, so not run"
        print(f"Python {version}: {said}")
    sys.exit(1 if failed or not ran else 0)


def supported() -> list[str]:
    """The versions of the matrix."""
    (listed,) = re.findall(r"python: \[(.*)\]", WORKFLOW.read_text("utf-8"))
    return re.findall(r"[\d.]+", listed)


def interpreter(version: str) -> Path | None:
    """A Python of this version: pyenv's, or one on the path that answers; None if there is none."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    own = sorted(root.glob(f"versions/{version}.*/bin/python"))
    named = shutil.which(f"python{version}")
    for python in (*own[::-1], *([Path(named)] if named else [])):
        answer = [str(python), "-c", "import sys, venv; print(sys.version.split()[0])"]
        done = subprocess.run(answer, capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.startswith(f"{version}."):
            return python
    return None


def passes(python: Path) -> bool:
    """True if the tests pass in an environment of this Python."""
    with TemporaryDirectory(prefix="pythons-") as folder:
        subprocess.run([str(python), "-m", "venv", folder], check=True)
        inside = Path(folder) / "bin" / "python"
        pip = [str(inside), "-m", "pip", "install", "--quiet", "--no-deps"]
        tools = Path(folder) / "tools.txt"
        tools.write_text("\n".join(pins()))
        for file in (*(ROOT / "requirements" / f"{name}.txt" for name in SETS), tools):
            subprocess.run([*pip, "--require-hashes", "--requirement", str(file)], check=True)
        subprocess.run([*pip, "--no-build-isolation", "--editable", str(ROOT)], check=True)
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "MSB_"))}
        environment["OMP_NUM_THREADS"] = "1"
        files = [str(ROOT / "tests" / f"test_{name}.py") for name in TESTS]
        tests = [str(inside), "-m", "pytest", "-q", "-o", "addopts=", "-p", "no:cacheprovider"]
        done = subprocess.run([*tests, *files], env=environment, cwd=ROOT, check=False)
        return done.returncode == 0


def pins() -> list[str]:
    """The lines of dev.txt, and of what it stands on, for the tools."""
    found = []
    for name in ("all", "dev", "demo", "core"):
        text = (ROOT / "requirements" / f"{name}.txt").read_text("utf-8").replace("\\\n", "")
        found += [line for line in text.splitlines() if line.partition("==")[0] in TOOLS]
    there = "".join((ROOT / "requirements" / f"{name}.txt").read_text("utf-8") for name in SETS)
    return [line for line in found if line.split(" ")[0] not in there]


if __name__ == "__main__":
    main()
