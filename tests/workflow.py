"""Carrying out a composite action's steps here: its scripts by bash, three known actions by hand.

Enough of GitHub's rules for action.yml: inputs and their defaults, ``if: always()``, ``env``,
``GITHUB_OUTPUT`` and ``GITHUB_STEP_SUMMARY``. Installing is left out, as `msb` is there already.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

EXPRESSION = re.compile(r"\$\{\{ *([\w.-]+) *\}\}")


@dataclass
class Workflow:
    """One job that uses the action, in a folder of its own; ``kept`` is what its cache has."""

    action: Path
    folder: Path
    kept: Path
    inputs: Mapping[str, str]
    known: dict[str, str] = field(default_factory=dict)
    printed: str = ""
    failed: bool = False

    def run(self) -> Workflow:
        """All steps, in order; after one that failed only those that always run."""
        told = yaml.safe_load(self.action.read_text())
        unknown = set(self.inputs) - set(told["inputs"])
        assert not unknown, unknown
        for name, one in told["inputs"].items():
            assert name in self.inputs or not one.get("required"), f"{name} is required"
            self.known[f"inputs.{name}"] = self.inputs.get(name, one.get("default", ""))
        self.known |= {"github.job": "gate", "github.run_id": "7", "github.run_attempt": "1"}
        for step in told["runs"]["steps"]:
            if step.get("id") != "install" and (not self.failed or step.get("if") == "always()"):
                self._step(step)
        for name, one in told["outputs"].items():
            self.known[f"outputs.{name}"] = self._filled(one["value"])
        return self

    @property
    def summary(self) -> str:
        """What the job's page shows."""
        path = self.folder / "summary.md"
        return path.read_text() if path.exists() else ""

    def _filled(self, text: str) -> str:
        return EXPRESSION.sub(lambda found: self.known.get(found[1], ""), text)

    def _step(self, step: dict[str, Any]) -> None:
        if "uses" in step:
            self._use(step["uses"].partition("@")[0], step["with"])
            return
        output = self.folder / "output"
        output.write_text("")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.folder,
            env={
                **os.environ,
                **{name: self._filled(value) for name, value in step.get("env", {}).items()},
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "GITHUB_OUTPUT": str(output),
                "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        self.printed += done.stdout + done.stderr
        self.failed |= done.returncode != 0
        for line in output.read_text().splitlines():
            name, _, value = line.partition("=")
            self.known[f"steps.{step['id']}.outputs.{name}"] = value

    def _use(self, action: str, given: Mapping[str, str]) -> None:
        """The three actions that ours uses: a file goes to the cache, or comes from there."""
        path = self.folder / self._filled(given["path"])
        if action == "actions/cache/restore" and self.kept.exists():
            shutil.copy(self.kept, path)
        elif action == "actions/cache/save" and path.exists():
            shutil.copy(path, self.kept)
        else:
            assert action in ("actions/cache/restore", "actions/cache/save") or (
                action == "actions/upload-artifact"
            ), action
